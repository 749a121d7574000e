"""Spans of a request and of a job, exported by OTLP: to a receiver of our own, and through Rotel, a real collector.

The receiver is no collector: it decodes what it gets by the protocol's own messages and keeps it.
"""

import gzip
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("opentelemetry.proto", reason="needs the extra serve")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from autoglm.kit.logs import logger
from autoglm.kit.settings import ServeSettings
from autoglm.serving.running import Running

from .conftest import PARENT, TRACE, Command, said, until
from .servers import rotel

Spans = Callable[[], dict[str, Any]]


class Receiver(ThreadingHTTPServer):
    """Keeps spans by name, and the service that each came from."""

    daemon_threads = True

    def __init__(self) -> None:
        self.spans: dict[str, Any] = {}
        self.services: set[str] = set()
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server: Any = self.server
        body = self.rfile.read(int(self.headers["content-length"]))
        body = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
        assert self.path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = [a.value.string_value for a in resource.resource.attributes if a.key == "service.name"]
            server.services.update(names)
            server.spans.update({span.name: span for scope in resource.scope_spans for span in scope.spans})
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(params=["directly", "rotel"])
def endpoint(request: pytest.FixtureRequest, receiver: Receiver, tmp_path: Path) -> Iterator[str]:
    """Where spans are sent so that the receiver gets them."""
    address = f"http://127.0.0.1:{receiver.server_port}"
    if request.param == "directly":
        yield address
        return
    server, found = rotel(tmp_path, address)
    server.start()
    yield found
    server.stop()


def test_spans_of_requests_stand_below_the_clients(folder: Path, endpoint: str, receiver: Receiver) -> None:
    told = ServeSettings(http=0, grpc=-1, metrics=-1, otlp=endpoint, name="churn")
    with Running(folder, told, logger(plain=True)) as running:
        for verb in ("predict", "explain"):
            address = f"http://127.0.0.1:{running.http}/{verb}"
            found = httpx.post(address, json={"rows": [{"x": 1.0}]}, headers={"traceparent": PARENT})
            assert found.status_code == 200, found.text
    assert until(lambda: {"predict", "explain"} <= set(receiver.spans)), receiver.spans
    for verb in ("predict", "explain"):
        span = receiver.spans[verb]
        assert span.trace_id.hex() == TRACE and span.parent_span_id.hex() == PARENT.split("-")[2]
        assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < 60e9
    assert receiver.services == {"autoglm-churn"}


def test_a_job_belongs_to_the_trace_that_put_it(
    folder: Path, table: Path, endpoint: str, receiver: Receiver, command: Command, tmp_path: Path
) -> None:
    queue = ("--queue", tmp_path / "jobs.sqlite")
    job, _ = said(command("jobs", "put", folder, table, "-o", tmp_path / "out.csv", *queue, TRACEPARENT=PARENT))
    _, told = said(command("jobs", "work", "--once", "--json", "--otlp", endpoint, *queue))
    assert until(lambda: "job" in receiver.spans)
    span = receiver.spans["job"]
    assert span.trace_id.hex() == TRACE and span.parent_span_id.hex() == PARENT.split("-")[2]
    assert [a.value.string_value for a in span.attributes if a.key == "id"] == [job]
    assert f'"trace_id":"{TRACE}"' in told and f'"span_id":"{span.span_id.hex()}"' in told
