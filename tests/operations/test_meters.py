"""A real Prometheus scrapes a service, and a Pushgateway that a service and a worker push to."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from autoglm.kit.logs import logger
from autoglm.kit.settings import ServeSettings
from autoglm.serving.running import Running

from .conftest import Command, said, until
from .servers import Server, prometheus, pushgateway

ALERTS = Path(__file__).resolve().parents[2] / "deploy" / "prometheus" / "alerts.yml"

Value = Callable[[str], float | None]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Server]:
    place = tmp_path / "gateway"
    place.mkdir()
    server = pushgateway(place)
    yield server.start()
    server.stop()


@pytest.fixture
def scraped(tmp_path: Path) -> Iterator[Callable[..., Value]]:
    """Start a Prometheus that scrapes ports every half second; return what asks it for a value."""
    servers: list[Server] = []

    def start(rules: Path | None = None, **ports: int) -> Value:
        jobs = [
            {
                "job_name": name,
                "honor_labels": name == "pushgateway",
                "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
            }
            for name, port in ports.items()
        ]
        every = {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "1s"}
        config = {"global": every, "rule_files": [str(rules)] if rules else [], "scrape_configs": jobs}
        place = tmp_path / "prometheus"
        place.mkdir()
        servers.append(prometheus(place, json.dumps(config)).start())

        def value(query: str) -> float | None:
            address = f"http://127.0.0.1:{servers[0].port}/api/v1/query"
            found: list[Any] = httpx.get(address, params={"query": query}).json()["data"]["result"]
            return float(found[0]["value"][1]) if found else None

        value.rules = lambda: httpx.get(f"http://127.0.0.1:{servers[0].port}/api/v1/rules").json()  # type: ignore[attr-defined]
        return value

    yield start
    for server in servers:
        server.stop()


def test_prometheus_scrapes_a_service(folder: Path, frame: pd.DataFrame, scraped: Callable[..., Value]) -> None:
    told = ServeSettings(http=0, grpc=-1, metrics=0)
    with Running(folder, told, logger(plain=True)) as running:
        for x in frame["x"].head(7):
            found = httpx.post(f"http://127.0.0.1:{running.http}/predict", json={"rows": [{"x": x}]})
            assert found.status_code == 200
        value = scraped(ALERTS, autoglm=running.metrics)
        assert until(lambda: value('model_infer_request_success_total{model="model"}') == 7)
        assert value('http_server_request_duration_seconds_count{http_route="/predict"}') == 7
        assert value(f'autoglm_model_info{{version="{running.service.model.version}"}}') == 1
        assert value('up{job="autoglm"}') == 1 and value("autoglm_requests_in_flight") == 0
    assert until(lambda: value('up{job="autoglm"}') == 0), "a service that ended cannot be scraped"
    alerts = [rule for group in value.rules()["data"]["groups"] for rule in group["rules"]]  # type: ignore[attr-defined]
    assert until(lambda: all(rule["health"] == "ok" for rule in alerts)) and len(alerts) >= 10
    assert until(lambda: value('ALERTS{alertname="AutoglmDown"}') == 1), "the alert waits to be sure"


def test_a_service_pushes_and_takes_it_back(folder: Path, gateway: Server, scraped: Callable[..., Value]) -> None:
    told = ServeSettings(http=-1, grpc=-1, metrics=-1, push=f"http://127.0.0.1:{gateway.port}")
    value = scraped(pushgateway=gateway.port)
    query = f'autoglm_model_info{{job="autoglm",instance=~".*:{os.getpid()}"}}'
    with Running(folder, told, logger(plain=True)):
        assert until(lambda: value(query) == 1)
        assert value('push_time_seconds{job="autoglm"}')
    assert query.split("{")[0] not in metrics(gateway)


def test_a_worker_pushes_what_waits_and_what_is_dead(
    folder: Path, table: Path, gateway: Server, command: Command, tmp_path: Path
) -> None:
    from autoglm.kit.letters import opened

    queue = tmp_path / "jobs.sqlite"
    letters = opened(str(queue), most=1)
    letters.put({"out": "nowhere"})
    held = letters.lease()
    assert held is not None and letters.fail(held, "boom")
    said(command("jobs", "put", folder, table, "-o", tmp_path / "out.csv", "--queue", queue))
    push = f"http://127.0.0.1:{gateway.port}"
    process = command("jobs", "work", "--queue", queue, "--push", push, "--metrics", 0)
    assert until(lambda: 'autoglm_dlq_depth{instance="' in metrics(gateway))
    text = metrics(gateway)
    assert line(text, "autoglm_dlq_depth").endswith(" 1") and 'queue="jobs"' in line(text, "autoglm_dlq_depth")
    assert 'job="autoglm-jobs"' in line(text, "autoglm_queue_depth")
    assert process.stderr is not None
    port = int(process.stderr.readline().rsplit(" ", 1)[1])
    assert until(lambda: 'autoglm_jobs_total{outcome="done"} 1.0' in httpx.get(f"http://127.0.0.1:{port}/metrics").text)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert "autoglm_dlq_depth{" not in metrics(gateway)


def metrics(gateway: Server) -> str:
    return httpx.get(f"http://127.0.0.1:{gateway.port}/metrics").text


def line(text: str, name: str) -> str:
    return next(found for found in text.splitlines() if found.startswith(f"{name}{{"))
