"""Who answers a row that lacks what training rows had: a member that has learned to do without.

Most learners never saw a row without its picture and answer such a row with whatever their first split, or a mean of
all pictures, says. The pool of experts leaves the modality out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm.core.features import Features

LEARNER = "pool"
USUAL = 0.05
"""Share of training rows that lack a modality, from which every learner has seen enough of them."""

IDLE = 0.02
"""Weight of a modality below which it is not missed."""

COLUMNS = ("name", "kind", "weight", "missing", "low", "high", "noise", "swapped", "absent")
"""What is told of a modality: its weight, the fall of the score when it is missing (mean, 95 % interval), when there is
noise in its place, when there is another row's, and the share of training rows that lack it."""


def needed(features: Features, shares: Mapping[str, float]) -> list[str]:
    """Return the modalities that a substitute stands in for.

    Parameters
    ----------
    features
        Training rows; where there are several modalities, those count that rows seldom lack.
    shares
        The weight of each modality, of those that are known: what weighs nothing is not missed, and rows without it are
        answered by all members. The name of a speaker who was never heard before is such a loss.
    """
    names = list(features.modalities)
    if len(names) < 2:
        return []
    return [n for n in names if features.absent(n).mean() < USUAL and shares.get(n, 1.0) >= IDLE]


def lacking(features: Features, about: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Say which rows the substitute answers, shape (n_rows,): those that lack one of its modalities."""
    rows = np.zeros(len(features), dtype=bool)
    for name in about.get("modalities", ()):
        rows |= features.absent(name)
    return rows
