"""What each modality adds to a row's answer: exact Shapley values over modalities (Shapley 1953)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import NDArray

from autoglm.core.errors import DataError
from autoglm.core.features import Features

MOST = 8
"""Modalities up to which the values are computed: 256 answers a row."""


def shapley(features: Features, answer: Callable[[Features], NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Return each modality's Shapley value, shape (n_rows,), for the answer that a row gets with all of them.

    Parameters
    ----------
    features
        The rows.
    answer
        From rows to values, shape (n_rows, n_classes) or (n_rows, 1).

    Raises
    ------
    DataError
        One modality alone, or more than `MOST`.
    """
    names = tuple(features.modalities)
    if not 1 < len(names) <= MOST:
        raise DataError(
            f"{len(names)} modalities ({', '.join(names)}): shares can be told for 2 to {MOST} of them; "
            "for the columns of one table use explain_global"
        )
    whole = answer(features)
    answered, rows = whole.argmax(axis=1), np.arange(len(features))
    worth = {frozenset(names): whole[rows, answered]}
    for size in range(len(names)):
        for some in combinations(names, size):
            left = features
            for name in set(names) - set(some):
                left = left.without(name)
            worth[frozenset(some)] = answer(left)[rows, answered]
    return {name: _value(name, names, worth) for name in names}


def _value(name: str, names: tuple[str, ...], worth: dict[frozenset[str], NDArray[np.float64]]) -> NDArray[np.float64]:
    """Average what a modality adds to every set of others, each order of joining being as likely as any other."""
    others = [n for n in names if n != name]
    value = np.zeros(len(next(iter(worth.values()))))
    for size in range(len(others) + 1):
        weight = factorial(size) * factorial(len(others) - size) / factorial(len(names))
        for some in combinations(others, size):
            value += weight * (worth[frozenset({*some, name})] - worth[frozenset(some)])
    return value
