"""What a method of the cross-domain test is: a lesson in, a function from rows to answers out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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

    def fit(self, lesson: Lesson, seed: Seed) -> Callable[[pd.DataFrame], Answers]:
        """Learn, and return what answers rows."""
