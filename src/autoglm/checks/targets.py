"""Checks of the target: rare, unequal or very many classes, extreme values, rows without a target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autoglm.checks.finding import Data, Finding, Severity, count, sample, share
from autoglm.core.errors import listing

FEWEST_OF_A_CLASS = 5  # one row for each of five folds
MANY_CLASSES = 50


def classes(data: Data) -> list[Finding]:
    """Name rare classes; warn of classes of very unequal size, and of very many."""
    if data.task.kind == "regression":
        return []
    return [*_rare(data), *_imbalance(data), *_many(data)]


def _rare(data: Data) -> list[Finding]:
    counts = data.class_counts
    rare = np.flatnonzero(counts < FEWEST_OF_A_CLASS)
    if not len(rare):
        return []
    names = listing(data.task.classes[i] for i in rare)
    message = (
        f"{len(rare)} of {len(counts)} classes have fewer than {FEWEST_OF_A_CLASS} rows ({names}): "
        "not every fold has one, so how well they are answered cannot be told"
    )
    cure = "collect more rows of them, or merge them into one class"
    return [Finding("rare classes", "warning", message, None, cure)]


def _imbalance(data: Data) -> list[Finding]:
    counts, number = data.class_counts, len(data.task.classes)
    part = counts.min() / max(counts.sum(), 1)
    if part >= (0.05 if number == 2 else 0.1 / number):
        return []
    smallest, rows = data.task.classes[int(counts.argmin())], int(counts.min())
    message = (
        f"class {smallest!r} has {share(rows, int(counts.sum()))} of the rows ({count(rows, 'row')}): "
        "accuracy looks good here even for a model that never answers it"
    )
    cure = "judge by roc_auc, average_precision or balanced_accuracy, for instance metric='balanced_accuracy'"
    return [Finding("imbalance", "info" if rows >= 100 else "warning", message, None, cure)]


def _many(data: Data) -> list[Finding]:
    number = len(data.task.classes)
    if number <= MANY_CLASSES:
        return []
    each = f"{len(data) / number:.0f} rows each on average"
    message = f"{data.task.target!r} has {number} classes, {each}: fits take longer"
    cure = "give more seconds; or, if the classes are quantities, pass task='regression'"
    return [Finding("many classes", "info", message, None, cure)]


def values(data: Data) -> list[Finding]:
    """Warn of target values far from the rest, and of a long tail."""
    if data.task.kind != "regression" or len(data) < 20:
        return []
    low, middle, high = np.quantile(data.target[sample(len(data), 100_000)], [0.25, 0.5, 0.75])
    width = high - low
    far = np.abs(data.target - middle) > 20 * width if width > 0 else np.zeros(len(data), dtype=bool)
    return _extreme(data, far) if far.any() else _skewed(data)


def _extreme(data: Data, far: NDArray[np.bool_]) -> list[Finding]:
    number = int(far.sum())
    largest = data.target[int(np.argmax(np.where(far, np.abs(data.target), 0)))]
    message = (
        f"{count(number, 'value')} of {data.task.target!r} lie over 20 interquartile ranges from the median, "
        f"the farthest is {largest:.6g}: a few rows decide the squared error"
    )
    cure = "check them for a wrong unit or a placeholder such as 999; if they are right, use metric='mae'"
    return [Finding("extreme target", "warning", message, None, cure)]


def _skewed(data: Data) -> list[Finding]:
    centred = data.target - data.target.mean()
    spread = float(np.sqrt(np.mean(centred**2)))
    skew = float(np.mean(centred**3)) / spread**3 if spread > 0 else 0.0
    if abs(skew) <= 3:
        return []
    message = (
        f"{data.task.target!r} has a long tail (skewness {skew:.1f}, 0 is symmetric): "
        "the rows at its end decide the squared error"
    )
    cure = "use metric='mae' if they should not"
    if data.target.min() > 0:
        cure += "; predict the logarithm if ratios matter more than differences"
    return [Finding("long tail", "info", message, None, cure)]


def unlabelled(data: Data) -> list[Finding]:
    """Count the rows that were left out because they have no target."""
    rows = data.dropped_rows
    if not rows:
        return []
    total = rows + len(data)
    severity: Severity = "warning" if rows >= 0.05 * total else "info"
    message = (
        f"{count(rows, 'row')} of {total:,} ({share(rows, total)}) without a value of {data.task.target!r} "
        f"{'was' if rows == 1 else 'were'} left out of training"
    )
    cure = "if a missing target means something, give it a value of its own; else nothing to do"
    return [Finding("rows without target", severity, message, None, cure)]
