"""A small neural network in NumPy, after RealMLP: good on smooth functions of numbers, adds variety to trees.

The recipe is RealMLP-TD-S (Holzmüller, Grinsztajn, Steinwart: Better by Default, NeurIPS 2024): learnable
input scales, neural tangent parametrisation, Adam, the coslog4 schedule, best weights by validation loss.
Several networks (members) can be trained at once as stacked matrix products and averaged.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from autoglm.core.features import Features
from autoglm.core.files import read_json, write_json
from autoglm.core.task import Task
from autoglm.learners import Limits, Sample
from autoglm.prep import tabular
from autoglm.prep.network import Adam, Array, Layers, Net, coslog4, dropout, forward, softmax

if TYPE_CHECKING:
    import optuna

WIDEST = 1_000  # columns of the features; of more, the best by a univariate score are kept
BLOCK = 256  # rows predicted at once, few enough to stay in the cache
FEWEST = 1_000  # judged rows below which the best epoch is picked on a part of the training rows instead
INNER = 0.15  # that part
BULK = 2_000  # rows from which answers are computed in float32
VALID = 10_000  # rows of the validation sample at most


@dataclass(frozen=True)
class Learner:
    """Settings of the networks.

    Parameters
    ----------
    width, depth
        Units of a hidden layer, and hidden layers.
    lr
        Highest learning rate; None is .025 for classes and .07 for values.
    members
        Networks that are trained and averaged.
    smoothing
        Label smoothing of a classification, a probability.
    dropout
        Probability that a hidden unit is dropped in training; None is .2 for classes and 0 for values.
    decay
        Weight decay (decoupled), relative to the learning rate.
    steps
        Gradient steps of the whole schedule; it takes 16 to 256 epochs.
    batch
        Rows of a gradient step; more for many rows.
    """

    name: ClassVar[str] = "mlp"
    width: int = 128
    depth: int = 3
    lr: float | None = None
    members: int = 1
    smoothing: float = 0.05  # this, dropout, decay and lr were tuned on 11 tables of 178 to 6,000 rows
    dropout: float | None = None
    decay: float = 0.05
    steps: int = 6_000
    batch: int = 256

    def fit(self, train: Sample, valid: Sample, task: Task, limits: Limits) -> Model:
        """Train on `train`, keep the weights that are best on `valid`, or on a part of `train` where that is short.

        The best of hundreds of epochs on a few dozen rows is partly luck, which flatters the score on just these
        rows: on 462 rows the area under the ROC curve was .82 out of fold and .74 on new rows.
        """
        if len(valid) < FEWEST and len(train) > 40:
            train, valid = _inner(train, limits)
        keep = _keep(train, task, limits)
        train, valid = replace(train, features=_narrow(train.features, keep)), _head(valid, keep)
        prep, x = tabular.fit(train.features, train.target, task, limits.seed.child("prep"))
        goal = _Goal.of(train.target, task, limits.loss)
        with _blas().limit(limits=limits.threads, user_api="blas"):
            held_out = _Data(prep.transform(valid.features), valid.target)
            net = _train(self, _Data(x, goal.encode(train.target)), held_out, goal, limits)
        layers = tuple((w.astype(np.float64), b.astype(np.float64)) for w, b in net.folded())
        return Model(task.kind, prep, keep, layers, goal.center, goal.scale, goal.low, goal.high)

    @classmethod
    def suggest(cls, trial: optuna.Trial) -> Learner:
        """Draw settings around the defaults."""
        return cls(
            width=trial.suggest_categorical("mlp.width", [64, 128, 256]),
            depth=trial.suggest_int("mlp.depth", 1, 4),
            lr=trial.suggest_float("mlp.lr", 0.005, 0.2, log=True),
            smoothing=trial.suggest_categorical("mlp.smoothing", [0.0, 0.05, 0.1]),
            dropout=trial.suggest_categorical("mlp.dropout", [0.0, 0.15, 0.3]),
            decay=trial.suggest_float("mlp.decay", 1e-4, 0.1, log=True),
        )


@dataclass(frozen=True)
class Model:
    """Trained networks, averaged.

    Parameters
    ----------
    kind
        Kind of the task.
    prep
        Features to a matrix.
    keep
        Positions of the feature columns in use, or empty for all.
    layers
        Weights, (members, inputs, units), and biases, (members, 1, units), of each layer; float64.
    center, scale, low, high
        Of a regression target.
    """

    kind: str
    prep: tabular.Dense
    keep: NDArray[np.intp]
    layers: Layers
    center: float
    scale: float
    low: float
    high: float

    def predict(self, features: Features, threads: int = 1) -> NDArray[np.float64]:
        """Return margins, shape (n_rows, task.scores)."""
        x = self.prep.transform(_narrow(features, self.keep))
        if len(x) <= BLOCK:  # limiting the threads would take longer than the work
            return self._margins(x, self.layers)
        # In float32 a row's answer depends on its place in the block by 1e-7, in float64 by 1e-16: many rows are
        # answered twice as fast in float32, few rows exactly alike in whatever company.
        kind = np.float32 if len(x) >= BULK else np.float64
        layers = tuple((w.astype(kind), b.astype(kind)) for w, b in self.layers)
        with _blas().limit(limits=threads, user_api="blas"):
            return np.concatenate([self._margins(x[i : i + BLOCK], layers) for i in range(0, len(x), BLOCK)])

    def _margins(self, x: Array, layers: Layers) -> NDArray[np.float64]:
        return self._read(forward(layers, x.astype(layers[0][0].dtype)).astype(np.float64))  # (members, n, outputs)

    def _read(self, out: NDArray[np.float64]) -> NDArray[np.float64]:
        """Average what the members say, (members, n, outputs), into margins."""
        if self.kind == "regression":
            values = out.mean(axis=0) * self.scale + self.center
            return np.asarray(np.clip(values, self.low, self.high))
        logs: NDArray[np.float64] = np.log(np.maximum(softmax(out).mean(axis=0), 1e-12))
        return logs[:, 1:] - logs[:, :1] if self.kind == "binary" else logs

    def save(self, folder: Path) -> None:
        """Write model.json and model.npz."""
        about = {name: getattr(self, name) for name in ("kind", "center", "scale", "low", "high")}
        write_json(folder / "model.json", about | {"layers": len(self.layers)})
        arrays = {f"layer{i}.w": weights.astype(np.float32) for i, (weights, _) in enumerate(self.layers)}
        arrays |= {f"layer{i}.b": bias.astype(np.float32) for i, (_, bias) in enumerate(self.layers)}
        np.savez(folder / "model.npz", allow_pickle=False, keep=self.keep, **arrays, **self.prep.arrays())

    @classmethod
    def load(cls, folder: Path) -> Model:
        """Read what `save` wrote."""
        about = read_json(folder / "model.json")
        with np.load(folder / "model.npz", allow_pickle=False) as file:
            pairs = [(file[f"layer{i}.w"], file[f"layer{i}.b"]) for i in range(about.pop("layers"))]
            layers = tuple((w.astype(np.float64), b.astype(np.float64)) for w, b in pairs)
            return cls(prep=tabular.Dense.restore(file), keep=file["keep"], layers=layers, **about)


@dataclass(frozen=True)
class _Goal:
    """The target as the network sees it, its loss and the loss's gradient."""

    kind: str
    outputs: int
    loss: str
    center: float = 0.0
    scale: float = 1.0
    low: float = 0.0
    high: float = 0.0

    @classmethod
    def of(cls, target: NDArray[Any], task: Task, loss: str) -> _Goal:
        if task.kind != "regression":
            return cls(task.kind, max(2, task.scores), "log")
        center, scale = float(np.mean(target)), float(np.std(target)) or 1.0
        return cls(task.kind, 1, loss, center, scale, float(np.min(target)), float(np.max(target)))

    def encode(self, target: NDArray[Any]) -> NDArray[Any]:
        """Class codes, or standardised values of shape (n, 1)."""
        if self.kind != "regression":
            return target.astype(np.intp)
        return ((target - self.center) / self.scale).astype(np.float32)[:, None]

    def slope(self, y: NDArray[Any], smoothing: float, out: Array) -> Array:
        """Gradient of the mean loss by the outputs, (members, batch, outputs)."""
        if self.kind == "regression":
            error = out - y
            slope: Array = np.sign(error) if self.loss == "absolute" else 2.0 * error
            return slope / np.float32(out.shape[1])
        gradient: Array = softmax(out) - np.float32(smoothing / self.outputs)
        m, b = y.shape
        gradient[np.arange(m)[:, None], np.arange(b), y] -= np.float32(1.0 - smoothing)
        gradient /= np.float32(b)
        return gradient

    def measure(self, out: Array, target: NDArray[Any]) -> float:
        """Loss of the averaged members on validation rows."""
        if self.kind == "regression":
            values = out.mean(axis=0)[:, 0].astype(np.float64) * self.scale + self.center
            error = np.abs(np.clip(values, self.low, self.high) - target)
            return float(np.mean(error if self.loss == "absolute" else np.square(error)))
        chosen = softmax(out).mean(axis=0)[np.arange(len(target)), target]
        return float(-np.mean(np.log(np.maximum(chosen, 1e-7))))


@dataclass(frozen=True)
class _Data:
    x: Array  # (n, d)
    y: NDArray[Any]  # (n,) codes or (n, 1) values

    def batches(self, members: int, size: int, rng: np.random.Generator) -> Iterator[tuple[Array, NDArray[Any]]]:
        """One epoch, every member in its own order; rows that do not fill a batch are left out of it."""
        order = rng.permuted(np.tile(np.arange(len(self.x)), (members, 1)), axis=1)
        for start in range(0, len(self.x) - size + 1, size):
            rows = order[:, start : start + size]
            yield self.x[rows], self.y[rows]


def _train(learner: Learner, data: _Data, valid: _Data, goal: _Goal, limits: Limits) -> Net:
    """Run the schedule and return the weights that are best on the validation rows."""
    rng = limits.seed.child("train").generator()
    n, m = len(data.x), learner.members
    net = Net.empty(m, [data.x.shape[1], *[learner.width] * learner.depth, goal.outputs])
    net.start(rng)
    size = min(n, max(learner.batch, 256 * int(2 ** np.clip(np.log2(n / 50_000), 0, 3))))
    per_epoch = n // size
    total = per_epoch * int(np.clip(round(learner.steps / per_epoch), 16, 256))
    lr = _default(learner.lr, goal, 0.025, 0.07)
    adam, grad, clock = Adam.of(net, learner.decay), net.copy(), _Clock.of(limits)
    drop = dropout(_default(learner.dropout, goal, 0.2, 0.0), rng)
    best, lowest, step = net.copy(), goal.measure(net.outputs(valid.x), valid.y), 0
    progress = 0.0
    while progress < 1.0:
        for rows, y in data.batches(m, size, rng):
            progress = max(step / total, clock.share())
            if progress >= 1.0:
                break
            net.gradient(rows, partial(goal.slope, y, learner.smoothing), grad, drop)
            step += 1
            adam.move(net, grad, lr * coslog4(progress), step)
        loss = goal.measure(net.outputs(valid.x), valid.y)
        if not np.isfinite(loss):
            break
        if loss <= lowest:
            best.flat[:], lowest = net.flat, loss
        progress = max(step / total, clock.share())
    return best


def _default(given: float | None, goal: _Goal, classes: float, values: float) -> float:
    if given is not None:
        return given
    return values if goal.kind == "regression" else classes


@dataclass(frozen=True)
class _Clock:
    """Share of the training time that has passed."""

    start: float
    seconds: float

    @classmethod
    def of(cls, limits: Limits) -> _Clock:
        now = time.monotonic()
        return cls(now, max(1e-3, limits.started + 0.9 * limits.seconds - now))

    def share(self) -> float:
        return (time.monotonic() - self.start) / self.seconds


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


def _inner(train: Sample, limits: Limits) -> tuple[Sample, Sample]:
    """Split a random part off the training rows."""
    order = limits.seed.child("inner").generator().permutation(len(train))
    parts = order[int(INNER * len(train)) :], order[: int(INNER * len(train))]
    first, second = (train.take(rows) for rows in parts)
    return first, second


def _head(valid: Sample, keep: NDArray[np.intp]) -> Sample:
    rows = np.arange(0, len(valid), max(1, -(-len(valid) // VALID)))
    return Sample(_narrow(valid.features.take(rows), keep), valid.target[rows])


def _narrow(features: Features, keep: NDArray[np.intp]) -> Features:
    if not len(keep):
        return features
    return replace(features, dense=features.dense[:, keep], outputs=tuple(features.outputs[i] for i in keep))


def _keep(train: Sample, task: Task, limits: Limits) -> NDArray[np.intp]:
    """Of too many columns, those that alone go best with the target, judged on at most 2,000 rows."""
    if len(train.features.outputs) <= WIDEST:
        return np.empty(0, dtype=np.intp)
    rng = limits.seed.child("keep").generator()
    rows = np.sort(rng.permutation(len(train))[:2_000])
    target = train.target[rows]
    prep, x = tabular.fit(train.features.take(rows), target, task, limits.seed.child("keep"), one_hot=1)
    y = target[:, None] if task.kind == "regression" else target[:, None] == np.unique(target)
    y = (y - y.mean(axis=0)).astype(np.float32)
    y /= np.maximum(y.std(axis=0), 1e-12)
    x -= x.mean(axis=0)
    x /= np.maximum(x.std(axis=0), 1e-6)
    score = np.zeros(len(train.features.outputs))
    np.maximum.at(score, prep.origin, np.square(x.T @ y).sum(axis=1))
    return np.sort(np.argsort(-score, kind="stable")[:WIDEST])
