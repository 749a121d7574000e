"""How well answers learned in one domain hold in another: trained on each, tested on each.

`cross` is the test. The rest of the room is its parts: `rows` checks and splits the table, `linear` and `engine` are
methods that can be tested, `measures` judges answers, `page` writes the result down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm.core import frames
from autoglm.core.errors import OptionError
from autoglm.core.seed import Seed
from autoglm.core.task import Task
from autoglm.transfer import measures
from autoglm.transfer.method import Lesson, Method
from autoglm.transfer.rows import Split, split

RESAMPLES = 1000
"""Of each interval."""

SHOTS_COUNT = 0.25
"""Labelled rows of the target domain count together as this share of all other rows, each at most `MOST_COUNT`."""

MOST_COUNT = 10


@dataclass(frozen=True)
class Transfer:
    """The result of a cross-domain test.

    Parameters
    ----------
    cells
        One row a pair of training and test: columns kind (``"in domain"``, ``"across"``, ``"left out"``,
        ``"16 shots"``, ...), train, test, train_rows, test_rows, and accuracy, f1_macro, ece, each also with ``_low``
        and ``_high`` (95 % interval over resampled test rows).
    means
        The same measures by kind, averaged over its cells.
    domains
        Names, in the order in which they first appear.
    task
        What is predicted.
    settings
        How it was measured.
    """

    cells: pd.DataFrame
    means: pd.DataFrame
    domains: tuple[str, ...]
    task: Task
    settings: dict[str, Any] = field(default_factory=dict)

    def matrix(self, measure: str) -> pd.DataFrame:
        """Return one measure with a row a training domain and a column a test domain; then the other kinds of rows."""
        by_one = self.cells["kind"].isin(["in domain", "across"])
        row = self.cells["train"].where(by_one, self.cells["kind"])
        wide = self.cells.assign(row=row).pivot(index="row", columns="test", values=measure)
        wide = wide.reindex(index=list(dict.fromkeys(row)), columns=list(self.domains))
        return wide.rename_axis(index="trained on", columns=None)


def cross(
    frame: Any,
    target: str,
    domain: str,
    method: Method,
    *,
    groups: str | None = None,
    shots: Sequence[int] = (16, 64),
    train_rows: int | None = None,
    test_rows: int | None = None,
    draws: int = 1,
    seed: int = 42,
    say: Callable[[str], None] = lambda message: None,
) -> Transfer:
    """Train on each domain and test on each; leave each out; add a few labelled rows of the one left out.

    Parameters
    ----------
    frame
        pandas, polars or pyarrow table, shape (n_rows, n_columns); rows without a target are left out.
    target, domain
        Names of the columns with the class and with the domain of each row.
    method
        What learns: `autoglm.transfer.engine.Engine` or `autoglm.transfer.linear.Linear`.
    groups
        Name of a column whose equal values (documents, authors) never stand on both sides of a split.
    shots
        Numbers of labelled rows of the domain left out that are added to the others.
    train_rows, test_rows
        Rows of a domain that are used at most, so that large domains do not count for more; None: all.
    draws
        How often the shots are drawn anew; measures are means over the draws.
    seed
        All randomness comes from it.
    say
        Is told what is fitted, a line each.

    Returns
    -------
    Transfer

    Raises
    ------
    DataError
        A column is not there, a domain is missing in a row, or there are too few domains, classes or rows.
    OptionError
        Shots are no positive numbers, or more than a domain has rows to train on.
    """
    parts = split(frames.to_pandas(frame), target, domain, groups, train_rows, test_rows, Seed(seed))
    few = min(len(parts.train[d]) for d in parts.domains)
    for count in shots:
        if not 0 < count < few:
            raise OptionError(
                f"shots={count}: expected a number from 1 to {few - 1}, fewer than the smallest domain has to train "
                "on; give smaller ones, or none"
            )
    say(f"looking at {len(parts.used)} rows")
    method.look(parts.features.iloc[parts.used], Seed(seed).child("look"))
    test = _Test(parts, method, draws if draws > 0 else 1, Seed(seed), say)
    found = [*test.singles(), *test.left_out(), *(cell for count in shots for cell in test.with_shots(count))]
    settings = {"method": method.name, "groups": groups, "seed": seed, "draws": test.draws, "shots": list(shots)}
    cells = pd.DataFrame([cell.row() for cell in found])
    return Transfer(cells, _means(found), parts.domains, parts.task, settings)


@dataclass(frozen=True)
class _Cell:
    """One training set judged on one test domain; `scores` has a row a resample, the first is all rows as they are."""

    kind: str
    train: str
    test: str
    train_rows: int
    test_rows: int
    scores: NDArray[np.float64]

    def row(self) -> dict[str, Any]:
        about = {"kind": self.kind, "train": self.train, "test": self.test}
        return about | {"train_rows": self.train_rows, "test_rows": self.test_rows} | measures.interval(self.scores)


def _means(cells: Sequence[_Cell]) -> pd.DataFrame:
    """Average each kind of cell; resamples of a test domain are the same in all cells, so intervals are honest."""
    kinds = dict.fromkeys(c.kind for c in cells)
    rows = [
        {"kind": kind, **measures.interval(np.mean([c.scores for c in cells if c.kind == kind], axis=0))}
        for kind in kinds
    ]
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class _Test:
    parts: Split
    method: Method
    draws: int
    seed: Seed
    say: Callable[[str], None]

    def singles(self) -> list[_Cell]:
        """Learn each domain, answer all."""
        found = []
        for own in self.parts.domains:
            lesson = self._lesson([own])
            fitted = self._fit(own, lesson)
            for other in self.parts.domains:
                kind = "in domain" if other == own else "across"
                scores = self._scores(other, fitted)
                found.append(_Cell(kind, own, other, len(lesson.rows), len(self.parts.test[other]), scores))
        return found

    def left_out(self) -> list[_Cell]:
        """Learn all domains but one, answer that one."""
        return [self._adapted(own, "left out", 0) for own in self.parts.domains]

    def with_shots(self, count: int) -> list[_Cell]:
        """Learn all domains but one and a few rows of that one, answer it."""
        return [self._adapted(own, f"{count} shots", count) for own in self.parts.domains]

    def _adapted(self, own: str, kind: str, count: int) -> _Cell:
        others = [d for d in self.parts.domains if d != own]
        scores = []
        for draw in range(self.draws if count else 1):
            lesson = self._lesson(others, own, self._shots(own, count, draw))
            scores.append(self._scores(own, self._fit(f"all but {own}" + (f", {kind}" if count else ""), lesson)))
        names = "all others" + (f" + {count} of {own}" if count else "")
        return _Cell(kind, names, own, len(lesson.rows), len(self.parts.test[own]), np.mean(scores, axis=0))

    def _shots(self, own: str, count: int, draw: int) -> NDArray[np.intp]:
        """Draw positions of training rows of a domain, of each class in turn."""
        rows = self.seed.child("shots", own, draw).generator().permutation(self.parts.train[own])
        turn = pd.Series(self.parts.target[rows]).groupby(self.parts.target[rows]).cumcount().to_numpy()
        return np.asarray(rows[np.argsort(turn, kind="stable")][:count], dtype=np.intp)

    def _lesson(self, names: Sequence[str], own: str = "", shots: NDArray[np.intp] | None = None) -> Lesson:
        rows = np.concatenate([self.parts.train[name] for name in names])
        domains = np.repeat(np.array(names, dtype=object), [len(self.parts.train[name]) for name in names])
        counts = np.ones(len(rows), dtype=np.intp)
        if shots is not None and len(shots):
            count = int(np.clip(round(SHOTS_COUNT * len(rows) / len(shots)), 1, MOST_COUNT))
            rows, domains = np.concatenate([rows, shots]), np.concatenate([domains, np.full(len(shots), own, object)])
            counts = np.concatenate([counts, np.full(len(shots), count)])
        groups = None if self.parts.groups is None else self.parts.groups[rows]
        return Lesson(self.parts.features.iloc[rows], self.parts.target[rows], self.parts.task, domains, counts, groups)

    def _fit(self, name: str, lesson: Lesson) -> Any:
        self.say(f"{self.method.name}: {name}, {len(lesson.rows)} rows")
        return self.method.fit(lesson, self.seed.child("fit", name))

    def _scores(self, name: str, fitted: Any) -> NDArray[np.float64]:
        rows = self.parts.test[name]
        answers = fitted(self.parts.features.iloc[rows])
        groups = None if self.parts.groups is None else self.parts.groups[rows]
        weights = measures.resamples(len(rows), groups, RESAMPLES, self.seed.child("resamples", name))
        return measures.scores(self.parts.target[rows], answers.code, answers.probability, weights)
