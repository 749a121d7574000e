"""Columns that say nothing (one value, or none at all): left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from autoglm.core.columns import Column
from autoglm.core.features import Block, Output
from autoglm.core.seed import Seed
from autoglm.encoders import State


@dataclass(frozen=True)
class Constant:
    """A column that is left out because it never varies.

    Parameters
    ----------
    name
        The column.
    value
        Its only value as text, or None where all rows are missing.
    """

    kind: ClassVar[str] = "constant"

    name: str
    value: str | None

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
        return "left out: every value is missing" if self.value is None else f"left out: always {self.value!r}"

    def state(self) -> State:
        """Return what `restore` needs."""
        return State({"name": self.name, "value": self.value}, {})

    @classmethod
    def restore(cls, state: State) -> Self:
        """Rebuild the encoding."""
        return cls(**state.json)


def claims(column: Column) -> float:
    """Claim columns without a second value; one value with gaps stays, because a gap can tell something."""
    present = column.present
    if not len(present):
        return 1.0
    if len(present) < len(column) or not (present == present[0]).all():
        return 0.01
    return 1.0


def fit(column: Column, seed: Seed) -> Constant:
    """Remember the value."""
    first = column.take(np.flatnonzero(~column.missing)[:1]).astext().values
    return Constant(column.name, str(first[0])[:80] if len(first) else None)
