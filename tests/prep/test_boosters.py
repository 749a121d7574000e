"""What a booster says of itself is read as it is meant."""

from typing import Any

import numpy as np
import pytest
import xgboost as xgb

from autoglm.prep import boosters

ROWS = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
TARGET = (ROWS[:, 0] > 0.4).astype(np.float32)


def boosted(settings: dict[str, Any], rounds: int = 3) -> xgb.Booster:
    return xgb.train({"max_depth": 2} | settings, xgb.DMatrix(ROWS, TARGET), rounds)


def test_arrays_are_those_of_the_json() -> None:
    booster = boosted({})
    raw = bytes(booster.save_raw("ubj"))
    first = boosters.arrays(boosters.trees(raw)[0])
    frame = booster.trees_to_dataframe().query("Tree == 0")
    assert len(first["left_children"]) == len(frame)
    np.testing.assert_allclose(first["split_conditions"][0], frame["Split"].iloc[0])
    assert boosters.outputs(raw, 3) == [0, 0, 0]


@pytest.mark.parametrize("objective", ["reg:squarederror", "binary:logistic"])
def test_the_base_is_what_no_tree_adds_to(objective: str) -> None:
    booster = boosted({"objective": objective, "eta": 0.0}, 1)
    expected = booster.inplace_predict(ROWS[:1], predict_type="margin")
    assert np.float32(boosters.base(booster, 1)[0]) == expected[0]


def test_trees_are_counted() -> None:
    assert boosters.count(boosted({"num_parallel_tree": 4})) == 12
    assert boosters.count(boosted({"booster": "dart"})) == boosters.count(boosted({"booster": "gblinear"})) == 0


def test_other_bytes_are_an_error() -> None:
    with pytest.raises(ValueError, match="no trees"):
        boosters.trees(b"{}")
    with pytest.raises(ValueError, match="not as many"):
        boosters.outputs(bytes(boosted({}).save_raw("ubj")), 4)
    with pytest.raises(ValueError, match="an array"):
        boosters.arrays(b"{L" + (1).to_bytes(8, "big") + b"aSi\x01x")


@pytest.mark.parametrize("label", [0, 1])
def test_the_base_of_a_single_class_is_finite(label: int) -> None:
    booster = xgb.train({"objective": "binary:logistic"}, xgb.DMatrix(ROWS, np.full(len(ROWS), label)), 1)
    expected = booster.inplace_predict(ROWS[:1], predict_type="margin")
    assert np.float32(boosters.base(booster, 1)[0]) == expected[0]
