"""What is not among the best pauses at a rung, and goes on later as one trial with what it was."""

import math
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState

from autoglm.core.errors import OptionError
from autoglm.samplers.pool import PoolSampler
from autoglm.tuning.pausing import PausePruner, merged, resumed_from
from autoglm.tuning.study import chosen_by

LAST = 27


class Training:
    """A rough function's decay, the faster the better; a trial goes on where its ancestor stood."""

    def __init__(self, sign: float = 1.0, broken: float = 0.0) -> None:
        """``broken`` is what a third of all settings report instead of a loss, if it is not 0."""
        self.sign, self.broken = sign, broken
        self.kept: dict[int | None, tuple[int, float]] = {}

    def __call__(self, trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        rate = 1 + math.sin(97 * x)
        step, loss = self.kept.get(resumed_from(trial), (0, 1.0))
        while step < LAST:
            step, loss = step + 1, loss * (1 - 0.1 * rate)
            trial.report(self.broken if self.broken and x > 2 / 3 else self.sign * loss, step)
            if trial.should_prune():
                self.kept[trial.number] = step, loss
                raise optuna.TrialPruned
        return self.sign * loss


def begun(direction: str = "minimize", resume: bool = True, **options: Any) -> optuna.Study:
    """Return a study with its sampler and pruner, which another process would make in the same way."""
    pruner = PausePruner(first=3, last=LAST)
    sampler = PoolSampler(seed=1, resume=pruner if resume else None)
    return optuna.create_study(sampler=sampler, pruner=pruner, direction=direction, load_if_exists=True, **options)


def searched(trials: int, direction: str = "minimize", resume: bool = True) -> optuna.Study:
    study = begun(direction, resume)
    study.optimize(Training(-1.0 if direction == "maximize" else 1.0), n_trials=trials)
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


def test_another_process_goes_on_from_the_storage(tmp_path: Path) -> None:
    storage, training = f"sqlite:///{tmp_path}/study.db", Training()
    for _ in range(4):  # a new sampler and pruner each time
        begun(storage=storage, study_name="parts").optimize(training, n_trials=5)
    parts = begun(storage=storage, study_name="parts").trials
    whole = searched(20).trials
    assert [t.params for t in parts] == [t.params for t in whole]
    assert [resumed_from(t) for t in parts] == [resumed_from(t) for t in whole]
    assert any(resumed_from(t) is not None for t in whole)


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_reports_that_are_not_finite_are_lived_with(broken: float) -> None:
    study = begun()
    study.optimize(Training(broken=broken), n_trials=25)
    lost = [t for t in study.trials if t.params["x"] > 2 / 3]
    assert lost and len(study.trials) == 25
    if broken != -math.inf:  # which is better than all, and goes on
        assert all(t.state == TrialState.PRUNED and t.last_step == 3 and resumed_from(t) is None for t in lost)
    assert any(t.state == TrialState.COMPLETE for t in study.trials)


def test_parallel_workers_go_on_with_what_was_paused() -> None:
    study = begun()
    study.optimize(Training(), n_trials=40, n_jobs=3)
    resumed = [number for t in study.trials if (number := resumed_from(t)) is not None]
    assert resumed and len(study.trials) == 40
    assert all(study.trials[number].state == TrialState.PRUNED for number in resumed)


def test_of_two_who_would_go_on_from_one_trial_at_once_one_gives_way() -> None:
    asked = []

    class Overtaken(PausePruner):
        """Between a worker's look and its claim another worker asks."""

        def waiting(self, study: optuna.Study, *arguments: Any) -> FrozenTrial | None:
            found = super().waiting(study, *arguments)
            if found and not asked:
                asked.append(found.number)
                study.ask({"x": FloatDistribution(0, 1)})
            return found

    pruner = Overtaken(first=3, last=LAST)
    study = optuna.create_study(sampler=PoolSampler(seed=1, resume=pruner), pruner=pruner)
    while not asked:
        trial = study.ask({"x": FloatDistribution(0, 1)})
        if not asked:
            trial.report(trial.params["x"], 3)
            study.tell(trial, state=TrialState.PRUNED)
    claims = [resumed_from(t) for t in study.trials]
    assert claims[-2:] == [None, asked[0]] and claims.count(asked[0]) == 1
    assert [chosen_by(t) for t in study.trials[-2:]] == ["improvement", "resumed"]


@pytest.mark.parametrize(
    "options", [{"first": 0, "last": 9}, {"first": 9, "last": 9}, {"first": 1, "last": 9, "eta": 1}]
)
def test_impossible_rungs_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(OptionError, match="first="):
        PausePruner(**options)
