"""A task made smaller: some of its parameters fixed, so that a policy meets more spaces than there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm.tuning.cube import Cube

Array = NDArray[np.float64]

PROBES = 512  # random settings that tell the median of a restricted task


@dataclass(frozen=True)
class Restricted:
    """A task some of whose parameters are fixed at a random place."""

    whole: Any
    fixed: dict[str, Any]
    best: float
    median: float

    @property
    def group(self) -> str:
        """Return the whole task's group."""
        return str(self.whole.group)

    @property
    def space(self) -> dict[str, Any]:
        """Return the space that is left."""
        return {k: v for k, v in self.whole.space.items() if k not in self.fixed}

    def active(self, settings: dict[str, Any]) -> set[str]:
        """Return the parameters that exist under settings."""
        return set(self.whole.active({**settings, **self.fixed})) - set(self.fixed)

    def evaluate(self, settings: Sequence[dict[str, Any]]) -> tuple[Array, Array]:
        """Return losses and costs."""
        found: tuple[Array, Array] = self.whole.evaluate([self._whole(s) for s in settings])
        return found

    def _whole(self, settings: dict[str, Any]) -> dict[str, Any]:
        joined = {**settings, **self.fixed}
        there = self.whole.active(joined)
        return {k: v for k, v in joined.items() if k in there}

    def regret(self, loss: Array) -> Array:
        """Return 0 for the best known of the restricted task, 1 for its median."""
        return np.maximum(np.asarray(loss) - self.best, 0.0) / (self.median - self.best)


def restricted(task: Any, rng: np.random.Generator) -> Any:
    """Return the task itself half of the time, else with up to half of its parameters fixed."""
    names = list(task.space)
    if rng.random() < 0.5 or len(names) < 4:
        return task
    chosen = rng.choice(len(names), size=int(rng.integers(1, len(names) // 2 + 1)), replace=False)
    cube = Cube(task.space)
    places = cube.snap(rng.random((PROBES, len(names))))
    places[:, chosen] = places[int(rng.integers(PROBES)), chosen]
    settings = [cube.settings(p) for p in places]
    losses = task.evaluate([{k: s[k] for k in task.active(s)} for s in settings])[0]
    best, median = float(np.nanmin(losses)), float(np.nanmedian(losses))
    if not median - best > 1e-6:
        return task
    fixed = {names[j]: settings[0][names[j]] for j in chosen}
    return Restricted(task, fixed, best - 0.1 * (median - best) * rng.random(), median)
