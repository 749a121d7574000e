"""Bodies: what comes in a JSON request, read no further and no longer than is allowed."""

from __future__ import annotations

from typing import Any

import anyio
import orjson
from starlette.requests import ClientDisconnect, Request

from autoglm.serving import tensors
from autoglm.serving.refusal import Reason, Refusal


async def read(request: Request, most: int, seconds: float) -> bytes:
    """Return a request's body.

    Parameters
    ----------
    most
        Bytes.

    Raises
    ------
    Refusal
        It is of another type, too long or too slow, or the client left.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(Reason.MEDIA_TYPE, f"content type {kind!r}: expected application/json")
    try:
        with anyio.fail_after(seconds):
            return await _whole(request, most)
    except TimeoutError as error:
        raise Refusal(Reason.LATE, "the deadline passed before the whole request had come") from error
    except ClientDisconnect as error:
        raise Refusal(Reason.GONE, "the client left before the whole request had come") from error


async def _whole(request: Request, most: int) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise Refusal(Reason.TOO_LARGE, f"more than {most:,} bytes: send fewer rows at once")
        parts.append(part)
    return b"".join(parts)


def parsed(body: bytes) -> dict[str, Any]:
    """Return a body's JSON object."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(Reason.INVALID, f"the body is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Refusal(Reason.INVALID, f"the body is a {type(found).__name__}: expected an object")
    return found


def rows(body: dict[str, Any]) -> list[Any]:
    """Return the rows of a plain request."""
    found = body.get("rows")
    if not isinstance(found, list):
        raise Refusal(Reason.ROWS, 'the body has no list "rows"; expected {"rows": [{"column": value, ...}, ...]}')
    if strange := body.keys() - {"rows"}:
        raise Refusal(Reason.ROWS, f'{sorted(strange)[0]!r} is unknown; expected {{"rows": [...]}} alone')
    return found


def inputs(body: dict[str, Any]) -> dict[str, Any]:
    """Return the values of each input of a request of the Open Inference Protocol."""
    found: dict[str, Any] = {}
    if not isinstance(body.get("inputs"), list):
        raise Refusal(Reason.INVALID, 'the body has no list "inputs"')
    for i, tensor in enumerate(body["inputs"]):
        if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
            raise Refusal(Reason.INVALID, f"inputs[{i}]: expected an object with name, datatype, shape and data")
        name, shape, data = tensor["name"], tensor.get("shape"), tensor.get("data")
        if name in found:
            raise Refusal(Reason.INVALID, f"input {name!r} is there twice")
        if not isinstance(shape, list) or not all(type(n) is int and abs(n) < 2**40 for n in shape):
            raise Refusal(Reason.INVALID, f"input {name!r}: shape {shape!r}: expected a list of whole numbers")
        if not isinstance(data, list):
            raise Refusal(Reason.INVALID, f"input {name!r}: no list data")
        flat = [value for part in data for value in part] if data and all(isinstance(p, list) for p in data) else data
        found[name] = tensors.rows(name, str(tensor.get("datatype")), shape, flat)
    return found


def names(outputs: Any) -> list[str]:
    """Return the names of the outputs that a request asks for; none means all."""
    if outputs is None:
        return []
    if not isinstance(outputs, list) or not all(
        isinstance(o, dict) and isinstance(o.get("name"), str) for o in outputs
    ):
        raise Refusal(Reason.INVALID, "outputs: expected a list of objects with a name")
    return [output["name"] for output in outputs]
