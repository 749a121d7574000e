"""Boosted trees: exact Shapley values of all tree models of a blend at once (path-dependent TreeSHAP).

Compiled where Numba is installed (the extra ``fast``), else by NumPy, which takes some twenty times as long.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm.core.features import Features
from autoglm.prep import interactions, shapley
from autoglm.prep.grove import Grove, TreeModel
from autoglm.prep.players import Attribution, Players
from autoglm.prep.shapley import Plan

logger = logging.getLogger(__name__)


def explains(model: Any) -> bool:
    """Whether a model is nothing but trees that add up to margins."""
    return isinstance(model, TreeModel) and model.additive


def attribution(models: Sequence[TreeModel], shares: Sequence[float], players: Players, scores: int) -> Attribution:
    """Say what each player adds to the sum of the models, each times its share.

    A cross of two columns is a player of its own, whose value the two share; so they do what it does with others.

    Raises
    ------
    ValueError
        The trees were written by a version that did not keep how many training rows passed.
    """
    grove = Grove.of(models, shares, len(players.dense))
    owners, shared = _with_crosses(grove.owners(players.dense), len(players))
    plan = Plan.of(grove.booster, owners, shares, scores, len(shared))
    evaluate = _evaluator()

    def values(features: Features) -> NDArray[np.float64]:
        found = evaluate(plan, grove.matrix(features.dense))
        return found if len(shared) == len(players) else np.einsum("rps,pq->rqs", found, shared)

    def pairs(features: Features) -> NDArray[np.float64]:
        found = interactions.values(plan, grove.matrix(features.dense))
        if len(shared) == len(players):
            return found
        return np.asarray(np.einsum("rpqs,pi,qj->rijs", found, shared, shared, optimize=True))

    return Attribution(plan.base, values, pairs)


def _with_crosses(owners: list[tuple[int, ...]], players: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return a player for each column, those of crosses after the others, and how players' values are shared out."""
    pairs = {pair: players + i for i, pair in enumerate(dict.fromkeys(o for o in owners if len(o) > 1))}
    shared = np.zeros((players + len(pairs), players))
    shared[np.arange(players), np.arange(players)] = 1.0
    for pair, player in pairs.items():
        shared[player, list(pair)] = 1.0 / len(pair)
    return np.array([pairs.get(owner, owner[0]) for owner in owners], dtype=np.intp), shared


def _evaluator() -> Callable[[Plan, NDArray[np.float32]], NDArray[np.float64]]:
    try:
        from autoglm.prep import quadrature
    except ImportError:  # numba is an extra
        logger.info("trees are explained by NumPy: pip install 'open-autoglm[fast]' explains them much faster")
        return shapley.values
    return quadrature.values
