"""Trees become bits over their leaves."""

from typing import Any

import numpy as np
import pytest
import xgboost as xgb

from autoglm.prep import flat_trees, plan

LEAF = -1


def stump(threshold: float, missing_left: bool = True, output: int = 0) -> flat_trees.Tree:
    child = np.array([1, LEAF, LEAF], dtype=np.int32)
    return flat_trees.Tree(
        left=child,
        right=np.where(child < 0, child, child + 1).astype(np.int32),
        feature=np.array([1, 0, 0], dtype=np.int32),
        threshold=np.array([threshold, 0.0, 0.0]),
        missing_left=np.array([missing_left, False, False]),
        value=np.array([0.0, 3.0, 4.0]),
        output=output,
    )


def test_a_failed_split_strikes_the_leaves_on_its_left() -> None:
    found = plan.Plan.of(flat_trees.booster([stump(0.5), stump(1.5, missing_left=False, output=1)], 2, 2), 2)
    assert [hex(link) for link in found.nodes["link"]] == ["0xfffffffe", "0xfffffffe"]
    assert found.trees["output"].tolist() == [0, 1]
    assert found.words.tolist() == [0, 1, 2]
    assert sorted(zip(found.columns["source"].tolist(), found.columns["missing"].tolist(), strict=True)) == [
        (1, -np.inf),
        (1, np.inf),
    ]


def test_large_trees_end_in_one_word_of_exits() -> None:
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(3_000, 3)).astype(np.float32)
    settings: dict[str, Any] = {"max_depth": 12, "min_child_weight": 0.0}
    found = plan.Plan.of(xgb.train(settings, xgb.DMatrix(matrix, generator.normal(size=3_000)), 2), 1)
    assert found.trees["deep"].all()
    assert found.trees["words"].tolist() == [1, 1]


@pytest.mark.parametrize("threshold", [-np.inf, np.nan])
def test_a_threshold_that_nothing_is_below_is_an_error(threshold: float) -> None:
    booster = flat_trees.booster([stump(threshold)], 2, 1)
    if np.isnan(threshold):
        with pytest.raises(ValueError, match="threshold"):
            plan.Plan.of(booster, 1)
    else:  # the next float above it is the least number
        assert np.isfinite(plan.Plan.of(booster, 1).nodes["threshold"]).all()
