"""Kernel machine with a learned metric (NumPy): sharp on small and middling tables of numbers, cheap with many classes.

See `autoglm.prep.metric` and `autoglm.prep.machine`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from autoglm.core.features import Features
from autoglm.core.files import read_json, write_json
from autoglm.core.task import Task
from autoglm.learners import Limits, Sample
from autoglm.prep import metric, tabular
from autoglm.prep.machine import Goal, Machine

if TYPE_CHECKING:
    import optuna

SEARCH_ROWS = 800  # rows on which metric, bandwidth and penalty are chosen: each trial costs their cube
MOST_LEARNED = 300  # columns above which the metric is not learned
MOST_ROWS = 40_000  # of a long table
NUMBERS = ("smoothness", "spread")  # of a machine, kept as JSON


@dataclass(frozen=True)
class Learner:
    """Settings of a kernel machine.

    Parameters
    ----------
    rounds
        How often the metric is learned anew; 0 takes distances as they are, which is safer where rows are few.
    landmarks
        Rows of a long table that all others are compared to.
    """

    name: ClassVar[str] = "kernel"

    rounds: int = 2
    landmarks: int = 2_000

    def fit(self, train: Sample, valid: Sample, task: Task, limits: Limits) -> Model:
        """Choose the metric on some rows, then solve on all; `valid` is not used."""
        train = train.thinned(MOST_ROWS, limits.seed.child("rows"))
        prepared, matrix = tabular.fit(train.features, train.target, task, limits.seed)
        rows, target = np.asarray(matrix, dtype=np.float64), Goal.of(train.target, task).encode(train.target)
        some = limits.seed.child("search").sample(np.arange(len(rows)), SEARCH_ROWS)
        rounds = self.rounds if rows.shape[1] <= MOST_LEARNED else 0
        chosen = metric.learned(rows[some], target[some], rounds, lambda: limits.over(0.2))
        machine = Machine.fit(rows, train.target, task, chosen, self.landmarks, limits.seed, limits.over)
        return Model(prepared, machine)

    @classmethod
    def suggest(cls, trial: optuna.Trial) -> Self:
        """Draw settings."""
        return cls(
            rounds=trial.suggest_int("kernel.rounds", 0, 4),
            landmarks=trial.suggest_int("kernel.landmarks", 500, 2_500, log=True),
        )


@dataclass(frozen=True, eq=False)
class Model:
    """A kernel machine and how features become its matrix."""

    prepared: tabular.Dense
    machine: Machine

    def predict(self, features: Features, threads: int = 1) -> NDArray[np.float64]:
        """Return margins, shape (n, scores)."""
        return self.machine.predict(np.asarray(self.prepared.transform(features), dtype=np.float64), threads)

    def save(self, folder: Path) -> None:
        """Write model.json and model.npz."""
        arrays = self.machine.arrays()
        write_json(folder / "model.json", {name: float(arrays.pop(name)) for name in NUMBERS})
        np.savez(folder / "model.npz", allow_pickle=False, **arrays, **self.prepared.arrays())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(folder / "model.npz", allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        return cls(tabular.Dense.restore(arrays), Machine.restore(arrays | read_json(folder / "model.json")))
