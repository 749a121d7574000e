"""Accuracy, macro-F1 and expected calibration error of answers, for all rows and for resamples of them at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm.core.seed import Seed

NAMES = ("accuracy", "f1_macro", "ece")
BINS = 10


def resamples(rows: int, groups: NDArray[Any] | None, count: int, seed: Seed) -> NDArray[np.float64]:
    """Return how often each row is drawn, shape (1 + count, rows): first once each, then bootstraps of whole groups."""
    codes = np.arange(rows) if groups is None else np.unique(groups, return_inverse=True)[1]
    size = int(codes.max()) + 1
    drawn = seed.generator().multinomial(size, np.full(size, 1 / size), size=count)
    return np.vstack([np.ones(rows), drawn[:, codes]]).astype(np.float64)


def scores(
    truth: NDArray[np.int64], code: NDArray[np.intp], probability: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the measures of every resample, shape (n_resamples, 3), in the order of `NAMES`.

    Parameters
    ----------
    truth, code
        True and answered class codes, shape (n_rows,).
    probability
        Shape (n_rows, n_classes).
    weights
        How often each row counts in each resample, shape (n_resamples, n_rows).
    """
    total = weights.sum(axis=1)
    accuracy = weights @ (truth == code) / total
    return np.column_stack([accuracy, _f1_macro(truth, code, weights), _ece(truth, code, probability, weights) / total])


def _f1_macro(truth: NDArray[Any], code: NDArray[Any], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean F1 over the classes that occur in truth or answer."""
    classes = np.arange(int(max(truth.max(), code.max())) + 1)
    said, true = code[:, None] == classes, truth[:, None] == classes  # (n_rows, n_classes)
    hits, both = weights @ (said & true), weights @ (said.astype(float) + true)
    return np.asarray((2 * hits / np.maximum(both, 1)).sum(axis=1) / np.maximum((both > 0).sum(axis=1), 1))


def _ece(
    truth: NDArray[Any], code: NDArray[Any], probability: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Gap between said and observed share of right answers, over bins of equal size, summed over rows."""
    said = probability[np.arange(len(code)), code]
    order = np.argsort(said, kind="stable")
    gap = np.zeros((len(code), min(BINS, len(code))))
    for i, rows in enumerate(np.array_split(order, gap.shape[1])):
        gap[rows, i] = said[rows] - (truth[rows] == code[rows])
    return np.asarray(np.abs(weights @ gap).sum(axis=1))


def interval(found: NDArray[np.float64]) -> dict[str, float]:
    """Return each measure of the first row with the 95 % interval of the others.

    Resampled rows repeat, which makes the calibration error look larger than it is: the others are moved so that their
    mean is the measure itself.
    """
    value, others = found[0], found[1:]
    low, high = np.quantile(others - others.mean(axis=0) + value, (0.025, 0.975), axis=0).clip(0.0, 1.0)
    out: dict[str, float] = {}
    for i, name in enumerate(NAMES):
        out |= {name: float(value[i]), f"{name}_low": float(low[i]), f"{name}_high": float(high[i])}
    return out
