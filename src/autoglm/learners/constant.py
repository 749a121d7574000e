"""Class frequencies or the mean: the answer that never fails, and the yardstick of every report."""

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

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class Learner:
    """Looks at the target only."""

    name: ClassVar[str] = "constant"

    def fit(self, train: Sample, valid: Sample, task: Task, limits: Limits) -> Model:
        """Count classes (one row is added to each) or average values (the median for absolute loss)."""
        if task.kind == "regression":
            centre = np.median(train.target) if limits.loss == "absolute" else np.mean(train.target)
            return Model((float(centre),))
        count = np.bincount(train.target, minlength=len(task.classes)) + 1.0
        logs = np.log(count / count.sum())
        return Model((float(logs[1] - logs[0]),) if task.kind == "binary" else tuple(map(float, logs)))

    @classmethod
    def suggest(cls, trial: optuna.Trial) -> Self:
        """There is nothing to draw."""
        return cls()


@dataclass(frozen=True)
class Model:
    """The same margins for every row."""

    margins: tuple[float, ...]

    def predict(self, features: Features, threads: int = 1) -> NDArray[np.float64]:
        """Return the margins once a row, shape (n, scores)."""
        return np.tile(np.array(self.margins), (len(features), 1))

    def save(self, folder: Path) -> None:
        """Write JSON."""
        write_json(folder / "model.json", {"margins": self.margins})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        return cls(tuple(read_json(folder / "model.json")["margins"]))
