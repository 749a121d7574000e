"""The smallest change of a row that flips its answer: as few columns as possible, then as short a way as possible.

A beam search over single changes, each to a value that training rows had; then every number that was changed is moved
back towards where it was, as long as the answer stays flipped. The idea is Wachter, Mittelstadt and Russell's
(*Counterfactual Explanations without Opening the Black Box*, 2018); the way is counted in shares of the training rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Judge = Callable[[pd.DataFrame], NDArray[np.float64]]

BEAM = 8  # sets of columns of each size that are carried on
STEPS = 32  # places between an old and a new number that are tried on the way back


@dataclass(frozen=True)
class Choice:
    """What a column could be instead.

    Parameters
    ----------
    column
        Its name.
    values
        Numbers in rising order, one for equal shares of the training rows; or levels, commonest first.
    ordered
        Whether they are numbers.
    """

    column: str
    values: tuple[Any, ...]
    ordered: bool

    @property
    def whole(self) -> bool:
        """Whether training rows had whole numbers alone."""
        return self.ordered and all(float(v).is_integer() for v in self.values)

    def distance(self, old: Any, new: Any) -> float:
        """Return how far a change is: the share of training rows between two numbers; 1 for another level."""
        if not self.ordered or pd.isna(old):
            return 1.0
        between = np.searchsorted(np.array(self.values, dtype=float), [float(old), float(new)])
        return float(abs(between[1] - between[0]) + abs(float(new) - float(old)) * 1e-9) / len(self.values)


def between(edges: Sequence[float]) -> tuple[float, ...]:
    """Return values that numbers had, given the upper ends of their bins; few whole numbers have a bin each."""
    if edges and all(edge % 1 == 0.5 for edge in edges):
        return tuple(float(v) for v in (edges[0] - 0.5, *(edge + 0.5 for edge in edges)))
    return tuple(map(float, edges))


def smallest(row: pd.DataFrame, choices: Sequence[Choice], judge: Judge, most: int = 3) -> dict[str, Any] | None:
    """Return the new values by column of the smallest change that flips an answer; None if there is none.

    Parameters
    ----------
    row
        One row, all of whose columns can hold anything (dtype object).
    choices
        One for each column that may change.
    judge
        Maps rows to numbers (n_rows,), positive where the answer is the wanted one.
    most
        Columns that may change together.
    """
    by_name = {c.column: c for c in choices}
    beam: list[dict[str, Any]] = [{}]
    for _ in range(most):
        tried = [
            {**change, choice.column: value}
            for change in beam
            for choice in choices
            if choice.column not in change
            for value in choice.values
            if value != row[choice.column].iloc[0]
        ]
        if not tried:
            return None
        judged = judge(_changed(row, tried))
        flipped = [change for change, score in zip(tried, judged, strict=True) if score > 0]
        if flipped:
            least = min(flipped, key=lambda change: _way(row, change, by_name))
            return _shortened(row, least, by_name, judge)
        best: dict[frozenset[str], dict[str, Any]] = {}  # of each set of columns, nearest to the border first
        for i in np.argsort(-judged, kind="stable"):
            best.setdefault(frozenset(tried[i]), tried[i])
        beam = list(best.values())[:BEAM]
    return None


def _changed(row: pd.DataFrame, changes: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return the row once for each change, changed."""
    rows = row.iloc[np.zeros(len(changes), dtype=int)].reset_index(drop=True)
    for name in {name for change in changes for name in change}:
        old = row[name].iloc[0]
        rows[name] = pd.Series([change.get(name, old) for change in changes], dtype=object)
    return rows


def _way(row: pd.DataFrame, change: dict[str, Any], choices: dict[str, Choice]) -> float:
    return sum(choices[name].distance(row[name].iloc[0], value) for name, value in change.items())


def _shortened(row: pd.DataFrame, change: dict[str, Any], choices: dict[str, Choice], judge: Judge) -> dict[str, Any]:
    """Return the change with each number as near to the old one as the flipped answer allows."""
    for name, new in change.items():
        old = row[name].iloc[0]
        if not choices[name].ordered or pd.isna(old):
            continue
        way = np.linspace(float(old), float(new), STEPS + 1)[1:]
        way = np.unique(np.round(way)) if choices[name].whole else way
        tried = [{**change, name: _plain(value, choices[name])} for value in way if value != float(old)]
        stays = [c for c, score in zip(tried, judge(_changed(row, tried)), strict=True) if score > 0]
        if stays:
            change = min(stays, key=lambda c: abs(float(c[name]) - float(old)))
    return change


def _plain(value: float, choice: Choice) -> float | int:
    return int(value) if choice.whole else float(f"{value:.6g}")
