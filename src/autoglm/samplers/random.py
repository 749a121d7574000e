"""Random search, the yardstick."""

from __future__ import annotations

import optuna

from autoglm.core.seed import Seed


def sampler(seed: Seed) -> optuna.samplers.BaseSampler:
    """Return the Optuna sampler of the search phase."""
    return optuna.samplers.RandomSampler(seed=seed.integer)
