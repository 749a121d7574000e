"""Made search tasks: functions drawn at random, of every shape that a policy should have met before it is let out.

Each is a sum of random Fourier features on some of the parameters, or a small random network, warped; categories shift
it, some parameters do nothing, some regions fail. Its best value is found by sampling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from autoglm.tuning.cube import Cube

Array = NDArray[np.float64]

PROBES = 20_000  # places that tell a function's best and median


@dataclass(frozen=True)
class SyntheticTask:
    """A function on a mixed space, drawn from a seed."""

    name: str
    space: dict[str, BaseDistribution]
    function: Any
    best: float
    median: float
    group: str = "synthetic"
    held_out: bool = False

    def active(self, settings: dict[str, Any]) -> set[str]:
        """Return the parameters that exist under settings: all."""
        return set(settings)

    def evaluate(self, settings: Sequence[dict[str, Any]]) -> tuple[Array, Array]:
        """Return losses and costs (all one second) of settings."""
        places, _ = Cube(self.space).places(settings)
        return self.function(places), np.ones(len(places))

    def regret(self, loss: Array) -> Array:
        """Return 0 for the best known, 1 for the median of random settings."""
        return np.maximum(np.asarray(loss) - self.best, 0.0) / (self.median - self.best)


def synthetic_task(seed: int) -> SyntheticTask:
    """Draw a task."""
    rng = np.random.default_rng([77, seed])
    while True:
        space = _space(rng)
        function = _function(rng, Cube(space))
        losses = np.sort(function(Cube(space).snap(rng.random((PROBES, len(space))))))
        best, median = float(losses[0]), float(losses[PROBES // 2])
        if np.isfinite(best) and np.isfinite(median) and median - best > 1e-6:
            scale = median - best
            floor = best - 0.02 * scale * rng.exponential()  # a search may find what sampling did not
            return SyntheticTask(f"synthetic-{seed}", space, function, floor, median)


def _space(rng: np.random.Generator) -> dict[str, BaseDistribution]:
    d = int(np.exp(rng.uniform(np.log(2), np.log(16.99))))
    share = rng.choice([0.0, 0.0, 0.3, 0.6, 1.0])
    space: dict[str, BaseDistribution] = {}
    for j in range(d):
        if rng.random() < share:
            space[f"x{j}"] = CategoricalDistribution(tuple(range(int(rng.integers(2, 8)))))
        elif rng.random() < 0.3:
            space[f"x{j}"] = IntDistribution(0, int(rng.choice([2, 4, 8, 16, 64])))
        else:
            space[f"x{j}"] = FloatDistribution(0.0, 1.0)
    return space


def _function(rng: np.random.Generator, cube: Cube) -> Any:
    """Draw a function of places (n, d)."""
    d = len(cube.axes)
    importance = rng.gamma(rng.choice([0.3, 1.0, 5.0]), size=d)
    importance /= importance.max()
    tables = [rng.standard_normal((axis.choices, 3)) * 0.5 if axis.choices else None for axis in cube.axes]
    width = 64
    columns = sum(3 if t is not None else 1 for t in tables)
    scale = np.concatenate([np.full(3 if t is not None else 1, w) for t, w in zip(tables, importance, strict=True)])
    roughness = np.exp(rng.uniform(np.log(0.5), np.log(5.0)))
    kind = rng.choice(["fourier", "network", "bowl", "additive"])
    if kind == "additive":
        weights = np.zeros((columns, width))
        weights[rng.integers(columns, size=width), np.arange(width)] = rng.standard_normal(width)
    else:
        weights = rng.standard_normal((columns, width))
    weights *= roughness * scale[:, None]
    shift = rng.uniform(0, 2 * np.pi, width)
    mixing = rng.standard_normal(width) / np.sqrt(width)
    second = rng.standard_normal((width, width)) / np.sqrt(width)
    optimum = rng.random(columns)
    power = rng.choice([0.5, 1.0, 2.0])
    warp = rng.choice(["none", "exp", "plateau", "steps", "shelf"])
    bowl = rng.choice([0.0, 0.5, 1.5])
    noise, noise_seed = rng.choice([0.0, 0.0, 0.02, 0.1]), int(rng.integers(1 << 30))
    failing = rng.random() < 0.1
    direction = rng.standard_normal(columns)

    def spread(places: Array) -> Array:
        parts = [
            table[np.clip((places[:, j] * len(table)).astype(int), 0, len(table) - 1)]
            if table is not None
            else places[:, j : j + 1]
            for j, table in enumerate(tables)
        ]
        return np.concatenate(parts, 1)

    def smooth(inner: Array) -> Array:
        away = (np.abs(inner - optimum) ** 2 * scale).sum(1) ** power
        waves = np.cos(inner @ weights + shift)
        value = (
            waves @ mixing if kind != "network" else np.tanh(np.tanh(inner @ weights - shift + 3) @ second * 2) @ mixing
        )
        return np.asarray((0.3 * value if kind == "bowl" else value) + (bowl + (kind == "bowl")) * away)

    low, high = np.quantile(smooth(spread(rng.random((256, d)))), [0.02, 0.2])

    def function(places: Array) -> Array:
        inner = spread(places)
        value = smooth(inner)
        if warp == "exp":
            value = np.exp(1.5 * value)
        elif warp == "plateau":
            value = np.minimum(value, 0.3)
        elif warp == "steps":
            value = np.round(value * 12) / 12
        elif warp == "shelf":  # all but flat between, where only last digits lead on
            value = value - 0.99 * (np.clip(value, low, high) - low)
        if noise:
            jitter = np.sin(places @ np.linspace(911, 1777, places.shape[1]) + noise_seed) * 43758.5453
            value = value + noise * (jitter - np.floor(jitter) - 0.5)
        if failing:
            edge = (inner - 0.5) @ direction
            value = np.where(edge > 1.2 * np.linalg.norm(direction) * 0.4, np.nan, value)
        return np.asarray(value)

    return function
