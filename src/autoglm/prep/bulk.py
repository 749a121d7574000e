"""Sums over trees: by compiled kernels where numba is installed and they pay, by XGBoost elsewhere.

All answer with the same bits, so nobody sees who answered. Numba is imported and the kernels read from its cache
(on a machine's first time compiled) at the first call that is large enough, or where a service prepares itself, and not
at the end of a fit: a fit must end in time, and most processes never ask for many rows.
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
FEW = 12  # rows up to which a loaded kernel answers row by row: XGBoost needs .45 ms for whatever call
CHECKED = 256  # rows on which the kernel must give XGBoost's bits before it may answer

logger = logging.getLogger(__name__)


def margins(booster: xgb.Booster, matrix: NDArray[np.float32], outputs: int, threads: int) -> NDArray[np.float64]:
    """Return the booster's sums, shape (n_rows, outputs)."""
    plan = _plan(booster, matrix, outputs, threads)
    if plan is None or FEW < len(matrix) < MANY:
        return flat_trees.margins(booster, matrix, outputs, threads)
    from autoglm.prep import compiled

    found = compiled.few(plan, matrix) if len(matrix) <= FEW else compiled.margins(plan, matrix, threads)
    return found.astype(np.float64)


def prepare(booster: xgb.Booster, matrix: NDArray[np.float32], outputs: int) -> None:
    """Load the kernels now, so that they answer however few rows; `matrix` has rows to try them on."""
    if _plans.get(booster) is None:
        _plans[booster] = _checked(booster, matrix, outputs, 1)


def _plan(booster: xgb.Booster, matrix: NDArray[np.float32], outputs: int, threads: int) -> Plan | None:
    """Return the booster as the kernel reads it; None when there is too little to do, or it cannot read it."""
    if booster not in _plans:
        if len(matrix) < MANY or len(matrix) * _count(booster) < LOAD:
            return None
        _plans[booster] = _checked(booster, matrix, outputs, threads)
    return _plans[booster]


def _checked(booster: xgb.Booster, matrix: NDArray[np.float32], outputs: int, threads: int) -> Plan | None:
    try:
        from autoglm.prep import compiled

        plan = Plan.of(booster, outputs)
        some = np.ascontiguousarray(matrix[:: max(1, len(matrix) // CHECKED)])
        expected = flat_trees.margins(booster, some, outputs, threads)
        if all(
            np.array_equal(found, expected) for found in (compiled.margins(plan, some, 1), compiled.few(plan, some))
        ):
            return plan
        raise ValueError("the kernels' sums are not XGBoost's")
    except ImportError:  # numba is an extra
        logger.debug("XGBoost answers: pip install 'open-autoglm[fast]' answers many rows faster")
    except Exception as problem:  # whatever numba, its cache or another version of XGBoost comes up with
        logger.warning("XGBoost answers, which is slower: %s", problem)
    return None


def _count(booster: xgb.Booster) -> int:
    if booster not in _counts:
        _counts[booster] = boosters.count(booster)
    return _counts[booster]


_plans: WeakKeyDictionary[xgb.Booster, Plan | None] = WeakKeyDictionary()
_counts: WeakKeyDictionary[xgb.Booster, int] = WeakKeyDictionary()
