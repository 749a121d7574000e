"""Optuna's tree-structured Parzen estimator, told of every finished candidate."""

from __future__ import annotations

import optuna

from autoglm.core.seed import Seed


def sampler(seed: Seed) -> optuna.samplers.BaseSampler:
    """Return the Optuna sampler of the search phase."""
    return optuna.samplers.TPESampler(seed=seed.integer, n_startup_trials=8)
