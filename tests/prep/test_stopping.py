import numpy as np
import pytest
from numpy.typing import NDArray

from autoglm.core.metrics import log_loss, softmax
from autoglm.core.task import Task
from autoglm.prep import stopping

BINARY, MANY, VALUE = Task("binary", "y", (0, 1)), Task("multiclass", "y", (0, 1, 2)), Task("regression", "y")


def test_a_row_is_judged_at_the_best_round_of_the_others() -> None:
    margins = np.array([[0.0, 0.0, 9.0], [1.0, 1.0, 0.0]])  # the first round suits the last row alone
    target = np.array([1.0, 1.0, 9.0])
    found = stopping.honest(2, lambda ends: margins, target, VALUE, "squared")
    assert found is not None and found.ravel().tolist() == [0.0, 0.0, 0.0]
    even = stopping.honest(2, lambda ends: margins, np.array([1.0, 1.0, 0.5]), VALUE, "absolute")
    assert even is not None and even.ravel().tolist() == [1.0, 1.0, 0.0]


@pytest.mark.parametrize("task", [BINARY, MANY], ids=lambda t: t.kind)
def test_losses_are_those_of_the_metric(task: Task) -> None:
    draw = np.random.default_rng(0)
    margins, target = draw.normal(size=(4, 30, task.scores)), draw.integers(0, len(task.classes), 30)
    found = stopping._losses(margins, target, task, "squared").mean(axis=1)
    assert found == pytest.approx([log_loss(target, softmax(m, task)) for m in margins])


def test_many_rows_are_judged_by_the_model_itself() -> None:
    for count in (1, stopping.MANY):
        assert stopping.honest(3, lambda ends: pytest.fail("asked"), np.zeros(count), VALUE, "squared") is None


def test_of_many_rounds_some_are_looked_at() -> None:
    asked: list[range] = []

    def staged(ends: range) -> NDArray[np.float64]:
        asked.append(ends)
        return np.zeros((len(ends), 20))

    assert stopping.honest(3 * stopping.MOST - 1, staged, np.zeros(20), VALUE, "squared") is not None
    assert asked == [range(3, 3 * stopping.MOST, 3)]
