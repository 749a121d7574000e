"""Where the choice among candidates meets Optuna: a base for samplers that read a study's trials and choose the next.

What is chosen depends on the space, the trials in the order in which they ended, the seed and the trial's number;
nothing is kept that another process could not compute again.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from autoglm.core.errors import OptionError
from autoglm.tuning.cube import Cube
from autoglm.tuning.pausing import RESUMED, PausePruner, merged, resumed_from
from autoglm.tuning.situation import UNKNOWN, Situation, Studies

Array = NDArray[np.float64]
Space = Mapping[str, BaseDistribution]

MOST_TRIALS = 200  # trials above which Optuna's TPE chooses: a Gaussian process costs their cube
TRUSTED = 5  # settings of a prior that are tried in their order; the others are candidates like any
MOST_PARAMETERS = 40  # parameters of one trial above which distances say nothing
WIDEST = 160  # parameters of all trials together, most of which any one lacks, above which processes cost too much
ENOUGH = 20  # trials after which the processes must tell a trial from the others better than the mean does
LEVELS = (1, 3, 9, 27)  # parts of the way to its end at which a training is looked at
MOST_LOOKS = 120  # at trainings that were stopped; more only where there are more trials
WHO = "autoglm:chosen_by"  # of a trial's system attributes

ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class CandidateSampler(optuna.samplers.BaseSampler):
    """A sampler that draws candidates, judges each, and takes the one its choice prefers.

    Conditional parameters, failed and infinite trials, changing bounds and parallel workers are understood; trials
    beyond the latest bounds are left out. Where Gaussian processes are of no use (more than 200 trials, 40 parameters
    of one trial or 160 of all; or after 20 trials they cannot tell one from the others) Optuna's TPE chooses; every
    trial says who chose it (`chosen_by`).

    Parameters
    ----------
    choose
        Given a situation of one study, logits (1, m); the largest is taken.
    name
        What `chosen_by` answers where ``choose`` chose.
    seed
        Of the candidates; the same seed and trials give the same suggestions, in any process.
    trials
        How many there will be, if that is known: the last ones are then spent on what is known to be good.
    prior
        Settings that were good on other data, best first: five are tried in their order, the others are candidates.
        Values that the space does not hold are left out.
    resume
        The study's pruner, if what it paused may go on: see `PausePruner`.
    """

    def __init__(
        self,
        choose: Callable[[Situation], Array],
        name: str,
        seed: int | None = None,
        trials: int | None = None,
        prior: Sequence[Mapping[str, Any]] = (),
        resume: PausePruner | None = None,
    ) -> None:
        """Keep the options."""
        if trials is not None and trials < 1:
            raise OptionError(f"trials={trials}: expected a positive number, or None where it is not known")
        self._choose, self._name, self._trials, self._prior = choose, name, trials, list(prior)
        self._resume = resume
        self._seed = int(np.random.default_rng(seed).integers(1 << 31))

    def reseed_rng(self) -> None:
        """Draw a new seed; Optuna calls this in each of several workers that share a sampler."""
        self._seed = int(np.random.default_rng().integers(1 << 31))

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return every parameter that a trial so far had, with its latest bounds."""
        self._raise_error_if_multi_objective(study)
        space: dict[str, BaseDistribution] = {}
        for earlier in study.get_trials(deepcopy=False, states=(*ENDED, TrialState.RUNNING)):
            if earlier.number != trial.number:
                space.update(earlier.distributions)
        return {k: space[k] for k in sorted(space) if not space[k].single()}

    def sample_relative(self, study: optuna.Study, trial: FrozenTrial, search_space: Space) -> dict[str, Any]:
        """Return settings for every parameter of the space; those that the trial doesn't ask for are left."""
        if not search_space:
            return {}
        going = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        ended = merged(study.get_trials(deepcopy=False, states=ENDED))
        ended = sorted(ended, key=lambda t: (t.datetime_complete.timestamp() if t.datetime_complete else 0.0, t.number))
        running = [t for t in going if t.number != trial.number and t.params]
        taken = {resumed_from(t) for t in going}
        paused = self._resume.waiting(study, ended, taken) if self._resume else None
        if paused and _claimed(study, trial, paused.number):
            self._say(study, trial, "resumed")
            return {k: v for k, v in paused.params.items() if k in search_space}
        most = max((len(t.params.keys() & search_space) for t in (*ended, *running)), default=0)
        if len(ended) > MOST_TRIALS or most > MOST_PARAMETERS or len(search_space) > WIDEST:
            return self._by_tpe(study, trial, search_space)
        cube = Cube(search_space)
        ended, running = _inside(cube, ended), _inside(cube, running)
        rng = np.random.default_rng([self._seed, trial.number])
        studies = self._studies(study, cube, ended, running, rng)
        untried = studies.priors[0]
        if untried is not None and len(ended) + len(running) < min(len(self._prior), TRUSTED):
            self._say(study, trial, "prior")
            return cube.settings(untried[0])
        situation = studies.look()
        if len(ended) >= ENOUGH and situation.explained[0] < 0:
            return self._by_tpe(study, trial, search_space)
        chosen = int(self._choose(situation)[0].argmax())
        self._say(study, trial, self._name)
        return cube.settings(situation.candidates[0, chosen])

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a value for a parameter that was not chosen with the others: the prior's, else TPE's or at random."""
        self._raise_error_if_multi_objective(study)
        started = trial.number < min(len(self._prior), TRUSTED)
        if started and param_name in self._prior[trial.number]:
            value = self._prior[trial.number][param_name]
            if _holds(param_distribution, value):
                return value
        name = zlib.crc32(param_name.encode())
        if chosen_by(trial) == "tpe":
            return self._tpe(trial, name).sample_independent(study, trial, param_name, param_distribution)
        rng = np.random.default_rng([self._seed, trial.number, name])
        return Cube({param_name: param_distribution}).settings(rng.random(1))[param_name]

    def _studies(
        self, study: optuna.Study, cube: Cube, ended: list[FrozenTrial], running: list[FrozenTrial], rng: Any
    ) -> Studies:
        """Return the study as the choice sees it; running trials count as mediocre, so that no other goes there."""
        places, present = cube.places([t.params for t in (*ended, *running)])
        seen = looks([*ended, *running], study.direction, self._resume.last if self._resume else None)
        studies = Studies.start([cube], [rng], [self._trials or UNKNOWN], [self._untried(cube, places)])
        studies.places, studies.present = places[seen.owners][None], present[seen.owners][None]
        studies.losses = seen.losses[None]
        studies.progress = None if seen.progress is None else seen.progress[None]
        return studies

    def _untried(self, cube: Cube, places: Array) -> Array | None:
        """Return the places of the prior's settings that this space holds and no trial took."""
        outside = [dict(zip(cube.space, row, strict=True)) for row in cube.outside(self._prior)]
        held = [
            {k: v for k, v in s.items() if not out.get(k, True)} for s, out in zip(self._prior, outside, strict=True)
        ]
        usable = [s for s in held if s]
        if not usable:
            return None
        prior = cube.snap(cube.places(usable)[0])
        new = [p for p in prior if not len(places) or np.abs(places - p).max(1).min() > 1e-9]
        return np.array(new) if new else None

    def _say(self, study: optuna.Study, trial: FrozenTrial, who: str) -> None:
        """Keep with the trial who chose it."""
        study._storage.set_trial_system_attr(trial._trial_id, WHO, who)

    def _by_tpe(self, study: optuna.Study, trial: FrozenTrial, space: Space) -> dict[str, Any]:
        """Let Optuna's TPE choose what all trials have; the others, as it knows no joint of them, one by one later."""
        self._say(study, trial, "tpe")
        shared = optuna.search_space.intersection_search_space(study.get_trials(deepcopy=False), include_pruned=True)
        return self._tpe(trial).sample_relative(study, trial, {k: v for k, v in shared.items() if k in space})

    def _tpe(self, trial: FrozenTrial, name: int | None = None) -> optuna.samplers.TPESampler:
        """Return a TPE whose draws depend on nothing but the seed, the trial and, for one of them, the parameter."""
        one = [] if name is None else [name]
        seed = int(np.random.default_rng([self._seed, trial.number, *one]).integers(1 << 31))
        joint = False if one else None  # else it warns of every parameter that is asked for alone
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=0, multivariate=joint, constant_liar=True)


def _claimed(study: optuna.Study, trial: FrozenTrial, paused: int) -> bool:
    """Let a trial go on from a paused one, and return whether nobody else does.

    Of two that claim it at once the later sees the other's claim and gives way; it may be that both do.
    """
    study._storage.set_trial_system_attr(trial._trial_id, RESUMED, paused)
    others = (t for t in study.get_trials(deepcopy=False) if t.number != trial.number)
    if any(resumed_from(t) == paused for t in others):
        study._storage.set_trial_system_attr(trial._trial_id, RESUMED, None)
        return False
    return True


def _holds(distribution: BaseDistribution, value: Any) -> bool:
    """Return whether a parameter can take a value, whatever that is."""
    try:
        return bool(distribution._contains(distribution.to_internal_repr(value)))
    except (TypeError, ValueError):
        return False


def _inside(cube: Cube, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that the space still holds: at its wall, others would speak for what is there."""
    outside = cube.outside([t.params for t in trials])
    return [t for t, strange in zip(trials, outside, strict=True) if not strange.any()]


def chosen_by(trial: FrozenTrial) -> str:
    """Return who chose a trial: "policy", "improvement", "prior", "resumed" or "tpe"; "random" for the first."""
    return str(trial.system_attrs.get(WHO, "random"))


@dataclass(frozen=True)
class Looks:
    """What is known of trials at n moments, in the order of the trials."""

    owners: NDArray[np.int64]  # (n,), the trial's position
    losses: Array  # (n,), lower is better; NaN: failed
    progress: Array | None  # (n,) in [0, 1], on a logarithmic scale of steps; None where all trials came to their end


def looks(trials: Sequence[FrozenTrial], direction: optuna.study.StudyDirection, end: int | None = None) -> Looks:
    """Return the losses of trials at their end and, where a pruner stopped some, at earlier steps too.

    Looks are at a 27th, a ninth and a third of the way and at the end, or at the first report after; ``end`` is the
    step of the end, None for the latest that any trial reported. A running trial of which nothing is known counts as
    mediocre. What failed, or has no value, is NaN.
    """
    curved = any(t.state == TrialState.PRUNED and t.intermediate_values for t in trials)
    last = max([end or 1, *(step for t in trials for step in t.intermediate_values)]) if curved else 1
    curves = [_looked(t, t.intermediate_values if curved else {}, last) for t in trials]
    final = [(at, *curve[-1]) for at, curve in enumerate(curves)]
    earlier = [(at, *look) for at, curve in enumerate(curves) for look in curve[:-1]]
    kept = sorted(final + earlier[len(earlier) - max(MOST_LOOKS - len(final), 0) :], key=lambda look: look[:2])
    owners = np.array([at for at, _, _ in kept], dtype=np.int64)
    steps, losses = np.array([look[1:] for look in kept], dtype=float).reshape(-1, 2).T
    losses = -losses if direction == optuna.study.StudyDirection.MAXIMIZE else losses
    finite = losses[np.isfinite(losses)]
    running = [t.state == TrialState.RUNNING and not (curved and t.intermediate_values) for t in trials]
    losses[np.array(running, dtype=bool)[owners]] = np.median(finite) if len(finite) else 0.0
    progress = np.clip(1 + np.log(np.maximum(steps, 1) / last) / np.log(LEVELS[-1]), 0, 1) if curved else None
    return Looks(owners, losses, progress)


def _looked(trial: FrozenTrial, curve: Mapping[int, float], last: int) -> list[tuple[int, float]]:
    """Return step and value of at least one look at a trial; a value of NaN where there is none."""
    if trial.state == TrialState.COMPLETE and trial.values:
        curve = {step: value for step, value in curve.items() if step < last} | {last: trial.values[0]}
    steps = sorted(curve)
    reached = {next((step for step in steps if step * level >= last), None) for level in LEVELS}
    at = sorted(step for step in reached if step is not None) or steps[-1:]  # stopped before its first look
    return [(step, curve[step]) for step in at] or [(last, np.nan)]
