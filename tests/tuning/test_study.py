"""Trials are ordered by their losses; those that were stopped early, by how they stood where others stood too."""

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial
from scipy.stats import norm

from autoglm.tuning.study import standings

MINIMIZE, MAXIMIZE = optuna.study.StudyDirection.MINIMIZE, optuna.study.StudyDirection.MAXIMIZE


def trial(*curve: float, done: bool = True) -> FrozenTrial:
    state = TrialState.COMPLETE if done else TrialState.PRUNED
    return create_trial(value=curve[-1] if done else None, state=state, intermediate_values=dict(enumerate(curve)))


def test_complete_trials_stand_by_their_values() -> None:
    trials = [trial(3.0), trial(1.0), create_trial(state=TrialState.FAIL)]
    np.testing.assert_array_equal(standings(trials, MINIMIZE), [3.0, 1.0, np.nan])
    np.testing.assert_array_equal(standings(trials, MAXIMIZE), [-3.0, -1.0, np.nan])


def test_stopped_trials_are_compared_where_both_have_been() -> None:
    slow, quick, poor = trial(0.9, 0.5, 0.1), trial(0.5, 0.4, 0.3), trial(0.95, done=False)
    late = trial(0.6, done=False)  # at its only step behind quick, before slow
    order = standings([slow, quick, poor, late], MINIMIZE)
    np.testing.assert_allclose(order, norm.ppf([1 / 3, 1 / 3, 7 / 8, 1 / 3]))  # who lost all is not infinitely bad
    worse = standings([slow, quick, poor, create_trial(state=TrialState.FAIL)], MINIMIZE)
    assert np.isnan(worse[3]) and not np.isnan(worse[:3]).any()


def test_infinite_losses_lose() -> None:
    order = standings([trial(np.inf), trial(0.5), trial(0.7, done=False)], MINIMIZE)
    assert order[0] == order.max() and order[1] == order.min()
