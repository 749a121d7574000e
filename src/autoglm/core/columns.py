"""One column of the input in canonical form, whatever data type it came in."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm.core import media

Storage = Literal["number", "boolean", "date", "text", "bytes", "vector"]

OBJECTS = ("text", "bytes", "vector")
"""Storages whose values are Python objects."""

BEGINNING = 200  # bytes of a binary cell, or numbers of a list, that are shown as text
LISTS = 100  # cells by which a column of lists is told

_KEY_NAME = re.compile(
    r"(?i:^(?:id|uuid|guid|key|index|level_0|row_?names?|row_?(?:id|num|number)|unnamed: ?\d+.*)$"
    r"|[_\-. ](?:id|uuid|guid|key)$)|[a-z](?:Id|ID|Uuid|UUID|Guid|Key)$"
)


@dataclass(frozen=True)
class Column:
    """A named column.

    Parameters
    ----------
    name
        Its name in the input.
    values
        float64 with NaN for numbers and booleans (0/1); datetime64[us], naive UTC, with NaT for dates;
        an object array of bytes, or of float32 arrays, with None for binary cells, or lists of numbers; one of str with
        None for everything else.
    storage
        Which of these it is.
    notes
        What had to be repaired on the way ("3 infinite values read as missing").
    folder
        What paths in it start from and must not leave; None: the working directory.
    """

    name: str
    values: NDArray[Any]
    storage: Storage
    notes: tuple[str, ...] = ()
    folder: Path | None = None

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def missing(self) -> NDArray[np.bool_]:
        """Which rows have no value."""
        if self.storage == "vector":
            return np.array([cell is None for cell in self.values], dtype=bool)
        if self.storage in ("text", "bytes"):
            return np.asarray(pd.isna(self.values))
        return np.asarray(np.isnat(self.values) if self.storage == "date" else np.isnan(self.values))

    @cached_property
    def present(self) -> NDArray[Any]:
        """The values that are not missing."""
        return self.values[~self.missing] if self.missing.any() else self.values

    @cached_property
    def tally(self) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """The distinct present values in order of appearance, and how often each occurs."""
        codes, values = pd.factorize(self.present)
        return np.asarray(values), np.bincount(codes, minlength=len(values)).astype(np.int64)

    @cached_property
    def distinct(self) -> NDArray[Any]:
        """The distinct present values, sorted."""
        return np.sort(self.tally[0])

    @cached_property
    def sample(self) -> NDArray[Any]:
        """At most 1,000 present values, evenly spread over the rows: enough to judge a kind by."""
        present = self.present
        if len(present) <= 1000:
            return present
        return present[np.linspace(0, len(present) - 1, 1000).astype(np.intp)]

    def take(self, rows: NDArray[Any]) -> Column:
        """Return the given rows (positions)."""
        return replace(self, values=self.values[rows])

    def astext(self) -> Column:
        """Return the column as text: numbers lose a trailing ".0", dates become ISO 8601, bytes their beginning."""
        if self.storage == "text":
            return self
        text = np.full(len(self.values), None, dtype=object)
        if self.storage == "bytes":
            text[~self.missing] = [cell_text(cell[:BEGINNING]) for cell in self.present]
        elif self.storage == "vector":
            text[~self.missing] = [cell_text(cell[:BEGINNING].tolist()) for cell in self.present]
        elif self.storage == "date":
            text[~self.missing] = np.datetime_as_string(self.present, unit="auto")
        else:
            text[~self.missing] = each_distinct(self.present, number_text)
        return Column(self.name, text, "text", self.notes, self.folder)


def joined(parts: Sequence[Sequence[Column]]) -> Sequence[Column]:
    """Put the rows of tables, which have the same columns, one behind the other."""
    if len(parts) == 1:
        return parts[0]
    return [
        Column(each[0].name, np.concatenate([column.values for column in each]), each[0].storage, folder=each[0].folder)
        for each in zip(*parts, strict=True)
    ]


def named_as_identifier(name: str) -> bool:
    """Whether a column's name says that it holds keys: "id", "store_id", "PassengerId", "Unnamed: 0"."""
    return _KEY_NAME.search(name.strip()) is not None


def each_distinct(values: NDArray[Any], function: Callable[[Any], Any]) -> NDArray[Any]:
    """Apply `function` to each value, computing repeated ones once; returns objects, shape (n_values,).

    None and NaN are handed to `function` as None.
    """
    answers = np.empty(len(values), dtype=object)
    if len(values) <= 256:  # below this the hash table costs more than it saves
        answers[:] = [function(None if v is None or v != v else v) for v in values.tolist()]
        return answers
    codes, distinct = pd.factorize(values)
    of_distinct = np.empty(len(distinct) + 1, dtype=object)
    of_distinct[:-1] = [function(v) for v in np.asarray(distinct).tolist()]
    if (codes < 0).any():
        of_distinct[-1] = function(None)
    return np.asarray(of_distinct[codes])


def column(series: pd.Series[Any], folder: str | Path | None = None) -> Column:
    """Bring a pandas column of any type (nullable, Arrow, category, mixed objects) into canonical form.

    Parameters
    ----------
    series
        Its values, shape (n_rows,).
    folder
        What paths in it start from and must not leave; None: the working directory.
    """
    found = _canonical(series)
    return found if folder is None else replace(found, folder=Path(folder))


def _canonical(series: pd.Series[Any]) -> Column:
    name, dtype = str(series.name), series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        series = dtype.categories.to_series().reset_index(drop=True).reindex(series.cat.codes)
        dtype = series.dtype
    if isinstance(dtype, pd.PeriodDtype):
        return _date(name, series.dt.to_timestamp())
    if pd.api.types.is_bool_dtype(dtype):
        return Column(name, series.to_numpy(dtype="float64", na_value=np.nan), "boolean")
    if pd.api.types.is_timedelta64_dtype(dtype) or _arrow(dtype, "duration"):
        return _number(name, series.dt.total_seconds())
    if pd.api.types.is_numeric_dtype(dtype):
        return _number(name, series)
    if pd.api.types.is_datetime64_any_dtype(dtype) or _arrow(dtype, "date", "timestamp"):
        return _date(name, series)
    return _object(name, series)


def _number(name: str, series: pd.Series[Any]) -> Column:
    if pd.api.types.is_complex_dtype(series.dtype):
        return Column(name, np.real(series.to_numpy()).astype("float64"), "number", ("imaginary parts left out",))
    values = series.to_numpy(dtype="float64", na_value=np.nan, copy=False)
    infinite = np.isinf(values)
    if not infinite.any():
        return Column(name, values, "number")
    values = np.where(infinite, np.nan, values)
    return Column(name, values, "number", (f"{int(infinite.sum())} infinite values read as missing",))


def _date(name: str, series: pd.Series[Any]) -> Column:
    moments = pd.to_datetime(series, errors="coerce", utc=True)
    return Column(name, moments.dt.tz_localize(None).to_numpy(dtype="datetime64[us]"), "date")


def _object(name: str, series: pd.Series[Any]) -> Column:
    values: NDArray[Any] = series.to_numpy(dtype=object, na_value=cast(Any, None))
    inferred = pd.api.types.infer_dtype(values, skipna=True)
    if inferred == "boolean":
        return Column(name, _floats(values), "boolean")
    if inferred in ("integer", "floating", "mixed-integer-float", "decimal"):
        return _number(name, pd.Series(_floats(values)))
    if inferred in ("datetime", "datetime64", "date"):
        return _date(name, pd.Series(values, dtype=object))
    if inferred in ("timedelta", "timedelta64"):
        return _number(name, pd.Series(pd.to_timedelta(pd.Series(values))).dt.total_seconds())
    if inferred == "string":
        return Column(name, each_distinct(values, cell_text), "text")
    if inferred == "bytes" and media.binary(values[~pd.isna(values)][:100]):
        return Column(name, np.where(pd.isna(values), cast(Any, None), values), "bytes")
    if inferred == "mixed" and (lists := _lists(values)) is not None:
        return Column(name, lists, "vector")
    text = np.empty(len(values), dtype=object)
    text[:] = [None if gone else cell_text(v) for v, gone in zip(values, pd.isna(values), strict=True)]
    kinds = sorted({type(v).__name__ for v in values[~pd.isna(values)][:1000]})
    return Column(name, text, "text", (f"mixed types ({', '.join(kinds)}) read as text",) if len(kinds) > 1 else ())


def _lists(values: NDArray[Any]) -> NDArray[Any] | None:
    """Return lists of numbers as arrays, float32; None if nine tenths of the cells are anything else."""
    filled = [cell for cell in values if not _nothing(cell)]
    if not filled or not all(isinstance(cell, list | tuple | np.ndarray) for cell in filled[:LISTS]):
        return None
    found = np.full(len(values), None, dtype=object)
    for i, cell in enumerate(values):
        found[i] = _list(cell)
    read = sum(cell is not None for cell in found)
    return found if read >= 0.9 * len(filled) else None


def _nothing(cell: object) -> bool:
    return cell is None or (isinstance(cell, float) and cell != cell)


def _list(cell: object) -> NDArray[np.float32] | None:
    """Return a list of at least two finite numbers; None for anything else."""
    if not isinstance(cell, list | tuple | np.ndarray) or len(cell) < 2:
        return None
    try:
        with np.errstate(over="ignore"):
            read = np.asarray(cell, dtype=np.float32)
    except (TypeError, ValueError, OverflowError):
        return None
    return read if read.ndim == 1 and np.isfinite(read).all() else None


def _floats(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.array(
        [np.nan if gone else _float(v) for v, gone in zip(values, pd.isna(values), strict=True)],
        dtype=np.float64,
    )


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # a Python integer beyond 1e308
        return np.inf if value > 0 else -np.inf


def cell_text(value: object) -> str | None:
    """Write one cell as text; no text is a missing value."""
    if value is None:
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return number_text(_float(value))
    text = str(value)
    if not text.isascii():  # half a surrogate pair could not be saved
        text = text.encode("utf-8", "replace").decode()
    return text.replace("\x00", "").strip() or None


def number_text(value: float | None) -> str | None:
    """Write a number as text, whole ones without ".0"."""
    if value is None:
        return None
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(float(value))


def _arrow(dtype: object, *kinds: str) -> bool:
    return isinstance(dtype, pd.ArrowDtype) and str(dtype.pyarrow_dtype).startswith(kinds)
