"""Plots of a classifier: confusion matrix, ROC, precision-recall and calibration curves, scores by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm.plots.svg import Axes, box, number, picture, short, text

Array = NDArray[Any]
MOST_CELLS = 20  # classes a side of a confusion matrix that can be read
MOST_CURVES = 8  # curves that can be told apart


def confusion(matrix: Array, classes: Sequence[str]) -> str:
    """Counts by true class (rows) and answer (columns), shaded by share of the true class."""
    size = len(classes)
    cell = {2: 118, 3: 92, 4: 74}.get(size, max(22, 400 // size))
    left, top = (
        22 + min(7 * max(len(c) for c in classes) + 10, 112),
        34 if size <= 6 else 30 + min(5 * max(len(c) for c in classes), 48),
    )
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    parts = []
    for i, name in enumerate(classes):
        y = top + cell * (i + 0.5)
        parts.append(text(left - 8, y + 4, short(name, 15), "name end"))
        x = left + cell * (i + 0.5)
        if size <= 6:
            parts.append(text(x, top - 8, short(name, cell // 7), "name mid"))
        else:
            turn = f'transform="rotate(-50 {x:.0f} {top - 6})"'
            parts.append(text(x, top - 6, short(name, 12), "name", turn))
    for i, j in np.ndindex(size, size):
        count, part = int(matrix[i, j]), float(share[i, j])
        title = f"{classes[i]} answered as {classes[j]}: {count:,} rows, {100 * part:.1f} % of {classes[i]}"
        x, y = left + cell * j, top + cell * i
        fill = f'rx="3" fill-opacity="{0.04 + 0.92 * part:.2f}"'
        parts.append(box(x + 1, y + 1, cell - 2, cell - 2, "right" if i == j else "wrong", title, fill))
        if count:
            parts += _cell(x + cell / 2, y + cell / 2, count, part, cell)
    parts.append(text(left + cell * size / 2, top + cell * size + 20, "answer", "axis mid"))
    turn = f'transform="rotate(-90 12 {top + cell * size / 2:.0f})"'
    parts.append(text(12, top + cell * size / 2, "true class", "axis mid", turn))
    width = left + cell * size + (14 if size <= 6 else 60)
    return picture(max(width, 460), top + cell * size + 28, parts, "Confusion matrix")


def _cell(x: float, y: float, count: int, part: float, cell: int) -> list[str]:
    style = "cell mid strong" if part > 0.5 else "cell mid"
    if cell >= 60:
        return [text(x, y - 1, f"{count:,}", style), text(x, y + 15, f"{100 * part:.0f} %", f"{style} small")]
    return [text(x, y + 4, f"{count:,}" if cell >= 34 else _brief(count), f"{style} small")]


def _brief(count: int) -> str:
    return str(count) if count < 1000 else f"{count // 1000}k"


def roc(truth: Array, probability: Array, chosen: Sequence[int], classes: Sequence[str]) -> str:
    """True positive rate against false positive rate, one curve a chosen class."""
    axes = Axes()
    parts = [axes.frame("false positive rate", "true positive rate"), axes.line([0, 1], [0, 1], "chance")]
    for i, c in enumerate(chosen):
        false, true = roc_points(truth == c, probability[:, c])
        area = float(np.sum(np.diff(false) * (true[1:] + true[:-1]) / 2))
        parts.append(axes.line(*_thin(false, true), f"k{i}", f"{classes[c]}: area {number(area)}"))
    return axes.picture(parts, "ROC curve")


def precision_recall(truth: Array, probability: Array, chosen: Sequence[int], classes: Sequence[str]) -> str:
    """Precision against recall, one curve a chosen class."""
    axes = Axes()
    parts = [axes.frame("recall", "precision")]
    for i, c in enumerate(chosen):
        positive = truth == c
        base = float(positive.mean())
        recall, precision = recall_points(positive, probability[:, c])
        if len(chosen) == 1:
            parts.append(axes.line([0, 1], [base, base], "chance", f"chance: {number(base)}"))
        area = float(np.sum(np.diff(recall) * precision[1:]))
        title = f"{classes[c]}: average precision {number(area)}"
        parts.append(axes.line(*_thin(recall, precision), f"k{i}", title))
    return axes.picture(parts, "Precision-recall curve")


def calibration(said: Array, right: Array, label: str) -> str:
    """Observed share against said probability in ten bins of equal size, with 95 % intervals."""
    axes = Axes()
    parts = [axes.frame(label, "how often it was so", percent=True), axes.line([0, 1], [0, 1], "chance")]
    order = np.argsort(said, kind="stable")
    bins = [b for b in np.array_split(order, min(10, max(1, len(said) // 20))) if len(b)]
    x = [float(said[rows].mean()) for rows in bins]
    y = [float(right[rows].mean()) for rows in bins]
    low, high = zip(*(wilson(part, len(rows)) for part, rows in zip(y, bins, strict=True)), strict=True)
    parts += [axes.band(x, low, high, "c-accent"), axes.line(x, y, "c-accent")]
    for a, b, rows in zip(x, y, bins, strict=True):
        title = f"said {100 * a:.1f} %, was so in {100 * b:.1f} % of {len(rows):,} rows"
        parts.append(axes.dot(a, b, "dot better", title, 4))
    return axes.picture(parts, "Calibration curve")


def separation(truth: Array, positive: Array, classes: Sequence[str], threshold: float) -> str:
    """Two histograms of the positive class's probability, one a true class, and the threshold."""
    edges = np.linspace(0, 1, 31)
    shares = [np.histogram(positive[truth == c], edges)[0] / max(np.count_nonzero(truth == c), 1) for c in (0, 1)]
    axes = Axes((0, 1), (0, max(float(max(s.max() for s in shares)) * 1.08, 0.05)))
    parts = [axes.frame(f"said probability of {short(classes[1], 24)}", "share of the class", percent=True)]
    width = (axes.px(1) - axes.px(0)) / 30
    for c, heights in enumerate(shares):
        for i, part in enumerate(heights.tolist()):
            if part:
                title = f"{classes[c]}: {100 * part:.1f} % between {edges[i]:.2f} and {edges[i + 1]:.2f}"
                y = axes.py(part)
                parts.append(box(axes.px(edges[i]) + 0.5, y, width - 1, axes.py(0) - y, f"hist h{c}", title))
    parts.append(axes.line([threshold, threshold], axes.y, "mark", f"decision threshold {threshold:.3f}"))
    return axes.picture(parts, "Probabilities by true class")


def cuts(truth: Array, positive: Array, threshold: float) -> str:
    """Precision, recall and F1 of the positive class against the decision threshold."""
    axes = Axes()
    at = np.linspace(0, 1, 101)
    order = np.sort(positive)
    hits = np.sort(positive[truth == 1])
    answered = len(order) - np.searchsorted(order, at)
    found = len(hits) - np.searchsorted(hits, at)
    known = answered > 0
    precision = found[known] / answered[known]
    recall = found / max(len(hits), 1)
    f1 = 2 * found / np.maximum(answered + len(hits), 1)
    parts = [
        axes.frame("decision threshold", "value"),
        axes.line(at[known], precision, "k1", "precision"),
        axes.line(at, recall, "k2", "recall"),
        axes.line(at, f1, "k0", "F1"),
        axes.line([threshold, threshold], axes.y, "mark", f"decision threshold {threshold:.3f}"),
    ]
    return axes.picture(parts, "Precision, recall and F1 by decision threshold")


def roc_points(positive: Array, score: Array) -> tuple[Array, Array]:
    """False and true positive rates at every threshold, ties together."""
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.r_[np.diff(score[order]) != 0, True])
    true = np.cumsum(positive[order])[last]
    false = last + 1 - true
    return np.r_[0, false / max(false[-1], 1)], np.r_[0, true / max(true[-1], 1)]


def recall_points(positive: Array, score: Array) -> tuple[Array, Array]:
    """Recall and precision at every threshold, ties together."""
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.r_[np.diff(score[order]) != 0, True])
    true = np.cumsum(positive[order])[last]
    precision = true / (last + 1)
    return np.r_[0, true / max(true[-1], 1)], np.r_[precision[0], precision]


def wilson(part: float, rows: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    z2 = 1.96**2 / rows
    middle = (part + z2 / 2) / (1 + z2)
    half = np.sqrt(z2 * (part * (1 - part) + z2 / 4)) / (1 + z2)
    return max(float(middle - half), 0.0), min(float(middle + half), 1.0)


def _thin(x: Array, y: Array, most: int = 160) -> tuple[Array, Array]:
    """Keep points at even steps along the curve."""
    if len(x) <= most:
        return x, y
    way = np.cumsum(np.r_[0, np.abs(np.diff(x)) + np.abs(np.diff(y))])
    keep = np.unique(np.searchsorted(way, np.linspace(0, way[-1], most)).clip(0, len(x) - 1))
    return x[keep], y[keep]
