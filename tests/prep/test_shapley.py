"""Shapley values of trees: against the definition, against the libraries, with and without Numba."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from math import factorial
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
import xgboost as xgb
from numpy.typing import NDArray

from autoglm.prep import flat_trees, quadrature, shapley
from autoglm.prep.flat_trees import Tree
from autoglm.prep.shapley import Plan

Evaluate = Callable[[Plan, NDArray[np.float32]], NDArray[np.float64]]
BOTH = pytest.mark.parametrize("evaluate", [quadrature.values, shapley.values], ids=["compiled", "numpy"])


def table(rows: int = 600, columns: int = 9) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Numbers with gaps behind a category of 40 values."""
    draw = np.random.default_rng(0)
    matrix = draw.normal(size=(rows, columns)).astype(np.float32)
    matrix[draw.random(matrix.shape) < 0.1] = np.nan
    matrix[:, 0] = draw.integers(0, 40, rows)
    signal = np.nan_to_num(matrix[:, 1]) * np.nan_to_num(matrix[:, 2]) + (matrix[:, 0] % 3 == 0)
    return matrix, (signal + draw.normal(size=rows) > 0.5).astype(np.int64)


def boosted(rounds: int, leaves: int = 31) -> lgb.Booster:
    settings = {"objective": "binary", "num_leaves": leaves, "verbose": -1, "min_data_per_group": 5, "num_threads": 1}
    matrix, target = table()
    return lgb.train(settings, lgb.Dataset(matrix, target, categorical_feature=[0]), rounds)


def planned(booster: lgb.Booster, owners: NDArray[np.intp], share: float = 1.0) -> Plan:
    trees = flat_trees.from_lightgbm(booster.model_to_string())
    players = int(owners.max()) + 1
    return Plan.of(flat_trees.booster(trees, len(owners), 1), owners, [share], 1, players)


def worth(tree: Tree, row: NDArray[np.float32], known: set[int], owners: NDArray[np.intp], node: int = 0) -> float:
    """The value of a tree when some players are known: the definition."""
    if tree.left[node] < 0:
        return float(tree.value[node])
    left, right = int(tree.left[node]), int(tree.right[node])
    column = int(tree.feature[node])
    if owners[column] in known:
        value = row[column]
        if np.isnan(value):
            goes = bool(tree.missing_left[node])
        else:
            goes = int(value) not in tree.categories[node] if node in tree.categories else value <= tree.threshold[node]
        return worth(tree, row, known, owners, left if goes else right)
    assert tree.cover is not None
    a, b = tree.cover[left], tree.cover[right]
    return float((a * worth(tree, row, known, owners, left) + b * worth(tree, row, known, owners, right)) / (a + b))


def by_definition(trees: list[Tree], row: NDArray[np.float32], owners: NDArray[np.intp]) -> NDArray[np.float64]:
    players = int(owners.max()) + 1
    found = np.zeros(players)
    for player in range(players):
        others = [p for p in range(players) if p != player]
        for size in range(players):
            weight = factorial(size) * factorial(players - size - 1) / factorial(players)
            for some in combinations(others, size):
                for tree in trees:
                    more = worth(tree, row, {*some, player}, owners) - worth(tree, row, set(some), owners)
                    found[player] += weight * more
    return found


@BOTH
def test_columns_of_one_player_are_one_player(evaluate: Evaluate) -> None:
    booster, owners = boosted(4, leaves=15), np.arange(9) // 3
    trees = flat_trees.from_lightgbm(booster.model_to_string())
    matrix = table()[0][:4]
    found = evaluate(planned(booster, owners), matrix)[:, :, 0]
    expected = np.array([by_definition(trees, row, owners) for row in matrix])
    assert np.abs(found - expected).max() < 1e-6 * np.abs(expected).max()
    alone = evaluate(planned(booster, np.arange(9)), matrix)[:, :, 0].reshape(4, 3, 3).sum(axis=2)
    assert np.abs(alone - expected).max() > 1e-3  # what adding up encoded columns would have said


@BOTH
def test_lightgbm_says_the_same(evaluate: Evaluate) -> None:
    booster, matrix = boosted(40), table()[0][:20]
    plan = planned(booster, np.arange(9), share=0.5)
    native = booster.predict(matrix, pred_contrib=True)
    assert isinstance(native, np.ndarray)
    assert np.abs(2 * evaluate(plan, matrix)[:, :, 0] - native[:, :-1]).max() < 1e-6
    assert 2 * plan.base[0] == pytest.approx(native[0, -1], abs=1e-6)


@BOTH
def test_xgboost_says_the_same_of_each_class(evaluate: Evaluate) -> None:
    matrix, _ = table()
    target = np.digitize(np.nan_to_num(matrix[:, 1] + matrix[:, 3]), [-0.5, 0.5])
    settings: dict[str, Any] = {"objective": "multi:softprob", "num_class": 3, "max_depth": 7, "nthread": 1}
    booster = xgb.train(settings, xgb.DMatrix(matrix, target), 15)
    plan = Plan.of(booster, np.arange(9), [1.0], 3, 9)
    native = booster.predict(xgb.DMatrix(matrix[:20]), pred_contribs=True)
    assert np.abs(evaluate(plan, matrix[:20]).transpose(0, 2, 1) - native[:, :, :-1]).max() < 1e-5
    assert plan.base == pytest.approx(native[0, :, -1], abs=1e-5)


def chain(length: int, cover: float) -> Tree:
    """A tree that asks one column after the other; half of the rows leave at each, at the first `cover` of 4096."""
    count = 2 * length + 1
    left, right = np.full(count, -1, dtype=np.int32), np.full(count, -1, dtype=np.int32)
    inner = np.arange(length)
    left[2 * inner], right[2 * inner] = 2 * inner + 1, 2 * inner + 2
    feature, seen = np.zeros(count, dtype=np.int32), np.full(count, 4096.0)
    feature[2 * inner] = inner
    for node in 2 * inner:
        seen[node + 1] = seen[node] / 2 if node else cover
        seen[node + 2] = seen[node] - seen[node + 1]
    value = np.where(left < 0, np.arange(count, dtype=float), 0.0)
    return Tree(left, right, feature, np.zeros(count), np.zeros(count, dtype=bool), value, cover=seen)


@BOTH
def test_long_ways_are_exact_and_empty_leaves_are_no_trouble(evaluate: Evaluate) -> None:
    tree, owners = chain(11, 0.0), np.arange(11)
    row = np.where(owners % 2, -1.0, 1.0).astype(np.float32)
    plan = Plan.of(flat_trees.booster([tree], 11, 1), owners, [1.0], 1, 11)
    assert plan.trees["points"].tolist() == [8]
    found = evaluate(plan, row[None])[0, :, 0]
    assert found == pytest.approx(by_definition([tree], row, owners), abs=1e-6)


@BOTH
def test_a_tree_without_splits_adds_to_the_base_alone(evaluate: Evaluate) -> None:
    leaf = chain(0, 0.0)
    plan = Plan.of(flat_trees.booster([leaf, chain(1, 1024.0)], 2, 1), np.arange(2), [1.0], 1, 2)
    found = evaluate(plan, np.array([[1.0, 0.0]], dtype=np.float32))
    assert found[0, :, 0] == pytest.approx([2.0 - plan.base[0], 0.0])
    none = Plan.of(flat_trees.booster([leaf], 2, 1), np.arange(2), [1.0], 1, 2)
    assert not evaluate(none, np.zeros((1, 2), dtype=np.float32)).any()


def test_what_cannot_be_explained_is_an_error() -> None:
    with pytest.raises(ValueError, match="no player's alone"):
        planned(boosted(2), np.full(9, -1))
    silent = flat_trees.booster([replace(chain(2, 0.0), cover=None)], 2, 1)
    with pytest.raises(ValueError, match="how many training rows passed"):
        Plan.of(silent, np.arange(2), [1.0], 1, 2)


def test_more_threads_say_the_same() -> None:
    plan, matrix = planned(boosted(10), np.arange(9)), table()[0]
    assert np.array_equal(quadrature.values(plan, matrix, 2), quadrature.values(plan, matrix, 1))
    with pytest.raises(ValueError, match="3 columns; expected at least"):
        quadrature.values(plan, matrix[:, :3])
