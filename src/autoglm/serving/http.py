"""HTTP: the Open Inference Protocol's REST form, plain /predict and /explain, their OpenAPI, and a page to try a row.

The event loop reads and writes; a thread answers, so that a long answer keeps nobody from being told to come again.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from threading import Event
from time import monotonic, perf_counter
from typing import Any

import anyio
import anyio.to_thread
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from autoglm import __version__
from autoglm.core.columns import Column
from autoglm.core.errors import AutoGLMError
from autoglm.serving import bodies, openapi, tensors
from autoglm.serving.refusal import Reason, Refusal
from autoglm.serving.service import Call, Model, Service
from autoglm.serving.tensors import BYTES, EXPLAIN, Tensor

DEADLINE = "x-request-timeout"  # seconds that the client will wait
OPEN = ("/v2/health/live", "/v2/health/ready")  # answered without a token
SPARE = 8  # threads that tell others to come again while all requests that may be are being answered

Endpoint = Callable[[Request], Awaitable[Response]]


def app(service: Service, log: Any) -> Starlette:
    """Return the ASGI application in front of a service."""
    calls = Calls(service)
    routes = [
        ("/", calls.page, "GET"),
        ("/openapi.json", calls.openapi, "GET"),
        ("/predict", calls.predict, "POST"),
        ("/explain", calls.explain, "POST"),
        ("/v2", calls.server, "GET"),
        ("/v2/health/live", calls.live, "GET"),
        ("/v2/health/ready", calls.ready, "GET"),
        ("/v2/models/{name}", calls.metadata, "GET"),
        ("/v2/models/{name}/ready", calls.model_ready, "GET"),
        ("/v2/models/{name}/infer", calls.infer, "POST"),
        ("/v2/models/{name}/versions/{version}", calls.metadata, "GET"),
        ("/v2/models/{name}/versions/{version}/ready", calls.model_ready, "GET"),
        ("/v2/models/{name}/versions/{version}/infer", calls.infer, "POST"),
    ]
    guard = _Guard(service, log)
    return Starlette(
        routes=[Route(path, guard.of(path, endpoint), methods=[method]) for path, endpoint, method in routes],
        exception_handlers={404: _unknown, 405: _wrong_method},
    )


async def _unknown(request: Request, error: Exception) -> Response:
    return _said(Refusal(Reason.NOT_FOUND, f"nothing is at {request.url.path}; /openapi.json lists what is"))


async def _wrong_method(request: Request, error: Exception) -> Response:
    found = _said(Refusal(Reason.METHOD, f"{request.method} is not for {request.url.path}; /openapi.json says what is"))
    found.headers.update(getattr(error, "headers", None) or {})
    return found


class _Guard:
    """Checks the token, measures, and turns refusals into statuses."""

    def __init__(self, service: Service, log: Any) -> None:
        self.service, self.log = service, log
        token = service.settings.token
        self._token = f"Bearer {token.get_secret_value()}" if token else ""

    def of(self, path: str, endpoint: Endpoint) -> Endpoint:
        """Return a guarded endpoint."""
        meters = self.service.meters

        async def guarded(request: Request) -> Response:
            started = perf_counter()
            try:
                if self._token and path not in OPEN:
                    self._check(request)
                response = await endpoint(request)
            except Refusal as refusal:
                response = _said(refusal)
            except AutoGLMError as error:
                response = _said(Refusal(Reason.ROWS, str(error)))
            except Exception as error:
                self.log.error(
                    "request failed", path=path, exc_info=error, traceparent=request.headers.get("traceparent", "")
                )
                response = _said(Refusal(Reason.INTERNAL, f"{type(error).__name__}: see the service's log"))
            taken = perf_counter() - started
            meters.of(meters.http, request.method, path, str(response.status_code)).observe(taken)
            return response

        return guarded

    def _check(self, request: Request) -> None:
        given = _bearer(request.headers.get("authorization", ""))
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            raise Refusal(Reason.UNAUTHENTICATED, "no valid token: send the header Authorization: Bearer TOKEN")


class Calls:
    """The endpoints."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._most = int(service.settings.megabytes * 2**20)
        self._threads = anyio.CapacityLimiter(service.settings.concurrency + SPARE)

    async def page(self, request: Request) -> Response:
        """Give people a form to try a row."""
        model = self.service.model
        return HTMLResponse(openapi.page(model, self.service.settings.name))

    async def openapi(self, request: Request) -> Response:
        """Say what can be asked."""
        return _json(openapi.document(self.service.model, self.service.settings))

    async def predict(self, request: Request) -> Response:
        """Answer rows of JSON."""
        model = self.service.model

        def answer(call: Call, body: bytes) -> Response:
            found = self.service.predict(self._columns(model, body), call, model)
            with self.service.meters.stage("respond"):
                return _json({**self._about(model), "id": call.id, **openapi.answers(found)})

        return await self._in_thread(request, answer)

    async def explain(self, request: Request) -> Response:
        """Explain rows of JSON."""
        model = self.service.model

        def answer(call: Call, body: bytes) -> Response:
            found = self.service.explain(self._columns(model, body), call, model)
            with self.service.meters.stage("respond"):
                return _json({**self._about(model), "id": call.id, **found.json()})

        return await self._in_thread(request, answer)

    async def server(self, request: Request) -> Response:
        """Say who answers."""
        return _json({"name": "open-autoglm", "version": __version__, "extensions": ["explain"]})

    async def live(self, request: Request) -> Response:
        """Say that the process answers."""
        return _json({"live": True})

    async def ready(self, request: Request) -> Response:
        """Say whether it takes requests."""
        return _json({"ready": self.service.ready}, 200 if self.service.ready else Reason.UNAVAILABLE.status)

    async def model_ready(self, request: Request) -> Response:
        """Say whether a model answers."""
        self._model(request)
        return await self.ready(request)

    async def metadata(self, request: Request) -> Response:
        """Say what a model takes and gives."""
        model, name, explain = self._model(request)

        def told(found: list[tuple[str, str, list[int]]]) -> list[dict[str, Any]]:
            return [{"name": n, "datatype": datatype, "shape": shape} for n, datatype, shape in found]

        return _json(
            {
                "name": name,
                "versions": [model.version],
                "platform": "autoglm",
                "inputs": told(tensors.inputs(model.schema.fields)),
                "outputs": told(tensors.outputs(model, explain)),
            }
        )

    async def infer(self, request: Request) -> Response:
        """Answer rows as tensors, or explain them where the model's name says so."""
        model, name, explain = self._model(request)

        def answer(call: Call, body: bytes) -> Response:
            with self.service.meters.stage("decode"):
                told = bodies.parsed(body)
                call = replace(call, id=_id(told) or call.id)
                columns, wanted = model.schema.arrays(bodies.inputs(told)), bodies.names(told.get("outputs"))
            found: Any = (self.service.explain if explain else self.service.predict)(columns, call, model)
            with self.service.meters.stage("respond"):
                whole = tensors.explained(found) if explain else tensors.answered(found)
                outputs = [_output(t, model) for t in tensors.chosen(whole, wanted)]
                return _json({"model_name": name, "model_version": model.version, "id": call.id, "outputs": outputs})

        return await self._in_thread(request, answer)

    def _columns(self, model: Model, body: bytes) -> list[Column]:
        with self.service.meters.stage("decode"):
            return model.schema.columns(bodies.rows(bodies.parsed(body)))

    def _about(self, model: Model) -> dict[str, Any]:
        return {"model": self.service.settings.name, "version": model.version, "target": model.task.target}

    def _model(self, request: Request) -> tuple[Model, str, bool]:
        known, model, name = self.service.settings.name, self.service.model, request.path_params["name"]
        if name not in (known, known + EXPLAIN):
            raise Refusal(Reason.NOT_FOUND, f"no model {name!r}; there are {known!r} and {known + EXPLAIN!r}")
        version = request.path_params.get("version", model.version)
        if version != model.version:
            raise Refusal(Reason.NOT_FOUND, f"no version {version!r} of {known!r}; it is {model.version!r}")
        return model, name, name != known

    async def _in_thread(self, request: Request, answer: Callable[[Call, bytes], Response]) -> Response:
        """Read a request's body, then parse and answer it in a thread; meanwhile look whether the client leaves."""
        left = Event()
        call = self.service.call(_seconds(request), request.headers.get("traceparent", ""), left=left.is_set)
        body = await bodies.read(request, self._most, call.deadline - monotonic())
        looking = asyncio.create_task(_until_left(request, left))
        try:
            return await anyio.to_thread.run_sync(answer, call, body, limiter=self._threads)
        finally:
            looking.cancel()


async def _until_left(request: Request, left: Event) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    left.set()


def _bearer(authorization: str) -> str:
    """Return a browser's Basic authorization, whose password is the token, as the Bearer that programs send."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "basic":
        return authorization
    try:
        return f"Bearer {base64.b64decode(given, validate=True).decode().partition(':')[2]}"
    except ValueError:
        return ""


def _output(tensor: Tensor, model: Model) -> dict[str, Any]:
    told: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
    if tensor.name == "probability":
        told["parameters"] = {"classes": list(map(str, model.task.classes))}
    flat = tensor.data.ravel()
    return told | {"data": [str(v) for v in flat] if tensor.datatype == BYTES else flat.tolist()}


def _seconds(request: Request) -> float | None:
    given = request.headers.get(DEADLINE)
    if given is None:
        return None
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise Refusal(Reason.INVALID, f"header {DEADLINE}: {given!r}: expected seconds above 0")
    return seconds


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY), status, media_type="application/json")


def _said(refusal: Refusal) -> Response:
    found = _json({"error": str(refusal)}, refusal.reason.status)
    if refusal.reason is Reason.BUSY:
        found.headers["retry-after"] = "1"
    if refusal.reason is Reason.UNAUTHENTICATED:
        found.headers["www-authenticate"] = 'Bearer, Basic realm="the token is the password"'
    return found


def _id(body: dict[str, Any]) -> str:
    found = body.get("id", "")
    if not isinstance(found, str):
        raise Refusal(Reason.INVALID, f"id={found!r}: expected text")
    return found
