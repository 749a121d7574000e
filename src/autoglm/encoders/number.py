"""Numbers, also those written as text ("1,234", "12%", "$1,200"); one feature, missing stays missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from autoglm.core import numerals
from autoglm.core.columns import Column
from autoglm.core.features import Block, Output
from autoglm.core.seed import Seed
from autoglm.encoders import State

LARGEST = 3e38
"""float32 ends at 3.4e38; larger values are clipped, not turned into infinity."""


@dataclass(frozen=True)
class Number:
    """A fitted number column.

    Parameters
    ----------
    name
        The column.
    mark
        Decimal mark of numbers written as text.
    unread
        How many training values were no number.
    """

    kind: ClassVar[str] = "number"

    name: str
    mark: numerals.Decimal = "."
    unread: int = 0

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The number itself."""
        return (Output(self.name, self.name),)

    @property
    def terms(self) -> int:
        """No sparse columns."""
        return 0

    def transform(self, column: Column) -> Block:
        """Encode rows; what is no number becomes missing."""
        return Block(_single(_values(column, self.mark))[:, None])

    @classmethod
    def together(cls, encodings: Sequence[Number], columns: Sequence[Column]) -> NDArray[np.float32]:
        """Encode columns in one step, shape (n_rows, n_columns)."""
        values = [
            c.values if c.storage == "number" else _values(c, e.mark) for e, c in zip(encodings, columns, strict=True)
        ]
        return _single(np.concatenate(values)).reshape(len(columns), -1).T

    def describe(self) -> str:
        """Say what is done."""
        return "number" + (f"; {self.unread} values that are no number read as missing" if self.unread else "")

    def state(self) -> State:
        """Return what `restore` needs."""
        return State({"name": self.name, "mark": self.mark, "unread": self.unread}, {})

    @classmethod
    def restore(cls, state: State) -> Self:
        """Rebuild the encoding."""
        return cls(**state.json)


def claims(column: Column) -> float:
    """Claim stored numbers, and text of which at least 95 % reads as numbers."""
    if column.storage == "number":
        return 0.7
    if column.storage != "text":
        return 0.2
    sample = column.sample
    if not len(sample) or numerals.share_of_numbers(sample) < 0.95:
        return 0.05
    padded = sum(1 for t in sample if len(t) > 1 and t[0] == "0" and t.isdigit())
    if padded <= 0.05 * len(sample):
        return 0.9
    # "01234" is a code: a category where it repeats; where it hardly does, only its size can be learned
    return 0.65 if len(column.tally[0]) > 0.5 * len(column.present) else 0.4


def fit(column: Column, seed: Seed) -> Number:
    """Find the decimal mark and count what cannot be read."""
    if column.storage != "text":
        return Number(column.name)
    mark = numerals.decimal_mark(column.sample)
    unread = int(np.isnan(_values(column, mark)).sum() - column.missing.sum())
    return Number(column.name, mark, unread)


def _single(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(np.minimum(np.maximum(values, -LARGEST), LARGEST), dtype=np.float32)


def _values(column: Column, mark: numerals.Decimal) -> NDArray[Any]:
    if column.storage == "text":
        return numerals.numbers(column.values, mark)
    if column.storage == "date":
        days = column.values.astype("datetime64[us]").astype(np.int64) / 86_400e6
        return np.where(column.missing, np.nan, days)
    return column.values
