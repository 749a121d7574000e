"""Interactions: which columns of the input act together on the answer of each row (Shapley interaction values)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Interactions:
    """Shapley interaction values over the columns of the input.

    What two columns add together, beyond what each adds by itself, is shared by them in halves; the diagonal is what a
    column adds by itself, and a row of the matrix sums to the column's Shapley value.

    Parameters
    ----------
    columns
        The columns of the input, as `Predictor.columns` has them.
    values
        Shape (n_rows, n_columns, n_columns, scores), symmetric in the columns.
    names
        One a score: the class whose margin it is, or the target of a regression.
    unit
        As of an `Explanation`.
    exact
        Share of the blend that they are of, 0 to 1; what cannot tell its interactions exactly is left out.
    """

    columns: tuple[str, ...]
    values: NDArray[np.float64]
    names: tuple[str, ...]
    unit: str
    exact: float

    def __len__(self) -> int:
        return len(self.values)

    @property
    def pairs(self) -> pd.DataFrame:
        """Mean absolute joint effect of each two columns over rows and scores, largest first: ``a, b, strength``."""
        first, second = np.triu_indices(len(self.columns), 1)
        together = 2 * np.abs(self.values[:, first, second])
        strength = together.mean(axis=(0, 2)) if len(self) else np.zeros(len(first))
        names = np.array(self.columns, dtype=object)
        found = pd.DataFrame({"a": names[first], "b": names[second], "strength": strength})
        return found.sort_values("strength", ascending=False, kind="stable", ignore_index=True)

    def partner(self, column: str) -> str | None:
        """Return the column that acts most together with another; None where none does."""
        found = self.pairs
        mine = found[((found["a"] == column) | (found["b"] == column)) & (found["strength"] > 0)]
        return None if mine.empty else next(n for n in mine.iloc[0][["a", "b"]] if n != column)

    def json(self, top: int) -> dict[str, Any]:
        """Return the strongest pairs as JSON has them, each with its joint effect in every row and score."""
        at = {name: i for i, name in enumerate(self.columns)}
        told = [
            {"columns": [a, b], "strength": strength, "values": (2 * self.values[:, at[a], at[b]]).tolist()}
            for a, b, strength in self.pairs.head(top).itertuples(index=False)
        ]
        return {"exact": self.exact, "unit": self.unit, "names": list(self.names), "pairs": told}
