"""Words from a limited stock (also thousands of them): codes by frequency, plus how frequent each is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from autoglm.core import numerals
from autoglm.core.columns import Column, Storage, each_distinct, named_as_identifier
from autoglm.core.features import Block, Output
from autoglm.core.seed import Seed
from autoglm.encoders import State

MOST_CODES = 10_000
"""Values beyond the most frequent ones share the code "rare"."""

MANY = 50
"""With more distinct values than this, those that occur in one row only share the code "rare"."""

FREQUENCY_FROM = 10
"""With more codes than this, how often a value occurs becomes a feature of its own."""


@dataclass(frozen=True, eq=False)
class Category:
    """A fitted category column.

    Parameters
    ----------
    name
        The column.
    values
        The values with a code of their own, most frequent first: position = code.
    counts
        Training rows of each code; where rare values exist, one more entry: the mean count of a rare value.
    rare
        How many distinct rare values share the last code.
    storage
        What the column was stored as in training.
    """

    kind: ClassVar[str] = "category"

    name: str
    values: tuple[str, ...]
    counts: NDArray[np.float64]
    rare: int
    storage: Storage

    @property
    def cardinality(self) -> int:
        """Number of codes."""
        return len(self.counts)

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        """The code, and with many codes the logarithm of the value's frequency."""
        code = Output(self.name, self.name, max(1, self.cardinality))
        if self.cardinality <= FREQUENCY_FROM:
            return (code,)
        return (code, Output(f"{self.name}.frequency", self.name))

    @property
    def terms(self) -> int:
        """No sparse columns."""
        return 0

    @cached_property
    def _codes(self) -> dict[str, float]:
        return {value: float(code) for code, value in enumerate(self.values)}

    @cached_property
    def _frequencies(self) -> NDArray[np.float32]:
        """Log of 1 + count by code; the last entry, which code -1 finds, is for missing values."""
        return np.append(np.log1p(self.counts), np.nan).astype(np.float32)

    def transform(self, column: Column) -> Block:
        """Encode rows.

        A value never seen gets the code of rare values where training had such (values seen once and values
        never seen are alike), else it becomes missing.
        """
        table, other = self._codes, float(len(self.values)) if self.rare else math.nan
        codes = each_distinct(
            self._texts(column).values, lambda t: math.nan if t is None else table.get(t, other)
        ).astype(np.float32)
        dense = np.empty((len(codes), len(self.outputs)), dtype=np.float32)
        dense[:, 0] = codes
        if dense.shape[1] > 1:
            dense[:, 1] = self._frequencies[np.nan_to_num(codes, nan=-1).astype(np.intp)]
        return Block(dense)

    def _texts(self, column: Column) -> Column:
        if self.storage not in ("number", "boolean") or column.storage != "text":
            return column.astext()
        numbers = numerals.numbers(column.values)  # "3.0" in a text file is the 3 of training
        return Column(column.name, numbers, "number").astext()

    def describe(self) -> str:
        """Say what is done."""
        rare = f"; {self.rare} rare values share one code" if self.rare else ""
        return f"category of {len(self.values)} values, coded by frequency{rare}"

    def state(self) -> State:
        """Return what `restore` needs."""
        about = {"name": self.name, "values": list(self.values), "rare": self.rare, "storage": self.storage}
        return State(about, {"counts": self.counts})

    @classmethod
    def restore(cls, state: State) -> Self:
        """Rebuild the encoding."""
        about = state.json | {"values": tuple(state.json["values"])}
        return cls(**about, counts=state.arrays["counts"])


def claims(column: Column) -> float:
    """Claim text, and repeated whole numbers whose name says that they are keys ("store_id")."""
    if column.storage == "number":
        return 0.8 if named_as_identifier(column.name) and _repeated_integers(column.values) else 0.1
    if column.storage != "text":
        return 0.1
    key = named_as_identifier(column.name) and _repeated(column)
    return 0.91 if key else 0.6


def fit(column: Column, seed: Seed) -> Category:
    """Count the values; ties in frequency go by the alphabet, so the order of rows cannot matter."""
    values, counts = column.astext().tally
    order = np.lexsort((values, -counts))
    values, often = values[order], counts[order].astype(np.float64)
    own = min(MOST_CODES, len(values) if len(values) <= MANY else int((often > 1).sum()))
    rare = often[own:]
    kept: NDArray[np.float64] = np.append(often[:own], rare.mean()) if len(rare) else often[:own]
    return Category(column.name, tuple(values[:own].tolist()), kept, len(rare), column.storage)


def _repeated(column: Column) -> bool:
    return len(column.tally[0]) <= 0.5 * len(column.present)


def _repeated_integers(values: NDArray[np.float64]) -> bool:
    present = values[~np.isnan(values)]
    return bool((present == np.floor(present)).all()) and len(np.unique(present)) <= 0.5 * len(present)
