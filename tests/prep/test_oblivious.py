"""CatBoost's trees as tables: the same values as CatBoost's own."""

from typing import Any

import catboost as cb
import numpy as np
import pytest
from numpy.typing import NDArray

from autoglm.prep import oblivious
from autoglm.prep.oblivious import Tables


def table() -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    draw = np.random.default_rng(0)
    matrix = draw.normal(size=(400, 6)).astype(np.float32)
    matrix[draw.random(matrix.shape) < 0.1] = np.nan
    return matrix, np.nan_to_num(matrix[:, 0] * matrix[:, 1] + matrix[:, 2])


def fitted(loss: str, target: NDArray[Any], depth: int = 6) -> cb.CatBoost:
    settings = {"loss_function": loss, "iterations": 30, "depth": depth, "thread_count": 1, "verbose": False}
    booster = cb.CatBoost(settings | {"allow_writing_files": False, "nan_mode": "Min"})
    return booster.fit(cb.Pool(table()[0], target))


@pytest.mark.parametrize("depth", [1, 4, 6])
@pytest.mark.parametrize(("loss", "scores"), [("RMSE", 1), ("Logloss", 1), ("MultiClass", 3)])
def test_catboost_says_the_same(loss: str, scores: int, depth: int) -> None:
    matrix, value = table()
    target = value if loss == "RMSE" else np.digitize(value, [0.0] if scores == 1 else [-0.5, 0.5])
    check(fitted(loss, target, depth), cb.Pool(matrix[:20]), 6, scores)


def check(booster: cb.CatBoost, rows: cb.Pool, columns: int, scores: int) -> None:
    tables = Tables.of(booster, np.arange(columns), scores)
    native = booster.get_feature_importance(rows, type="ShapValues")
    native = native[:, :, None] if scores == 1 else native.transpose(0, 2, 1)
    assert np.abs(tables.values(booster.calc_leaf_indexes(rows), columns) - native[:, :-1]).max() < 1e-9
    assert tables.base == pytest.approx(native[0, -1])
    check_pairs(booster, rows, columns, scores)


def check_pairs(booster: cb.CatBoost, rows: cb.Pool, columns: int, scores: int) -> None:
    leaves = booster.calc_leaf_indexes(rows)
    found = Tables.of(booster, np.arange(columns), scores, columns).values(leaves, columns**2)
    found = found.reshape(len(leaves), columns, columns, scores)
    native = booster.get_feature_importance(rows, type="ShapInteractionValues")
    native = native[:, None] if scores == 1 else native
    assert np.abs(found.transpose(0, 3, 1, 2) - native[:, :, :-1, :-1]).max() < 1e-9
    alone = Tables.of(booster, np.arange(columns), scores)
    assert alone.pairable and np.abs(found.sum(axis=2) - alone.values(leaves, columns)).max() < 1e-9


def with_categories(combinations: int) -> tuple[cb.CatBoost, cb.Pool]:
    """A model of two numbers, a category of 4 values (one-hot) and two of 30 (statistics)."""
    draw = np.random.default_rng(0)
    codes = np.column_stack([draw.integers(0, size, 500) for size in (4, 30, 30)])
    texts = np.array([b"%d" % i for i in range(30)], dtype=object)[codes]
    numbers = draw.normal(size=(500, 2)).astype(np.float32)
    target = numbers[:, 0] + (codes[:, 1] % 3 == 0) + (codes[:, 0] == 2) * numbers[:, 1] + (codes[:, 2] > 20)
    pool = cb.Pool(cb.FeaturesData(num_feature_data=numbers, cat_feature_data=texts), target)
    settings = {"iterations": 40, "one_hot_max_size": 12, "max_ctr_complexity": combinations, "verbose": False}
    return cb.CatBoost(settings | {"allow_writing_files": False, "thread_count": 1}).fit(pool), pool


def test_catboost_says_the_same_of_categories() -> None:
    check(*with_categories(1), 5, 1)


def test_a_statistic_of_two_columns_is_no_players_alone() -> None:
    booster, _ = with_categories(2)
    with pytest.raises(ValueError, match="several columns"):
        Tables.of(booster, np.arange(5), 1)


def test_columns_of_one_player_add_up_with_the_base() -> None:
    matrix, value = table()
    booster = fitted("RMSE", value)
    tables = Tables.of(booster, np.array([0, 0, 1, 1, 2, 2]), 1)
    sums = tables.base + tables.values(booster.calc_leaf_indexes(cb.Pool(matrix)), 3).sum(axis=1)
    assert sums[:, 0] == pytest.approx(booster.predict(matrix))


def test_tables_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oblivious, "MOST_CELLS", 100)
    with pytest.raises(ValueError, match="too large"):
        Tables.of(fitted("RMSE", table()[1]), np.arange(6), 1)
