"""gRPC: the Open Inference Protocol, as clients of KServe and Triton speak it, and Explain.

The server answers with threads: measured, that takes less of the processor than grpc's asyncio.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

import grpc

from autoglm import __version__
from autoglm.core.errors import AutoGLMError
from autoglm.serving import messages, tensors
from autoglm.serving.refusal import Reason, Refusal
from autoglm.serving.service import Call, Model, Service
from autoglm.serving.tensors import EXPLAIN, Tensor

SERVICES = ("GRPCInferenceService", "Explainer")
SPARE = 8  # threads that tell others to come again while all requests that may be are being answered
OPEN = ("ServerLive", "ServerReady", "ModelReady")  # answered without a token
CONTENTS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def serve(service: Service, log: Any) -> tuple[Any, int]:
    """Start a server; return it and the port it listens on.

    Raises
    ------
    Refusal
        The port cannot be listened on.
    """
    settings = service.settings
    most = int(settings.megabytes * 2**20)
    server = grpc.server(
        ThreadPoolExecutor(settings.concurrency + SPARE, thread_name_prefix="grpc"),
        options=[
            ("grpc.max_receive_message_length", most),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),
        ],
        maximum_concurrent_rpcs=4 * settings.concurrency,
    )
    for name in SERVICES:
        server.add_generic_rpc_handlers((_handlers(name, Calls(service, log)),))
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"{host}:{settings.grpc}"
    try:
        credentials = _credentials(settings)
        port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    except RuntimeError as error:
        raise Refusal(Reason.UNAVAILABLE, f"cannot listen on {address}: is the port in use? ({error})") from error
    server.start()
    return server, int(port)


def _credentials(settings: Any) -> Any:
    if settings.certificate is None:
        return None
    authorities = settings.clients.read_bytes() if settings.clients else None
    pair = (settings.key.read_bytes(), settings.certificate.read_bytes())
    return grpc.ssl_server_credentials([pair], authorities, authorities is not None)


def _handlers(name: str, calls: Calls) -> Any:
    methods = {
        method: grpc.unary_unary_rpc_method_handler(
            calls.guarded(method),
            request_deserializer=request.FromString,
            response_serializer=response.SerializeToString,
        )
        for method, (request, response) in messages.methods(name).items()
    }
    return grpc.method_handlers_generic_handler(f"{messages.PACKAGE}.{name}", methods)


class Calls:
    """The calls of both services, one method each."""

    def __init__(self, service: Service, log: Any) -> None:
        self.service, self.log = service, log
        token = service.settings.token
        self._token = f"Bearer {token.get_secret_value()}" if token else ""

    def guarded(self, method: str) -> Callable[[Any, Any], Any]:
        """Return a call that checks the token, is measured, and turns refusals into statuses."""
        call, meters = getattr(self, method), self.service.meters

        def answer(request: Any, context: Any) -> Any:
            started, code = perf_counter(), "OK"
            told = dict(context.invocation_metadata())
            try:
                if self._token and method not in OPEN:
                    self._check(told)
                return call(request, context, told)
            except Refusal as refusal:
                code = refusal.reason.value[1]
                return context.abort(grpc.StatusCode[code], str(refusal))
            except AutoGLMError as error:
                code = "INVALID_ARGUMENT"
                return context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(Refusal(Reason.ROWS, str(error))))
            except Exception as error:
                code = "INTERNAL"
                self.log.error(
                    "call failed", method=method, exc_info=error, traceparent=str(told.get("traceparent", ""))
                )
                return context.abort(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: see the service's log")
            finally:
                meters.of(meters.rpc, method, code).observe(perf_counter() - started)

        return answer

    def _check(self, told: dict[str, Any]) -> None:
        if not hmac.compare_digest(str(told.get("authorization", "")).encode(), self._token.encode()):
            raise Refusal(Reason.UNAUTHENTICATED, "no valid token: send the metadata authorization: Bearer TOKEN")

    def ServerLive(self, request: Any, context: Any, told: Any) -> Any:
        """Say that the process answers."""
        return messages.message("ServerLiveResponse")(live=True)

    def ServerReady(self, request: Any, context: Any, told: Any) -> Any:
        """Say whether it takes requests."""
        return messages.message("ServerReadyResponse")(ready=self.service.ready)

    def ModelReady(self, request: Any, context: Any, told: Any) -> Any:
        """Say whether a model answers."""
        self._model(request.name, request.version)
        return messages.message("ModelReadyResponse")(ready=self.service.ready)

    def ServerMetadata(self, request: Any, context: Any, told: Any) -> Any:
        """Say who answers."""
        return messages.message("ServerMetadataResponse")(
            name="open-autoglm", version=__version__, extensions=["explain"]
        )

    def ModelMetadata(self, request: Any, context: Any, told: Any) -> Any:
        """Say what a model takes and gives."""
        model, explain = self._model(request.name, request.version)
        found = messages.message("ModelMetadataResponse")(
            name=request.name, versions=[model.version], platform="autoglm"
        )
        for name, datatype, shape in tensors.inputs(model.schema.fields):
            found.inputs.add(name=name, datatype=datatype, shape=shape)
        for name, datatype, shape in tensors.outputs(model, explain):
            found.outputs.add(name=name, datatype=datatype, shape=shape)
        return found

    def ModelInfer(self, request: Any, context: Any, told: Any) -> Any:
        """Answer rows, or explain them where the model's name says so."""
        model, explain = self._model(request.model_name, request.model_version)
        with self.service.meters.stage("decode"):
            columns = model.schema.arrays(_inputs(request))
        call = self._call(request, context, told)
        found: Any = (self.service.explain if explain else self.service.predict)(columns, call, model)
        with self.service.meters.stage("respond"):
            outputs = tensors.explained(found) if explain else tensors.answered(found)
            outputs = tensors.chosen(outputs, [output.name for output in request.outputs])
            return _response(request, call, model, outputs)

    def Explain(self, request: Any, context: Any, told: Any) -> Any:
        """Say what each column adds."""
        model, _ = self._model(request.model_name, request.model_version)
        call = self._call(request, context, told)
        with self.service.meters.stage("decode"):
            columns = model.schema.arrays(_inputs(request))
        found = self.service.explain(columns, call, model)
        response = messages.message("ExplainResponse")(
            model_name=request.model_name,
            model_version=model.version,
            id=call.id,
            unit=found.unit,
            columns=found.columns,
            scores=found.names,
            exact=found.exact,
        )
        sampled = bool(found.errors.any())
        for i, gap in enumerate(found.gap):
            response.rows.add(
                margin=found.margins[i],
                base=found.base[i],
                values=found.values[i].ravel(),
                errors=found.errors[i].ravel() if sampled else (),
                gap=gap,
            )
        return response

    def _model(self, name: str, version: str) -> tuple[Model, bool]:
        """Return the model that a name means, and whether explanations are asked for."""
        known, model = self.service.settings.name, self.service.model
        if name not in (known, known + EXPLAIN):
            raise Refusal(Reason.NOT_FOUND, f"no model {name!r}; there are {known!r} and {known + EXPLAIN!r}")
        if version and version != model.version:
            raise Refusal(Reason.NOT_FOUND, f"no version {version!r} of {known!r}; it is {model.version!r}")
        return model, name != known

    def _call(self, request: Any, context: Any, told: dict[str, Any]) -> Call:
        traceparent = str(told.get("traceparent", ""))
        return self.service.call(context.time_remaining(), traceparent, request.id, lambda: not context.is_active())


def _inputs(request: Any) -> dict[str, Any]:
    """Return the values of each input."""
    given, raw = request.inputs, request.raw_input_contents
    if raw and len(raw) != len(given):
        raise Refusal(Reason.INVALID, f"{len(raw)} raw_input_contents for {len(given)} inputs: one each is expected")
    found: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    for i, tensor in enumerate(given):
        name, datatype, shape = tensor.name, tensor.datatype, tensor.shape
        if name in found or name in plain:
            raise Refusal(Reason.INVALID, f"input {name!r} is there twice")
        data = raw[i] if raw else getattr(tensor.contents, CONTENTS.get(datatype, "bytes_contents"))
        if not raw and datatype in tensors.TYPES and len(shape) == 1 and shape[0] == len(data):
            plain[name] = data
            continue
        if not raw and datatype == tensors.BYTES:
            data = [value or None for value in data]
        found[name] = tensors.rows(name, datatype, shape, data)
    return found | tensors.numbers(plain)


def _response(request: Any, call: Call, model: Model, found: list[Tensor]) -> Any:
    response = messages.message("ModelInferResponse")(
        model_name=request.model_name, model_version=model.version, id=call.id
    )
    for tensor in found:
        output = response.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        if tensor.name == "probability":
            output.parameters["classes"].string_param = model.classes
        response.raw_output_contents.append(tensors.raw(tensor))
    return response
