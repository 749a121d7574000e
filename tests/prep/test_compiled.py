"""The compiled evaluator gives XGBoost's bits."""

from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
import xgboost as xgb
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from autoglm.prep import flat_trees
from autoglm.prep.plan import Plan

pytest.importorskip("numba")
compiled = pytest.importorskip("autoglm.prep.compiled")

COLUMNS = 5


def table(rows: int, missing: float = 0.1, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(rows, COLUMNS)).round(1)  # rounding puts values on thresholds
    matrix[:, 4] = generator.integers(0, 70, rows)
    matrix[generator.random(matrix.shape) < missing] = np.nan
    value = np.nan_to_num(matrix[:, 0]) + np.isin(matrix[:, 4], [1, 5, 44, 69]) * 2 + generator.normal(size=rows)
    return matrix.astype(np.float32), value.astype(np.float32)


def awkward(rows: int) -> NDArray[np.float32]:
    """Rows with what training never saw: codes beyond all sets, negative and broken ones, infinities."""
    matrix = table(rows, seed=1)[0]
    odd = np.array([-1, -0.5, 0.5, 70, 95, 96, 1e9, 2**24, np.inf, -np.inf, np.nan, -0.0], dtype=np.float32)
    generator = np.random.default_rng(2)
    at = generator.random(matrix.shape) < 0.2
    matrix[at] = generator.choice(odd, int(at.sum()))
    return matrix


def boosted(parameters: dict[str, Any], rounds: int = 8, rows: int = 2_000, classes: int = 0) -> xgb.Booster:
    matrix, value = table(rows)
    target = np.digitize(value, np.quantile(value, np.linspace(0, 1, classes + 1)[1:-1])) if classes else value
    kinds = ["c" if parameters.get("max_cat_to_onehot") and i == 4 else "q" for i in range(COLUMNS)]
    data = xgb.DMatrix(matrix, target, feature_types=kinds, enable_categorical=True)
    return xgb.train(parameters | {"num_class": classes} if classes > 2 else parameters, data, rounds)


def check(booster: xgb.Booster, outputs: int, matrix: NDArray[np.float32], threads: int = 2) -> None:
    expected = booster.inplace_predict(matrix, predict_type="margin").reshape(len(matrix), outputs)
    found = compiled.margins(Plan.of(booster, outputs), matrix, threads)
    assert found.dtype == np.float32
    assert np.array_equal(found, expected)
    assert np.array_equal(compiled.few(Plan.of(booster, outputs), matrix[:40]), expected[:40])


@pytest.mark.parametrize("depth", [1, 5, 6, 7, 12])
@pytest.mark.parametrize("listed", [0, 1, 4])
def test_boosted_trees(depth: int, listed: int) -> None:
    parameters = {"max_depth": depth, "min_child_weight": 0.0} | ({"max_cat_to_onehot": listed} if listed else {})
    check(boosted(parameters), 1, awkward(1_500))


@pytest.mark.parametrize("classes", [2, 4])
def test_classes_are_outputs_of_their_own(classes: int) -> None:
    parameters = {"objective": "binary:logistic" if classes == 2 else "multi:softprob", "num_parallel_tree": 3}
    check(boosted(parameters, classes=classes), 1 if classes == 2 else classes, awkward(700))


def test_a_forest_of_deep_trees() -> None:
    parameters = {"max_depth": 20, "num_parallel_tree": 10, "subsample": 0.6, "eta": 1.0, "min_child_weight": 0.0}
    booster = boosted(parameters, 1, 5_000)
    plan = Plan.of(booster, 1)
    assert plan.trees["deep"].all()
    check(booster, 1, awkward(1_500))


def test_leaves_that_were_pruned_away() -> None:
    booster = boosted({"max_depth": 6, "gamma": 3.0, "tree_method": "exact"})
    check(booster, 1, awkward(700))


@pytest.mark.parametrize("leaves", [2, 31, 33, 120, 300])
@pytest.mark.parametrize("classes", [1, 3])
def test_lightgbm_read_as_xgboost(leaves: int, classes: int) -> None:
    matrix, value = table(3_000)
    target = np.digitize(value, [-1, 1]) if classes > 1 else value
    parameters = {"objective": "multiclass" if classes > 1 else "l2", "num_class": classes, "num_leaves": leaves}
    parameters |= {"verbose": -1, "min_data_in_leaf": 3, "min_data_per_group": 5}
    model = lgb.train(parameters, lgb.Dataset(matrix, target, categorical_feature=[4]), 10)
    flat = flat_trees.booster(flat_trees.from_lightgbm(model.model_to_string()), COLUMNS, classes)
    check(flat, classes, awkward(1_500))


@pytest.mark.parametrize("rows", [0, 1, compiled.ROWS, compiled.ROWS + 1, compiled.CHUNK + 3])
@pytest.mark.parametrize("threads", [1, 3])
def test_any_number_of_rows(rows: int, threads: int) -> None:
    booster = boosted({"max_depth": 4}, 3)
    if rows:
        check(booster, 1, awkward(rows), threads)
    assert compiled.margins(Plan.of(booster, 1), awkward(rows), threads).shape == (rows, 1)


def test_any_order_in_memory() -> None:
    booster, matrix = boosted({"max_depth": 4}, 3), awkward(600)
    check(booster, 1, np.asfortranarray(matrix))
    frozen = matrix[::2].copy()
    frozen.flags.writeable = False
    check(booster, 1, frozen)


def test_what_it_cannot_read_is_an_error() -> None:
    booster = boosted({}, 2, classes=3)
    with pytest.raises(ValueError, match="output 2, of 2"):
        Plan.of(booster, 2)
    with pytest.raises(ValueError, match="columns"):
        compiled.margins(Plan.of(booster, 3), awkward(10)[:, :2], 1)
    with pytest.raises(ValueError, match="columns"):
        compiled.few(Plan.of(booster, 3), awkward(10)[:, :2])
    for parameters in ({"booster": "dart"}, {"booster": "gblinear"}):
        with pytest.raises(ValueError, match="sum of trees"):
            Plan.of(boosted(parameters, 2), 1)
    matrix, value = table(500)
    several = xgb.DMatrix(matrix, np.column_stack([value, -value]))
    with pytest.raises(ValueError, match="several outputs"):
        Plan.of(xgb.train({"multi_strategy": "multi_output_tree"}, several, 2), 2)


@st.composite
def grown(draw: st.DrawFn) -> flat_trees.Tree:
    """A tree of any shape, with any thresholds, sides of missing values and sets of categories."""
    splits = draw(st.integers(0, 200))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    nodes = 2 * splits + 1
    left, right = np.full(nodes, -1, dtype=np.int32), np.full(nodes, -1, dtype=np.int32)
    lopsided, ends = draw(st.booleans()), [0]
    for i in range(splits):
        at = ends.pop(-1 if lopsided else int(generator.integers(len(ends))))
        left[at], right[at] = 2 * i + 1, 2 * i + 2
        ends += [2 * i + 1, 2 * i + 2]
    inner = np.flatnonzero(left >= 0)
    listed = inner[generator.random(len(inner)) < draw(st.sampled_from([0.0, 0.3]))]
    feature = generator.integers(0, COLUMNS, nodes).astype(np.int32)
    feature[listed] = 4
    categories = {int(n): np.unique(generator.integers(0, 100, 9)).astype(np.int32) for n in listed}
    missing_left = generator.random(nodes) < 0.5
    value = generator.normal(size=nodes) * 10.0 ** generator.integers(-6, 6)
    threshold = generator.normal(size=nodes).round(1)
    output = int(generator.integers(0, 3))
    return flat_trees.Tree(left, right, feature, threshold, missing_left, value, output, categories)


@settings(max_examples=60, deadline=None)
@given(st.lists(grown(), min_size=1, max_size=6))
def test_any_trees(trees: list[flat_trees.Tree]) -> None:
    check(flat_trees.booster(trees, COLUMNS, 3), 3, awkward(300))
