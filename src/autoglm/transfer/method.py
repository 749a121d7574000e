"""What a method of the cross-domain test is: a lesson in, a function from rows to answers out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm import encoders
from autoglm.core.columns import Column, column
from autoglm.core.seed import Seed
from autoglm.core.task import Task


@dataclass(frozen=True)
class Lesson:
    """What a method learns from.

    Parameters
    ----------
    rows
        Features, without target, domain and groups, shape (n_rows, n_columns).
    target
        Class codes, shape (n_rows,).
    task
        Kind and classes.
    domains
        Name of the domain of each row, shape (n_rows,).
    counts
        How many times each row counts, shape (n_rows,).
    groups
        Codes of what must not be split, shape (n_rows,), or None.
    """

    rows: pd.DataFrame
    target: NDArray[np.int64]
    task: Task
    domains: NDArray[Any]
    counts: NDArray[np.intp]
    groups: NDArray[Any] | None

    @property
    def together(self) -> NDArray[Any] | None:
        """What must stay on one side when models are compared: domains where there are several, else the groups.

        So a choice among models is a choice of what carries over to a domain that was not learned.
        """
        return self.domains if len(set(self.domains)) > 1 else self.groups

    def take(self, rows: NDArray[np.intp]) -> Lesson:
        """Return the given rows (positions)."""
        groups = None if self.groups is None else self.groups[rows]
        parts = (self.target[rows], self.task, self.domains[rows], self.counts[rows], groups)
        return Lesson(self.rows.iloc[rows], *parts)


@dataclass(frozen=True)
class Answers:
    """Class probabilities, shape (n_rows, n_classes), and the codes of the classes that were decided for, (n_rows,)."""

    probability: NDArray[np.float64]
    code: NDArray[np.intp]


class Method(Protocol):
    """Something that learns."""

    @property
    def name(self) -> str:
        """What it is called in reports."""

    def look(self, rows: pd.DataFrame, seed: Seed) -> None:
        """Do what takes long for a row and needs no lesson, once for all rows."""

    def fit(self, lesson: Lesson, seed: Seed) -> Callable[[pd.DataFrame], Answers]:
        """Learn, and return what answers rows."""


def columns_of(rows: pd.DataFrame) -> list[Column]:
    """Return the columns of a frame in canonical form."""
    return [column(rows[name], rows.attrs.get("folder")) for name in rows.columns]


def look(rows: pd.DataFrame, kinds: Mapping[str, str], threads: int, seed: Seed) -> None:
    """Let pre-trained networks see all rows and keep what they see, so that every fit has it, however short."""
    columns = columns_of(rows)
    encoders.within(columns, [encoders.choose(c, kinds) for c in columns], float("inf"), threads, seed)
