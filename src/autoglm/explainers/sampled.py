"""Shapley values of any model by permutation: columns of a row join a background row in random orders.

Castro, Gómez and Tejada 2009 (doi:10.1016/j.cor.2008.04.004), with each order also played backwards (Mitchell et al.
2022, "Sampling Permutations for Shapley Value Estimation"). The game compares with the same background rows every
time, so values and base add up to the answer exactly; how far each value may be off is told by its standard error.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from autoglm.core.features import Features
from autoglm.core.seed import Seed
from autoglm.prep.players import Players

CELLS = 4_000_000  # of the mixed rows that are answered at once

Floats = NDArray[np.float64]


def shapley(
    features: Features,
    background: Features,
    answer: Callable[[Features], Floats],
    players: Players,
    seed: Seed,
    draws: int,
) -> tuple[Floats, Floats]:
    """Return values and their standard errors, shape (n_rows, n_players, scores) both.

    Parameters
    ----------
    background
        What rows are compared with; `draws` orders, each forwards and backwards, are drawn for each of them.
    answer
        Features → margins, shape (n_rows, scores).
    """
    if not len(features) or not len(players):
        scores = answer(background).shape[1]
        return np.zeros((len(features), len(players), scores)), np.zeros((len(features), len(players), scores))
    count, pairs = len(players), len(background) * draws
    generator = seed.child("shapley").generator()
    orders = np.array([generator.permutation(count) for _ in range(pairs)]).reshape(pairs, count)
    rank = np.argsort(orders, axis=1)  # when each player joins
    steps = np.arange(count + 1)
    forwards = rank[:, None, :] < steps[None, :, None]  # (pair, step, player): who has joined
    backwards = (count - 1 - rank)[:, None, :] < steps[None, :, None]
    joined = np.stack([forwards, backwards], axis=1).reshape(-1, count)  # (pair x 2 x step, player)
    other = np.repeat(np.arange(pairs) % len(background), 2 * (count + 1))
    at_once = max(1, CELLS // max(1, len(joined) * max(1, features.dense.shape[1])))
    values, errors = [], []
    for start in range(0, len(features), at_once):
        some = np.arange(start, min(start + at_once, len(features)))
        rows = features.take(np.repeat(some, len(joined)))
        mixed = rows.mixed(background.take(np.tile(other, len(some))), np.tile(joined, (len(some), 1)), players.names)
        found = answer(mixed).reshape(len(some), pairs, 2, count + 1, -1)
        gains = np.diff(found, axis=3)
        of_pair = (
            np.take_along_axis(gains[:, :, 0], rank[None, :, :, None], axis=2)
            + np.take_along_axis(gains[:, :, 1], (count - 1 - rank)[None, :, :, None], axis=2)
        ) / 2
        values.append(of_pair.mean(axis=1))
        errors.append(of_pair.std(axis=1, ddof=1) / np.sqrt(pairs) if pairs > 1 else np.zeros_like(values[-1]))
    return np.concatenate(values), np.concatenate(errors)
