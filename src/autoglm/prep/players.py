"""Players: the columns of the input as they are found again in features, for Shapley values over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from autoglm.core.features import Features, Output


@dataclass(frozen=True, eq=False)
class Players:
    """Columns of the input, and what is made of each.

    Parameters
    ----------
    names
        The columns.
    dense
        Whose each column of `Features.dense` is, shape (n_outputs,).
    terms
        Whose each column of `Features.sparse` is, shape (n_terms,).
    outputs
        One entry a column of `Features.dense`.
    """

    names: tuple[str, ...]
    dense: NDArray[np.intp]
    terms: NDArray[np.intp]
    outputs: tuple[Output, ...]

    @classmethod
    def of(cls, features: Features, names: Sequence[str]) -> Self:
        """Find the columns again in features."""
        at = {name: i for i, name in enumerate(names)}
        dense = np.array([at[o.source] for o in features.outputs], dtype=np.intp)
        terms = np.repeat([at[source] for source, _ in features.terms], [width for _, width in features.terms])
        return cls(tuple(names), dense, terms.astype(np.intp), features.outputs)

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, eq=False)
class Attribution:
    """What each player adds to a model's margins, exactly.

    Parameters
    ----------
    base
        The margins when nothing is known of a row, shape (scores,).
    values
        Features → Shapley values, shape (n_rows, n_players, scores); base and values add up to the margins.
    interactions
        Features → Shapley interaction values, shape (n_rows, n_players, n_players, scores), symmetric, whose sums over
        either players are the values; None where they cannot be told exactly.
    """

    base: NDArray[np.float64]
    values: Callable[[Features], NDArray[np.float64]]
    interactions: Callable[[Features], NDArray[np.float64]] | None = None


def apart(values: Callable[[Features], NDArray[np.float64]]) -> Callable[[Features], NDArray[np.float64]]:
    """Return the interactions of a model in which no two players act together: each keeps its own value."""

    def interactions(features: Features) -> NDArray[np.float64]:
        alone = values(features)
        found = np.zeros((len(alone), alone.shape[1], *alone.shape[1:]))
        own = np.arange(alone.shape[1])
        found[:, own, own] = alone
        return found

    return interactions
