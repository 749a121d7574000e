"""Decision offsets: where to draw the line between classes for metrics of labels, tuned out of fold.

The answer is the class with the largest log-probability plus offset. For two classes that is a threshold
on the probability; for more, one offset a class is moved at a time (coordinate ascent), which is what
macro-F1 and balanced accuracy need on unequal classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autoglm.core.metrics import Metric
from autoglm.core.seed import Seed

BOOTSTRAPS = 8  # cut-offs are the median over resamples, so that no single lucky row decides
MOST_ROWS = 20_000
MOST_CLASSES = 50  # beyond, classes are too many to tune one by one


def offsets(
    probability: NDArray[np.float64], target: NDArray[np.int64], metric: Metric, seed: Seed
) -> NDArray[np.float64]:
    """Return one offset a class, shape (n_classes,); zeros where tuning does not pay.

    Parameters
    ----------
    probability
        Out-of-fold, shape (n_rows, n_classes).
    target
        Class codes, shape (n_rows,).
    metric
        A metric of labels; any other leaves the offsets at zero.
    """
    classes = probability.shape[1]
    none = np.zeros(classes)
    if metric.needs != "label" or (metric.name == "accuracy" and classes > 2) or classes > MOST_CLASSES:
        return none
    generator = seed.child("thresholds").generator()
    logs = np.log(np.clip(probability, 1e-12, 1.0))
    size = min(len(target), MOST_ROWS)
    found = []
    for _ in range(BOOTSTRAPS):
        rows = generator.integers(0, len(target), size)
        tune = _binary if classes == 2 else _coordinates
        found.append(tune(logs[rows], target[rows], metric))
    tuned = np.median(found, axis=0)
    before = metric.error(target, logs.argmax(axis=1))
    after = metric.error(target, (logs + tuned).argmax(axis=1))
    return tuned if after < before else none


def _binary(logs: NDArray[np.float64], target: NDArray[np.int64], metric: Metric) -> NDArray[np.float64]:
    odds = logs[:, 1] - logs[:, 0]
    cuts = np.unique(np.quantile(odds, np.linspace(0.005, 0.995, 199)))
    errors = np.array([metric.error(target, (odds >= c).astype(np.int64)) for c in cuts])
    near = cuts[errors <= errors.min() + 1e-12]
    return np.array([0.0, -float(np.median(near))])


def _coordinates(logs: NDArray[np.float64], target: NDArray[np.int64], metric: Metric) -> NDArray[np.float64]:
    offset = np.zeros(logs.shape[1])
    best = metric.error(target, logs.argmax(axis=1))
    grid = np.linspace(-2.0, 2.0, 17)
    for width in (1.0, 0.35):
        for k in range(len(offset)):
            for step in grid * width:
                trial = offset.copy()
                trial[k] += step
                error = metric.error(target, (logs + trial).argmax(axis=1))
                if error < best - 1e-12:
                    best, offset = error, trial
    return np.asarray(offset - offset.mean())
