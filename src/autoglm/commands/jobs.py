"""Answer files when there is time: put jobs into a queue, work on them, list them."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autoglm.commands import _queue, _text

if TYPE_CHECKING:
    from autoglm.kit.letters import Letter
    from autoglm.serving.job_meters import JobMeters

REST = 1.0  # seconds between two looks at an empty queue, or at one that cannot be reached


@click.group("jobs")
def command() -> None:
    """Answer files when there is time: put jobs into a queue, work on them, list them.

    An accepted job is kept. A worker that dies costs at most the part it had in hand: another goes on, and the
    answer's file is the same. A job that fails is tried again, each time later; after five tries it is a dead letter.
    The queue is a file, or a broker: redis://HOST, nats://HOST and amqp://HOST serve workers on many machines that
    share a disk.

    \b
    Examples:
      autoglm jobs put churn-model new.csv -o answers.parquet
      autoglm jobs work
      autoglm jobs work --queue redis://localhost --push http://gateway:9091
      autoglm dead list
    """


@command.command("put")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("rows", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), metavar="FILE", help="File to write.")
@click.option("--explain", is_flag=True, help="Explain the answers instead: a line a row and column.")
@_queue.option
def put(folder: Path, rows: Path, out: Path, explain: bool, queue: str) -> None:
    """Accept the rows of the table ROWS for the predictor in DIR; print the job's id.

    The same predictor, rows and FILE again are the same job. The job belongs to the trace of the environment's
    TRACEPARENT, or to a new one.
    """
    from autoglm.kit import traces
    from autoglm.serving import jobs

    traceparent = os.environ.get("TRACEPARENT", "")
    traceparent = traceparent if traces.trace_id(traceparent) else traces.fresh()
    click.echo(jobs.put(_queue.opened(queue), folder, rows, out, explain, traceparent=traceparent))


@command.command("work")
@click.option("--once", is_flag=True, help="End when nothing is due.")
@click.option(
    "--visibility", type=float, default=300.0, show_default=True, help="Seconds until a worker counts as dead."
)
@click.option("--metrics", type=int, metavar="PORT", help="Serve Prometheus's /metrics on 127.0.0.1.")
@click.option("--push", metavar="URL", help="Push meters to a Pushgateway every 10 s, delete them at the end.")
@click.option("--otlp", metavar="URL", help="OTLP/HTTP endpoint for traces.")
@click.option("--json", "as_json", is_flag=True, help="Log a JSON object a line, with trace ids.")
@_queue.option
def work(
    once: bool, visibility: float, metrics: int | None, push: str | None, otlp: str | None, as_json: bool, queue: str
) -> None:
    """Do jobs until interrupted; several workers may share a queue.

    A queue that cannot be reached is waited for, unless it could never be reached, or with --once.
    """
    from autoglm.kit.traces import Traces
    from autoglm.serving import jobs

    say = _sayer(as_json)
    with ExitStack() as stack:
        stack.enter_context(_ended_by_term())
        meters, registry = _meters(metrics, push, stack)
        traces = Traces(otlp, "autoglm-jobs")
        stack.callback(traces.close)
        letters = _queue.opened(queue, registry=registry, visibility=visibility)

        def told(letter: Letter, error: str) -> None:
            say(f"job {letter.id}: {error or 'done'}", job=letter.id, tries=letter.tries, error=error)

        def turn() -> bool:
            if meters is not None:
                meters.look(letters)
            return jobs.work(letters, told, traces, meters)

        say("ready for jobs")
        _go_on(turn, once, say)
        if meters is not None:
            meters.show(letters)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@_queue.option
def list_(as_json: bool, queue: str) -> None:
    """List the jobs that wait or are being done."""
    found = [
        {"id": j.id, "state": "leased" if j.lease else "waiting", "tries": j.tries, "error": j.error, **j.body}
        for j in _queue.opened(queue).waiting()
    ]
    if as_json:
        _text.write_json(found)
    else:
        head = ("id", "state", "tries", "rows", "out", "error")
        click.echo(_text.table(head, [[job[name] for name in head] for job in found], indent=""))


def _go_on(turn: Callable[[], bool], once: bool, say: Callable[..., None]) -> None:
    """Take turns; say once that the queue is away, and when it is back."""
    from autoglm.kit.letters import LetterError

    away = False
    while True:
        try:
            busy = turn()
        except LetterError as error:
            if once:
                raise
            if not away:
                say(f"waiting for the queue: {error}", error=str(error))
            away = True
            time.sleep(REST)
            continue
        if away:
            say("the queue is back")
        away = False
        if once and not busy:
            return
        if not busy:
            time.sleep(REST)


def _sayer(as_json: bool) -> Callable[..., None]:
    """Return what tells people, or programs, how it goes."""
    if not as_json:
        return lambda words, **_: _text.note(words)
    from autoglm.kit.logs import logger

    log = logger(plain=False)

    def say(words: str, error: str = "", **facts: Any) -> None:
        if error:
            log.error(words, error=error, **facts)
        else:
            log.info(words, **facts)

    return say


def _meters(port: int | None, push: str | None, stack: ExitStack) -> tuple[JobMeters | None, Any]:
    """Return meters and their registry, served and pushed while the stack is open; None where nobody asks."""
    if port is None and push is None:
        return None, None
    from autoglm.core.errors import MissingExtraError, OptionError

    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ImportError as error:
        raise MissingExtraError("meters need the extra serve: pip install 'open-autoglm[serve]'") from error
    from autoglm.kit.push import Pusher
    from autoglm.serving.job_meters import JobMeters

    registry = CollectorRegistry()
    if port is not None:
        try:
            server, _ = start_http_server(port, "127.0.0.1", registry=registry)
        except (OSError, OverflowError) as error:
            raise OptionError(f"--metrics {port}: cannot listen on 127.0.0.1: {error}; name another port") from error
        stack.callback(server.shutdown)
        _text.note(f"metrics on port {server.server_port}")
    if push is not None:
        stack.enter_context(Pusher(push, registry, "autoglm-jobs", f"{socket.gethostname()}:{os.getpid()}"))
    return JobMeters(registry), registry


@contextmanager
def _ended_by_term() -> Iterator[None]:
    """Let SIGTERM end a worker as Ctrl-C does: meters are deleted, spans sent; the job in hand comes again."""

    def end(*_: object) -> None:
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
