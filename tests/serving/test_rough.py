"""Rough handling: clients that dawdle, leave or come in crowds, tensors that lie, certificates that are none."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import httpx
import pandas as pd
import pytest
import tritonclient.grpc as triton

from autoglm import Predictor
from autoglm.core.errors import OptionError
from autoglm.kit.settings import Source
from autoglm.serving import messages
from autoglm.serving.refusal import Refusal
from autoglm.serving.running import Running
from autoglm.serving.schema import Schema
from autoglm.serving.service import Model

from .conftest import Start
from .test_grpc import inputs

Rows = list[dict[str, Any]]


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Answers wait for this event."""
    release, blend = threading.Event(), Predictor.blend

    def slowly(self: Predictor, *given: Any) -> Any:
        release.wait(20)
        return blend(self, *given)

    monkeypatch.setattr(Predictor, "blend", slowly)
    return release


def test_a_crowd_over_http_is_told_to_come_again(start: Start, rows: Rows, folder: Path, request: Any) -> None:
    running = start(http=0, concurrency=45)
    release = request.getfixturevalue("held")
    refused = threading.Semaphore(0)

    def ask(_: int) -> int:
        status = httpx.post(f"http://127.0.0.1:{running.http}/predict", json={"rows": rows[:1]}, timeout=30).status_code
        if status == 429:
            refused.release()
        return status

    with ThreadPoolExecutor(50) as pool:
        found = [pool.submit(ask, i) for i in range(50)]
        all_told = all(refused.acquire(timeout=8) for _ in range(5))
        release.set()
    assert all_told and sorted(each.result() for each in found) == [200] * 45 + [429] * 5


def test_a_crowd_over_grpc_is_told_to_come_again(start: Start, frame: pd.DataFrame, request: Any) -> None:
    running = start(grpc=0, concurrency=40)
    release = request.getfixturevalue("held")
    some = _request("model", frame.drop(columns="species").head(1))
    with grpc.insecure_channel(f"127.0.0.1:{running.grpc}") as channel:
        calls = [_infer(channel).future(some, timeout=30) for _ in range(45)]
        until = time.monotonic() + 8
        while sum(call.done() for call in calls) < 5 and time.monotonic() < until:
            time.sleep(0.02)
        told = sum(call.done() for call in calls)
        release.set()
        codes = [call.code() for call in calls]
    assert told == 5 and codes.count(grpc.StatusCode.RESOURCE_EXHAUSTED) == 5
    assert codes.count(grpc.StatusCode.OK) == 40


def _infer(channel: Any) -> Any:
    return channel.unary_unary(
        "/inference.GRPCInferenceService/ModelInfer",
        request_serializer=lambda r: r.SerializeToString(),
        response_deserializer=messages.message("ModelInferResponse").FromString,
    )


def _request(model: str, frame: pd.DataFrame) -> Any:
    found = messages.message("ModelInferRequest")(model_name=model)
    for tensor in inputs(frame):
        told = tensor._get_tensor()
        found.inputs.add(name=told.name, datatype=told.datatype, shape=told.shape)
        found.raw_input_contents.append(tensor._get_content())
    return found


def test_a_slow_client_is_given_up(start: Start) -> None:
    running = start(http=0, deadline=0.3)
    with socket.create_connection(("127.0.0.1", running.http), timeout=5) as line:
        line.sendall(_head(running) + b'{"rows": [')
        said = line.recv(4096)
    assert b" 504 " in said and b"before the whole request had come" in said


def test_a_client_that_left_is_no_fault(start: Start) -> None:
    running = start(http=0)
    with socket.create_connection(("127.0.0.1", running.http)) as line:
        line.sendall(_head(running) + b'{"rows": [')
        time.sleep(0.1)
    until = time.monotonic() + 3
    while b'http_route="/predict"' not in (text := running.service.meters.text()) and time.monotonic() < until:
        time.sleep(0.02)
    assert b'http_response_status_code="499"' in text and b'http_response_status_code="500"' not in text


def test_an_answer_that_nobody_waits_for_is_not_made(start: Start, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    running = start(http=0)
    entered, gate, answered, blend = threading.Event(), threading.Event(), [], Predictor.blend

    def slowly(self: Predictor, features: Any, threads: int = 1) -> Any:
        entered.set()
        assert gate.wait(10)
        answered.append(len(features))
        return blend(self, features, threads)

    monkeypatch.setattr(Predictor, "blend", slowly)
    waiting, until = running.service._predictions._waiting, time.monotonic() + 10
    with ThreadPoolExecutor(1) as other:
        url = f"http://127.0.0.1:{running.http}/predict"
        first = other.submit(httpx.post, url, json={"rows": rows[:1]}, timeout=20)
        assert entered.wait(10)
        body = json.dumps({"rows": rows[:2]}).encode()
        with socket.create_connection(("127.0.0.1", running.http)) as line:
            line.sendall(_head(running, len(body)) + body)
            while not waiting and time.monotonic() < until:
                time.sleep(0.005)
            job = waiting[0]
            assert not job.left()
        while not job.left() and time.monotonic() < until:
            time.sleep(0.005)
        gate.set()
        assert first.result().status_code == 200
    while not job.done and time.monotonic() < until:
        time.sleep(0.005)
    assert job.done and answered == [1]


def _head(running: Running, size: int = 1000) -> bytes:
    words = "POST /predict HTTP/1.1", f"host: 127.0.0.1:{running.http}", "content-type: application/json"
    return "\r\n".join([*words, f"content-length: {size}", "", ""]).encode()


def test_reading_a_large_request_keeps_nobody_waiting(
    start: Start, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start(http=0)
    entered, columns = threading.Event(), Schema.columns

    def slowly(self: Schema, given: Any) -> Any:
        entered.set()
        time.sleep(0.5)
        return columns(self, given)

    monkeypatch.setattr(Schema, "columns", slowly)
    url = f"http://127.0.0.1:{running.http}"
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(httpx.post, f"{url}/predict", json={"rows": rows})
        assert entered.wait(5)
        assert httpx.get(f"{url}/v2/health/live", timeout=0.3).status_code == 200
        assert answer.result().status_code == 200


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shape": [2**39, 2**25], "data": []}, "0 values for shape"),
        ({"data": ["5.1"]}, "expected a flat list of numbers"),
        ({"data": [True]}, "expected a flat list of numbers"),
        ({"data": [{}]}, "expected a flat list of numbers"),
        ({"shape": [1] * 10_000}, "expected [rows] or [rows, 1]"),
    ],
    ids=["overflow", "text", "boolean", "object", "deep"],
)
def test_tensors_that_lie(served: Running, change: dict[str, Any], words: str) -> None:
    tensor = {"name": "sepal_length", "datatype": "FP64", "shape": [1], "data": [5.1]} | change
    found = httpx.post(f"http://127.0.0.1:{served.http}/v2/models/model/infer", json={"inputs": [tensor]})
    said = found.json()["error"]
    assert (found.status_code, words in said, len(said) < 600) == (400, True, True), said[:600]


def test_what_is_long_is_told_in_short(served: Running, frame: pd.DataFrame) -> None:
    client = triton.InferenceServerClient(f"127.0.0.1:{served.grpc}")
    with pytest.raises(triton.InferenceServerException) as caught:
        client.infer("m" * 100_000, inputs(frame.drop(columns="species").head(1)))
    assert caught.value.status() == "StatusCode.NOT_FOUND" and len(str(caught.value)) < 1000
    with grpc.insecure_channel(f"127.0.0.1:{served.grpc}") as channel:
        request = _request("model", frame.drop(columns="species").head(1))
        request.inputs[0].shape[:] = [2**62, 4]
        with pytest.raises(grpc.RpcError) as told:
            _infer(channel)(request)
    assert told.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("protocol", ["http", "grpc"])
@pytest.mark.parametrize("junk", [None, b"no certificate"])
def test_certificates_that_are_none_are_said_at_the_start(
    start: Start, tmp_path: Path, protocol: str, junk: bytes | None
) -> None:
    place = tmp_path / "server.pem"
    if junk is not None:
        place.write_bytes(junk)
    with pytest.raises(Refusal, match=r"certificate.*server\.pem"):
        start(certificate=place, key=place, **{protocol: 0})


def test_both_protocols_listen_on_ipv6(start: Start, rows: Rows, frame: pd.DataFrame) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    running = start(host="::1", http=0, grpc=0, metrics=0)
    assert httpx.post(f"http://[::1]:{running.http}/predict", json={"rows": rows}).status_code == 200
    client = triton.InferenceServerClient(f"[::1]:{running.grpc}")
    assert client.infer("model", inputs(frame.drop(columns="species").head(1))).as_numpy("label").shape == (1,)


def test_a_folder_that_changes_while_it_is_read_is_read_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from autoglm.bundle import MANIFEST
    from autoglm.core.files import sha256

    place, load, read = tmp_path / "model", Predictor.load, []
    shutil.copytree(folder, place)

    def meanwhile(path: Path) -> Predictor:
        found = load(path)
        if not read:
            manifest = place / MANIFEST
            manifest.write_text(manifest.read_text() + "\n")
        read.append(found)
        return found

    monkeypatch.setattr(Predictor, "load", meanwhile)
    model = Model.read(place)
    assert len(read) == 2 and model.predictor is read[1]
    assert model.version == sha256(place / MANIFEST)[:12]


def test_a_deadline_that_no_clock_knows() -> None:
    with pytest.raises(OptionError, match="deadline=1e"):
        Source({"deadline": 1e300}, {}).read()
