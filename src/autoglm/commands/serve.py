"""Answer and explain rows over HTTP and gRPC with a saved predictor."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import click


@click.command("serve")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--name", help="What clients call the model.  [default: model]")
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--http", type=int, metavar="PORT", help="0 chooses one, -1 closes it.  [default: 8000]")
@click.option("--grpc", type=int, metavar="PORT", help="[default: 8001]")
@click.option("--metrics", type=int, metavar="PORT", help="Prometheus's /metrics.  [default: 9090]")
@click.option("--rows", type=int, help="Most rows of a request.  [default: 10000]")
@click.option("--megabytes", type=float, help="Most megabytes of a request.  [default: 16]")
@click.option("--concurrency", type=int, help="Most requests at once.  [default: 64]")
@click.option("--deadline", type=float, metavar="SECONDS", help="When a request is given up.  [default: 30]")
@click.option("--certificate", type=click.Path(path_type=Path), metavar="PEM", help="Serve TLS.")
@click.option("--key", type=click.Path(path_type=Path), metavar="PEM", help="The certificate's key.")
@click.option("--clients", type=click.Path(path_type=Path), metavar="PEM", help="Authorities of client certificates.")
@click.option("--insecure", is_flag=True, default=None, help="Let other machines in without token or certificate.")
@click.option("--otlp", metavar="URL", help="OTLP/HTTP endpoint for traces.")
@click.option("--push", metavar="URL", help="Pushgateway that gets the meters every ten seconds.")
@click.option(
    "--shadow",
    type=click.Path(path_type=Path),
    metavar="OTHER_DIR",
    help="Let another predictor answer, too.",
)
@click.option("--explain", type=click.Choice(["shadow"]), help="Explain each answer behind the service's back.")
@click.option("--store", metavar="URL", help="The shadow's file or base.  [default: shadow.sqlite]")
@click.option(
    "--drift/--no-drift",
    default=None,
    help="Compare rows with those of training.  [default: where the folder keeps a profile]",
)
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings as TOML.")
def command(folder: Path, config: Path | None, **flags: Any) -> None:
    """Serve the predictor in DIR until it is told to end.

    HTTP: /predict and /explain take {"rows": [{column: value}]}, /v2 is the Open Inference Protocol, / is a page to try
    a row. gRPC: the same protocol, for clients of KServe and Triton. Every option can also be set in the environment
    (AUTOGLM_SERVE_HTTP=8000) or in FILE; a bearer token only there (AUTOGLM_SERVE_TOKEN). A changed folder is read
    again without a lost request, on SIGHUP the settings too; SIGTERM finishes what is in flight.

    A shadow runs in a process of its own and delays no answer: autoglm shadow report says how it agrees.

    \b
    Examples:
      autoglm serve churn-model
      autoglm serve churn-model --shadow candidate --explain shadow --store churn.sqlite
      curl localhost:8000/predict -H 'content-type: application/json' -d '{"rows": [{"age": 40, "plan": "plus"}]}'
    """
    from autoglm.kit import logs, settings
    from autoglm.serving.running import Running

    log = logs.logger()
    source = settings.source({k: str(v) if isinstance(v, Path) else v for k, v in flags.items()}, config)
    running = Running(folder, source.read(), log, source=source)
    running.signals()
    with running:
        gc.freeze()  # what is there now stays: looking through it again and again would hold up requests
        running.wait()
