"""Linear and logistic regression along a path of penalties (scikit-learn), from the strongest on."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from autoglm.core.task import Task

PATH = (0.003, 0.03, 0.3, 3.0, 30.0)
"""C of the logistic path; ridge uses 1/C."""

Weights = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Shapes (n_columns, scores), (scores,)."""


def ridge(basis: Any, target: NDArray[np.float64], strength: float) -> Iterator[Weights]:
    """Yield least squares with penalties 1 / (C * strength) of the path, the strongest first."""
    from sklearn.linear_model import Ridge

    mean, spread = float(target.mean()), float(target.std()) or 1.0
    if not basis.shape[1]:  # no column tells the rows apart
        yield np.zeros((0, 1)), np.array([mean])
        return
    for c in PATH:
        solver = "sparse_cg" if sp.issparse(basis) else "lsqr" if min(basis.shape) > 1500 else "cholesky"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an ill-conditioned step of the path loses on the held-out rows
            found = Ridge(alpha=1 / (c * strength), solver=solver, tol=1e-4).fit(basis, (target - mean) / spread)
        yield found.coef_.reshape(-1, 1) * spread, np.array([float(found.intercept_) * spread + mean])


def logistic(basis: Any, target: NDArray[Any], task: Task, strength: float) -> Iterator[Weights]:
    """Yield logistic regressions with penalties of the path, each started at the last; classes may be lacking."""
    from sklearn.linear_model import LogisticRegression

    present, counts = np.unique(target, return_counts=True)
    if not basis.shape[1] and len(present) > 1:
        bias = np.full(len(task.classes), -10.0)
        bias[present] = np.log(counts / counts.sum())
        yield np.zeros((0, task.scores)), bias if task.scores > 1 else bias[1:] - bias[:1]
        return
    if len(present) == 1:  # a fold of one class
        bias = np.where(np.arange(len(task.classes)) == present[0], 0.0, -7.0)
        yield np.zeros((basis.shape[1], task.scores)), bias if task.scores > 1 else np.array([bias[1] - bias[0]])
        return
    iterations = 100 if len(present) <= 20 else 30
    tolerance = 1e-3 if sp.issparse(basis) else 1e-4  # of terms: as good on new texts, in half of the steps
    recipe = LogisticRegression(solver="lbfgs", max_iter=iterations, tol=tolerance, warm_start=True)
    for c in PATH:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # unconverged steps are judged by the held-out loss
            recipe.set_params(C=c * strength).fit(basis, target)
        coefficients = np.zeros((basis.shape[1], task.scores))
        bias = np.full(task.scores, -10.0)  # classes that the fold lacks
        if task.scores == 1 or len(present) > 2:
            at = np.zeros(1, dtype=np.intp) if task.scores == 1 else present
            coefficients[:, at], bias[at] = recipe.coef_.T, recipe.intercept_
        else:  # two of several classes: sklearn fits one column
            coefficients[:, present] = np.column_stack([-recipe.coef_[0] / 2, recipe.coef_[0] / 2])
            bias[present] = [-recipe.intercept_[0] / 2, recipe.intercept_[0] / 2]
        yield coefficients, bias
