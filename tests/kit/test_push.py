import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from prometheus_client import CollectorRegistry, Counter

from autoglm.kit.push import Pusher


class Gateway(BaseHTTPRequestHandler):
    """Stands in for a Pushgateway: it keeps what it is told."""

    seen: list[tuple[str, str, bytes]]
    pushed: threading.Event

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.seen.append((self.command, self.path, body))
        self.send_response(202)
        self.end_headers()
        if len(self.seen) >= 3:
            self.pushed.set()

    do_DELETE = do_PUT

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def gateway() -> Iterator[HTTPServer]:
    Gateway.seen, Gateway.pushed = [], threading.Event()
    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def registry() -> CollectorRegistry:
    found = CollectorRegistry()
    Counter("answers", "Answers given", registry=found).inc(3)
    return found


def test_pushes_while_open_and_deletes_afterwards(gateway: HTTPServer) -> None:
    with Pusher(f"http://127.0.0.1:{gateway.server_port}", registry(), "batch", "edge-1", every=0.02):
        assert Gateway.pushed.wait(5)
    verbs = [verb for verb, _, _ in Gateway.seen]
    assert verbs[-1] == "DELETE" and set(verbs[:-1]) == {"PUT"}
    assert {path for _, path, _ in Gateway.seen} == {"/metrics/job/batch/instance/edge-1"}
    assert b"answers_total 3.0" in Gateway.seen[0][2]


def test_a_gateway_that_is_down_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        port = server.server_port
    pusher = Pusher(f"http://127.0.0.1:{port}", registry(), "batch", "edge-1", every=0.01, timeout=1)
    with caplog.at_level(logging.WARNING), pusher:
        threading.Event().wait(0.1)
    messages = [record.getMessage() for record in caplog.records]
    assert sum("takes nothing" in message for message in messages) == 1
    assert sum("keeps the series" in message for message in messages) == 1
