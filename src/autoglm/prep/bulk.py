"""Sums over trees of many rows: by the compiled kernel where numba is installed and it pays, by XGBoost elsewhere.

The two answer with the same bits, so nobody sees who answered. Numba is imported and the kernel read from its cache
(on a machine's first time compiled) at the first call that is large enough, and not at the end of a fit: a fit must
end in time, and most processes never ask for many rows.
"""

from __future__ import annotations

import logging
from weakref import WeakKeyDictionary

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from autoglm.prep import boosters, flat_trees
from autoglm.prep.plan import Plan

LOAD = 50_000_000  # rows x trees that XGBoost takes half a second for, as long as it takes to load the kernel
MANY = 2_000  # rows from which a loaded kernel answers
CHECKED = 256  # rows on which the kernel must give XGBoost's bits before it may answer

logger = logging.getLogger(__name__)


def margins(booster: xgb.Booster, matrix: NDArray[np.float32], outputs: int, threads: int) -> NDArray[np.float64]:
    """Return the booster's sums, shape (n_rows, outputs)."""
    plan = _plan(booster, matrix, outputs, threads) if len(matrix) >= MANY else None
    if plan is None:
        return flat_trees.margins(booster, matrix, outputs, threads)
    from autoglm.prep import compiled

    return compiled.margins(plan, matrix, threads).astype(np.float64)


def _plan(booster: xgb.Booster, matrix: NDArray[np.float32], outputs: int, threads: int) -> Plan | None:
    """Return the booster as the kernel reads it; None when there is too little to do, or it cannot read it."""
    if booster not in _plans:
        if len(matrix) * _count(booster) < LOAD:
            return None
        _plans[booster] = _checked(booster, matrix, outputs, threads)
    return _plans[booster]


def _checked(booster: xgb.Booster, matrix: NDArray[np.float32], outputs: int, threads: int) -> Plan | None:
    try:
        from autoglm.prep import compiled

        plan = Plan.of(booster, outputs)
        some = np.ascontiguousarray(matrix[:: max(1, len(matrix) // CHECKED)])
        if np.array_equal(compiled.margins(plan, some, 1), flat_trees.margins(booster, some, outputs, threads)):
            return plan
        raise ValueError("the kernel's sums are not XGBoost's")
    except ImportError:  # numba is an extra
        logger.debug("XGBoost answers: pip install 'open-autoglm[fast]' answers many rows faster")
    except Exception as problem:  # whatever numba, its cache or another version of XGBoost comes up with
        logger.warning("XGBoost answers many rows, which is slower: %s", problem)
    return None


def _count(booster: xgb.Booster) -> int:
    if booster not in _counts:
        _counts[booster] = boosters.count(booster)
    return _counts[booster]


_plans: WeakKeyDictionary[xgb.Booster, Plan | None] = WeakKeyDictionary()
_counts: WeakKeyDictionary[xgb.Booster, int] = WeakKeyDictionary()
