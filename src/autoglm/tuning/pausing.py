"""Trainings that stop and go on: a pruner that pauses what is not among the best, and what may be taken up again.

Successive halving (Li et al., *A System for Massively Parallel Hyperparameter Tuning*, 2020) on the curves of a study.
Optuna cannot resume a pruned trial; here the sampler proposes the same settings again and says which trial they go on
from, and the two count as one. A training of which nothing is left to load simply starts anew.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from autoglm.core.errors import OptionError

NEAR = 1.5  # a training is not paused when its end is nearer than that, as a factor
RESUMED = "autoglm:resumed_from"  # of a trial's system attributes


def resumed_from(trial: optuna.Trial | FrozenTrial) -> int | None:
    """Return the number of the trial whose training this one goes on with; None for a new one."""
    if isinstance(trial, optuna.Trial):
        trial = trial.study._storage.get_trial(trial._trial_id)
    number = trial.system_attrs.get(RESUMED)
    return None if number is None else int(number)


class PausePruner(optuna.pruners.BasePruner):
    """Pause a trial at a rung unless it is among the best ``1 / eta`` of those that got there.

    Rungs are at ``first``, ``first * eta``, ``first * eta²`` … of the steps that are reported. With
    ``PoolSampler(resume=pruner)`` or ``PPOSampler(resume=pruner)`` a paused trial is taken up again when it has come to
    be among the best of its rung.

    Parameters
    ----------
    first
        Step of the first rung, in the unit of the reports (epochs, trees, rows …).
    last
        Step of a training's end; there is no rung there, nor close before it.
    eta
        Share of the trials that does not go on, and distance of the rungs.

    Examples
    --------
    >>> import math, optuna
    >>> from autoglm.samplers.pool import PoolSampler
    >>> from autoglm.tuning.pausing import PausePruner, resumed_from
    >>> kept = {}  # a checkpoint per trial
    >>> def objective(trial):
    ...     rate = 1 + math.sin(97 * trial.suggest_float("x", 0, 1))
    ...     step, loss = kept.get(resumed_from(trial), (0, 1.0))
    ...     while step < 27:
    ...         step, loss = step + 1, loss * (1 - 0.1 * rate)
    ...         trial.report(loss, step)
    ...         if trial.should_prune():
    ...             kept[trial.number] = step, loss
    ...             raise optuna.TrialPruned
    ...     return loss
    >>> pruner = PausePruner(first=3, last=27)
    >>> study = optuna.create_study(sampler=PoolSampler(seed=1, resume=pruner), pruner=pruner)
    >>> study.optimize(objective, n_trials=30)
    >>> any(resumed_from(t) is not None for t in study.trials)
    True
    """

    def __init__(self, first: int, last: int, eta: int = 3) -> None:
        """Keep the options."""
        if not 1 <= first < last or eta < 2:
            raise OptionError(
                f"first={first}, last={last}, eta={eta}: expected 1 <= first < last and an eta of 2 or more"
            )
        self.eta, self.last = eta, last
        self.rungs = [first]
        while self.rungs[-1] * eta < last / NEAR:
            self.rungs.append(self.rungs[-1] * eta)

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Return whether the trial shall pause now."""
        step = trial.last_step
        rung = None if step is None else self._rung(step)
        if step is None or rung is None or any(rung <= s < step for s in trial.intermediate_values):
            return False  # most reports are between rungs: nobody else need be read
        everyone = {t.number: t for t in merged(study.get_trials(deepcopy=False))}
        whole, ancestor = everyone.pop(trial.number), resumed_from(trial)
        if any(rung <= s < step for s in whole.intermediate_values):
            return False
        reached = [v for t in everyone.values() if t.number != ancestor and (v := _at(t, rung)) is not None]
        own = _at(whole, rung)
        if own is None or np.isnan(own):
            return True
        sign = -1 if study.direction == optuna.study.StudyDirection.MAXIMIZE else 1
        better = sum(sign * value < sign * own for value in reached)
        return bool(better >= (len(reached) + 1) // self.eta)

    def waiting(self, study: optuna.Study, trials: Sequence[FrozenTrial], taken: set[int | None]) -> FrozenTrial | None:
        """Return the paused trial that may go on: the best third of the highest rung first; None where there is none.

        ``trials`` are merged; ``taken`` are numbers of trials that somebody is going on with already.
        """
        sign = -1 if study.direction == optuna.study.StudyDirection.MAXIMIZE else 1
        for rung in reversed(self.rungs):
            reached = [(sign * v, t.number, t) for t in trials if (v := _at(t, rung)) is not None and not np.isnan(v)]
            reached.sort(key=lambda entry: entry[:2])
            for _, number, trial in reached[: len(reached) // self.eta]:
                if (
                    trial.state == TrialState.PRUNED
                    and number not in taken
                    and self._rung(trial.last_step or 0) == rung
                ):
                    return trial
        return None

    def _rung(self, step: int) -> int | None:
        """Return the highest rung up to a step."""
        return max((rung for rung in self.rungs if rung <= step), default=None)


def merged(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials with each resumed one holding its ancestors' curve, and without those ancestors.

    A trial that goes on right now leaves its ancestor in place.
    """
    by_number = {t.number: t for t in trials}
    found: dict[int, FrozenTrial] = {}
    for trial in sorted(trials, key=lambda t: t.number):
        ancestor = trial.system_attrs.get(RESUMED)
        if ancestor is None or ancestor not in by_number:
            found[trial.number] = trial
            continue
        before = found.get(ancestor, by_number[ancestor])
        whole = copy.copy(trial)
        whole.intermediate_values = {**before.intermediate_values, **trial.intermediate_values}
        if trial.state != TrialState.RUNNING:
            found.pop(ancestor, None)
        found[trial.number] = whole
    return list(found.values())


def _at(trial: FrozenTrial, rung: int) -> float | None:
    """Return what a trial reported when it reached a rung; None if it did not."""
    steps = [s for s in trial.intermediate_values if s >= rung]
    return trial.intermediate_values[min(steps)] if steps else None
