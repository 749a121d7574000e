"""What a check has found, and the data that every check looks at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from autoglm.core.columns import Column
from autoglm.core.errors import listing
from autoglm.core.seed import Seed
from autoglm.core.task import Task

Severity = Literal["info", "warning", "serious"]
SEVERITIES: tuple[Severity, ...] = ("serious", "warning", "info")
UNUSED = ("identifier", "constant", "empty", "dropped", "ignored")  # kinds that no learner sees
SAMPLE = 5_000  # rows: enough to tell 0.99 from 0.98, few enough to cost milliseconds


@dataclass(frozen=True)
class Finding:
    """Something about the data that a person should know before trusting a score.

    Parameters
    ----------
    check
        Name of the check that found it.
    severity
        ``"info"``: good to know; ``"warning"``: may cost accuracy or make the score too good; ``"serious"``:
        the score is probably not what it seems.
    message
        What was found with which value, and what was expected.
    column
        The column it is about, or None.
    cure
        What to do about it.
    """

    check: str
    severity: Severity
    message: str
    column: str | None
    cure: str


@dataclass(frozen=True)
class Data:
    """What the checks look at: columns and target of the rows that have a target.

    Parameters
    ----------
    columns
        All columns of the input but the target.
    kinds
        Kind of each column by its name; a column of a kind in `UNUSED` is not learned from.
    target
        Class codes or values, shape (n_rows,).
    task
        The task.
    groups, time
        What the caller gave to keep rows together or in order, or None.
    dropped_rows
        Rows that were left out because they have no target.
    """

    columns: tuple[Column, ...]
    kinds: Mapping[str, str]
    target: NDArray[Any]
    task: Task
    groups: NDArray[Any] | None = None
    time: NDArray[Any] | None = None
    dropped_rows: int = 0

    def __len__(self) -> int:
        return len(self.target)

    @cached_property
    def used(self) -> tuple[Column, ...]:
        """The columns that are learned from."""
        return used(self.columns, self.kinds)

    @cached_property
    def class_counts(self) -> NDArray[np.intp]:
        """Rows of each class, shape (n_classes,); empty for regression."""
        if self.task.kind == "regression":
            return np.zeros(0, dtype=np.intp)
        return np.bincount(self.target, minlength=len(self.task.classes))

    @cached_property
    def sample(self) -> NDArray[np.intp]:
        """At most 5,000 row positions in random order."""
        return sample(len(self))

    @cached_property
    def balanced_sample(self) -> NDArray[np.intp]:
        """At most about 5,000 row positions in random order, no class with more than its even share."""
        if self.task.kind == "regression" or len(self) <= SAMPLE:
            return self.sample
        shuffled = Seed(0).child("checks").generator().permutation(len(self))
        quota = SAMPLE // len(self.class_counts) + 1
        by_class = shuffled[np.argsort(self.target[shuffled], kind="stable")]
        starts = np.r_[0, np.cumsum(self.class_counts)[:-1]]
        chosen = [by_class[s : s + min(quota, c)] for s, c in zip(starts, self.class_counts, strict=True)]
        return Seed(1).child("checks").generator().permutation(np.concatenate(chosen))


def used(columns: Iterable[Column], kinds: Mapping[str, str]) -> tuple[Column, ...]:
    """Return the columns that are learned from."""
    return tuple(c for c in columns if kinds.get(c.name, c.storage) not in UNUSED)


def sample(rows: int, most: int = SAMPLE) -> NDArray[np.intp]:
    """Return at most `most` of the positions 0..rows-1 in random order, always the same ones."""
    return Seed(0).child("checks").generator().choice(rows, min(rows, most), replace=False)


def gather(found: list[Finding], most: int = 5) -> list[Finding]:
    """Fold what one check says about many columns: the first `most`, then one line for the rest."""
    if len(found) <= most:
        return found
    rest = found[most:]
    names = listing([f.column for f in rest], 6)
    worst = min((f.severity for f in rest), key=SEVERITIES.index)
    return [
        *found[:most],
        replace(rest[0], severity=worst, message=f"the same goes for {names}", column=None),
    ]


def share(part: float, whole: float) -> str:
    """Write a share so that neither nothing nor everything is claimed by rounding."""
    percent = 100 * part / max(whole, 1)
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %" if percent < 10 and percent != round(percent) else f"{percent:.0f} %"


def count(number: int, noun: str) -> str:
    """Write a number with its noun: ``1 row``, ``2,000 rows``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
