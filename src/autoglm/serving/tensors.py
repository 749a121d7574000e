"""Tensors of the Open Inference Protocol: data types, raw bytes, and the tensors that a model takes and gives."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm.explainers.explanation import Explanation
from autoglm.serving.refusal import Reason, Refusal
from autoglm.serving.schema import Field
from autoglm.serving.service import Answer, Model

TYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype("?"),
    **{
        f"{sign}INT{bits}": np.dtype(f"<{kind}{bits // 8}")
        for sign, kind in (("", "i"), ("U", "u"))
        for bits in (8, 16, 32, 64)
    },
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
BYTES = "BYTES"
NUMBERS: frozenset[type] = frozenset({int, float, type(None)})
EXPLAIN = ":explain"
"""What is put after a model's name for its explanations."""

_OF_FIELD = {"number": "FP64", "boolean": "BOOL", "vector": "FP32"}


@dataclass(frozen=True, eq=False)
class Tensor:
    """A named array; BYTES hold text or bytes as objects."""

    name: str
    datatype: str
    data: NDArray[Any]

    @property
    def shape(self) -> list[int]:
        """Its shape."""
        return list(self.data.shape)


def rows(name: str, datatype: str, shape: Sequence[int], data: Any) -> Any:
    """Return an input's values, one a row: a numeric array, or a list for BYTES.

    Parameters
    ----------
    data
        Raw bytes, a list of JSON's values, or what else has a length and yields numbers or bytes.

    Raises
    ------
    Refusal
        Unknown type, or a shape that the data do not fill or that is no column.
    """
    if datatype not in TYPES and datatype != BYTES:
        _refuse(f"input {name!r}: datatype {datatype!r}; expected BYTES or one of {', '.join(TYPES)}")
    dimensions = len(shape)
    if not 1 <= dimensions <= 2 or shape[0] < 0 or shape[-1] < 0:
        _refuse(f"input {name!r}: shape {list(shape)}; expected [rows] or [rows, 1]")
    flat = _parsed(name, datatype, data)
    size = shape[0] if dimensions == 1 else shape[0] * shape[1]
    if len(flat) != size:
        _refuse(f"input {name!r}: {len(flat)} values for shape {list(shape)}; expected {size}")
    if dimensions == 2 and shape[1] != 1:
        if datatype == BYTES:
            _refuse(f"input {name!r}: shape {list(shape)}; expected [rows] or [rows, 1]")
        return np.asarray(flat).reshape(shape[0], shape[1])
    return flat


def numbers(columns: Mapping[str, Sequence[float]]) -> dict[str, NDArray[np.float64]]:
    """Return columns of numbers as arrays, all read in one step."""
    if not columns:
        return {}
    sizes = list(map(len, columns.values()))
    flat = np.fromiter(chain.from_iterable(columns.values()), np.float64, sum(sizes))
    if len(set(sizes)) == 1:
        return dict(zip(columns, flat.reshape(len(columns), -1), strict=True))
    return dict(zip(columns, np.split(flat, np.cumsum(sizes)[:-1]), strict=True))


def _parsed(name: str, datatype: str, data: Any) -> Any:
    if isinstance(data, bytes):
        if datatype == BYTES:
            return _texts(name, data)
        kind = TYPES[datatype]
        if len(data) % kind.itemsize:
            _refuse(f"input {name!r}: {len(data)} bytes are no whole number of {datatype}")
        return np.frombuffer(data, kind)
    if datatype == BYTES:
        return list(data)
    try:
        if not isinstance(data, list):
            return np.fromiter(data, np.float64, len(data))
        if {type(value) for value in data} <= _kinds(datatype):
            return np.array(data, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):  # no numbers, or more than a double holds
        pass
    return _refuse(f"input {name!r}: its data are no {datatype}: expected a flat list of numbers")


def _kinds(datatype: str) -> frozenset[type]:
    """Return the types that JSON's values of a data type have."""
    return NUMBERS.union([bool]) if datatype == "BOOL" else NUMBERS


def _texts(name: str, data: bytes) -> list[bytes | None]:
    """Split raw BYTES: each value after its length, four bytes, little-endian; nothing is a missing value."""
    found: list[bytes | None] = []
    at = 0
    while at < len(data):
        if at + 4 > len(data):
            _refuse(f"input {name!r}: raw bytes end within a length")
        (size,) = struct.unpack_from("<I", data, at)
        if at + 4 + size > len(data):
            _refuse(f"input {name!r}: raw bytes end within a value")
        found.append(data[at + 4 : at + 4 + size] or None)
        at += 4 + size
    return found


def raw(tensor: Tensor) -> bytes:
    """Return a tensor's data as raw bytes."""
    if tensor.datatype != BYTES:
        return np.ascontiguousarray(tensor.data, dtype=TYPES[tensor.datatype]).tobytes()
    values = [str(value).encode() for value in tensor.data.ravel()]
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


def answered(answer: Answer) -> list[Tensor]:
    """Return the tensors of an answer: ``label`` and ``probability``, or ``value``."""
    probability = answer.probability
    if probability is None:
        return [Tensor("value", "FP64", answer.margins[:, 0])]
    labels = np.array([str(label) for label in answer.labels], dtype=object)
    return [Tensor("label", BYTES, labels), Tensor("probability", "FP64", probability)]


def explained(found: Explanation) -> list[Tensor]:
    """Return the tensors of an explanation."""
    return [
        Tensor("phi", "FP64", found.values),
        Tensor("base", "FP64", found.base),
        Tensor("margin", "FP64", found.margins),
        Tensor("error", "FP64", found.errors),
    ]


def inputs(fields: Sequence[Field]) -> list[tuple[str, str, list[int]]]:
    """Return name, datatype and shape of each input; -1 is the number of rows."""
    return [(f.name, _OF_FIELD.get(f.storage, BYTES), [-1, -1] if f.storage == "vector" else [-1]) for f in fields]


def outputs(model: Model, explain: bool) -> list[tuple[str, str, list[int]]]:
    """Return name, datatype and shape of each output."""
    task = model.task
    if explain:
        cells = [-1, len(model.schema.fields), task.scores]
        return [("phi", "FP64", cells), ("base", "FP64", [-1, task.scores]), ("margin", "FP64", [-1, task.scores]),
                ("error", "FP64", cells)]  # fmt: skip
    if task.kind == "regression":
        return [("value", "FP64", [-1])]
    return [("label", BYTES, [-1]), ("probability", "FP64", [-1, len(task.classes)])]


def chosen(tensors: list[Tensor], names: Sequence[str]) -> list[Tensor]:
    """Return the outputs that were asked for, all by default."""
    if not names:
        return tensors
    known = {tensor.name: tensor for tensor in tensors}
    if strange := [name for name in names if name not in known]:
        _refuse(f"output {strange[0]!r} is unknown; there are {', '.join(known)}")
    return [known[name] for name in names]


def _refuse(message: str) -> Any:
    raise Refusal(Reason.INVALID, message)
