"""Searches that may stop a training: what they pay, where they look, whom they promote."""

import numpy as np
import pytest
import stopping
import tasks


def test_three_epochs_then_three_times_as_many(toy: tasks.SearchTask) -> None:
    assert [toy.checkpoints[at] for at in stopping.rungs(toy)] == [3, 9, 27, 52]
    assert stopping.unit(toy) == 52


@pytest.mark.parametrize("name", stopping.SEARCHERS)
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_the_budget_is_kept_but_for_the_last_training(toy: tasks.SearchTask, name: str) -> None:
    search = stopping.SEARCHERS[name]
    trace = search(toy, 10, 3)
    assert 10 * 52 <= sum(trace.costs) < 11 * 52
    assert set(trace.costs) <= {3, 6, 18, 25}
    assert search(toy, 10, 3).losses == trace.losses
    assert search(toy, 10, 4).losses != trace.losses


def test_who_stops_sees_more_configurations(toy: tasks.SearchTask) -> None:
    begun = {name: search(toy, 10, 0).costs.count(3.0) for name, search in stopping.SEARCHERS.items()}
    assert begun["random_full"] == begun["tpe_full"] == 10
    assert begun["asha"] > 40
    assert begun["screen"] > 80
    assert begun["tpe_hyperband"] > 10


def test_the_best_third_goes_on() -> None:
    def waiting(loss: float, rung: int = 1) -> stopping.Training:
        return stopping.Training([(loss, 1.0), (loss / 2, 2.0), (loss / 4, 3.0)], rung)

    two = [waiting(3.0), waiting(2.0)]
    assert stopping._promoted(two, 3) is None
    three = [*two, waiting(4.0)]
    assert stopping._promoted(three, 3) is two[1]
    two[1].rung = 2
    assert stopping._promoted(three, 3) is None  # only one of three may go on
    six = [*three, waiting(1.0), waiting(5.0), waiting(6.0)]
    assert stopping._promoted(six, 3) is six[3]
    higher = [*six, waiting(0.3, 2), waiting(0.2, 2)]
    assert stopping._promoted(higher, 3) is higher[-1]  # of those that looked twice the first of three


def test_a_training_is_paid_only_once(toy: tasks.SearchTask) -> None:
    purse = stopping.Purse(toy, 2)
    training = purse.start({"kind": "bowl", "x": 0.1, "depth": 5})
    assert purse.spent == 0
    seen = [purse.go_on(training) for _ in range(4)]
    assert purse.spent == 52
    assert seen == pytest.approx([0.5**3, 0.5**9, 0.5**27, 0.5**52])
    assert training.loss == seen[-1]
    assert purse.open
    purse.go_on(purse.start({"kind": "bowl", "x": 0.1, "depth": 5}))
    assert purse.spent == 55
    assert np.sum(purse.watch.costs) == 55
