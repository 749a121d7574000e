"""A grove answers as its models do one by one."""

from typing import Any

import numpy as np
import pytest

from autoglm.core.seed import Seed
from autoglm.core.shelf import plugin
from autoglm.core.task import Task
from autoglm.ensembles.committee import Committee
from autoglm.learners import Limits
from autoglm.prep import boosters, grove
from autoglm.testing.learners import TASKS, tables

TREES = {"lightgbm": {"means": True, "crosses": 3, "rounds": 20}, "xgboost": {"rounds": 20}, "forest": {"trees": 10}}


def members(task: Task, title: str) -> tuple[list[tuple[float, list[Any]]], Any]:
    train, valid = next((a, b) for name, a, b in tables(task) if name == title)
    found = []
    for weight, (name, settings) in zip((0.5, 0.3, 0.2), TREES.items(), strict=True):
        recipe = plugin("learners", name).Learner(**settings)
        found.append((weight, [recipe.fit(train, valid, task, Limits(seed=Seed(i))) for i in range(2)]))
    return found, valid.features


@pytest.mark.parametrize("task", TASKS, ids=lambda t: t.kind)
@pytest.mark.parametrize("title", ["mixed columns", "numbers only"])
@pytest.mark.parametrize("cells", [grove.CELLS, 50])
def test_it_answers_as_its_models_do(task: Task, title: str, cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grove, "CELLS", cells)
    voters, features = members(task, title)
    committee = Committee.of(voters, features.dense.shape[1])
    assert [type(model) for _, model in committee.seats] == [grove.Grove]
    expected = sum(w * (a.predict(features) + b.predict(features)) / 2 for w, (a, b) in voters)
    found = committee.predict(features)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    alone = committee.predict(features.take(np.array([3])))
    np.testing.assert_array_equal(alone, found[[3]])
    committee.prepare(features)
    np.testing.assert_array_equal(committee.predict(features.take(np.array([3]))), found[[3]])


@pytest.mark.parametrize("task", TASKS, ids=lambda t: t.kind)
def test_what_follows_the_features_is_what_each_model_makes(task: Task) -> None:
    voters, features = members(task, "mixed columns")
    models = [model for _, each in voters for model in each]
    whole = grove.Grove.of(models, [1.0] * len(models), features.dense.shape[1]).matrix(features.dense)
    width = features.dense.shape[1]
    parts = [grove.finite(model.inputs.transform(features))[:, width:] for model in models]
    assert any(part.shape[1] for part in parts)
    np.testing.assert_array_equal(whole, np.hstack([grove.finite(features.dense), *parts]))


def test_files_of_another_version_are_answered_one_by_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    voters, features = members(TASKS[0], "numbers only")
    expected = Committee.of(voters, features.dense.shape[1]).predict(features)
    monkeypatch.setattr(boosters, "_INFO", b"renamed")
    committee = Committee.of(voters, features.dense.shape[1])
    assert len(committee.seats) == 6
    assert "one model at a time" in caplog.text
    np.testing.assert_allclose(committee.predict(features), expected, rtol=1e-6, atol=1e-6)
