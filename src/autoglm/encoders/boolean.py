"""Two values (true/false, yes/no, male/female): one feature 0 or 1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from autoglm.core.columns import Column, each_distinct
from autoglm.core.features import Block, Output
from autoglm.core.seed import Seed
from autoglm.encoders import State

TRUE = ("true", "yes", "t", "y", "on", "1")
FALSE = ("false", "no", "f", "n", "off", "0")


@dataclass(frozen=True)
class Boolean:
    """A fitted two-valued column.

    Parameters
    ----------
    name
        The column.
    zero, one
        The texts, in lower case, that become 0 and 1.
    """

    kind: ClassVar[str] = "boolean"

    name: str
    zero: tuple[str, ...]
    one: tuple[str, ...]

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The value as 0 or 1."""
        return (Output(self.name, self.name),)

    @property
    def terms(self) -> int:
        """No sparse columns."""
        return 0

    @cached_property
    def _codes(self) -> dict[str, float]:
        return dict.fromkeys(self.zero, 0.0) | dict.fromkeys(self.one, 1.0)

    def transform(self, column: Column) -> Block:
        """Encode rows; any other value becomes missing."""
        codes = self._codes
        if column.storage in ("boolean", "number") and "1" in codes and "0" in codes:
            values = np.where((column.values == 0) | (column.values == 1), column.values, np.nan)
        else:
            texts = column.astext().values
            values = each_distinct(texts, lambda t: math.nan if t is None else codes.get(_folded(t), math.nan))
        return Block(values.astype(np.float32)[:, None])

    def describe(self) -> str:
        """Say what is done."""
        known = set(self.one) & set(TRUE)
        return "yes/no as 1/0" if known else f"1 for {'/'.join(self.one)!r}, 0 for {'/'.join(self.zero)!r}"

    def state(self) -> State:
        """Return what `restore` needs."""
        return State({"name": self.name, "zero": list(self.zero), "one": list(self.one)}, {})

    @classmethod
    def restore(cls, state: State) -> Self:
        """Rebuild the encoding."""
        return cls(state.json["name"], tuple(state.json["zero"]), tuple(state.json["one"]))


def claims(column: Column) -> float:
    """Claim stored booleans and two-valued text (upper and lower case count as one)."""
    if column.storage == "boolean":
        return 0.96
    if column.storage != "text" or len({_folded(t) for t in column.sample}) > 2:
        return 0.02
    values = column.tally[0]
    return 0.96 if len(values) <= 32 and len({_folded(t) for t in values}) <= 2 else 0.02


def fit(column: Column, seed: Seed) -> Boolean:
    """Decide which value is 1: the one that says yes, else the later in the alphabet."""
    if column.storage == "boolean":
        return Boolean(column.name, FALSE, TRUE)
    values, counts = column.astext().tally
    common = [str(values[i]) for i in np.lexsort((values, -counts))]
    found = sorted(dict.fromkeys(_folded(v) for v in common))[:2] if len(common) <= 32 else common[:2]
    if found and all(v in TRUE + FALSE for v in found):
        return Boolean(column.name, FALSE, TRUE)
    return Boolean(column.name, tuple(found[:-1]), tuple(found[-1:]))


def _folded(text: str) -> str:
    return text.strip().casefold()
