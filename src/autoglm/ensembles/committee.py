"""The models that answer: many in number, few in calls.

Trees of all members stand in one grove; a learner whose models can be added up (``Model.merged``) gives one model
a member; the rest answer one by one. Whatever is put together, the blend is the same.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from autoglm.core.features import Features
from autoglm.prep.grove import Grove, TreeModel

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Committee:
    """Weighted models; a member's models share its weight equally.

    Parameters
    ----------
    seats
        (share, model) pairs whose margins, times the share, add up to the blend's.
    """

    seats: tuple[tuple[float, Any], ...]

    @classmethod
    def of(cls, members: Sequence[tuple[float, Sequence[Any]]], n_features: int) -> Self:
        """Seat members, given as (weight, fold models); `n_features` is the number of dense features."""
        seats: list[tuple[float, Any]] = []
        trees: list[tuple[float, TreeModel]] = []
        for weight, models in members:
            share = weight / len(models)
            if all(isinstance(m, TreeModel) for m in models):
                trees += [(share, model) for model in models]
            elif one := merged(models):
                seats.append((weight, one))
            else:
                seats += [(share, model) for model in models]
        return cls((*seats, *_planted(trees, n_features)))

    def predict(self, features: Features, threads: int = 1) -> NDArray[np.float64]:
        """Return the blend's margins, shape (n_rows, scores)."""
        return np.asarray(sum(share * model.predict(features, threads) for share, model in self.seats))

    def prepare(self, features: Features) -> None:
        """Load what answers few rows fastest; it is tried on the rows that are given."""
        for _, model in self.seats:
            if hasattr(model, "prepare"):
                model.prepare(features.dense)


def _planted(trees: list[tuple[float, TreeModel]], n_features: int) -> list[tuple[float, Any]]:
    if not trees:
        return []
    shares, models = zip(*trees, strict=True)
    try:
        return [(1.0, Grove.of(models, shares, n_features))]
    except ValueError as problem:  # another version of XGBoost may write its files differently
        logger.warning("trees answer one model at a time, which is slower: %s", problem)
        return list(trees)


def merged(models: Sequence[Any]) -> Any:
    """Return one model with the mean of the models' margins, or None where the learner has no such thing."""
    merge = getattr(type(models[0]), "merged", None)
    return merge(models) if merge is not None and len(models) > 1 else None
