"""Interactions of players in trees: against the definition, against the library, adding up to Shapley values."""

from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from autoglm.prep import flat_trees, interactions, shapley
from autoglm.prep.flat_trees import Tree
from autoglm.prep.shapley import Plan

from .test_shapley import boosted, chain, planned, table, worth


def by_definition(trees: list[Tree], row: NDArray[np.float32], owners: NDArray[np.intp]) -> NDArray[np.float64]:
    """Half of each pair's Shapley interaction index, off the diagonal."""
    players = int(owners.max()) + 1
    found = np.zeros((players, players))
    for p, q in combinations(range(players), 2):
        others = [r for r in range(players) if r not in (p, q)]
        for size in range(len(others) + 1):
            weight = factorial(size) * factorial(players - size - 2) / (2 * factorial(players - 1))
            for some in map(set, combinations(others, size)):
                sets = (({*some, p, q}, 1), ({*some, p}, -1), ({*some, q}, -1), (some, 1))
                change = sum(sign * worth(tree, row, known, owners) for tree in trees for known, sign in sets)
                found[p, q] += weight * change
    return found + found.T


def test_columns_of_one_player_act_as_one() -> None:
    booster, owners = boosted(4, leaves=15), np.arange(9) // 2
    trees, matrix = flat_trees.from_lightgbm(booster.model_to_string()), table()[0][:4]
    plan = planned(booster, owners)
    found = interactions.values(plan, matrix)[..., 0]
    expected = np.array([by_definition(trees, row, owners) for row in matrix])
    apart = ~np.eye(5, dtype=bool)
    assert np.abs(expected).max() > 0.01
    assert np.abs(found - expected)[:, apart].max() < 1e-6 * np.abs(expected).max()
    assert np.abs(found.sum(axis=2) - shapley.values(plan, matrix)[..., 0]).max() < 1e-9


def test_xgboost_says_the_same_of_each_class() -> None:
    matrix, _ = table()
    target = np.digitize(np.nan_to_num(matrix[:, 1] * matrix[:, 3]), [-0.5, 0.5])
    settings: dict[str, Any] = {"objective": "multi:softprob", "num_class": 3, "max_depth": 7, "nthread": 1}
    booster = xgb.train(settings, xgb.DMatrix(matrix, target), 15)
    native = booster.predict(xgb.DMatrix(matrix[:20]), pred_interactions=True)[:, :, :-1, :-1]
    found = interactions.values(Plan.of(booster, np.arange(9), [1.0], 3, 9), matrix[:20])
    assert np.abs(native).max() > 0.1
    assert np.abs(found.transpose(0, 3, 1, 2) - native).max() < 1e-4  # theirs are float32


def test_long_ways_and_trees_without_splits() -> None:
    trees, owners = [chain(11, 0.0), chain(0, 0.0)], np.arange(11)
    row = np.where(owners % 2, -1.0, 1.0).astype(np.float32)
    plan = Plan.of(flat_trees.booster(trees, 11, 1), owners, [1.0], 1, 11)
    found = interactions.values(plan, row[None])[0, :, :, 0]
    apart = ~np.eye(11, dtype=bool)
    assert np.abs(found - by_definition(trees[:1], row, owners))[apart].max() < 1e-6
    alone = Plan.of(flat_trees.booster(trees[1:], 11, 1), owners, [1.0], 1, 11)
    assert not interactions.values(alone, row[None]).any()
