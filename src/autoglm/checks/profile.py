"""Profile: what the columns and the answers of training looked like, in bins, so that others can be compared."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from autoglm.core import moments, numerals
from autoglm.core.columns import Column, each_distinct
from autoglm.core.errors import FolderError
from autoglm.core.files import read_json
from autoglm.core.task import Task

Measure = Literal["number", "date", "length", "level", "presence"]

FILE = "profile.json"
BINS = 20
LEVELS = 50
ROWS, CELLS = 20_000, 2_000_000  # training rows that are looked at, and rows times columns where there are many columns
FEWEST_ROWS = 500
MEASURES: dict[str, Measure] = {
    "number": "number",
    "date": "date",
    "text": "length",
    "category": "level",
    "boolean": "level",
    "identifier": "level",
    "constant": "level",
}
ANSWER, CONFIDENCE = "answer", "confidence"


@dataclass(frozen=True)
class Shape:
    """How the values of a column were spread over bins; the last bin is of missing values.

    Parameters
    ----------
    name
        The column.
    measure
        What is counted: a number, a date, the length of a text, a level, or only whether there is a value.
    counts
        Training rows in each bin, the missing last.
    edges
        Upper ends of all bins of numbers but the last, which has none.
    levels
        Commonest values; the bin behind theirs is of all others.
    form
        Decimal mark of numbers, or format of dates, that are written as text.
    """

    name: str
    measure: Measure
    counts: tuple[int, ...]
    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    form: str = ""

    @property
    def rows(self) -> int:
        """Training rows that were counted."""
        return sum(self.counts)

    @property
    def ordered(self) -> bool:
        """Whether the bins but the last stand in an order."""
        return self.measure in ("number", "date", "length")

    def codes(self, column: Column) -> NDArray[np.int64]:
        """Return the bin of each row, shape (n_rows,)."""
        if self.measure == "presence":
            return column.missing.astype(np.int64)
        if self.measure == "level":
            found = each_distinct(column.astext().values, self._code)
            return found.astype(np.int64)
        values = _numbers(column, self.measure, self.form)
        found = np.searchsorted(np.array(self.edges), values, side="left")
        return np.where(np.isnan(values), len(self.edges) + 1, found)

    def _code(self, text: str | None) -> int:
        return len(self.levels) + 1 if text is None else self._places.get(text.casefold(), len(self.levels))

    @cached_property
    def _places(self) -> dict[str, int]:
        return {level: i for i, level in enumerate(self.levels)}

    def labels(self) -> list[str]:
        """Name the bins."""
        if self.measure == "presence":
            return ["there", "missing"]
        if self.measure == "level":
            return [*self.levels, "(other)", "(missing)"]
        shown = [_shown(edge, self.measure) for edge in self.edges]
        if not shown:
            return ["any", "(missing)"]
        inner = [f"{low} to {high}" for low, high in itertools.pairwise(shown)]
        return [f"up to {shown[0]}", *inner, f"above {shown[-1]}", "(missing)"]

    def json(self) -> dict[str, Any]:
        """Return what `read` takes."""
        about: dict[str, Any] = {"name": self.name, "measure": self.measure, "counts": list(self.counts)}
        return about | {"edges": list(self.edges), "levels": list(self.levels), "form": self.form}

    @classmethod
    def read(cls, about: dict[str, Any]) -> Self:
        """Rebuild a shape."""
        tuples = {name: tuple(about[name]) for name in ("counts", "edges", "levels")}
        return cls(about["name"], about["measure"], form=about["form"], **tuples)


@dataclass(frozen=True)
class Profile:
    """The shapes of all used columns and of the out-of-fold answers.

    Parameters
    ----------
    columns
        One a used column.
    answers
        Of the probability of the second of two classes; of the class answered and its probability; or of the value.
    task
        What is predicted.
    """

    columns: tuple[Shape, ...]
    answers: tuple[Shape, ...]
    task: Task = field(repr=False)

    @classmethod
    def of(cls, columns: Sequence[Column], kinds: Sequence[str], predicted: NDArray[np.float64], task: Task) -> Profile:
        """Profile training.

        Parameters
        ----------
        columns, kinds
            The used columns and what they are.
        predicted
            Out-of-fold values, shape (n_rows,), or probabilities, shape (n_rows, n_classes).
        """
        count = len(columns[0]) if columns else 0
        most = min(ROWS, max(FEWEST_ROWS, CELLS // max(1, len(columns))))
        rows = _spread(count, most)
        shapes = tuple(_shape(c.take(rows), MEASURES.get(k, "presence")) for c, k in zip(columns, kinds, strict=True))
        answered = answer_columns(predicted[_spread(len(predicted), most)], task)
        return cls(shapes, tuple(_shape(c, "level" if c.storage == "text" else "number") for c in answered), task)

    @classmethod
    def load(cls, folder: Path, task: Task) -> Profile:
        """Read a saved predictor's profile.

        Raises
        ------
        FolderError
            The folder was written by a version that kept none.
        """
        if not (folder / FILE).is_file():
            raise FolderError(f"{str(folder)!r} keeps no profile of its training rows: fit again with this version")
        about = read_json(folder / FILE)
        return cls(tuple(map(Shape.read, about["columns"])), tuple(map(Shape.read, about["answers"])), task)

    @property
    def shapes(self) -> dict[str, Shape]:
        """All shapes; those of the answers are named ``answer:TARGET`` and ``confidence:TARGET``."""
        return {s.name: s for s in self.columns} | {f"{s.name}:{self.task.target}": s for s in self.answers}

    def codes(self, columns: Sequence[Column], predicted: NDArray[np.float64]) -> NDArray[np.int16]:
        """Return the bins of rows, shape (n_rows, n_shapes).

        Parameters
        ----------
        columns
            Must hold all columns of the profile, in any order.
        predicted
            Values, shape (n_rows,), or probabilities, shape (n_rows, n_classes).
        """
        given = {column.name: column for column in columns}
        inputs = [shape.codes(given[shape.name]) for shape in self.columns]
        answers = zip(self.answers, answer_columns(predicted, self.task), strict=True)
        return np.column_stack(inputs + [shape.codes(column) for shape, column in answers]).astype(np.int16)

    def json(self) -> dict[str, Any]:
        """Return what `load` reads."""
        return {"columns": [s.json() for s in self.columns], "answers": [s.json() for s in self.answers]}


def answer_columns(predicted: NDArray[np.float64], task: Task) -> list[Column]:
    """Return answers as columns that can be profiled.

    Parameters
    ----------
    predicted
        Values, shape (n_rows,), or probabilities, shape (n_rows, n_classes).
    """
    if task.kind == "regression":
        return [Column(ANSWER, np.asarray(predicted, dtype=np.float64).reshape(-1), "number")]
    if task.kind == "binary":
        return [Column(ANSWER, np.asarray(predicted[:, 1], dtype=np.float64), "number")]
    names = np.array([str(name) for name in task.classes], dtype=object)
    sure = np.asarray(predicted.max(axis=1, initial=0.0), dtype=np.float64)
    return [Column(ANSWER, names[predicted.argmax(axis=1)], "text"), Column(CONFIDENCE, sure, "number")]


def _spread(count: int, most: int) -> NDArray[np.intp]:
    return np.linspace(0, count - 1, min(count, most)).astype(np.intp)


def _shape(column: Column, measure: Measure) -> Shape:
    form = _form(column, measure)
    empty = Shape(column.name, measure, ())
    if measure == "level":
        empty = Shape(column.name, measure, (), levels=_levels(column))
    elif measure != "presence":
        empty = Shape(column.name, measure, (), _edges(_numbers(column, measure, form)), form=form)
    counts = np.bincount(empty.codes(column), minlength=len(empty.labels()))
    return Shape(empty.name, measure, tuple(counts.tolist()), empty.edges, empty.levels, form)


def _form(column: Column, measure: Measure) -> str:
    if column.storage != "text" or not len(column.sample):
        return {"number": ".", "date": moments.ISO}.get(measure, "")
    if measure == "number":
        return numerals.decimal_mark(column.sample)
    if measure == "date":
        form, share = moments.find_format(column.sample)
        return form if share >= 0.5 else moments.MIXED
    return ""


def _levels(column: Column) -> tuple[str, ...]:
    values, counts = column.astext().tally
    folded: dict[str, int] = {}
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        folded[value.casefold()] = folded.get(value.casefold(), 0) + count
    return tuple(sorted(folded, key=lambda level: (-folded[level], level))[:LEVELS])


def _edges(values: NDArray[np.float64]) -> tuple[float, ...]:
    """Return the upper ends of bins that hold about as many values each; few distinct values have a bin each."""
    present = values[~np.isnan(values)]
    distinct = np.unique(present)
    if len(distinct) <= BINS:
        return tuple(((distinct[:-1] + distinct[1:]) / 2).tolist())
    ends = np.unique(np.quantile(present, np.arange(1, BINS) / BINS))
    return tuple(ends[ends < distinct[-1]].tolist())


def _numbers(column: Column, measure: Measure, form: str) -> NDArray[np.float64]:
    """Return numbers, seconds since 1970, or lengths; NaN where there is none."""
    if measure == "length":
        texts = column.astext().values
        return np.array([math.nan if text is None else len(text) for text in texts], dtype=np.float64)
    if measure == "date" and column.storage == "text":
        return _seconds(moments.read(column.values, form))
    if column.storage == "date":
        return _seconds(column.values)
    if column.storage in ("number", "boolean"):
        return np.asarray(column.values, dtype=np.float64)
    return numerals.numbers(column.astext().values, "," if form == "," else ".")


def _seconds(found: NDArray[Any]) -> NDArray[np.float64]:
    seconds = found.astype("datetime64[us]").astype(np.int64) / 1e6
    return np.where(np.isnat(found), np.nan, seconds)


def _shown(value: float, measure: Measure) -> str:
    if measure == "date":
        return str(np.datetime64(int(value), "s"))[:10]
    return f"{value:.4g}"
