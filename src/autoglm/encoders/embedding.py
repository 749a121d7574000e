"""Embeddings and other lists of numbers of one length, as another model made them: their directions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from autoglm.core.columns import Column
from autoglm.core.features import Block, Output
from autoglm.core.seed import Seed
from autoglm.encoders import State
from autoglm.prep import directions
from autoglm.prep.directions import Directions

READS = ("vector",)
"""Storages that it takes as they are, besides the plain ones."""

LARGEST = 1e15
"""Numbers beyond it are cut: their squares must stay finite in single precision."""

_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"  # as JSON has it: no 01, no digits but ASCII's
_LIST = re.compile(rf"\[[ \t\r\n]*{_NUMBER}(?:[ \t\r\n]*,[ \t\r\n]*{_NUMBER})+[ \t\r\n]*\]$")


@dataclass(frozen=True, eq=False)
class Embedding:
    """A fitted column of lists of numbers.

    Parameters
    ----------
    name
        The column.
    size
        Numbers in a list; 0 where there was none to learn from.
    directions
        How they are brought down to fewer numbers.
    """

    kind: ClassVar[str] = "embedding"

    name: str
    size: int
    directions: Directions

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        """One a direction."""
        names = (f"{self.name}.direction{i + 1}" for i in range(self.directions.count))
        return tuple(Output(name, self.name, modality="embedding", embedded=True) for name in names)

    @property
    def terms(self) -> int:
        """No sparse columns."""
        return 0

    def transform(self, column: Column) -> Block:
        """Encode rows; a list of another length is missing."""
        return Block(self.directions.turn(_rows(column, self.size)))

    def describe(self) -> str:
        """Say what is done."""
        if not self.directions.count:
            return "left out: no list of numbers could be read"
        return f"embedding: {self.directions.count} directions of {self.size} numbers"

    def state(self) -> State:
        """Return what `restore` needs."""
        return State({"name": self.name, "size": self.size}, self.directions.arrays())

    @classmethod
    def restore(cls, state: State) -> Self:
        """Rebuild the encoding."""
        return cls(**state.json, directions=Directions.restore(state.arrays))


def claims(column: Column) -> float:
    """Claim lists of numbers, and texts that are lists of numbers as JSON writes them."""
    if column.storage != "text" or not len(column.sample):
        return 0.99 if column.storage == "vector" else 0.0
    return 0.98 if np.mean([_LIST.match(cell) is not None for cell in column.sample[:100]]) > 0.9 else 0.0


def fit(column: Column, seed: Seed) -> Embedding:
    """Find the directions of the lists of the commonest length."""
    found = [len(cell) for cell in _lists(column) if cell is not None]
    if not found:
        return Embedding(column.name, 0, Directions.none())
    sizes, counts = np.unique(found, return_counts=True)
    size = int(sizes[counts.argmax()])
    rows = _rows(column, size)
    whole = np.flatnonzero(~np.isnan(rows).any(axis=1))
    return Embedding(column.name, size, Directions.fit(rows[whole[directions.some(len(whole), seed)]]))


def _rows(column: Column, size: int) -> NDArray[np.float32]:
    """Return the lists of one length, shape (n_rows, size); NaN for every other cell."""
    out = np.full((len(column), size), np.nan, dtype=np.float32)
    if size:
        for i, cell in enumerate(_lists(column)):
            if cell is not None and len(cell) == size:
                out[i] = np.clip(cell, -LARGEST, LARGEST)
    return out


def _lists(column: Column) -> Iterator[Sequence[float] | NDArray[np.float32] | None]:
    """Yield each cell as numbers, None where it is no list of them."""
    for cell in column.values:
        if column.storage == "vector":
            yield cell
        else:
            # As floats: a whole number of 400 digits is infinite then, not an error.
            yield json.loads(cell, parse_int=float) if isinstance(cell, str) and _LIST.match(cell) else None
