"""The search's modules on the path, and a small task whose answers are known."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "experiments" / "search"))

import tasks
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

SPACE: tasks.Space = {
    "kind": CategoricalDistribution(["line", "bowl"]),
    "x": FloatDistribution(0.001, 10.0, log=True),
    "depth": IntDistribution(1, 9),
}


@dataclass(frozen=True, eq=False)
class Toy(tasks.SearchTask):
    """A bowl whose best is x = 0.1 and depth = 5; a line that never gets below 1. Each epoch halves what is lost."""

    def evaluate(self, settings: Sequence[tasks.Settings]) -> tuple[tasks.Floats, tasks.Floats]:
        losses, seconds = self.curves(settings)
        return losses[:, -1], seconds[:, -1]

    def curves(self, settings: Sequence[tasks.Settings]) -> tuple[tasks.Floats, tasks.Floats]:
        final = np.array([self.loss(row) for row in settings])
        late = 0.5 ** np.array(self.checkpoints)
        return final[:, None] + late, np.ones((len(settings), 1)) * np.array(self.checkpoints, float)

    @staticmethod
    def loss(row: tasks.Settings) -> float:
        if row["kind"] == "line":
            assert "depth" not in row or row["depth"] >= 1
            return 1 + float(row["x"]) / 10
        return float(np.log10(row["x"] / 0.1) ** 2 / 4 + (row["depth"] - 5) ** 2 / 16)

    @property
    def checkpoints(self) -> tuple[int, ...]:
        return tuple(range(2, 53))

    @property
    def parents(self) -> tasks.Parents:
        return {"depth": ("kind", ("bowl",))}

    @property
    def anchors(self) -> tuple[float, float]:
        return 0.0, 1.0


@pytest.fixture
def toy() -> tasks.SearchTask:
    return Toy("lcbench/toy", "lcbench", True, SPACE)
