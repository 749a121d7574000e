"""Names of rows (running numbers, UUIDs, codes that never repeat): left out, because no new row has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from autoglm.core import numerals
from autoglm.core.columns import Column, named_as_identifier
from autoglm.core.features import Block, Output
from autoglm.core.seed import Seed
from autoglm.encoders import State

FEWEST_ROWS = 50
"""Below this many rows, unique values say little: only the column's name can make it an identifier."""


@dataclass(frozen=True)
class Identifier:
    """A column that is left out because it only names rows.

    Parameters
    ----------
    name
        The column.
    reason
        Why it was taken for an identifier.
    """

    kind: ClassVar[str] = "identifier"

    name: str
    reason: str

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Nothing."""
        return ()

    @property
    def terms(self) -> int:
        """No sparse columns."""
        return 0

    def transform(self, column: Column) -> Block:
        """Encode rows into nothing."""
        return Block(np.empty((len(column), 0), dtype=np.float32))

    def describe(self) -> str:
        """Say what is done."""
        return f"left out as an identifier: {self.reason}"

    def state(self) -> State:
        """Return what `restore` needs."""
        return State({"name": self.name, "reason": self.reason}, {})

    @classmethod
    def restore(cls, state: State) -> Self:
        """Rebuild the encoding."""
        return cls(**state.json)


def claims(column: Column) -> float:
    """Claim columns whose values hardly repeat and that count up, are codes, or are named like keys."""
    return 0.95 if _reason(column) else 0.01


def fit(column: Column, seed: Seed) -> Identifier:
    """Remember why."""
    return Identifier(column.name, _reason(column) or "as told")


def _reason(column: Column) -> str:
    if column.storage == "number":
        return _number_reason(column.name, column.present)
    if column.storage != "text" or len(column.present) < 2:
        return ""
    if numerals.share_of_numbers(column.sample) < 0.95:
        return _text_reason(column)
    some = numerals.numbers(column.sample)
    if len(np.unique(some)) < 0.95 * len(some):
        return ""  # the cheap look that spares the reading of all
    read = numerals.numbers(column.values)
    return _number_reason(column.name, read[~np.isnan(read)])


def _number_reason(name: str, values: NDArray[np.float64]) -> str:
    """Whole numbers that never repeat: in equal steps, or named as a key."""
    if len(values) < 2 or not (values == np.floor(values)).all():
        return ""
    named = named_as_identifier(name)
    steps = (values.max() - values.min()) / (len(values) - 1)
    if not named and (len(values) < FEWEST_ROWS or not float(steps).is_integer()):
        return ""  # the cheap look that spares most columns the sorting
    gaps = np.diff(np.sort(values))
    if (gaps > 0).all() and (gaps == gaps[0]).all() and (named or len(values) >= FEWEST_ROWS):
        return f"whole numbers in steps of {gaps[0]:g}, each in one row only"
    running = np.ptp(values) < 3 * len(values)  # numbers with large gaps tell of when or where they were given
    if named and running and (gaps == 0).sum() <= 0.05 * len(values):
        return "named as a key, and its whole numbers run on and hardly repeat"
    return ""


def _text_reason(column: Column) -> str:
    """Text without spaces that never repeats, with digits in it as codes have, or named as a key."""
    sample = column.sample
    spaced = sum(1 for t in sample if " " in t or not t.isascii() or len(t) > 64)
    if spaced > 0.02 * len(sample):
        return ""
    unique = len(column.tally[0]) / len(column.present)
    if named_as_identifier(column.name) and unique >= 0.95:
        return "named as a key, and its codes hardly repeat"
    coded = sum(1 for t in sample if any(c.isdigit() for c in t)) >= 0.5 * len(sample)
    if coded and unique >= 0.999 and len(column.present) >= FEWEST_ROWS:
        return "codes without spaces, each in one row only"
    return ""
