"""Trees of other libraries give the same answers as an XGBoost booster."""

from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
import xgboost as xgb
from sklearn.ensemble import ExtraTreesClassifier, RandomForestRegressor

from autoglm.core.task import Task
from autoglm.learners.forest import _trees
from autoglm.prep import flat_trees


def table(rows: int, missing: bool, seed: int = 0) -> Any:
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(rows, 5)).round(1)  # rounding puts values on thresholds
    matrix[:, 4] = generator.integers(0, 70, rows)
    if missing:
        matrix[generator.random(matrix.shape) < 0.1] = np.nan
    matrix = matrix.astype(np.float32)
    value = np.nan_to_num(matrix[:, 0]) + np.isin(matrix[:, 4], [1, 5, 44, 69]) * 2 + generator.normal(size=rows)
    return matrix, value


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("classes", [0, 2, 4])
def test_lightgbm_keeps_its_answers(missing: bool, classes: int) -> None:
    matrix, value = table(3000, missing)
    target = value if not classes else np.digitize(value, np.quantile(value, np.linspace(0, 1, classes + 1)[1:-1]))
    settings = {"objective": {0: "regression", 2: "binary"}.get(classes, "multiclass"), "verbose": -1, "num_leaves": 15}
    settings |= {"num_class": classes} if classes > 2 else {}
    model = lgb.train(settings | {"min_data_per_group": 5}, lgb.Dataset(matrix, target, categorical_feature=[4]), 20)
    flat = flat_trees.booster(flat_trees.from_lightgbm(model.model_to_string()), 5, max(1, classes * (classes > 2)))
    new = table(2000, True, seed=1)[0]  # missing values where training had none, unseen codes
    new[:50, 4] = 500
    expected = model.predict(new, raw_score=True).reshape(len(new), -1)
    found = flat_trees.margins(flat, new, expected.shape[1], 1)
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_a_stump_without_a_split() -> None:
    matrix = np.zeros((40, 2), dtype=np.float32)
    model = lgb.train(
        {"objective": "regression", "verbose": -1}, lgb.Dataset(matrix, np.r_[np.zeros(20), np.ones(20)]), 2
    )
    flat = flat_trees.booster(flat_trees.from_lightgbm(model.model_to_string()), 2, 1)
    np.testing.assert_allclose(flat_trees.margins(flat, matrix, 1, 1), model.predict(matrix)[:, None], atol=1e-6)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_forests_keep_their_answers(missing: bool, classes: int) -> None:
    matrix, value = table(1000, missing)
    target = np.digitize(value, [-1, 1]) if classes == 3 else (value > 0).astype(int)
    task = Task("multiclass" if classes == 3 else "binary", "y", tuple(range(classes)))
    forest = ExtraTreesClassifier(20, min_samples_leaf=3, random_state=0).fit(matrix, target)
    flat = flat_trees.booster(list(_trees(forest.estimators_, task, list(range(classes)))), 5, task.scores)
    expected = forest.predict_proba(matrix)[:, 1:] if classes == 2 else forest.predict_proba(matrix)
    np.testing.assert_allclose(flat_trees.margins(flat, matrix, task.scores, 1), expected, atol=1e-5)


def test_a_regression_forest_keeps_its_answers() -> None:
    matrix, value = table(1000, True)
    forest = RandomForestRegressor(20, random_state=0).fit(matrix, value)
    flat = flat_trees.booster(list(_trees(forest.estimators_, Task("regression", "y"), [])), 5, 1)
    np.testing.assert_allclose(flat_trees.margins(flat, matrix, 1, 1)[:, 0], forest.predict(matrix), atol=1e-4)


@pytest.mark.parametrize("rows", [flat_trees.SORTED - 1, flat_trees.SORTED, flat_trees.BLOCK + 7])
def test_the_order_of_many_rows_changes_no_answer(rows: int) -> None:
    matrix, value = table(2000, True)
    booster = xgb.train({"max_depth": 4}, xgb.DMatrix(matrix, value), 5)
    new = table(rows, True, seed=1)[0]
    expected = booster.inplace_predict(new, predict_type="margin")[:, None]
    assert np.array_equal(flat_trees.margins(booster, new, 1, 2), expected)
