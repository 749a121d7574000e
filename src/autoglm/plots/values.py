"""Plots of a regression: predicted against true values, residuals against predictions and their histogram."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm.plots.svg import Axes, box, number, span, text

Array = NDArray[Any]
MOST_DOTS = 1_500
WORST = 8


def predicted_true(truth: Array, predicted: Array) -> str:
    """A cloud around the diagonal; the largest errors stand out and can be hovered."""
    ends = _usual(np.r_[truth, predicted])
    axes = Axes(ends, ends)
    parts = [axes.frame("true value", "predicted value"), axes.line(ends, ends, "chance")]
    parts.append(axes.cloud(*_some(truth, predicted), "c-accent"))
    for row in np.argsort(-np.abs(truth - predicted))[: min(WORST, len(truth))].tolist():
        title = f"row {row}: true {number(float(truth[row]))}, predicted {number(float(predicted[row]))}"
        parts.append(axes.dot(float(truth[row]), float(predicted[row]), "dot worst", title, 4))
    return axes.picture(parts, "Predicted against true values")


def residuals(truth: Array, predicted: Array) -> str:
    """True minus predicted against predicted, with the median and the middle 80 % in bins of equal size."""
    rest = truth - predicted
    axes = Axes(_usual(predicted), _usual(rest, 0.005))
    parts = [axes.frame("predicted value", "true − predicted"), axes.line(axes.x, (0, 0), "chance")]
    parts.append(axes.cloud(*_some(predicted, rest), "faint"))
    order = np.argsort(predicted, kind="stable")
    bins = [b for b in np.array_split(order, min(12, max(1, len(rest) // 15))) if len(b)]
    x = [float(np.median(predicted[b])) for b in bins]
    low, middle, high = (np.array([np.quantile(rest[b], q) for b in bins]) for q in (0.1, 0.5, 0.9))
    parts += [axes.band(x, low, high, "c-accent"), axes.line(x, middle, "c-accent", "median")]
    return axes.picture(parts, "Residuals against predicted values")


def histogram(truth: Array, predicted: Array) -> str:
    """How often errors of each size occur."""
    rest = truth - predicted
    ends = _usual(rest, 0.005)
    counts, edges = np.histogram(np.clip(rest, *ends), 31, range=ends)
    axes = Axes(ends, (0, max(int(counts.max()) * 1.08, 1)))
    parts = [axes.frame("true − predicted", "rows")]
    for count, left, right in zip(counts.tolist(), edges.tolist(), edges[1:].tolist(), strict=False):
        if count:
            y, title = axes.py(count), f"{count:,} rows between {number(left)} and {number(right)}"
            x = axes.px(left)
            parts.append(box(x + 0.5, y, axes.px(right) - x - 1, axes.py(0) - y, "hist h1", title))
    parts.append(axes.line((0, 0), axes.y, "mark"))
    return axes.picture(parts, "Histogram of the errors")


def by_size(truth: Array, predicted: Array) -> str:
    """Mean absolute error in ten groups of rows, from the smallest true values to the largest."""
    order = np.argsort(truth, kind="stable")
    groups = [g for g in np.array_split(order, min(10, max(1, len(truth) // 10))) if len(g)]
    errors = [float(np.abs(truth[g] - predicted[g]).mean()) for g in groups]
    axes = Axes((0, len(groups)), (0, max(errors) * 1.08 or 1.0))
    parts = [axes.frame("", "mean absolute error")]
    width = (axes.px(1) - axes.px(0)) * 0.84
    for i, (error, group) in enumerate(zip(errors, groups, strict=True)):
        low, high = number(float(truth[group[0]])), number(float(truth[group[-1]]))
        y, title = (
            axes.py(error),
            f"true value {low} to {high}: off by {number(error)} on average ({len(group):,} rows)",
        )
        parts.append(box(axes.px(i + 0.08), y, width, axes.py(0) - y, "hist h1", title))
    ends = number(float(truth[order[0]])), number(float(truth[order[-1]]))
    parts.append(text(axes.left, axes.height - 27, ends[0], "tick"))
    parts.append(text(axes.width - axes.right, axes.height - 27, ends[1], "tick end"))
    parts.append(
        text(
            (axes.left + axes.width - axes.right) / 2,
            axes.height - 6,
            "true value, ten groups of equal size",
            "axis mid",
        )
    )
    return axes.picture(parts, "Mean absolute error by size of the true value")


def _usual(values: Array, tail: float = 0.001) -> tuple[float, float]:
    """Ends that leave out the outermost values, which are drawn at the border."""
    low, high = np.quantile(values, [tail, 1 - tail]) if len(values) > 200 else (values.min(), values.max())
    return span([float(low), float(high)], 0.04)


def _some(x: Array, y: Array) -> tuple[Array, Array]:
    if len(x) <= MOST_DOTS:
        return x, y
    rows = np.random.default_rng(0).choice(len(x), MOST_DOTS, replace=False)
    return x[rows], y[rows]
