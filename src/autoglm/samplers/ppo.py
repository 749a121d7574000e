"""A policy, meta-trained by proximal policy optimisation, chooses among a pool of candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from autoglm.core.seed import Seed
from autoglm.tuning.pausing import PausePruner
from autoglm.tuning.policy import Policy
from autoglm.tuning.study import CandidateSampler


class PPOSampler(CandidateSampler):
    """An Optuna sampler that learned, on hundreds of other searches, which candidate to try next.

    Its policy (`autoglm.tuning.policy`) starts from expected improvement and departs from it where that paid on the
    tasks of its training; it knows nothing of a space but the kinds of its parameters, so any space will do. No torch
    is needed. See `CandidateSampler` for what it understands and when it steps back.

    Parameters
    ----------
    seed, trials, prior, resume
        As for `CandidateSampler`.
    weights
        Another policy's file, as `experiments/search/train.py` writes it.

    Examples
    --------
    >>> import optuna
    >>> from autoglm.samplers.ppo import PPOSampler
    >>> study = optuna.create_study(sampler=PPOSampler(seed=1, trials=15))
    >>> study.optimize(lambda t: (t.suggest_float("x", 0, 1) - 0.3) ** 2, n_trials=15)
    >>> abs(study.best_params["x"] - 0.3) < 0.02
    True
    """

    def __init__(
        self,
        seed: int | None = None,
        trials: int | None = None,
        prior: Sequence[Mapping[str, Any]] = (),
        resume: PausePruner | None = None,
        weights: str | Path | None = None,
    ) -> None:
        """Read the weights."""
        self.policy = _shipped() if weights is None else Policy.read(weights)
        super().__init__(self.policy.logits, "policy", seed, trials, prior, resume)


@cache
def _shipped() -> Policy:
    return Policy.shipped()


def sampler(seed: Seed) -> PPOSampler:
    """Return the Optuna sampler of the search phase."""
    return PPOSampler(seed=seed.integer)
