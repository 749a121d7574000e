"""Explanation: what each column of the input adds to the answer of each row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm.core.errors import OptionError, SchemaError, listing, nearest
from autoglm.core.frames import to_pandas
from autoglm.core.task import Task

UNITS = {"binary": "log-odds", "multiclass": "log-probability", "regression": "target"}


@dataclass(frozen=True, eq=False)
class Explanation:
    """Shapley values over the columns of the input; a row's values and the base add up to its margins.

    Parameters
    ----------
    columns
        The columns of the input, as `Predictor.columns` has them.
    values
        What each column adds, shape (n_rows, n_columns, scores).
    base
        The margins when nothing is known of a row, shape (n_rows, scores); they differ only for rows that lack a
        modality and are answered by others.
    margins
        The predictor's own margins, shape (n_rows, scores).
    errors
        Standard errors of the values, shape (n_rows, n_columns, scores); 0 where they are exact.
    names
        One a score: the class whose margin it is, or the target of a regression.
    unit
        ``"log-odds"``, ``"log-probability"`` (up to a constant a row), ``"target"`` or ``"probability"``.
    exact
        Share of the blend whose values are exact, 0 to 1.
    """

    columns: tuple[str, ...]
    values: NDArray[np.float64]
    base: NDArray[np.float64]
    margins: NDArray[np.float64]
    errors: NDArray[np.float64]
    names: tuple[str, ...]
    unit: str
    exact: float

    def __len__(self) -> int:
        return len(self.values)

    @property
    def gap(self) -> NDArray[np.float64]:
        """By how much base and values miss the margins: the largest difference of each row, shape (n_rows,)."""
        sums = self.base + self.values.sum(axis=1)
        return np.asarray(np.abs(sums - self.margins).max(axis=1, initial=0.0))

    @property
    def importance(self) -> pd.Series:
        """Mean absolute value of each column over rows and scores, largest first."""
        mean = np.abs(self.values).mean(axis=(0, 2)) if len(self) else np.zeros(len(self.columns))
        return pd.Series(mean, index=list(self.columns), name="importance").sort_values(ascending=False, kind="stable")

    def frame(self) -> pd.DataFrame:
        """Return one line a row, score and column: ``row, of, column, value, error``."""
        rows, columns, scores = self.values.shape
        order = (0, 2, 1)
        return pd.DataFrame(
            {
                "row": np.repeat(np.arange(rows), columns * scores),
                "of": np.tile(np.repeat(np.array(self.names, dtype=object), columns), rows),
                "column": np.tile(np.array(self.columns, dtype=object), rows * scores),
                "value": self.values.transpose(order).ravel(),
                "error": self.errors.transpose(order).ravel(),
            }
        )

    def dependence(self, rows: Any, column: str, of: str | None = None) -> pd.DataFrame:
        """Return what a column adds against what it holds: one line a row, ``value, shapley, error``.

        Parameters
        ----------
        rows
            The table that was explained.
        of
            One of `names`; None: the one to which the column adds most.

        Raises
        ------
        OptionError
            There is no such column, or nothing of that name.
        SchemaError
            The table has another number of rows.
        """
        if column not in self.columns:
            raise OptionError(f"column={column!r} was not explained{nearest(column, self.columns)}")
        if of is not None and of not in self.names:
            raise OptionError(f"of={of!r}: expected one of {listing(self.names)}")
        table = to_pandas(rows, empty=True)
        if len(table) != len(self):
            raise SchemaError(f"{len(table):,} rows: expected the {len(self):,} that were explained")
        at = self.columns.index(column)
        score = self.leading(column) if of is None else self.names.index(of)
        told = {"shapley": self.values[:, at, score], "error": self.errors[:, at, score]}
        return pd.DataFrame({"value": table[column].to_numpy(), **told}, index=table.index)

    def leading(self, column: str) -> int:
        """Return the place among `names` of the one to which a column adds most."""
        return int(np.abs(self.values[:, self.columns.index(column)]).sum(axis=0).argmax())

    def json(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {
            "unit": self.unit,
            "names": list(self.names),
            "columns": list(self.columns),
            "exact": self.exact,
            "rows": [
                {
                    "margin": self.margins[i].tolist(),
                    "base": self.base[i].tolist(),
                    "values": self.values[i].tolist(),
                    "errors": self.errors[i].tolist(),
                    "gap": float(gap),
                }
                for i, gap in enumerate(self.gap)
            ],
        }

    def take(self, rows: Any) -> Explanation:
        """Return the given rows (positions)."""
        kept = {name: getattr(self, name)[rows] for name in ("values", "base", "margins", "errors")}
        return replace(self, **kept)


def score_names(task: Task) -> tuple[str, ...]:
    """Return what the scores of a task are of: the second of two classes, every class of more, or the target."""
    if task.kind == "regression":
        return (task.target,)
    return tuple(map(str, task.classes[1:] if task.kind == "binary" else task.classes))
