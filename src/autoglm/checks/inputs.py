"""Checks of the columns: identifiers, dates, groups, missing values, repairs, the shape of the table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autoglm.checks.finding import Data, Finding, count, gather, sample, share
from autoglm.checks.names import is_group, is_identifier
from autoglm.core.columns import Column
from autoglm.core.errors import listing

FILES = ("image", "audio")  # kinds whose cells are names of files, another in each row, and are looked into


def identifiers(data: Data) -> list[Finding]:
    """Name columns that are learned from though they have another value in every row."""
    if len(data) < 20:
        return []
    rows = sample(len(data))
    plain = (c for c in data.used if data.kinds.get(c.name) not in FILES)
    return gather([_identifier(c) for c in plain if _like_identifier(c, rows)])


def _like_identifier(column: Column, rows: NDArray[np.intp]) -> bool:
    """Cheap looks first: a wide table has thousands of columns."""
    first = column.values[rows[:50]]
    if column.storage == "number":
        if not np.all(first % 1 == 0) or not (is_identifier(column.name) or _counts(column)):
            return False
    elif column.storage != "text" or not all(_one_word(v) for v in first):
        return False
    if len(set(first)) < 0.9 * len(first):
        return False
    some = column.values[rows].tolist()
    return len(set(some)) > 0.99 * len(some)


def _one_word(value: str | None) -> bool:
    return value is None or (" " not in value and len(value) <= 64)


def _counts(column: Column) -> bool:
    """Whether the values count the rows."""
    return column.values[0] + 1 == column.values[1] and bool(np.all(np.diff(column.values) == 1))


def _identifier(column: Column) -> Finding:
    example = column.present[0]
    example = int(example) if column.storage == "number" else example
    message = (
        f"column {column.name!r} has another value in nearly every row, for instance {example!r}, like an "
        "identifier, but is learned from: it may tell the order of the rows instead of a cause"
    )
    cure = f"drop {column.name!r}, or pass kinds={{{column.name!r}: 'identifier'}}"
    return Finding("identifier", "warning", message, column.name, cure)


def dates(data: Data) -> list[Finding]:
    """Warn of dates when the folds are drawn at random."""
    if data.time is not None:
        return []
    found = [c for c in data.used if c.storage == "date" or data.kinds.get(c.name) == "date"]
    if not found:
        return []
    name = found[0].name
    rest = f" (dates too: {listing(c.name for c in found[1:])})" if len(found) > 1 else ""
    message = (
        f"column {name!r} holds dates{rest}, but the folds are drawn at random: if you will predict rows "
        "later than those of training, the score is too good, because each fold has seen its own future"
    )
    cure = f"pass time={name!r}, and each fold is validated on later rows"
    return [Finding("time order", "warning", message, name, cure)]


def groups(data: Data) -> list[Finding]:
    """Point at columns whose repeated values may be one person's or one thing's rows."""
    if data.groups is not None:
        number = len(np.unique(data.groups))
        if number >= 5:
            return []
        message = f"the rows come in {number} groups, expected at least 5: the score is vague"
        return [Finding("groups", "warning", message, None, "use a finer group, or more groups")]
    named = [c for c in data.columns if c.storage in ("text", "number") and is_group(c.name)]
    return gather([f for c in named[:20] for f in _group(c)])


def _group(column: Column) -> list[Finding]:
    number, rows = len(column.distinct), int((~column.missing).sum())
    if number < max(10, 0.005 * rows) or rows < 1.2 * number:
        return []
    if column.storage == "number" and not np.all(column.distinct % 1 == 0):
        return []
    message = (
        f"column {column.name!r} has {number:,} distinct values in {rows:,} rows, {rows / number:.1f} each: "
        "if you will predict rows with new values of it, random folds make the score too good"
    )
    cure = f"pass groups={column.name!r}, and no value is in two folds"
    return [Finding("groups", "info", message, column.name, cure)]


def missing(data: Data) -> list[Finding]:
    """Name columns that are mostly missing."""
    parts = [(float(c.missing.mean()), c) for c in data.columns if len(c)]
    gaps = sorted(((p, c) for p, c in parts if p > 0.5), key=lambda pair: -pair[0])
    return gather([_gap(p, c, len(data)) for p, c in gaps])


def _gap(part: float, column: Column, rows: int) -> Finding:
    here = round((1 - part) * rows)
    message = f"column {column.name!r} is missing in {share(part, 1)} of the rows ({count(here, 'value')} left)"
    if part <= 0.95:
        cure = "fill it at its source if you can; it is used as it is"
        return Finding("missing values", "info", message, column.name, cure)
    cure = f"check that {column.name!r} is read and joined rightly; drop it if it is"
    return Finding("missing values", "warning", message, column.name, cure)


def repairs(data: Data) -> list[Finding]:
    """Say which columns were repaired on the way in."""
    repaired = [(c.name, "; ".join(c.notes)) for c in data.columns if c.notes]
    cure = "nothing to do if that is what you mean; else clean the column before fitting"
    return gather([Finding("repaired column", "info", f"column {n!r}: {why}", n, cure) for n, why in repaired])


def shape(data: Data) -> list[Finding]:
    """Warn of tables that are very small, or wider than long."""
    found = []
    rows, columns = len(data), len(data.used)
    if rows < 100:
        message = f"{count(rows, 'row')} with a target, expected at least 100: the score is vague"
        cure = "look at its interval, and collect more rows before you rely on the predictor"
        found.append(Finding("few rows", "warning", message, None, cure))
    if columns > 10 and columns > rows:
        message = f"{columns:,} columns but {rows:,} rows: with so many columns some look useful by chance"
        cure = "drop columns that cannot matter, and test the predictor on rows that it has never seen"
        found.append(Finding("wide table", "info" if rows >= 100 else "warning", message, None, cure))
    return found
