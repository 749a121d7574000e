"""Expected improvement over a pool of candidates, under a mixture of Gaussian processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autoglm.core.seed import Seed
from autoglm.tuning.pausing import PausePruner
from autoglm.tuning.policy import by_improvement
from autoglm.tuning.study import CandidateSampler


class PoolSampler(CandidateSampler):
    """An Optuna sampler that takes, of some hundred candidates, the one of largest expected improvement.

    What `PPOSampler` would do without its training. See `CandidateSampler` for what both understand.

    Examples
    --------
    >>> import optuna
    >>> from autoglm.samplers.pool import PoolSampler
    >>> study = optuna.create_study(sampler=PoolSampler(seed=1))
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
    ) -> None:
        """Keep the options, which are those of `CandidateSampler`."""
        super().__init__(by_improvement, "improvement", seed, trials, prior, resume)


def sampler(seed: Seed) -> PoolSampler:
    """Return the Optuna sampler of the search phase."""
    return PoolSampler(seed=seed.integer)
