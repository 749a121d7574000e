"""Every learner on the shelf keeps the contract and learns what there is to learn."""

import numpy as np
import pytest

from autoglm.core import shelf
from autoglm.core.features import Features, Output
from autoglm.core.metrics import roc_auc, softmax
from autoglm.core.seed import Seed
from autoglm.core.task import Task
from autoglm.engine import splits
from autoglm.learners import Limits, Sample
from autoglm.testing.learners import TASKS, check_lacking_class, check_learner, check_learns

NAMES = shelf.available("learners")
UNABLE = (("catboost", "binary"),)  # fails on a fold of a single class, which costs the engine the candidate


@pytest.mark.parametrize("task", TASKS, ids=lambda t: t.kind)
@pytest.mark.parametrize("name", NAMES)
def test_contract(name: str, task: Task) -> None:
    check_learner(name, (task,))


@pytest.mark.parametrize("task", TASKS, ids=lambda t: t.kind)
@pytest.mark.parametrize("name", [n for n in NAMES if n != "constant"])
def test_learns(name: str, task: Task) -> None:
    check_learns(name, task)


@pytest.mark.parametrize(
    ("name", "task"),
    [
        pytest.param(n, t, marks=[pytest.mark.xfail(strict=True)] if (n, t.kind) in UNABLE else [], id=f"{n}-{t.kind}")
        for n in NAMES
        for t in TASKS[:2]
    ],
)
def test_a_fold_may_lack_a_class(name: str, task: Task) -> None:
    check_lacking_class(name, task)


def test_the_safety_net_is_on_the_shelf() -> None:
    assert {"constant", "linear", "lightgbm", "forest", "catboost", "xgboost", "mlp"} <= set(NAMES)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "catboost", "linear"])
def test_nothing_is_found_in_noise(name: str) -> None:
    learner, found = shelf.plugin("learners", name).Learner(), []
    for seed in range(6):
        draw = np.random.default_rng(seed)
        outputs = tuple(Output(f"x{i}", f"x{i}") for i in range(8))
        whole = Sample(Features(draw.normal(size=(150, 8)).astype(np.float32), outputs), draw.permutation(150) % 2)
        folds = splits.make(whole.target, TASKS[0], Seed(seed))
        margins = np.zeros((150, 1))
        for fold in range(folds.count):
            train, held = folds.rows(0, fold)
            model = learner.fit(whole.take(train), whole.take(held), TASKS[0], Limits(seed=Seed(seed)))
            margins[held] = getattr(model, "judged", model.predict(whole.features.take(held)))
        found.append(roc_auc(whole.target, softmax(margins, TASKS[0])))
    assert np.mean(found) < 0.55  # .59 to .62 where boosting stops by the very rows that judge it; .02 is its error


@pytest.mark.parametrize("task", TASKS, ids=lambda t: t.kind)
@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "catboost"])
def test_rows_are_judged_by_the_model_but_for_its_last_rounds(name: str, task: Task) -> None:
    draw = np.random.default_rng(0)
    outputs = tuple(Output(f"x{i}", f"x{i}") for i in range(5))
    features = Features(draw.normal(size=(400, 5)).astype(np.float32), outputs)
    seen = features.dense[:, 0] + draw.normal(size=400)
    target = (
        seen + 10.0 if task.kind == "regression" else np.digitize(seen, np.linspace(-0.5, 0.5, len(task.classes) - 1))
    )
    whole, rows = Sample(features, target), np.arange(400)
    learner = shelf.plugin("learners", name).Learner()
    model = learner.fit(whole.take(rows[:300]), whole.take(rows[300:]), task, Limits(seed=Seed(1)))
    gaps = np.abs(model.predict(features.take(rows[300:])) - model.judged).max(axis=1)
    assert (gaps < 1e-4).mean() > 0.4 and gaps.max() < 1.0
    model = learner.fit(whole.take(rows[:300]), whole.take(np.resize(rows[300:], 1000)), task, Limits(seed=Seed(1)))
    assert model.judged is None
