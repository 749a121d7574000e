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
from autoglm.prep import shapley
from autoglm.prep.grove import Grove, TreeModel
from autoglm.prep.players import Attribution, Players
from autoglm.prep.shapley import Plan

logger = logging.getLogger(__name__)


def explains(model: Any) -> bool:
    """Whether a model is nothing but trees, reads no column made of two, and adds its trees up to margins."""
    return isinstance(model, TreeModel) and not model.inputs.crosses and model.additive


def attribution(models: Sequence[TreeModel], shares: Sequence[float], players: Players, scores: int) -> Attribution:
    """Say what each player adds to the sum of the models, each times its share.

    Raises
    ------
    ValueError
        The trees were written by a version that did not keep how many training rows passed.
    """
    grove = Grove.of(models, shares, len(players.dense))
    plan = Plan.of(grove.booster, grove.owners(players.dense), shares, scores, len(players))
    evaluate = _evaluator()

    def values(features: Features) -> NDArray[np.float64]:
        return evaluate(plan, grove.matrix(features.dense))

    return Attribution(plan.base, values)


def _evaluator() -> Callable[[Plan, NDArray[np.float32]], NDArray[np.float64]]:
    try:
        from autoglm.prep import quadrature
    except ImportError:  # numba is an extra
        logger.info("trees are explained by NumPy: pip install 'open-autoglm[fast]' explains them much faster")
        return shapley.values
    return quadrature.values
