"""Rows that occur more than once: inside the training data, or in training and test data both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm.checks.finding import UNUSED, Data, Finding, Severity, count, share
from autoglm.checks.names import is_identifier
from autoglm.core.columns import OBJECTS, Column

MOST_ROWS = 100_000  # more rows than this are thinned out, copies of a row together
MISSING = np.uint64(0x9E3779B97F4A7C15)
ODD = np.uint64(0xBF58476D1CE4E5B9)


def duplicates(data: Data) -> list[Finding]:
    """Count rows that copy another one, and rows that agree in every column but not in the target."""
    if not data.used:
        return []
    rows = _thinned(data.used, len(data))
    if len(rows) < 2:
        return []
    keys = hashes(data.used, rows)
    target = data.target[rows]
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    with_target = _mixed(keys, target.astype("float64").view("uint64"))
    copies = len(rows) - len(np.unique(with_target))
    disagrees = np.zeros(len(first), dtype=bool)
    disagrees[group[target != target[first][group]]] = True
    differing = int(disagrees[group].sum())
    some = "" if len(rows) == len(data) else f" (of {len(rows):,} looked at)"
    return [*_copies(copies, len(rows), some), *_contradictions(data, differing, len(rows), some)]


def overlap(train: Sequence[Column], test: Sequence[Column], kinds: Mapping[str, str]) -> list[Finding]:
    """Find test rows that training has seen: by identifier, or equal in every column.

    Parameters
    ----------
    train, test
        Columns of the two; only names that occur in both are compared.
    kinds
        Kind of each column by its name, as found on the training data.
    """
    others = {c.name: c for c in test}
    pairs = [(c, others[c.name]) for c in train if c.name in others and c.storage == others[c.name].storage]
    if not pairs or not len(pairs[0][0]) or not len(pairs[0][1]):
        return []
    named = [p for p in pairs if kinds.get(p[0].name) == "identifier" or is_identifier(p[0].name)]
    seen = [(a, b) for a, b in pairs if kinds.get(a.name, a.storage) not in UNUSED]
    return [f for a, b in named for f in _same_ids(a, b)] + (_same_rows(seen) if seen else [])


def hashes(columns: Sequence[Column], rows: NDArray[np.intp] | None = None) -> NDArray[np.uint64]:
    """Hash rows, shape (n_rows,); equal rows (missing equals missing, -0 equals 0) have equal hashes."""
    length = len(columns[0]) if rows is None else len(rows)
    state = np.zeros(length, dtype="uint64")
    for column in columns:
        state = _mixed(state, _bits(column, rows))
    return state


def _bits(column: Column, rows: NDArray[np.intp] | None) -> NDArray[np.uint64]:
    values: NDArray[Any] = column.values if rows is None else column.values[rows]
    if column.storage == "vector":
        values = np.array([None if cell is None else cell.tobytes() for cell in values], dtype=object)
    if column.storage in OBJECTS:
        return pd.util.hash_array(values, categorize=len(values) > 10_000)  # finding distinct values has to pay
    if column.storage == "date":
        return values.astype("datetime64[us]").view("uint64")
    return np.where(np.isnan(values), MISSING, (values + 0.0).view("uint64"))


def _mixed(state: NDArray[np.uint64], bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state ^= bits
    state *= ODD
    state ^= state >> np.uint64(31)
    state += MISSING
    return state


def _thinned(columns: Sequence[Column], length: int) -> NDArray[np.intp]:
    """Choose rows by a hash of the columns that hash fast: copies of a row are kept or left out together."""
    if length <= MOST_ROWS:
        return np.arange(length)
    fast = [c for c in columns if c.storage not in OBJECTS] or columns[:2]
    keys = hashes(fast)
    return np.flatnonzero(keys % np.uint64(length // MOST_ROWS + 1) == 0)[:MOST_ROWS]


def _copies(copies: int, rows: int, some: str) -> list[Finding]:
    if not copies:
        return []
    severity: Severity = "warning" if copies >= 0.01 * rows else "info"
    verb = "is an exact copy" if copies == 1 else "are exact copies"
    message = f"{count(copies, 'row')} ({share(copies, rows)}){some} {verb} of an earlier row, target included"
    cure = (
        "if they record the same event twice, remove them with frame.drop_duplicates(); "
        "if they belong together, pass groups="
    )
    return [Finding("duplicate rows", severity, message, None, cure)]


def _contradictions(data: Data, differing: int, rows: int, some: str) -> list[Finding]:
    if not differing:
        return []
    severity: Severity = "warning" if differing >= 0.05 * rows else "info"
    message = (
        f"{count(differing, 'row')} ({share(differing, rows)}){some} equal another row in every column "
        f"but differ from it in {data.task.target!r}: no model can be right about all of them"
    )
    cure = "look for a column that tells them apart, or for labelling errors"
    return [Finding("contradicting rows", severity, message, None, cure)]


def _same_ids(train: Column, test: Column) -> list[Finding]:
    ours, theirs = train.distinct, test.distinct
    common = np.intersect1d(ours, theirs)
    if not len(common) or (_counter(ours) and _counter(theirs)):
        return []
    example = common.tolist()[0]
    again = int(np.isin(test.present.astype(theirs.dtype), common).sum())
    message = (
        f"{count(again, 'test row')} ({share(again, len(test))}) have a {train.name!r} that training "
        f"has too, for instance {example!r}: a score on them does not show how well new ones are answered"
    )
    cure = f"split by {train.name!r}, so that no value is in both parts, and train with groups={train.name!r}"
    return [Finding("train/test overlap", "warning", message, train.name, cure)]


def _counter(values: NDArray[Any]) -> bool:
    """Whether distinct values are just 0, 1, 2 ... or 1, 2, 3 ...: row numbers that mean nothing."""
    if values.dtype.kind != "f":
        return False
    return bool(values[0] in (0, 1) and values[-1] - values[0] == len(values) - 1)


def _same_rows(pairs: Sequence[tuple[Column, Column]]) -> list[Finding]:
    ours, theirs = hashes([a for a, _ in pairs]), hashes([b for _, b in pairs])
    again = int(np.isin(theirs, ours).sum())
    if not again:
        return []
    expected = 1 - len(np.unique(ours)) / len(ours)  # coarse columns repeat rows without any mistake
    part = again / len(theirs)
    severity: Severity = "warning" if part > 2 * expected else "info"
    if part > max(0.01, 3 * expected):
        severity = "serious"
    message = (
        f"{count(again, 'test row')} ({share(again, len(theirs))}) equal a training row in every column; "
        f"inside the training data {share(expected, 1)} repeat another row"
    )
    cure = "remove the rows of the test data that the model was trained on, or the score is too good"
    return [Finding("train/test overlap", severity, message, None, cure)]
