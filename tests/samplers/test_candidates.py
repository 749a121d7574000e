"""The samplers that choose among candidates keep Optuna's contracts, and what they add to them."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.testing.pytest_samplers import BasicSamplerTestCase, RelativeSamplerTestCase, SingleOnlySamplerTestCase

from autoglm.core.errors import OptionError
from autoglm.samplers.pool import PoolSampler
from autoglm.samplers.ppo import PPOSampler
from autoglm.tuning.study import MOST_TRIALS, CandidateSampler, chosen_by

SAMPLERS = (PoolSampler, PPOSampler)


@pytest.fixture(params=SAMPLERS, ids=lambda s: s.__name__)
def sampler(request: pytest.FixtureRequest) -> Callable[..., CandidateSampler]:
    found: Callable[..., CandidateSampler] = request.param
    return found


class TestBasics(BasicSamplerTestCase):
    """Optuna's own contract."""

    @pytest.fixture(params=SAMPLERS, ids=lambda s: s.__name__)
    def sampler(self, request: pytest.FixtureRequest) -> Any:
        return request.param


class TestRelative(RelativeSamplerTestCase):
    """Optuna's contract of samplers that look at all parameters at once."""

    @pytest.fixture(params=SAMPLERS, ids=lambda s: s.__name__)
    def sampler(self, request: pytest.FixtureRequest) -> Any:
        return request.param


class TestSingle(SingleOnlySamplerTestCase):
    """Optuna's contract of samplers for one objective."""

    @pytest.fixture(params=SAMPLERS, ids=lambda s: s.__name__)
    def sampler(self, request: pytest.FixtureRequest) -> Any:
        return request.param


def conditional(trial: optuna.Trial) -> float:
    if trial.suggest_categorical("kind", ["tree", "line"]) == "tree":
        return (trial.suggest_float("rate", 1e-4, 1.0, log=True) - 0.01) ** 2 + trial.suggest_int("depth", 1, 9) / 9
    return trial.suggest_float("slope", -1, 1) ** 2 + 0.5


def run(sampler: CandidateSampler, trials: int, objective: Any = conditional, **options: Any) -> optuna.Study:
    study = optuna.create_study(sampler=sampler, **options)
    study.optimize(objective, n_trials=trials)
    return study


def test_a_conditional_space_is_searched_better_than_at_random(sampler: Callable[..., CandidateSampler]) -> None:
    ours = [run(sampler(seed=s), 30).best_value for s in range(3)]
    random = [run(optuna.samplers.RandomSampler(seed=s), 30).best_value for s in range(3)]  # type: ignore[arg-type]
    assert sum(ours) < sum(random) - 0.01


def plateau(trial: optuna.Trial) -> float:
    """Where lines are all but equal, and trees better only at one depth of nine."""
    rate = trial.suggest_float("rate", 1e-4, 1.0, log=True)
    depth = trial.suggest_int("depth", 1, 9) if trial.suggest_categorical("kind", ["tree", "line"]) == "tree" else 4
    return (rate - 0.01) ** 2 + abs(depth - 5) / 10


def test_a_wide_plateau_is_left(sampler: Callable[..., CandidateSampler]) -> None:
    left = [run(sampler(seed=s), 40, plateau).best_value < 0.05 for s in range(12)]
    assert sum(left) >= 8  # of 12; 5 when only ranks counted


def test_the_same_seed_and_trials_suggest_the_same_in_another_study(
    sampler: Callable[..., CandidateSampler], tmp_path: Path
) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    whole = run(sampler(seed=3), 12, storage=storage, study_name="whole")
    run(sampler(seed=3), 7, storage=storage, study_name="parts")
    again = optuna.load_study(study_name="parts", storage=storage, sampler=sampler(seed=3))
    again.optimize(conditional, n_trials=5)
    assert [t.params for t in again.trials] == [t.params for t in whole.trials]


def test_every_trial_says_who_chose_it(sampler: Callable[..., CandidateSampler]) -> None:
    study = run(sampler(seed=1), 6)
    name = "policy" if sampler is PPOSampler else "improvement"
    assert [chosen_by(t) for t in study.trials] == ["random"] + [name] * 5


def test_where_processes_are_of_no_use_tpe_chooses(sampler: Callable[..., CandidateSampler]) -> None:
    wide = run(sampler(seed=1), 3, lambda t: sum(t.suggest_float(f"x{i}", 0, 1) for i in range(41)))
    assert [chosen_by(t) for t in wide.trials[1:]] == ["tpe", "tpe"]


def test_parameters_count_that_one_trial_has(sampler: Callable[..., CandidateSampler]) -> None:
    def objective(trial: optuna.Trial) -> float:
        kind = trial.suggest_categorical("kind", list("abcdef"))
        return sum(trial.suggest_float(f"{kind}.{i}", 0, 1) for i in range(30 if trial.number > 9 else 8))

    study = optuna.create_study(sampler=sampler(seed=1))
    for kind in "abcdef":
        study.enqueue_trial({"kind": kind})
    study.optimize(objective, n_trials=10)  # 49 parameters, 9 of each
    assert "tpe" not in {chosen_by(t) for t in study.trials}
    for kind in "abcdef":
        study.enqueue_trial({"kind": kind})
    study.optimize(objective, n_trials=7)  # 181 parameters, 31 of each
    assert chosen_by(study.trials[-1]) == "tpe"


def branches(trial: optuna.Trial) -> float:
    """Of two kinds with a parameter each, kind a at .3 is best."""
    kind = trial.suggest_categorical("kind", ["a", "b"])
    return abs(trial.suggest_float(f"{kind}.x", 0, 1) - 0.3) + (kind == "b")


def test_tpe_searches_a_conditional_space_too(sampler: Callable[..., CandidateSampler]) -> None:
    known = run(optuna.samplers.RandomSampler(seed=1), MOST_TRIALS + 1, branches).trials  # type: ignore[arg-type]
    studies = [optuna.create_study(sampler=sampler(seed=1)) for _ in range(2)]
    for study in studies:
        study.add_trials(known)
        study.optimize(branches, n_trials=10)
    once, again = (study.trials[len(known) :] for study in studies)
    assert {chosen_by(t) for t in once} == {"tpe"}
    assert sum(t.params["kind"] == "a" for t in once) >= 9
    assert np.median([t.values[0] for t in once]) < 0.1  # .7 at random
    study = optuna.create_study(sampler=sampler(seed=1))
    study.add_trials([*known, *once[:6]])
    study.optimize(branches, n_trials=4)  # another process goes on in the same way
    assert [t.params for t in once] == [t.params for t in again] == [t.params for t in study.trials[len(known) :]]


def test_of_pure_noise_nothing_is_believed(sampler: Callable[..., CandidateSampler]) -> None:
    noise = np.random.default_rng(0).random(40)
    study = run(sampler(seed=1), 40, lambda t: noise[t.number] + 0 * t.suggest_float("x", 0, 1))
    assert {chosen_by(t) for t in study.trials[25:]} >= {"tpe"}
    assert "tpe" not in {chosen_by(t) for t in study.trials[:20]}


@pytest.mark.slow
def test_a_thousand_trials_of_thirty_parameters(sampler: Callable[..., CandidateSampler]) -> None:
    study = run(sampler(seed=1), 1_000, lambda t: sum(t.suggest_float(f"x{i}", 0, 1) for i in range(30)))
    assert chosen_by(study.trials[150]) != "tpe" == chosen_by(study.trials[-1])
    assert study.best_value < 8


def test_failures_infinities_and_bounds_that_change_are_lived_with(sampler: Callable[..., CandidateSampler]) -> None:
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1 + trial.number % 3)
        if trial.number % 5 == 1:
            raise ValueError("failed")
        if trial.number % 5 == 2:
            raise optuna.TrialPruned
        return (math.inf, -x if x > 0.9 else x, math.nan)[trial.number % 3]

    study = optuna.create_study(sampler=sampler(seed=1))
    study.optimize(objective, n_trials=25, catch=ValueError)
    assert len(study.trials) == 25 and all(0 <= t.params["x"] <= 1 + t.number % 3 for t in study.trials)


def test_trials_beyond_the_latest_bounds_do_not_speak_for_the_wall(sampler: Callable[..., CandidateSampler]) -> None:
    study = optuna.create_study(sampler=sampler(seed=1))
    for x in range(2, 10):
        study.add_trial(
            optuna.create_trial(
                value=x - 1, params={"x": x}, distributions={"x": optuna.distributions.FloatDistribution(0, 10)}
            )
        )
    study.optimize(lambda t: 1 - t.suggest_float("x", 0, 1), n_trials=10)
    assert study.best_value < 0.01


def test_a_prior_comes_first_and_a_maximum_is_found(sampler: Callable[..., CandidateSampler]) -> None:
    prior = [{"x": 0.71}, {"x": 0.25}]
    study = run(
        sampler(seed=1, prior=prior), 12, lambda t: -((t.suggest_float("x", 0, 1) - 0.7) ** 2), direction="maximize"
    )
    assert [t.params["x"] for t in study.trials[:2]] == [0.71, 0.25]
    assert study.best_value > -1e-4


@pytest.mark.parametrize("stranger", [{"k": "zzz"}, {"x": None}, {"x": "high"}, {"x": math.nan}, {"x": 7.0}, {"y": 1}])
def test_a_prior_of_another_space_is_none(
    sampler: Callable[..., CandidateSampler], stranger: dict[str, object]
) -> None:
    def objective(trial: optuna.Trial) -> float:
        return trial.suggest_float("x", 0, 1) + (trial.suggest_categorical("k", ["a", "b"]) == "a")

    study = run(sampler(seed=1, prior=[stranger, {"x": 0.25, "k": "b"}]), 4, objective)
    assert [chosen_by(t) for t in study.trials].count("prior") == 1
    assert study.trials[1].params == {"x": 0.25, "k": "b"}
    bare = run(sampler(seed=1), 1, objective)
    assert study.trials[0].params == bare.trials[0].params


def test_parallel_workers_do_not_repeat_each_other(sampler: Callable[..., CandidateSampler]) -> None:
    study = optuna.create_study(sampler=sampler(seed=1))
    study.optimize(lambda t: t.suggest_float("x", 0, 1) ** 2, n_trials=5)
    asked = [study.ask({"x": optuna.distributions.FloatDistribution(0, 1)}).params["x"] for _ in range(4)]
    assert len(set(asked)) == 4


def test_a_number_of_trials_must_be_positive(sampler: Callable[..., CandidateSampler]) -> None:
    with pytest.raises(OptionError, match="trials=0"):
        sampler(trials=0)
