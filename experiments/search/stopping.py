"""Who stops: searches with a budget of training seconds, which may leave a training and go on with it later.

A unit is the cost of the median training of a random configuration. Every checkpoint at which a searcher looks counts
with its own loss: its network is there to be used. `SEARCHERS` maps a name to a function (task, units, seed).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
import tasks as problems
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from rivals import Searcher, Trace, Watch, suggest
from tasks import Floats, SearchTask

ETA = 3
LEAST = 3 / 52  # of a training is the first look: 3 epochs of 52, for the first of them is the untrained network


@functools.cache
def unit(task: SearchTask) -> float:
    """Seconds of the median training of a random configuration."""
    draws = np.random.default_rng(0).random((1_000, len(task.space)))
    return float(np.median(task.evaluate(problems.decode(task.space, draws))[1]))


def rungs(task: SearchTask) -> list[int]:
    """Positions among the checkpoints at which a searcher looks: 3 epochs, then 3 times as many, then all."""
    last = task.checkpoints[-1]
    wanted = [LEAST * last * ETA**rung for rung in range(4)]
    at = np.searchsorted(task.checkpoints, [*(least for least in wanted if least < last / 1.5), last])
    return [int(rung) for rung in np.unique(at)]


@dataclass
class Training:
    """One configuration and how far it was trained: `rung` is the next look, at `ahead[rung]`."""

    ahead: list[tuple[float, float]]  # loss and cost of each further look
    rung: int = 0

    @property
    def loss(self) -> float:
        """What the last look showed."""
        return self.ahead[self.rung - 1][0]


@dataclass
class Purse:
    """The seconds of a search; spends them on looks at trainings."""

    task: SearchTask
    units: int
    watch: Watch = field(init=False)
    spent: float = 0.0

    def __post_init__(self) -> None:
        self.watch = Watch(self.task)

    @property
    def open(self) -> bool:
        """Whether anything is left."""
        return self.spent < self.units * unit(self.task)

    def start(self, settings: problems.Settings) -> Training:
        """A training of which nothing was done yet."""
        losses, seconds = self._curve(settings)
        looks = rungs(self.task)
        return Training(list(zip(losses[looks].tolist(), np.diff(seconds[looks], prepend=0).tolist(), strict=True)))

    def go_on(self, training: Training) -> float:
        """Train to the next look and pay for it; its loss."""
        loss, cost = training.ahead[training.rung]
        training.rung += 1
        self.spent += cost
        self.watch.note(loss, cost)
        return loss

    def _curve(self, settings: problems.Settings) -> tuple[Floats, Floats]:
        with self.watch.answer():
            found = self.task.curves([settings])
        if found is None:
            raise ValueError(f"{self.task.name} has no learning curves")
        return found[0][0], found[1][0]


def asha(task: SearchTask, units: int, seed: int) -> Trace:
    """Asynchronous successive halving with one worker and random configurations (Li et al. 2020).

    Of those that reached a rung the best third goes on to the next; when nobody may, a new one begins.
    """
    purse, draw = Purse(task, units), np.random.default_rng(seed)
    trainings: list[Training] = []
    while purse.open:
        best = _promoted(trainings, len(rungs(task)))
        if best is None:
            best = purse.start(_random(task, draw))
            trainings.append(best)
        purse.go_on(best)
    return purse.watch.trace()


def _promoted(trainings: list[Training], last: int) -> Training | None:
    # From the top rung down: the best of the rung's first third that has not gone on yet.
    for rung in range(last - 1, 0, -1):
        reached = sorted((t for t in trainings if t.rung >= rung), key=lambda t: t.ahead[rung - 1][0])
        waiting = [t for t in reached[: len(reached) // ETA] if t.rung == rung]
        if waiting:
            return waiting[0]
    return None


def screen(task: SearchTask, units: int, seed: int) -> Trace:
    """3 epochs of random configurations for half of the time, the best of them to their end for the other half."""
    purse, draw = Purse(task, units), np.random.default_rng(seed)
    seen: list[Training] = []
    looking = 0.0
    while purse.open:
        if not seen or looking <= purse.spent / 2:
            before = purse.spent
            seen.append(purse.start(_random(task, draw)))
            purse.go_on(seen[-1])
            looking += purse.spent - before
        else:
            best = min(seen, key=lambda training: training.loss)
            seen.remove(best)
            while best.rung < len(best.ahead):
                purse.go_on(best)
    return purse.watch.trace()


def _random(task: SearchTask, draw: np.random.Generator) -> dict[str, Any]:
    return problems.decode(task.space, draw.random((1, len(task.space))))[0]


def study(task: SearchTask, units: int, sampler: BaseSampler, pruner: BasePruner, name: str) -> Trace:
    """An Optuna study that reports at every look; a pruned training is never resumed.

    Hyperband draws its brackets from the study's name.
    """
    purse = Purse(task, units)
    found = optuna.create_study(sampler=sampler, pruner=pruner, study_name=name)

    looks = [task.checkpoints[at] for at in rungs(task)]

    def objective(trial: optuna.Trial) -> float:
        training = purse.start(suggest(task, trial))
        while training.rung < len(training.ahead):
            trial.report(purse.go_on(training), looks[training.rung - 1])
            if trial.should_prune():
                raise optuna.TrialPruned
        return training.loss

    while purse.open:
        found.optimize(objective, n_trials=1)
    return purse.watch.trace()


def _optuna(
    sampler: Callable[..., BaseSampler], pruner: Callable[[SearchTask], BasePruner] = lambda task: NopPruner()
) -> Searcher:
    return lambda task, units, seed: study(task, units, sampler(seed=seed), pruner(task), f"seed {seed}")


def _hyperband(task: SearchTask) -> BasePruner:
    first = task.checkpoints[rungs(task)[0]]
    return HyperbandPruner(min_resource=first, max_resource=task.checkpoints[-1], reduction_factor=ETA)


SEARCHERS: dict[str, Searcher] = {
    "asha": asha,
    "screen": screen,
    "random_full": _optuna(RandomSampler),
    "tpe_full": _optuna(TPESampler),
    "tpe_median": _optuna(TPESampler, lambda task: MedianPruner()),
    "tpe_hyperband": _optuna(TPESampler, _hyperband),
}
