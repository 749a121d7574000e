"""Regularised linear and logistic regression (scikit-learn): never far off, best on small, noisy or text tables.

Numbers are robustly scaled, categories one-hot or target means, text as TF-IDF terms; ``knots`` adds hinge
functions of every number, which makes it an additive model. The penalty is chosen on the held-out rows
along a warm-started path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from autoglm.core.features import Features
from autoglm.core.metrics import log_loss, rmse, softmax
from autoglm.core.task import Task
from autoglm.learners import Limits, Sample
from autoglm.prep import penalised, tabular
from autoglm.prep.penalised import Weights
from autoglm.prep.players import Attribution, Players, apart

if TYPE_CHECKING:
    import optuna

TERMS = 3.0  # factor on the inverse penalties where there are terms: the best are between two steps without it
MOST_BASIS = 3000  # hinge columns; wider tables stay linear
INNER = 4  # parts in which the penalty is chosen where rows of one group are on both sides
MOST_CELLS = 10_000_000  # rows x columns that one fit looks at; longer tables are sampled


@dataclass(frozen=True)
class Learner:
    """Settings of a linear model."""

    name: ClassVar[str] = "linear"

    knots: int = 0
    strength: float = 1.0

    def fit(self, train: Sample, valid: Sample, task: Task, limits: Limits) -> Model:
        """Fit along the path of penalties until the loss on `valid` rises, or the time is up."""
        sparse = train.features.sparse is not None
        width = len(train.features.outputs) * (1 + self.knots)
        train = _sampled(train, max(1000, MOST_CELLS // max(1, width)), limits)
        prepared, matrix = tabular.fit(train.features, train.target, task, limits.seed, sparse=sparse)
        knots = _knots(matrix, self.knots)
        basis, held = _expand(matrix, knots), _expand(prepared.transform(valid.features), knots)
        strength = self.strength * (TERMS if sparse else 1.0)
        if train.meets(valid):
            weights = _by_groups(basis, train, task, strength, limits)
        else:
            steps = _path(basis, train.target, task, strength)
            weights = _best(steps, lambda w: _loss(held, valid.target, w, task), limits)
        return Model(prepared, knots, *weights, _means(basis))

    @classmethod
    def suggest(cls, trial: optuna.Trial) -> Self:
        """Draw settings."""
        return cls(
            knots=trial.suggest_int("linear.knots", 0, 12),
            strength=trial.suggest_float("linear.strength", 0.2, 5.0, log=True),
        )


def _means(basis: Any) -> NDArray[np.float64]:
    return np.asarray(basis.mean(axis=0), dtype=np.float64).reshape(-1)


def _sampled(train: Sample, rows: int, limits: Limits) -> Sample:
    """Return at most `rows` of the rows: a linear model has learned what it can from a sample of a long table."""
    if len(train) <= rows:
        return train
    some = np.sort(limits.seed.child("rows").generator().choice(len(train), rows, replace=False))
    return train.take(some)


def _path(basis: Any, target: NDArray[Any], task: Task, strength: float) -> Iterator[Weights]:
    if task.kind == "regression":
        return penalised.ridge(basis, target, strength)
    return penalised.logistic(basis, target, task, strength)


def _by_groups(basis: Any, train: Sample, task: Task, strength: float, limits: Limits) -> Weights:
    """Choose the penalty on groups that inner models have not seen, and fit with it on all rows."""
    parts = train.parts(INNER, limits.seed.child("parts"))
    count = int(parts.max()) + 1
    errors: list[list[float]] = []
    for part in range(count):
        learned, judged = parts != part, parts == part
        found: list[float] = []
        for weights in _path(basis[learned], train.target[learned], task, strength):
            found.append(_loss(basis[judged], train.target[judged], weights, task))
            if found[-1] > min(found) or limits.over(0.4):
                break
        errors.append(found)
        if limits.over(0.8 * (part + 1) / (part + 4)):  # another part, and all rows, would take too long
            break
    several = [found for found in errors if len(found) > 1] or errors  # one: a part of a single class, or no time
    common = min(map(len, several))
    best = int(np.mean([found[:common] for found in several], axis=0).argmin())
    for i, weights in enumerate(_path(basis, train.target, task, strength)):
        last = weights
        if i == best or limits.over(0.8):
            break
    return last


def _best(steps: Iterator[Weights], loss: Callable[[Weights], float], limits: Limits) -> Weights:
    best: tuple[float, Weights] | None = None
    for weights in steps:
        error = loss(weights)
        if best is not None and error > best[0]:
            break
        best = (error, weights)
        if limits.over(0.4):  # the next step usually takes longer than the last
            break
    assert best is not None
    return best[1]


def _loss(held: Any, target: NDArray[Any], weights: Weights, task: Task) -> float:
    margins = held @ weights[0] + weights[1]
    return rmse(target, margins[:, 0]) if task.kind == "regression" else log_loss(target, softmax(margins, task))


def _knots(matrix: Any, count: int) -> NDArray[np.float64]:
    """Return hinge positions, shape (count, n_columns): inner quantiles of each column, NaN where too few values."""
    if sp.issparse(matrix) or count == 0 or count * matrix.shape[1] > MOST_BASIS:
        return np.zeros((0, matrix.shape[1]))
    some = matrix[:: max(1, len(matrix) // 20_000)]
    found: NDArray[np.float64] = np.quantile(some, np.linspace(0, 1, count + 2)[1:-1], axis=0).astype(np.float64)
    repeated = np.vstack([np.zeros((1, matrix.shape[1]), bool), np.diff(found, axis=0) <= 1e-9])
    binary = np.array([len(np.unique(c[:2000])) <= 2 for c in some.T], dtype=bool)
    found[repeated | binary] = np.nan
    return found


def _expand(matrix: Any, knots: NDArray[np.float64]) -> Any:
    return _hinged(matrix, *_hinges(knots))


def _hinges(knots: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return column and position of every hinge."""
    at, column = np.nonzero(~np.isnan(knots))
    return column, knots[at, column]


def _hinged(matrix: Any, column: NDArray[np.intp], position: NDArray[np.float64]) -> Any:
    if sp.issparse(matrix):
        return matrix
    dense = np.asarray(matrix, dtype=np.float64)
    return np.hstack([dense, np.maximum(dense[:, column] - position, 0.0)]) if len(column) else dense


def _order(knots: NDArray[np.float64], places: NDArray[np.intp], joined: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return where a model's basis columns stand in the basis of joined models; `places` are its matrix's columns."""
    if not len(joined):
        return places
    rank = np.cumsum(~np.isnan(joined).ravel()).reshape(joined.shape) - 1  # hinges stand row by row of the knots
    at, column = np.nonzero(~np.isnan(knots))
    return np.concatenate([places, joined.shape[1] + rank[at, places[column]]])


def _dense(product: Any) -> NDArray[np.float64]:
    return np.asarray(product.toarray() if hasattr(product, "toarray") else product, dtype=np.float64)


@dataclass(frozen=True)
class Model:
    """A linear model with its preparation.

    Parameters
    ----------
    weights
        Shape (n_columns, scores).
    bias
        Shape (scores,).
    centre
        Mean of each column over training rows, shape (n_columns,); what `attribute` compares with.
    """

    prepared: tabular.Dense
    knots: NDArray[np.float64]
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    centre: NDArray[np.float64]

    def predict(self, features: Features, threads: int = 1) -> NDArray[np.float64]:
        """Return margins, shape (n, scores)."""
        return np.asarray(self._basis(features) @ self.weights + self.bias, dtype=np.float64)

    def _basis(self, features: Features) -> Any:
        return _hinged(self.prepared.transform(features), *self._hinges)

    @cached_property
    def _hinges(self) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        return _hinges(self.knots)

    @classmethod
    def merged(cls, models: Sequence[Self]) -> Self | None:
        """Return one model with the mean of the models' margins; None where they read terms of texts."""
        knots = {len(m.knots) for m in models}
        if len(knots) > 1 or any(m.prepared.terms for m in models):
            return None
        prepared, places = tabular.joined([m.prepared for m in models])
        joined = np.full((knots.pop(), prepared.width), np.nan)
        for model, at in zip(models, places, strict=True):
            joined[:, at] = model.knots
        order = np.argsort(np.concatenate([_order(m.knots, at, joined) for m, at in zip(models, places, strict=True)]))
        weights = np.concatenate([m.weights for m in models])[order] / len(models)
        centre = np.concatenate([m.centre for m in models])[order]
        return cls(prepared, joined, weights, np.mean([m.bias for m in models], axis=0), centre)

    def attribution(self, players: Players) -> Attribution:
        """Say what each player adds; see `learners`.

        A sum of functions of one column each has Shapley values in closed form: each less its mean over training rows.
        """
        owner = players.dense[self.prepared.origin]
        if len(self.knots):
            owner = np.concatenate([owner, owner[self._hinges[0]]])
        owner = np.concatenate([owner, players.terms[: len(self.weights) - len(owner)]])
        members = sp.csr_matrix((np.ones(len(owner)), (np.arange(len(owner)), owner)), (len(owner), len(players)))
        scaled = [members.multiply(weights[:, None]).tocsr() for weights in self.weights.T]

        def values(features: Features) -> NDArray[np.float64]:
            basis = self._basis(features)
            return np.stack([_dense(basis @ each) - self.centre @ each for each in scaled], axis=2)

        return Attribution(self.centre @ self.weights + self.bias, values, apart(values))

    def save(self, folder: Path) -> None:
        """Write one npz file."""
        arrays = {"knots": self.knots, "weights": self.weights, "bias": self.bias, "centre": self.centre}
        np.savez(folder / "model.npz", allow_pickle=False, **arrays, **self.prepared.arrays())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(folder / "model.npz", allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        own = (arrays.get(name, np.zeros(0)) for name in ("knots", "weights", "bias", "centre"))
        return cls(tabular.Dense.restore(arrays), *own)
