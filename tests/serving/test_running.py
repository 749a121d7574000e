"""A running service: meters, reloads, ends, certificates."""

import io
import json
import shutil
import ssl
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from autoglm import AutoML
from autoglm.kit.logs import logger
from autoglm.kit.settings import Source
from autoglm.serving.observer import Seen
from autoglm.serving.refusal import Refusal
from autoglm.serving.running import Running

from .conftest import Start

Rows = list[dict[str, Any]]


def test_meters_have_the_names_that_dashboards_know(served: Running, rows: Rows) -> None:
    httpx.post(f"http://127.0.0.1:{served.http}/predict", json={"rows": rows})
    httpx.post(f"http://127.0.0.1:{served.http}/explain", json={"rows": rows[:1]})
    text = httpx.get(f"http://127.0.0.1:{served.metrics}/metrics").text
    for name in (
        'http_server_request_duration_seconds_count{http_request_method="POST",http_response_status_code="200",http_route="/predict"}',
        "request_predict_seconds_count",
        "request_explain_seconds_count",
        'model_infer_request_success_total{model="model"}',
        *(
            f'autoglm_stage_seconds_count{{stage="{stage}"}}'
            for stage in ("decode", "encode", "model", "explain", "respond")
        ),
        "autoglm_explanation_additivity_error_count",
        f'autoglm_model_info{{model="model",version="{served.service.model.version}"}} 1.0',
    ):
        assert name in text


def test_a_new_model_answers_without_a_lost_request(
    start: Start, folder: Path, frame: pd.DataFrame, rows: Rows, tmp_path: Path
) -> None:
    place = tmp_path / "model"
    shutil.copytree(folder, place)
    running = start(place, http=0)
    before, seen, ended = running.service.model.version, [], threading.Event()

    def load() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{running.http}") as client:
            while not ended.is_set():
                found = client.post("/predict", json={"rows": rows[:2]})
                seen.append((found.status_code, found.json().get("version")))

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    AutoML(work=3, threads=1, learners=["linear"], search="none", seed=7).fit(frame, "species").save(place)
    running.reload()
    until = time.monotonic() + 20
    while running.service.model.version == before and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(0.1)
    ended.set()
    for thread in threads:
        thread.join()
    assert {status for status, _ in seen} == {200}
    assert {version for _, version in seen} == {before, running.service.model.version}


def test_a_damaged_folder_does_not_answer(start: Start, folder: Path, tmp_path: Path, rows: Rows) -> None:
    place = tmp_path / "model"
    shutil.copytree(folder, place)
    running = start(place, http=0)
    version = running.service.model.version
    (place / "encodings.json").write_text("{}")
    with pytest.raises(Exception, match=r"encodings\.json"):
        running.service.reload()
    found = httpx.post(f"http://127.0.0.1:{running.http}/predict", json={"rows": rows})
    assert (found.status_code, found.json()["version"]) == (200, version)


def test_requests_in_flight_are_finished(start: Start, rows: Rows) -> None:
    running = start(http=0, grpc=0)
    slow = running.service.model.predictor
    answers: list[int] = []
    entered = threading.Event()
    blend = type(slow).blend

    def slowly(self: Any, *given: Any) -> Any:
        entered.set()
        time.sleep(0.4)
        return blend(self, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(slow), "blend", slowly)
        url = f"http://127.0.0.1:{running.http}/predict"
        thread = threading.Thread(target=lambda: answers.append(httpx.post(url, json={"rows": rows}).status_code))
        thread.start()
        assert entered.wait(5)
        running.close()
        thread.join()
    assert answers == [200]
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_a_port_in_use_is_named(start: Start) -> None:
    port = start(http=0).http
    with pytest.raises(Refusal, match=rf"http: cannot listen on 127\.0\.0\.1:{port}.*--http"):
        start(http=port)


def test_observers_see_what_was_answered(start: Start, rows: Rows) -> None:
    class Notes:
        def __init__(self) -> None:
            self.seen: list[Seen] = []
            self.closed = False

        def saw(self, seen: Seen) -> None:
            self.seen.append(seen)

        def close(self) -> None:
            self.closed = True

    notes = Notes()
    running = start(http=0, observers=(notes,))
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    httpx.post(f"http://127.0.0.1:{running.http}/predict", json={"rows": rows[:3]}, headers={"traceparent": parent})
    (seen,) = notes.seen
    assert len(seen.rows) == 3 and seen.margins.shape == (3, 1) and seen.traceparent == parent
    running.close()
    assert notes.closed


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, and certificates of a server and a client."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    place = tmp_path_factory.mktemp("certificates")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=place, check=True, capture_output=True)

    new = ("req", "-newkey", "rsa:2048", "-nodes", "-subj")
    openssl(*new, "/CN=authority", "-x509", "-keyout", "authority.key", "-out", "authority.pem")
    (place / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost")
    for who in ("server", "client"):
        openssl(*new, f"/CN={who}", "-keyout", f"{who}.key", "-out", f"{who}.csr")
        signing = ("-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial", "-extfile", "names")
        openssl("x509", "-req", "-in", f"{who}.csr", "-out", f"{who}.pem", *signing)
    return place


def test_both_protocols_know_client_certificates(
    start: Start, certificates: Path, rows: Rows, frame: pd.DataFrame
) -> None:
    import tritonclient.grpc as triton

    from .test_grpc import inputs

    paths = {"certificate": "server.pem", "key": "server.key", "clients": "authority.pem"}
    running = start(http=0, grpc=0, **{name: certificates / file for name, file in paths.items()})
    context = ssl.create_default_context(cafile=certificates / "authority.pem")
    url = f"https://127.0.0.1:{running.http}/predict"
    with pytest.raises(httpx.TransportError):
        httpx.post(url, json={"rows": rows}, verify=context)
    context.load_cert_chain(certificates / "client.pem", certificates / "client.key")
    assert httpx.post(url, json={"rows": rows}, verify=context).status_code == 200

    def client(**more: Any) -> Any:
        known = {"root_certificates": str(certificates / "authority.pem")}
        return triton.InferenceServerClient(f"localhost:{running.grpc}", ssl=True, **known, **more)

    some = inputs(frame.drop(columns="species").head(2))
    with pytest.raises(triton.InferenceServerException, match="UNAVAILABLE"):
        client().infer("model", some, client_timeout=3)
    pair = {"private_key": str(certificates / "client.key"), "certificate_chain": str(certificates / "client.pem")}
    assert client(**pair).infer("model", some).as_numpy("label").shape == (2,)


def test_settings_are_read_again(folder: Path, rows: Rows, tmp_path: Path) -> None:
    file, stream = tmp_path / "serve.toml", io.StringIO()
    file.write_text("http = 0\ngrpc = -1\nmetrics = -1\nrows = 10\n")
    source = Source({}, {}, file)

    def told(event: str) -> list[dict[str, Any]]:
        lines = map(json.loads, stream.getvalue().splitlines())
        return [line for line in lines if line["event"].startswith(event)]

    def again(text: str, event: str) -> dict[str, Any]:
        file.write_text(text)
        seen, until = len(told("reloaded")), time.monotonic() + 20
        running.reload()
        while len(told("reloaded")) == seen and time.monotonic() < until:
            time.sleep(0.02)
        return told(event)[-1]

    with Running(folder, source.read(), logger(stream), source=source) as running:
        url = f"http://127.0.0.1:{running.http}/predict"
        assert httpx.post(url, json={"rows": rows}).status_code == 413
        line = again("http = 1\ngrpc = -1\nmetrics = -1\nrows = 100\n", "settings read again")
        assert line["taken"] == {"rows": 100} and line["restart_needed"] == ["http"]
        assert httpx.post(url, json={"rows": rows}).status_code == 200
        line = again("rows = -3\n", "settings not read again")
        assert line["level"] == "error" and "rows=-3" in line["reason"]
        assert httpx.post(url, json={"rows": rows}).status_code == 200
