"""Target leakage: a single column that alone predicts the target nearly perfectly.

Each column is cut into levels (a category's values, a number's quantiles, missing on its own). What the
levels say about the target is learned on one half of a sample and tried on the other, so that an identifier
with a value a row, which knows everything and predicts nothing, does not stand out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm.checks.finding import Data, Finding, Severity, gather, share
from autoglm.core.columns import OBJECTS, Column

FEWEST_ROWS = 50  # below, a perfect column is often luck
FEWEST_OF_A_CLASS = 10
CELLS = 2_000_000  # values in memory at once
PRIOR = 0.05  # rows: just enough to give a level that was never seen the overall mean
FEW_LEVELS = 32
TOGETHER = 100  # text columns scored at a time
LIMITS = {"binary": 0.99, "multiclass": 0.99, "regression": 0.98}
SCALES = {
    "binary": "ROC AUC {}, chance is 0.5",
    "multiclass": "{} of rows right",
    "regression": "R² {} on ranks, chance is 0",
}


def leakage(data: Data) -> list[Finding]:
    """Name the columns that alone predict the target."""
    rows = data.balanced_sample
    if len(rows) < max(FEWEST_ROWS, 5 * len(data.class_counts)):
        return []
    if data.task.kind == "binary" and data.class_counts.min() < FEWEST_OF_A_CLASS:
        return []
    limit = LIMITS[data.task.kind]
    strong = [(score, name) for name, score in strengths(data, rows) if score > limit]
    return gather([_finding(data, name, score, len(rows)) for score, name in sorted(strong, reverse=True)])


def strengths(data: Data, rows: NDArray[np.intp]) -> Iterator[tuple[str, float]]:
    """Yield how well each used column alone predicts the target: AUC, share right, or R² on ranks."""
    target = data.target[rows]
    if data.task.kind == "regression":
        target = _ranks(target)
    classes = len(data.task.classes)
    numbers = [c for c in data.used if c.storage not in OBJECTS]
    bins = min(max(64, 2 * classes), max(2, len(rows) // 8))
    width = max(1, CELLS // max(len(rows), (bins + 1) * 2 * max(classes, 1)))
    for start in range(0, len(numbers), width):
        some = numbers[start : start + width]
        found = _strength(_bins(some, rows, bins), bins + 1, target, classes)
        yield from zip((c.name for c in some), found.tolist(), strict=True)
    texts = [c for c in data.used if c.storage == "text"]
    for start in range(0, len(texts), TOGETHER):
        some = texts[start : start + TOGETHER]
        yield from zip((c.name for c in some), _texts(some, rows, target, classes), strict=True)


def _texts(columns: Sequence[Column], rows: NDArray[np.intp], target: NDArray[Any], classes: int) -> list[float]:
    """Score text columns: those with few levels in one go, which matters when there are thousands."""
    codes, levels = zip(*(_codes(c.values[rows]) for c in columns), strict=True)
    scores = np.zeros(len(columns))
    few = [i for i, n in enumerate(levels) if n <= FEW_LEVELS]
    if few:
        scores[few] = _strength(np.column_stack([codes[i] for i in few]), FEW_LEVELS, target, classes)
    # A column of mostly unrepeated values has no level to learn from; it keeps the score 0.
    for i in (i for i, n in enumerate(levels) if FEW_LEVELS < n <= 0.7 * len(rows)):
        scores[i] = _strength(codes[i][:, None], levels[i], target, classes)[0]
    return [float(s) for s in scores]


def _codes(values: NDArray[Any]) -> tuple[NDArray[np.intp], int]:
    """Number the distinct values (missing is one of them) in order of appearance."""
    seen: dict[Any, int] = {}
    codes = np.array([seen.setdefault(v, len(seen)) for v in values.tolist()], dtype=np.intp)
    return codes, len(seen)


def _bins(columns: Sequence[Column], rows: NDArray[np.intp], bins: int) -> NDArray[np.intp]:
    """Quantile bins 0..bins-1 with ties together, and `bins` for missing; shape (n_rows, n_columns)."""
    values = np.empty((len(rows), len(columns)))
    for i, column in enumerate(columns):
        taken = column.values[rows]
        values[:, i] = np.where(np.isnat(taken), np.nan, taken.view("int64")) if column.storage == "date" else taken
    order = np.argsort(values, axis=0)
    ordered = np.take_along_axis(values, order, axis=0)
    position = np.arange(len(rows))[:, None]
    first = np.ones(values.shape, dtype=bool)
    first[1:] = ordered[1:] != ordered[:-1]
    start = np.maximum.accumulate(np.where(first, position, 0), axis=0)
    binned = np.where(np.isnan(ordered), bins, start * bins // len(rows))
    codes = np.empty_like(binned)
    np.put_along_axis(codes, order, binned, axis=0)
    return codes


def _strength(codes: NDArray[Any], levels: int, target: NDArray[Any], classes: int) -> NDArray[np.float64]:
    """Two-fold score of each column of `codes`, shape (n_columns,)."""
    columns, fold = np.arange(codes.shape[1]), np.arange(len(codes)) % 2
    cell = ((columns * levels + codes) * 2 + fold[:, None]).ravel()  # (column, level, fold)
    shape = (len(columns), levels, 2)
    repeated = np.repeat(target, len(columns))
    if classes > 2:
        counts = np.bincount(cell * classes + repeated, minlength=int(np.prod(shape)) * classes)
        return _right(counts.reshape(*shape, classes)) / len(codes)
    size = np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape).astype("float64")
    total = np.bincount(cell, repeated, minlength=int(np.prod(shape))).reshape(shape)
    mean = float(target.mean())
    # The other half's mean of each level, drawn a little towards the overall mean.
    learned = ((total + PRIOR * mean) / (size + PRIOR))[:, :, ::-1]
    if classes == 2:
        return _auc(learned, total, size - total)
    squares = float(np.sum((target - mean) ** 2))
    error = np.sum(size * learned**2 - 2 * learned * total, axis=(1, 2)) + float(np.sum(target**2))
    return np.asarray(1 - error / squares if squares > 0 else np.zeros(len(columns)))


def _right(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Rows right when each level answers the most frequent class of the other half."""
    answer = counts[:, :, ::-1, :].argmax(axis=3)[..., None]
    return np.asarray(np.take_along_axis(counts, answer, axis=3).sum(axis=(1, 2, 3)), dtype="float64")


def _auc(score: NDArray[Any], positive: NDArray[Any], negative: NDArray[Any]) -> NDArray[np.float64]:
    """Mean over the halves of the area under the ROC curve, levels ordered by `score`."""
    order = np.argsort(score, axis=1, kind="stable")
    up, down = np.take_along_axis(positive, order, 1), np.take_along_axis(negative, order, 1)
    below = np.cumsum(down, axis=1) - down / 2
    pairs = np.maximum(up.sum(axis=1) * down.sum(axis=1), 1)
    return np.asarray(((up * below).sum(axis=1) / pairs).mean(axis=1))


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """Mean ranks in 0..1: one extreme target value must not hide a copy of the target."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray(((np.cumsum(counts) - counts / 2) / len(values))[inverse])


def _finding(data: Data, name: str, score: float, rows: int) -> Finding:
    kind = data.task.kind
    written = share(score, 1) if kind == "multiclass" else f"{score:.3f}"
    severity: Severity = "serious" if rows >= 200 else "warning"
    message = (
        f"column {name!r} alone predicts {data.task.target!r} nearly perfectly "
        f"({SCALES[kind].format(written)}, on {rows:,} rows): it may hold the answer, or come after it"
    )
    cure = f"if {name!r} is not known yet when you predict, drop it and fit again, or the score is too good"
    return Finding("target leakage", severity, message, name, cure)
