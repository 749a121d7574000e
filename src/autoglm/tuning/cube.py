"""The unit cube of a search space: Optuna's distributions as numbers in [0, 1], and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

ABSENT = 0.5  # the place of a parameter that a trial does not have


@dataclass(frozen=True)
class Axis:
    """One parameter as an interval: a category is the middle of its share, a whole number that of its step."""

    distribution: BaseDistribution

    @cached_property
    def choices(self) -> int:
        """Return the number of categories; 0 for a number."""
        return len(self.distribution.choices) if isinstance(self.distribution, CategoricalDistribution) else 0

    @cached_property
    def step(self) -> float:
        """Return the distance of two neighbours in the parameter's own unit; 0 where it is continuous."""
        if self.choices:
            return 1.0
        return float(getattr(self.distribution, "step", None) or 0.0)

    @cached_property
    def bounds(self) -> tuple[float, float]:
        """Return what 0 and 1 stand for."""
        if self.choices:
            return -0.5, self.choices - 0.5
        numbers = self.distribution
        assert isinstance(numbers, (FloatDistribution, IntDistribution))
        return numbers.low - self.step / 2, numbers.high + self.step / 2

    @cached_property
    def ends(self) -> tuple[float, float]:
        """Return what 0 and 1 stand for, logarithms where the parameter is logarithmic."""
        low, high = self.bounds
        return (math.log(low), math.log(high)) if self.log else (low, high)

    @property
    def log(self) -> bool:
        """Return whether the axis is logarithmic."""
        return bool(getattr(self.distribution, "log", False))

    def internal(self, values: Sequence[Any]) -> NDArray[np.float64]:
        """Return values as numbers (n,), categories by their own; NaN for what is none or a vanished choice."""
        if not self.choices:
            numbers = np.array(values)
            if numbers.dtype.kind in "fiub":
                return numbers.astype(float)
            return np.array([float(v) if isinstance(v, (int, float)) else math.nan for v in values])
        assert isinstance(self.distribution, CategoricalDistribution)
        choices, number = self.distribution.choices, self.distribution.to_internal_repr
        return np.array([number(v) if v in choices else math.nan for v in values], dtype=float)

    def place(self, internal: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map values, categories by their number, into [0, 1]."""
        low, high = self.ends
        if high <= low:
            return np.full(np.shape(internal), ABSENT)
        with np.errstate(divide="ignore", invalid="ignore"):
            inner = np.log(internal) if self.log else internal
        return np.asarray(np.minimum(np.maximum((inner - low) / (high - low), 0.0), 1.0))

    def value(self, place: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map places in [0, 1] to the nearest values that the parameter can take, categories by their number."""
        low, high = self.ends
        inner = low + np.clip(place, 0.0, 1.0) * (high - low)
        raw = np.exp(inner) if self.log else inner
        if self.choices:
            return np.asarray(np.clip(np.round(raw), 0, self.choices - 1))
        numbers = self.distribution
        assert isinstance(numbers, (FloatDistribution, IntDistribution))
        if self.step:
            raw = numbers.low + np.round((raw - numbers.low) / self.step) * self.step
        return np.clip(raw, numbers.low, numbers.high)


@dataclass(frozen=True)
class Cube:
    """A search space as a unit cube; the order of the axes is that of the mapping."""

    space: Mapping[str, BaseDistribution]

    @cached_property
    def axes(self) -> list[Axis]:
        """Return one axis per parameter."""
        return [Axis(d) for d in self.space.values()]

    @cached_property
    def categorical(self) -> NDArray[np.bool_]:
        """Return which axes (d,) are categories: two places are equal or different, never near."""
        return np.array([axis.choices > 0 for axis in self.axes], dtype=bool)

    def places(self, settings: Sequence[Mapping[str, Any]]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return the places (n, d) of settings, the middle for what is absent, and what (n, d) is present."""
        places = np.full((len(settings), len(self.axes)), ABSENT)
        present = np.zeros(places.shape, dtype=bool)
        for j, (name, axis) in enumerate(zip(self.space, self.axes, strict=True)):
            inner = axis.internal([s.get(name, math.nan) for s in settings])
            present[:, j] = inner > 0 if axis.log else ~np.isnan(inner)
            places[present[:, j], j] = axis.place(inner[present[:, j]])
        return places, present

    def outside(self, settings: Sequence[Mapping[str, Any]]) -> NDArray[np.bool_]:
        """Return which values (n, d) of settings the space does not hold: beyond its bounds, or no choice of it."""
        outside = np.zeros((len(settings), len(self.axes)), dtype=bool)
        for j, (name, axis) in enumerate(zip(self.space, self.axes, strict=True)):
            inner = axis.internal([s.get(name, math.nan) for s in settings])
            low, high = axis.bounds
            given = np.array([name in s for s in settings], dtype=bool)
            outside[:, j] = given & ~((inner >= low) & (inner <= high))
        return outside

    @cached_property
    def levels(self) -> NDArray[np.float64]:
        """Return how many equal steps (d,) each axis has; 0 where it is continuous or its steps are not equal."""
        return np.array([round((a.ends[1] - a.ends[0]) / a.step) if a.step and not a.log else 0 for a in self.axes])

    def snap(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the places (n, d) of the values that can really be taken, nearest to the given ones."""
        inside = np.minimum(np.maximum(places, 0.0), 1.0)
        count = np.maximum(self.levels, 1.0)
        snapped = (np.minimum(np.floor(inside * count), count - 1) + 0.5) / count
        snapped = np.where(self.levels > 0, snapped, inside)
        for j, axis in enumerate(self.axes):
            if axis.log and axis.step:
                snapped[:, j] = axis.place(axis.value(snapped[:, j]))
        return snapped

    def settings(self, place: NDArray[np.float64]) -> dict[str, Any]:
        """Return the parameters at one place (d,), as Optuna wants them."""
        found = {}
        for u, (name, axis) in zip(place, zip(self.space, self.axes, strict=True), strict=True):
            found[name] = axis.distribution.to_external_repr(float(axis.value(np.asarray(u))))
        return found
