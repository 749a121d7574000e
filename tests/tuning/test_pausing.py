"""What is not among the best pauses at a rung, and goes on later as one trial with what it was."""

import math

import optuna
import pytest
from optuna.trial import TrialState

from autoglm.core.errors import OptionError
from autoglm.samplers.pool import PoolSampler
from autoglm.tuning.pausing import PausePruner, merged, resumed_from
from autoglm.tuning.study import chosen_by

LAST = 27


def searched(trials: int, direction: str = "minimize", resume: bool = True, **options: object) -> optuna.Study:
    """Search a rough function for the fastest decay; a trial goes on where its ancestor stood."""
    sign = -1.0 if direction == "maximize" else 1.0
    kept: dict[int | None, tuple[int, float]] = {}

    def objective(trial: optuna.Trial) -> float:
        rate = 1 + math.sin(97 * trial.suggest_float("x", 0, 1))
        step, loss = kept.get(resumed_from(trial), (0, 1.0))
        while step < LAST:
            step, loss = step + 1, loss * (1 - 0.1 * rate)
            trial.report(sign * loss, step)
            if trial.should_prune():
                kept[trial.number] = step, loss
                raise optuna.TrialPruned
        return sign * loss

    pruner = PausePruner(first=3, last=LAST)
    sampler = PoolSampler(seed=1, resume=pruner if resume else None)
    study = optuna.create_study(sampler=sampler, pruner=pruner, direction=direction, **options)
    study.optimize(objective, n_trials=trials)
    return study


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_best_go_on_and_come_to_the_end(direction: str) -> None:
    study = searched(40, direction)
    resumed = [t for t in study.trials if resumed_from(t) is not None]
    assert resumed and all(chosen_by(t) == "resumed" for t in resumed)
    for trial in resumed:
        ancestor = study.trials[resumed_from(trial) or 0]
        assert ancestor.params == trial.params and ancestor.state == TrialState.PRUNED
        assert min(trial.intermediate_values) == (ancestor.last_step or 0) + 1
    assert abs(study.best_value) < 0.9**LAST
    assert len({resumed_from(t) for t in resumed}) == len(resumed)  # nobody goes on twice from one place


def test_pauses_are_at_rungs_only() -> None:
    steps = {t.last_step for t in searched(40).trials if t.state == TrialState.PRUNED}
    assert steps <= {3, 9} and 3 in steps


def test_a_resumed_trial_and_its_ancestor_are_one() -> None:
    trials = searched(40).trials
    whole = merged(trials)
    assert len(whole) == len(trials) - sum(resumed_from(t) is not None for t in trials)
    for trial in whole:
        assert list(trial.intermediate_values) == list(range(1, len(trial.intermediate_values) + 1))


def test_without_resuming_the_pruner_prunes() -> None:
    study = searched(20, resume=False)
    assert all(resumed_from(t) is None for t in study.trials)
    assert any(t.state == TrialState.PRUNED for t in study.trials)


@pytest.mark.parametrize(
    "options", [{"first": 0, "last": 9}, {"first": 9, "last": 9}, {"first": 1, "last": 9, "eta": 1}]
)
def test_impossible_rungs_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(OptionError, match="first="):
        PausePruner(**options)
