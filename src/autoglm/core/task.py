"""What is to be predicted: binary, multiclass or regression, found out from the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm.core import numerals
from autoglm.core.columns import OBJECTS, Column, column
from autoglm.core.errors import DataError, OptionError, nearest

Kind = Literal["binary", "multiclass", "regression"]
KINDS: tuple[Kind, ...] = ("binary", "multiclass", "regression")
MOST_NUMERIC_CLASSES = 20  # a number with more distinct values than this is a quantity, not a class
LARGEST = 1e100  # numbers whose sums of squares and cubes are finite
LEAST_NUMBERS = 0.95  # share of a target's texts that must be numbers, where it is read as numbers
_PLAIN: dict[str, type] = {
    "boolean": bool,
    "integer": int,
    "floating": float,
    "mixed-integer-float": float,
    "decimal": float,
}  # what objects of one kind become, by pandas' names


@dataclass(frozen=True)
class Task:
    """A prediction task.

    Parameters
    ----------
    kind
        ``"binary"``, ``"multiclass"`` or ``"regression"``.
    target
        Name of the target column.
    classes
        The classes in order of their codes, as they appear in the data; empty for regression. For a binary
        task the second one is the positive class.
    """

    kind: Kind
    target: str
    classes: tuple[Any, ...] = ()

    @property
    def scores(self) -> int:
        """Columns of a model's margins: 1 for binary (log-odds) and regression, else one a class."""
        return len(self.classes) if self.kind == "multiclass" else 1

    def encode(self, values: pd.Series[Any]) -> NDArray[Any]:
        """Return class codes (int64) or values (float64); the rows must have a target of a known class."""
        if self.kind == "regression":
            found = column(numeric(values, self.kind))
            if found.storage in OBJECTS or found.storage == "date":
                raise DataError(
                    f"target {self.target!r} holds {_odd(found)!r}, expected numbers as in training: "
                    "leave the cell empty where there is no number"
                )
            return np.asarray(found.values, dtype="float64")
        codes = {c: i for i, c in enumerate(self.classes)}
        try:
            return np.array([codes[v] for v in labels(values)], dtype="int64")
        except KeyError as error:
            raise DataError(
                f"target {self.target!r} holds {error.args[0]!r}, not one of the classes seen in training"
            ) from None

    def truth(self, values: pd.Series[Any]) -> tuple[NDArray[np.bool_], NDArray[Any]]:
        """Return which rows have a target, and their class codes or values.

        Raises
        ------
        DataError
            No row has a target, or one is no known class, or no number.
        """
        given = numeric(values, self.kind)
        here = ~column(given).missing
        if not here.any():
            raise DataError(f"target {self.target!r} is missing in all rows: there is nothing to score")
        return here, self.encode(given[here])

    def decode(self, codes: NDArray[Any]) -> NDArray[Any]:
        """Return the classes of codes, in the data type of the target."""
        classes = np.empty(len(self.classes), dtype=object)
        classes[:] = self.classes
        found = classes[codes]
        kinds = {type(c) for c in self.classes}
        return np.array(found.tolist(), dtype=kinds.pop()) if kinds in ({int}, {float}, {bool}) else found


def numeric(values: pd.Series[Any], kind: str | None = None) -> pd.Series[Any]:
    """Return a target with numbers written as text ("1,200", "$3.50", "?" where there is none) as numbers.

    Nothing is changed where `kind` or the data type (category) says that it is a class, or where its texts are whole
    numbers, or few: those are classes unless `kind` says otherwise. What is no number becomes missing.
    """
    if kind not in (None, "regression") or not len(values) or (kind is None and _categorical(values)):
        return values
    found = column(values)
    if found.storage != "text" or numerals.share_of_numbers(found.sample) < LEAST_NUMBERS:
        return values
    read = numerals.numbers(found.values, numerals.decimal_mark(found.sample))
    few = len(np.unique(read[~np.isnan(read)])) <= MOST_NUMERIC_CLASSES
    if kind is None and (few or all(text.isdigit() for text in found.tally[0])):
        return values
    return pd.Series(read, index=values.index, name=values.name)


def infer(values: pd.Series[Any], target: str, kind: str | None = None) -> Task:
    """Find out the task from a target without missing values.

    A target of text or booleans, of data type category, or of at most 20 distinct whole numbers, is a class; everything
    else is a quantity (text is first shown to `numeric`). `kind` overrides.

    Raises
    ------
    DataError
        Fewer than two distinct values, or text where numbers are needed.
    OptionError
        `kind` is unknown.
    """
    if kind is not None and kind not in KINDS:
        raise OptionError(f"task={kind!r}: expected one of {', '.join(KINDS)}{nearest(kind, KINDS)}")
    found = column(values)
    if found.storage in ("bytes", "vector"):
        held = "binary cells" if found.storage == "bytes" else "lists of numbers"
        raise DataError(f"target {target!r} holds {held}, expected classes or numbers: name another column")
    if len(found.distinct) < 2:
        only = next(iter(found.distinct.tolist()), None)
        raise DataError(
            f"target {target!r} has the single value {only!r} in all {len(values)} rows: nothing can be learned; "
            "expected at least two classes or differing numbers. "
            "Is the frame filtered, are other values read as missing (None, NA), or is another column the target?"
        )
    if (kind or _kind(found, _categorical(values))) == "regression":
        if found.storage in ("text", "date"):
            raise DataError(
                f"target {target!r} is {found.storage} (for instance {found.distinct[0]!r}) but task='regression' "
                "needs numbers: convert the column, or leave task out"
            )
        if len(far := found.present[np.abs(found.present) > LARGEST]):
            raise DataError(
                f"target {target!r} holds {far[0]:g}, expected numbers up to {LARGEST:g}, whose squares are finite: "
                "use another unit"
            )
        return Task("regression", target)
    listed = labels(values)
    classes = tuple(sorted(set(listed), key=lambda v: (str(type(v)), v)))
    if len(classes) == len(listed):
        raise DataError(
            f"target {target!r} has {len(listed)} classes in {len(listed)} rows (for instance {listed[0]!r}): each has "
            "a single row, so nothing can be learned. Is it an identifier, or a number written as text to be converted?"
        )
    if kind == "binary" and len(classes) != 2:
        raise DataError(
            f"target {target!r} has {len(classes)} classes but task='binary' needs two: use task='multiclass'"
        )
    return Task("binary" if len(classes) == 2 else "multiclass", target, classes)


def labels(values: pd.Series[Any]) -> list[Any]:
    """Return a class target's values as plain Python objects: texts as `column` reads them, without spaces around."""
    if _categorical(values):
        values = values.astype(object)
    dtype = values.dtype
    if pd.api.types.is_bool_dtype(dtype):
        return [bool(v) for v in values]
    if pd.api.types.is_numeric_dtype(dtype):
        numbers = values.to_numpy(dtype="float64")
        whole = bool(np.all(np.mod(numbers, 1) == 0))
        if pd.api.types.is_integer_dtype(dtype):
            return [int(v) for v in values]
        return [int(v) if whole and _integers_expected(dtype) else float(v) for v in numbers]
    listed = values.tolist()
    if read := _PLAIN.get(pd.api.types.infer_dtype(listed)):
        return [read(v) for v in listed]
    found = column(values)
    return found.values.tolist() if found.storage == "text" else [str(v) for v in listed]


def _integers_expected(dtype: Any) -> bool:
    return not pd.api.types.is_float_dtype(dtype)


def _categorical(values: pd.Series[Any]) -> bool:
    return isinstance(values.dtype, pd.CategoricalDtype)


def _odd(found: Column) -> Any:
    """Return the first value that is no number, to show."""
    if found.storage != "text":
        return found.astext().distinct[0]
    read = numerals.numbers(found.present, numerals.decimal_mark(found.sample))
    odd = [t for t in found.present[np.isnan(read)] if t.lower() not in numerals.BLANKS]
    return odd[0] if odd else found.present[0]


def _kind(found: Column, categorical: bool) -> Kind:
    count = len(found.distinct)
    if found.storage in ("text", "boolean") or categorical:
        return "binary" if count == 2 else "multiclass"
    if found.storage == "date":
        return "multiclass"
    whole = bool(np.all(np.mod(found.distinct, 1) == 0))
    if count == 2:
        return "binary"
    few = count <= min(MOST_NUMERIC_CLASSES, max(2, len(found) // 3))
    return "multiclass" if whole and few else "regression"
