"""HTTP: plain endpoints, the Open Inference Protocol, and whatever a client can do wrong."""

from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from autoglm import Predictor
from autoglm.serving.running import Running

from .conftest import Start

Rows = list[dict[str, Any]]


@pytest.fixture
def client(served: Running) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{served.http}")


def test_answers_are_the_predictors(
    client: httpx.Client, rows: Rows, predictor: Predictor, frame: pd.DataFrame
) -> None:
    some = frame.drop(columns="species").head(12)
    found = client.post("/predict", json={"rows": rows}).json()
    assert found["answers"] == predictor.predict(some).tolist()
    assert np.array_equal(found["probabilities"], predictor.predict_proba(some).to_numpy())
    assert found["classes"] == ["versicolor", "virginica"] and found["target"] == "species"


def test_explanations_are_the_predictors(
    client: httpx.Client, rows: Rows, predictor: Predictor, frame: pd.DataFrame
) -> None:
    found = client.post("/explain", json={"rows": rows[:3]}).json()
    expected = predictor.explain(frame.drop(columns="species").head(3))
    assert found["columns"] == predictor.columns
    assert [row["values"] for row in found["rows"]] == expected.values.tolist()


def test_the_open_inference_protocol(client: httpx.Client, predictor: Predictor, frame: pd.DataFrame) -> None:
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/models/model/ready").status_code == 200
    told = client.get("/v2/models/model").json()
    some = frame.drop(columns="species").head(2)
    types = {entry["name"]: entry["datatype"] for entry in told["inputs"]}
    inputs = []
    for name in some.columns:
        data = [None if v is None or v != v else v.isoformat() if name == "seen" else v for v in some[name].tolist()]
        if name == "seen":
            data = [value.isoformat() for value in some[name]]
        inputs.append({"name": name, "datatype": types[name], "shape": [2], "data": data})
    found = client.post("/v2/models/model/infer", json={"id": "a", "inputs": inputs}).json()
    assert found["id"] == "a" and [output["name"] for output in found["outputs"]] == ["label", "probability"]
    assert found["outputs"][1]["data"] == predictor.predict_proba(some).to_numpy().ravel().tolist()
    url = f"/v2/models/model/versions/{told['versions'][0]}/infer"
    only = client.post(url, json={"inputs": inputs, "outputs": [{"name": "label"}]}).json()
    assert [output["name"] for output in only["outputs"]] == ["label"]
    why = client.post("/v2/models/model:explain/infer", json={"inputs": inputs}).json()
    assert why["outputs"][0]["shape"] == [2, len(predictor.columns), 1]


def test_a_page_to_try_a_row(client: httpx.Client, predictor: Predictor) -> None:
    page = client.get("/").text
    assert all(f'name="{name}"' in page for name in predictor.columns)
    assert "http://" not in page and "https://" not in page  # nothing is fetched from elsewhere


def changed(rows: Rows, **values: Any) -> dict[str, Any]:
    return {"rows": [rows[0], rows[1] | values]}


@pytest.mark.parametrize(
    ("make", "status", "words"),
    [
        (
            lambda r: changed(r, sepal_length="big"),
            422,
            "row 1, column 'sepal_length': 'big': expected a number or null",
        ),
        (lambda r: changed(r, sepal_length=True), 422, "column 'sepal_length': True"),
        (lambda r: changed(r, wild="no"), 422, "expected true, false or null"),
        (lambda r: changed(r, seen="soon"), 422, "column 'seen': 'soon': expected a date"),
        (lambda r: changed(r, seen=7), 422, "column 'seen': 7"),
        (lambda r: changed(r, shape=["a"]), 422, "column 'shape': ['a']: expected text"),
        (lambda r: changed(r, sepal_lenght=1), 422, "column 'sepal_lenght' is unknown; did you mean 'sepal_length'"),
        (lambda r: {"rows": [{k: v for k, v in r[0].items() if k != "wild"}]}, 422, "row 0: column 'wild' is missing"),
        (lambda r: {"rows": [3]}, 422, "row 0: 3: expected an object"),
        (lambda r: {"rows": []}, 422, "no rows"),
        (lambda r: {"row": r}, 422, 'no list "rows"'),
        (lambda r: {"rows": r, "more": 1}, 422, "'more' is unknown"),
        (lambda r: [r], 400, "expected an object"),
    ],
)
def test_what_is_wrong_is_named(client: httpx.Client, rows: Rows, make: Any, status: int, words: str) -> None:
    for path in ("/predict", "/explain"):
        found = client.post(path, json=make(rows))
        assert found.status_code == status, found.text
        assert words in found.json()["error"]


def test_missing_values_and_odd_numbers(client: httpx.Client, rows: Rows) -> None:
    odd = [row | {"sepal_length": value} for row, value in zip(rows, (None, 10**400, -(10**12), 1e308), strict=False)]
    assert client.post("/predict", json={"rows": [rows[0] | dict.fromkeys(rows[0])]}).status_code == 200
    assert client.post("/predict", content=_json(odd[:1] + odd[2:])).status_code == 200
    assert client.post("/predict", json={"rows": [rows[0] | {"shape": "🦋 שלום", "seen": None}]}).status_code == 200


def _json(rows: Rows) -> bytes:
    import json

    return json.dumps({"rows": rows}).encode()


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"rows": [{"a": NaN}]}', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"a=1", "application/x-www-form-urlencoded", 415),
        (b"{}" + b" " * 20_000_000, "application/json", 413),
    ],
    ids=["cut", "deep", "NaN", "no text", "form", "long"],
)
def test_bodies_that_are_no_rows(client: httpx.Client, content: bytes, kind: str, status: int) -> None:
    assert client.post("/predict", content=content, headers={"content-type": kind}).status_code == status
    assert client.get("/v2/health/live").status_code == 200


def test_other_places_methods_and_deadlines(client: httpx.Client, rows: Rows) -> None:
    assert client.get("/v1").status_code == 404 and "openapi.json" in client.get("/v1").json()["error"]
    assert client.get("/predict").status_code == 405
    assert client.get("/v2/models/other").status_code == 404
    assert client.post("/predict", json={"rows": rows}, headers={"x-request-timeout": "soon"}).status_code == 400
    assert client.post("/predict", json={"rows": rows}, headers={"x-request-timeout": "30"}).status_code == 200


def test_too_many(start: Start, rows: Rows) -> None:
    running = start(http=0, rows=2, concurrency=1)
    url = f"http://127.0.0.1:{running.http}/predict"
    assert httpx.post(url, json={"rows": rows[:3]}).status_code == 413
    assert running.service._free.acquire(blocking=False)  # somebody else is being answered
    busy = httpx.post(url, json={"rows": rows[:1]})
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "1")
    running.service._free.release()
    assert httpx.post(url, json={"rows": rows[:1]}).status_code == 200


def test_a_token_is_asked_for(start: Start, rows: Rows) -> None:
    running = start(http=0, token="secret")
    with httpx.Client(base_url=f"http://127.0.0.1:{running.http}") as client:
        assert client.get("/v2/health/ready").status_code == 200
        assert client.post("/predict", json={"rows": rows}).status_code == 401
        page = client.get("/")
        assert page.status_code == 401 and "Basic" in page.headers["www-authenticate"]  # a browser asks for it
        assert client.get("/", auth=("anyone", "secret")).status_code == 200
        for wrong in (("secret", ""), ("secret", "secre"), ("", "Bearer secret")):
            assert client.get("/", auth=wrong).status_code == 401
        assert client.get("/", headers={"authorization": "Basic ?"}).status_code == 401
        client.headers["authorization"] = "Bearer secret"
        assert client.post("/predict", json={"rows": rows}).status_code == 200
