"""Every learner on the shelf keeps the contract and learns what there is to learn."""

import pytest

from autoglm.core import shelf
from autoglm.core.task import Task
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
