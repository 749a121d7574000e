"""All trees of a blend at once, with crosses of two columns."""

import numpy as np
import pytest

from autoglm.core.features import Features, Output
from autoglm.core.task import Task
from autoglm.explainers import trees
from autoglm.learners import Limits, Sample, forest, lightgbm, xgboost
from autoglm.prep.players import Players


def sample(rows: int = 400) -> Sample:
    draw = np.random.default_rng(0)
    dense = np.column_stack([draw.normal(size=(rows, 3)), draw.integers(0, 30, rows)]).astype(np.float32)
    outputs = (Output("a", "a"), Output("b", "b"), Output("c", "b"), Output("d", "d", 30))
    target = dense[:, 0] * dense[:, 1] + (dense[:, 3] % 3 == 0)
    return Sample(Features(dense, outputs), target.astype(np.float64))


def test_crosses_are_shared_and_all_adds_up() -> None:
    rows, task = sample(), Task("regression", "y")
    recipes = (lightgbm.Learner(crosses=4, means=True, rounds=40), xgboost.Learner(rounds=30), forest.Learner(trees=20))
    models = [recipe.fit(rows, rows, task, Limits()) for recipe in recipes]
    assert models[0].inputs.crosses and all(map(trees.explains, models))
    players, shares = Players.of(rows.features, ("a", "b", "d")), (0.5, 0.3, 0.2)
    found = trees.attribution(models, shares, players, 1)
    some = rows.features.take(np.arange(20))
    values = found.values(some)
    assert values.shape == (20, 3, 1)
    expected = sum(share * model.predict(some) for share, model in zip(shares, models, strict=True))
    assert found.base + values.sum(axis=1) == pytest.approx(expected, abs=1e-4)
    assert np.abs(values).mean(axis=(0, 2)).min() > 0.01


def test_what_acts_together_adds_up_to_what_each_adds() -> None:
    rows, task = sample(), Task("regression", "y")
    model = lightgbm.Learner(crosses=4, means=True, rounds=40).fit(rows, rows, task, Limits())
    found = trees.attribution([model], [1.0], Players.of(rows.features, ("a", "b", "d")), 1)
    some = rows.features.take(np.arange(20))
    assert found.interactions is not None and model.inputs.crosses
    pairs = found.interactions(some)
    assert pairs.shape == (20, 3, 3, 1) and np.abs(pairs - pairs.transpose(0, 2, 1, 3)).max() < 1e-12
    assert np.abs(pairs.sum(axis=2) - found.values(some)).max() < 1e-9
    strength = np.abs(pairs).mean(axis=(0, 3))
    assert strength[0, 1] > 3 * max(strength[0, 2], strength[1, 2])  # the target is a times b, and d by itself


def test_a_cross_within_one_column_is_that_columns() -> None:
    owners, shared = trees._with_crosses([(0,), (1,), (1,), (0, 1), (1,)], 2)
    assert owners.tolist() == [0, 1, 1, 2, 1]
    assert shared.tolist() == [[1, 0], [0, 1], [0.5, 0.5]]


def test_forests_of_classes_do_not_add_up() -> None:
    rows = sample()
    classes = Sample(rows.features, (rows.target > 0.5).astype(np.int64))
    model = forest.Learner(trees=10).fit(classes, classes, Task("binary", "y", (0, 1)), Limits())
    assert not trees.explains(model)
