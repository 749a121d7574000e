"""Trials are known by their losses at the end; where some were stopped early, by a few looks at each curve."""

import math

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from autoglm.samplers.pool import PoolSampler
from autoglm.tuning.study import MOST_LOOKS, looks

MINIMIZE, MAXIMIZE = optuna.study.StudyDirection.MINIMIZE, optuna.study.StudyDirection.MAXIMIZE


def trial(curve: dict[int, float], state: TrialState = TrialState.PRUNED) -> FrozenTrial:
    value = curve[max(curve)] if state == TrialState.COMPLETE else None
    return create_trial(value=value, state=state, intermediate_values=curve)


def test_complete_trials_stand_by_their_values() -> None:
    trials = [
        trial({1: 9.0, 2: 3.0}, TrialState.COMPLETE),
        create_trial(value=1.0),
        create_trial(state=TrialState.FAIL),
    ]
    for direction, sign in ((MINIMIZE, 1), (MAXIMIZE, -1)):
        seen = looks(trials, direction)
        np.testing.assert_array_equal(seen.losses, [3.0 * sign, 1.0 * sign, np.nan])
        assert seen.progress is None and seen.owners.tolist() == [0, 1, 2]


def test_where_some_were_stopped_curves_are_looked_at_a_few_times() -> None:
    whole = trial({step: 1 / step for step in range(1, 28)}, TrialState.COMPLETE)
    seen = looks([whole, trial({1: 0.5, 2: 0.4}), create_trial(state=TrialState.FAIL)], MINIMIZE)
    assert seen.owners.tolist() == [0, 0, 0, 0, 1, 2]
    np.testing.assert_allclose(seen.losses, [1, 1 / 3, 1 / 9, 1 / 27, 0.5, np.nan])
    assert seen.progress is not None
    np.testing.assert_allclose(seen.progress, [0, 1 / 3, 2 / 3, 1, 0, 1], atol=1e-12)
    short = looks([trial({1: 0.5, 2: 0.4})], MINIMIZE, end=270)  # stopped before the first look
    assert short.losses.tolist() == [0.4] and short.progress is not None and short.progress.tolist() == [0]


def test_who_runs_is_mediocre_until_it_reports() -> None:
    stopped = [trial({3: loss}) for loss in (0.2, 0.3, 0.9)]
    silent, telling = trial({}, TrialState.RUNNING), trial({3: 0.1}, TrialState.RUNNING)
    np.testing.assert_array_equal(looks([*stopped, silent, telling], MINIMIZE).losses, [0.2, 0.3, 0.9, 0.25, 0.1])
    done = create_trial(value=0.7)
    np.testing.assert_array_equal(looks([done, telling], MINIMIZE).losses, [0.7, 0.7])  # what it is worth at its end


def test_of_many_looks_the_last_of_every_trial_are_kept() -> None:
    curve = {1: 4.0, 3: 3.0, 9: 2.0, 27: 1.0}
    seen = looks([trial(curve, TrialState.COMPLETE) for _ in range(80)] + [trial({1: 0.0})], MINIMIZE)
    assert len(seen.losses) == MOST_LOOKS and set(seen.owners.tolist()) == set(range(81))
    assert (seen.losses[seen.owners == 0] == 1.0).all() and (seen.losses[seen.owners == 79] == [4, 3, 2, 1]).all()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e308])
def test_curves_that_are_not_finite_are_lived_with(value: float) -> None:
    study = optuna.create_study(sampler=PoolSampler(seed=1))
    space = {"x": FloatDistribution(0, 1)}
    for x in (0.1, 0.5, 0.9):
        study.add_trial(
            create_trial(
                state=TrialState.PRUNED, params={"x": x}, distributions=space, intermediate_values={1: value, 9: x}
            )
        )
    assert 0 <= study.ask(space).params["x"] <= 1


def test_the_end_is_foreseen_from_where_others_stood() -> None:
    """High rates are ahead early and behind at the end; few trials came to their end, all were seen early."""
    space = {"x": FloatDistribution(0, 1)}
    study = optuna.create_study(sampler=PoolSampler(seed=1))
    for k in range(12):
        x = k / 11
        early, late = 1 - x / 2, (x - 0.3) ** 2
        state = TrialState.COMPLETE if k % 2 else TrialState.PRUNED
        study.add_trial(
            create_trial(
                value=late if k % 2 else None,
                state=state,
                params={"x": x},
                distributions=space,
                intermediate_values={1: early, 27: late} if k % 2 else {1: early},
            )
        )
    asked = [study.ask(space).params["x"] for _ in range(3)]
    assert min(abs(x - 0.3) for x in asked) < 0.1
