"""Schema: what a predictor wants to know of a row; JSON and arrays become columns, or an error names the field."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm.core.columns import Column, Storage, cell_text
from autoglm.core.errors import listing, nearest
from autoglm.serving.refusal import Reason, Refusal

EXPECTED = {
    "number": "a number or null",
    "boolean": "true, false or null",
    "date": "a date as ISO 8601 text, or null",
    "text": "text or null",
    "bytes": "bytes as base64 text, or null",
    "vector": "a list of numbers, or null",
}


@dataclass(frozen=True)
class Field:
    """One column that the predictor needs."""

    name: str
    kind: str
    storage: Storage


@dataclass(frozen=True)
class Schema:
    """All columns that it needs, and those that it knows but does without.

    Parameters
    ----------
    fields
        In the predictor's order.
    idle
        Names that rows may have without being asked for: the target and unused columns.
    """

    fields: tuple[Field, ...]
    idle: frozenset[str]

    @classmethod
    def of(cls, about: Mapping[str, Any]) -> Self:
        """Read a predictor's manifest."""
        used = [c for c in about["columns"] if c["used"]]
        idle = {c["name"] for c in about["columns"] if not c["used"]} | {about["task"]["target"]}
        return cls(tuple(Field(c["name"], c["kind"], c["storage"]) for c in used), frozenset(idle))

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(field.name for field in self.fields)

    def columns(self, rows: Sequence[Any]) -> list[Column]:
        """Turn JSON rows, objects of column and value, into columns.

        Raises
        ------
        Refusal
            A row is no object, lacks a column, has one that is unknown, or a value of another type.
        """
        for i, row in enumerate(rows):
            if not isinstance(row, Mapping):
                refuse(f"row {i}: {_shown(row)}: expected an object of column and value")
            if row.keys() != self._names:
                self._check(f"row {i}", row.keys(), "send null for a missing value")
        return [_column(field, [row[field.name] for row in rows]) for field in self.fields]

    @cached_property
    def _numbers(self) -> bool:
        """Whether numbers, or true and false, are all that is wanted."""
        return all(field.storage in ("number", "boolean") for field in self.fields)

    def arrays(self, given: Mapping[str, Any]) -> list[Column]:
        """Turn named arrays or lists, all of one length, into columns; see `columns`."""
        if given.keys() != self._names:
            self._check("inputs", given.keys(), "send NaN, or empty bytes, for a missing value")
        if len(set(map(len, given.values()))) > 1:
            refuse(f"inputs are of different lengths: {', '.join(f'{n!r} {len(v)}' for n, v in given.items())}")
        if self._numbers and _finite(list(given.values())):
            return [Column(field.name, given[field.name], field.storage) for field in self.fields]
        return [_column(field, given[field.name]) for field in self.fields]

    def _check(self, where: str, given: Iterable[str], cure: str) -> None:
        names = [field.name for field in self.fields]
        there = set(given)
        lacking = [name for name in names if name not in there]
        strange = [name for name in there if name not in names and name not in self.idle]
        if lacking:
            hint = nearest(lacking[0], strange)
            refuse(f"{where}: column {listing(lacking)} is missing{hint}; {cure}")
        if strange:
            refuse(f"{where}: column {listing(strange)} is unknown{nearest(strange[0], names)}")


def refuse(message: str) -> NoReturn:
    """Refuse rows that cannot be read."""
    raise Refusal(Reason.ROWS, message)


def _finite(values: Sequence[Any]) -> bool:
    """Whether all are doubles, one a row, of which none is missing or infinite; looked at in one step."""
    if not values or any(v.__class__ is not np.ndarray or v.dtype != np.float64 or v.ndim > 1 for v in values):
        return False
    return math.isfinite(np.add.reduce(np.concatenate(values)))


def _column(field: Field, values: Any) -> Column:
    if isinstance(values, np.ndarray) and values.dtype != object:
        return _typed(field, values)
    reader = _READERS[field.storage]
    return Column(field.name, reader(field, values), field.storage)


def _typed(field: Field, values: NDArray[Any]) -> Column:
    """Take a numeric array as it is."""
    if field.storage in ("number", "boolean"):
        found = values if values.dtype == np.float64 else values.astype(np.float64)
        if not math.isfinite(found.sum()):  # usually nothing has to be replaced
            found = np.where(np.isinf(found), np.nan, found)
        return Column(field.name, found, field.storage)
    if field.storage == "vector" and values.ndim == 2:
        found = np.empty(len(values), dtype=object)
        found[:] = list(values.astype(np.float32))
        return Column(field.name, found, "vector")
    if field.storage == "text":
        return Column(field.name, _text(field, values.tolist()), "text")
    refuse(f"column {field.name!r}: numbers; expected {EXPECTED[field.storage]}")


def _number(field: Field, values: Iterable[Any]) -> NDArray[np.float64]:
    found = [_one_number(field, i, value) for i, value in enumerate(values)]
    return np.array(found, dtype=np.float64)


def _one_number(field: Field, row: int, value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) and field.storage == "boolean":
        return float(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            read = float(value)
        except OverflowError:
            return math.nan
        return read if math.isfinite(read) else math.nan
    return _wrong(field, row, value)


def _text(field: Field, values: Iterable[Any]) -> NDArray[Any]:
    found = [_one_text(field, i, value) for i, value in enumerate(values)]
    read = np.empty(len(found), dtype=object)
    read[:] = found
    return read


def _one_text(field: Field, row: int, value: Any) -> str | None:
    if isinstance(value, float) and math.isnan(value):
        return None
    if value is None or isinstance(value, str | int | float):
        return cell_text(value)
    if isinstance(value, bytes):
        try:
            return cell_text(value.decode("utf-8"))
        except UnicodeDecodeError:
            pass
    return _wrong(field, row, value)


def _date(field: Field, values: Iterable[Any]) -> NDArray[Any]:
    words = [
        _one_text(field, i, value) if not _is_number(value) else _wrong(field, i, value)
        for i, value in enumerate(values)
    ]
    moments = pd.to_datetime(pd.Series(words, dtype=object), errors="coerce", utc=True, format="ISO8601")
    read = moments.dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    for row in np.flatnonzero(np.isnat(read)):
        if words[row] is not None:
            _wrong(field, int(row), words[row])
    return np.asarray(read)


def _bytes(field: Field, values: Iterable[Any]) -> NDArray[Any]:
    found = [_one_bytes(field, i, value) for i, value in enumerate(values)]
    read = np.empty(len(found), dtype=object)
    read[:] = found
    return read


def _one_bytes(field: Field, row: int, value: Any) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value or None
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True) or None
        except (binascii.Error, ValueError):
            pass
    return _wrong(field, row, value)


def _vector(field: Field, values: Iterable[Any]) -> NDArray[Any]:
    found = [None if value is None else _one_vector(field, i, value) for i, value in enumerate(values)]
    read = np.empty(len(found), dtype=object)
    read[:] = found
    return read


def _one_vector(field: Field, row: int, value: Any) -> NDArray[np.float32]:
    if not isinstance(value, list) or not value or not all(map(_is_number, value)):
        return _wrong(field, row, value)
    return np.asarray(value, dtype=np.float32)


_READERS: dict[str, Any] = {
    "number": _number,
    "boolean": _number,
    "date": _date,
    "text": _text,
    "bytes": _bytes,
    "vector": _vector,
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wrong(field: Field, row: int, value: Any) -> NoReturn:
    refuse(f"row {row}, column {field.name!r}: {_shown(value)}: expected {EXPECTED[field.storage]}")


def _shown(value: Any) -> str:
    written = repr(value)
    return written if len(written) <= 60 else written[:59] + "…"
