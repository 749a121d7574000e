"""How rows are judged that had a say in when boosting ends.

The round that is best on a few dozen rows is partly luck, which flatters the score on just these rows: on pure noise,
150 rows, the area under the ROC curve was .59 to .62 out of fold. Each of few held-out rows is therefore judged at the
round that is best on all the others (leaving one out: Stone 1974); the model itself stops where all of them say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm.core.task import Task

MANY = 1_000  # held-out rows from which the luck does not show
MOST = 200  # rounds that are looked at; of more, every second, or third

Margins = NDArray[np.float64]


def honest(rounds: int, staged: Callable[[range], Any], target: NDArray[Any], task: Task, loss: str) -> Margins | None:
    """Return margins of held-out rows by rounds that the row itself had no say in; None where those of the model do.

    Parameters
    ----------
    rounds
        How many there were until boosting ended, those after the best included.
    staged
        Margins of the held-out rows after some rounds (counted from 1), shape (n_rounds, n_rows[, scores]).
    target
        Codes or values of the rows, shape (n_rows,).
    loss
        ``"squared"`` or ``"absolute"``, of a regression.

    Returns
    -------
    array or None
        Shape (n_rows, scores).
    """
    count = len(target)
    if not 2 <= count < MANY:
        return None
    step = -(-rounds // MOST)
    margins = np.asarray(staged(range(step, rounds + 1, step)), dtype=np.float64).reshape(-1, count, task.scores)
    losses = _losses(margins, target, task, loss)
    ends = np.argmin(losses.sum(axis=1, keepdims=True) - losses, axis=0)
    return np.asarray(margins[ends, np.arange(count)])


def _losses(margins: Margins, target: NDArray[Any], task: Task, loss: str) -> Margins:
    """Return the loss of each round and row, shape (n_rounds, n_rows)."""
    if task.kind == "regression":
        gaps = np.abs(margins[:, :, 0] - target)
        return np.asarray(gaps if loss == "absolute" else np.square(gaps))
    if task.kind == "binary":
        return np.asarray(np.logaddexp(0.0, np.where(target == 1, -margins[:, :, 0], margins[:, :, 0])))
    own = np.take_along_axis(margins, target[None, :, None], axis=2)[:, :, 0]
    return np.asarray(np.logaddexp.reduce(margins, axis=2) - own)
