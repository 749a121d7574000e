"""gRPC: a client that knows nothing of us, and whatever a client can do wrong."""

import threading
import time
from typing import Any

import grpc
import numpy as np
import pandas as pd
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from autoglm import Predictor
from autoglm.serving import messages
from autoglm.serving.running import Running

from .conftest import Start


def inputs(frame: pd.DataFrame) -> list[Any]:
    """The columns of a frame as tensors."""
    found = []
    for name in frame.columns:
        values = frame[name]
        if values.dtype == bool:
            data, kind = values.to_numpy(), "BOOL"
        elif pd.api.types.is_numeric_dtype(values):
            data, kind = values.to_numpy(dtype=np.float64), "FP64"
        else:
            data, kind = np.array([str(v).encode() for v in values], dtype=object), "BYTES"
        tensor = triton.InferInput(name, [len(data)], kind)
        tensor.set_data_from_numpy(data)
        found.append(tensor)
    return found


@pytest.fixture
def client(served: Running) -> triton.InferenceServerClient:
    return triton.InferenceServerClient(f"127.0.0.1:{served.grpc}")


def test_a_triton_client_gets_the_predictors_answers(client: Any, predictor: Predictor, frame: pd.DataFrame) -> None:
    some = frame.drop(columns="species").head(20)
    found = client.infer("model", inputs(some), request_id="r1")
    assert found.get_response().id == "r1"
    assert np.array_equal(found.as_numpy("probability"), predictor.predict_proba(some).to_numpy())
    assert [label.decode() for label in found.as_numpy("label")] == predictor.predict(some).tolist()


def test_explanations_are_a_model(client: Any, predictor: Predictor, frame: pd.DataFrame) -> None:
    some = frame.drop(columns="species").head(3)
    found, expected = client.infer("model:explain", inputs(some)), predictor.explain(some)
    assert np.array_equal(found.as_numpy("phi"), expected.values)
    assert np.array_equal(found.as_numpy("margin"), expected.margins)
    only = client.infer("model:explain", inputs(some), outputs=[triton.InferRequestedOutput("base")])
    assert only.as_numpy("phi") is None and np.array_equal(only.as_numpy("base"), expected.base)


def test_what_is_there_is_said(client: Any, predictor: Predictor) -> None:
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("model")
    assert client.get_server_metadata().name == "open-autoglm"
    told = client.get_model_metadata("model", as_json=True)
    assert [entry["name"] for entry in told["inputs"]] == predictor.columns
    assert {entry["name"]: entry["datatype"] for entry in told["inputs"]}["shape"] == "BYTES"
    outputs = client.get_model_metadata("model:explain", as_json=True)["outputs"]
    assert [entry["name"] for entry in outputs] == ["phi", "base", "margin", "error"]


def test_typed_contents_and_the_explain_call(served: Running, predictor: Predictor, frame: pd.DataFrame) -> None:
    some = frame.drop(columns="species").head(2)
    request = messages.message("ModelInferRequest")(model_name="model")
    for name in some.columns:
        tensor = request.inputs.add(name=name, shape=[2, 1])
        if some[name].dtype == bool:
            tensor.datatype, tensor.contents.bool_contents[:] = "BOOL", some[name].tolist()
        elif pd.api.types.is_numeric_dtype(some[name]):
            tensor.datatype, tensor.contents.fp64_contents[:] = "FP64", some[name].tolist()
        else:
            tensor.datatype = "BYTES"
            tensor.contents.bytes_contents[:] = [str(value).encode() for value in some[name]]
    with grpc.insecure_channel(f"127.0.0.1:{served.grpc}") as channel:
        call = channel.unary_unary(
            "/inference.Explainer/Explain",
            request_serializer=lambda r: r.SerializeToString(),
            response_deserializer=messages.message("ExplainResponse").FromString,
        )
        found = call(request)
    expected = predictor.explain(some)
    assert list(found.columns) == list(expected.columns) and found.unit == "log-odds"
    assert list(found.rows[1].values) == expected.values[1].ravel().tolist()


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        (lambda t: t[:-1], "INVALID_ARGUMENT", "column 'wild' is missing"),
        (lambda t: [*t, t[0]], "INVALID_ARGUMENT", "'sepal_length' is there twice"),
        (lambda t: [*t, _tensor("wldi", np.zeros(2))], "INVALID_ARGUMENT", "column 'wldi' is unknown; did you mean"),
        (lambda t: [_tensor("sepal_length", np.zeros(3)), *t[1:]], "INVALID_ARGUMENT", "different lengths"),
        (lambda t: [_text("sepal_length"), *t[1:]], "INVALID_ARGUMENT", "row 0, column 'sepal_length': b'x'"),
    ],
    ids=["missing", "twice", "unknown", "lengths", "type"],
)
def test_what_is_wrong_is_named(client: Any, frame: pd.DataFrame, change: Any, status: str, words: str) -> None:
    with pytest.raises(InferenceServerException) as caught:
        client.infer("model", change(inputs(frame.drop(columns="species").head(2))))
    assert caught.value.status() == f"StatusCode.{status}" and words in str(caught.value)


def _tensor(name: str, data: Any) -> Any:
    tensor = triton.InferInput(name, list(data.shape), "FP64")
    tensor.set_data_from_numpy(data)
    return tensor


def _text(name: str) -> Any:
    tensor = triton.InferInput(name, [2], "BYTES")
    tensor.set_data_from_numpy(np.array([b"x", b"y"], dtype=object))
    return tensor


def test_other_models_limits_and_deadlines(start: Start, frame: pd.DataFrame) -> None:
    running = start(grpc=0, rows=5, megabytes=0.01)
    client = triton.InferenceServerClient(f"127.0.0.1:{running.grpc}")
    some = frame.drop(columns="species")
    for asked, status in (("modl", "NOT_FOUND"), ("model", "RESOURCE_EXHAUSTED")):
        with pytest.raises(InferenceServerException, match=status):
            client.infer(asked, inputs(some.head(6)))
    with pytest.raises(InferenceServerException, match="NOT_FOUND"):
        client.infer("model", inputs(some.head(1)), model_version="7")
    with pytest.raises(InferenceServerException, match="RESOURCE_EXHAUSTED"):
        client.infer("model", inputs(pd.concat([some] * 9)))
    blend = type(running.service.model.predictor).blend

    def slowly(self: Any, *given: Any) -> Any:
        time.sleep(0.5)
        return blend(self, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(running.service.model.predictor), "blend", slowly)
        with pytest.raises(InferenceServerException, match="DEADLINE_EXCEEDED"):
            client.infer("model", inputs(some.head(1)), client_timeout=0.1)
    assert client.infer("model", inputs(some.head(5))).as_numpy("probability").shape == (5, 2)


def test_a_token_is_asked_for(start: Start, frame: pd.DataFrame) -> None:
    running = start(grpc=0, token="secret")
    client = triton.InferenceServerClient(f"127.0.0.1:{running.grpc}")
    some = inputs(frame.drop(columns="species").head(1))
    assert client.is_server_live()
    for headers in (None, {"authorization": "Bearer wrong"}):
        with pytest.raises(InferenceServerException, match="UNAUTHENTICATED"):
            client.infer("model", some, headers=headers)
    assert client.infer("model", some, headers={"authorization": "Bearer secret"}).as_numpy("label") is not None


def test_the_descriptor_is_that_of_the_proto() -> None:
    names = set(messages.methods("GRPCInferenceService"))
    assert names == {"ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer"}
    assert set(messages.methods("Explainer")) == {"Explain"}


def test_a_call_that_was_cancelled_is_not_answered(
    start: Start, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start(grpc=0)
    entered, gate, answered = threading.Event(), threading.Event(), []
    blend = Predictor.blend

    def slowly(self: Predictor, features: Any, threads: int = 1) -> Any:
        entered.set()
        assert gate.wait(10)
        answered.append(len(features))
        return blend(self, features, threads)

    monkeypatch.setattr(Predictor, "blend", slowly)
    client = triton.InferenceServerClient(f"127.0.0.1:{running.grpc}")
    some, told = frame.drop(columns="species"), threading.Event()
    client.async_infer("model", inputs(some.head(1)), lambda result, error: told.set())
    assert entered.wait(10)
    cancelled = client.async_infer("model", inputs(some.head(2)), lambda result, error: None)
    waiting = running.service._predictions._waiting
    until = time.monotonic() + 10
    while not waiting and time.monotonic() < until:
        time.sleep(0.005)
    cancelled.cancel()
    job = waiting[0]
    while not job.left() and time.monotonic() < until:
        time.sleep(0.005)
    gate.set()
    assert told.wait(10)
    while not job.done and time.monotonic() < until:
        time.sleep(0.005)
    assert job.done and answered == [1]
