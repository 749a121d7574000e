"""Our samplers as searchers of the bench, and what their parts are worth.

`SEARCHERS` search with a number of trials (see `rivals.py`), `PAUSING` with seconds of training (see `stopping.py`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
import stopping
from rivals import Searcher, Trace, learnt, study, suggest
from tasks import SearchTask

from autoglm.samplers.pool import PoolSampler
from autoglm.samplers.ppo import PPOSampler
from autoglm.tuning.pausing import PausePruner, resumed_from
from autoglm.tuning.policy import Policy
from autoglm.tuning.situation import Situation
from autoglm.tuning.study import CandidateSampler

Make = Callable[..., CandidateSampler]


def policy(**options: Any) -> PPOSampler:
    """The sampler with the policy that ships, or with the weights in AUTOGLM_POLICY."""
    return PPOSampler(weights=os.environ.get("AUTOGLM_POLICY"), **options)


def random_candidate(seed: int, **options: Any) -> CandidateSampler:
    """Any of the candidates: what the pool is worth without a choice."""
    draw = np.random.default_rng(seed)

    def choose(seen: Situation) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.where(seen.valid, draw.random(seen.valid.shape), -np.inf)

    return CandidateSampler(choose, "random candidate", seed=seed, **options)


def untrained(**options: Any) -> CandidateSampler:
    """The network before its training, whose score is zero: it must choose as expected improvement does."""
    shipped = Policy.shipped()
    blank = {name: np.zeros_like(weight) if name.startswith("score.") else weight
             for name, weight in shipped.weights.items()}  # fmt: skip
    return CandidateSampler(replace(shipped, weights=blank).logits, "untrained", **options)


def trained(name: str) -> Searcher:
    """The searcher of a policy, from ``file.npz@digest``: a training that went on is another searcher.

    Raises
    ------
    SystemExit
        If the file holds another policy.
    """
    path, _, digest = name.rpartition("@")
    if (found := Policy.read(path).digest) != digest:
        raise SystemExit(f"{path} holds the policy {found}, not {digest}: its training went on")
    return searching(lambda **options: PPOSampler(weights=path, **options))


def searching(make: Make, warm: bool = False) -> Searcher:
    """A searcher of a sampler; warm: it is told the portfolio of its space."""

    def search(task: SearchTask, trials: int, seed: int) -> Trace:
        prior = learnt(task) if warm else ()
        return study(task, make(seed=seed, trials=trials, prior=prior), trials)

    return search


def pausing(make: Make) -> Searcher:
    """A searcher that pauses trainings and goes on with them."""

    def search(task: SearchTask, units: int, seed: int) -> Trace:
        purse = stopping.Purse(task, units)
        looks = [task.checkpoints[at] for at in stopping.rungs(task)]
        pruner = PausePruner(first=looks[0], last=looks[-1], eta=stopping.ETA)
        found = optuna.create_study(sampler=make(seed=seed, resume=pruner), pruner=pruner)
        kept: dict[int | None, stopping.Training] = {}

        def objective(trial: optuna.Trial) -> float:
            settings = suggest(task, trial)
            training = kept.get(resumed_from(trial)) or purse.start(settings)
            while training.rung < len(training.ahead):
                trial.report(purse.go_on(training), looks[training.rung - 1])
                if trial.should_prune():
                    kept[trial.number] = training
                    raise optuna.TrialPruned
            return training.loss

        while purse.open:
            found.optimize(objective, n_trials=1)
        return purse.watch.trace()

    return search


SEARCHERS: dict[str, Searcher] = {
    "pool": searching(PoolSampler),
    "ppo": searching(policy),
    "pool_warm": searching(PoolSampler, warm=True),
    "ppo_warm": searching(policy, warm=True),
    "random_candidate": searching(random_candidate),
    "untrained": searching(untrained),
}
LEARNT = {"pool_warm", "ppo_warm"}  # need a space that others were searched in
PAUSING: dict[str, Searcher] = {"pool_pause": pausing(PoolSampler), "ppo_pause": pausing(policy)}
