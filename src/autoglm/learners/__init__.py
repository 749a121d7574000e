"""Learners, one file an algorithm: each turns features into margins (log-odds, class scores or values).

A learner module holds two classes with these names:

* ``Learner``: a frozen dataclass of settings (all with defaults) that has ``fit`` and ``suggest``;
* where it is not for every table, ``NEEDS``: ``"a modality"`` besides the plain columns, ``"modalities"`` (two or more)
  or ``"tokens"`` (texts that a language model has read);
* where a fit is in vain with little time, ``PRICE``: the seconds x threads a token below which it is not begun;
* ``Model``: the frozen product, that has ``predict``, ``save`` and ``load``, and where the library can do it a
  classmethod ``merged(models)``: one model with the mean of their margins, or None; where exact Shapley values can be
  had, ``attribution(players)``, which raises a ValueError for a model that is beyond it. Models that are nothing but
  trees (``prep.grove.TreeModel``) are explained together. Whatever has neither is explained by permutation. A model
  that was stopped by the rows that judge it has ``judged`` after its fit: their margins by rounds that they had no say
  in.

Each learner does its own preparation (imputing, scaling, one-hot, target means) from the rows it is given
and keeps it in its model, so nothing that is learned from a target crosses a fold.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, cast

import numpy as np
from numpy.typing import NDArray

from autoglm.core import shelf
from autoglm.core.features import Features
from autoglm.core.seed import Seed
from autoglm.core.task import Task

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class Sample:
    """Rows with their target.

    Parameters
    ----------
    features
        n rows.
    target
        int64 class codes or float64 values, shape (n,).
    groups
        Codes of what must not be split between learning and judging rows, shape (n,); None where rows stand alone.
    """

    features: Features
    target: NDArray[Any]
    groups: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.target)

    def thinned(self, most: int, seed: Seed) -> Self:
        """Return a random part of `most` rows; itself where there are no more."""
        if len(self) <= most:
            return self
        return self.take(seed.sample(np.arange(len(self)), most))

    def take(self, rows: NDArray[np.intp]) -> Self:
        """Return the given rows (positions)."""
        groups = None if self.groups is None else self.groups[rows]
        return type(self)(self.features.take(rows), self.target[rows], groups)

    def parts(self, count: int, seed: Seed) -> NDArray[np.intp]:
        """Deal the rows out to at most `count` parts, shape (n,): whole groups where there are two or more."""
        names, codes = np.unique([] if self.groups is None else self.groups, return_inverse=True)
        if len(names) < 2:
            return seed.generator().permutation(len(self)) % min(count, len(self))
        sizes, order = np.bincount(codes), seed.generator().permutation(len(names))
        load, home = np.zeros(min(count, len(names))), np.empty(len(names), dtype=np.intp)
        for group in order[np.argsort(-sizes[order], kind="stable")]:  # the largest first, to the emptiest part
            home[group] = load.argmin()
            load[home[group]] += sizes[group]
        return home[codes]

    def meets(self, other: Self) -> bool:
        """Whether rows of one group are in both: what suits the other's rows need not suit new groups."""
        return self.groups is not None and other.groups is not None and bool(np.isin(other.groups, self.groups).any())


@dataclass(frozen=True)
class Limits:
    """What one fit may use.

    Parameters
    ----------
    seconds
        Wall-clock seconds; a learner that trains in steps stops at about nine tenths of them and returns the
        best it has. Infinite when work units rule.
    threads
        Threads for the library to use.
    seed
        Randomness of this fit.
    loss
        ``"squared"`` or ``"absolute"``: what a regression shall minimise.
    """

    seconds: float = float("inf")
    threads: int = 1
    seed: Seed = field(default_factory=Seed)
    loss: str = "squared"
    started: float = field(default_factory=time.monotonic)

    def over(self, share: float = 0.9) -> bool:
        """Whether `share` of the seconds is spent."""
        return time.monotonic() - self.started > share * self.seconds


def suits(name: str, features: Features) -> bool:
    """Say whether a learner is for such features at all, without importing it."""
    there = {
        None: True,
        "a modality": any(o.modality for o in features.outputs),
        "modalities": len(features.modalities) > 1,
        "tokens": bool(features.tokens),
    }
    return there[cast(str | None, shelf.literal("learners", name, "NEEDS"))]


def price(name: str, features: Features) -> float:
    """Return the seconds x threads without which a fit is not worth beginning; learners of texts name it by token."""
    if not features.tokens:
        return 0.0
    token = cast(float | None, shelf.literal("learners", name, "PRICE")) or 0.0
    return token * sum(int(ragged.lengths.sum()) for _, ragged in features.tokens)


def haste(task: Task) -> float:
    """Return the factor on a booster's learning rate: with many classes a round costs a tree for each of them."""
    return float(np.clip((task.scores / 5) ** 0.5, 1.0, 2.5))


class Model(Protocol):
    """A fitted learner."""

    def predict(self, features: Features, threads: int = 1) -> NDArray[np.float64]:
        """Return margins, shape (n_rows, task.scores): log-odds, log-probabilities up to a constant, or values."""

    def save(self, folder: Path) -> None:
        """Write native, JSON or npz files into an existing, empty folder."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""


class Learner(Protocol):
    """An algorithm with its settings."""

    name: ClassVar[str]

    def fit(self, train: Sample, valid: Sample, task: Task, limits: Limits) -> Model:
        """Learn from `train`; `valid` (never empty) is for early stopping only."""

    @classmethod
    def suggest(cls, trial: optuna.Trial) -> Self:
        """Draw settings; every parameter's name starts with the learner's name and a dot."""
