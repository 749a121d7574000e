"""The network: learns, keeps its contract, its time and its answers."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from numpy.typing import NDArray

from autoglm.core.features import Features, Output
from autoglm.core.seed import Seed
from autoglm.core.task import Task
from autoglm.learners import Limits, Sample
from autoglm.learners.mlp import Learner as MLP
from autoglm.learners.mlp import Model, _Goal
from autoglm.prep.network import Net, mish, mish_slope

BINARY = Task("binary", "y", (0, 1))
THREE = Task("multiclass", "y", (0, 1, 2))
VALUES = Task("regression", "y")
QUICK = MLP(width=32, depth=2, steps=300)


def features(x: NDArray[Any], cardinality: dict[int, int] | None = None) -> Features:
    outputs = tuple(Output(f"c{i}", f"c{i}", (cardinality or {}).get(i, 0)) for i in range(x.shape[1]))
    return Features(np.ascontiguousarray(x, dtype=np.float32), outputs)


def samples(task: Task, n: int = 600, columns: int = 6, seed: int = 0) -> tuple[Sample, Sample]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, columns))
    z = x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2])
    if task.kind == "regression":
        y: NDArray[Any] = 1000.0 + 50.0 * z
    else:
        y = np.digitize(z, np.quantile(z, np.arange(1, len(task.classes)) / len(task.classes)))
    half = n * 3 // 4
    return Sample(features(x[:half]), y[:half]), Sample(features(x[half:]), y[half:])


@pytest.mark.parametrize("task", [BINARY, THREE, VALUES])
def test_learns_a_curved_function(task: Task) -> None:
    train, valid = samples(task, 2000)
    margins = MLP(width=64, depth=2, steps=1500).fit(train, valid, task, Limits()).predict(valid.features)
    assert margins.shape == (len(valid), task.scores)
    assert margins.dtype == np.float64
    if task.kind == "regression":
        assert np.std(margins[:, 0] - valid.target) < 0.4 * np.std(valid.target)
    elif task.kind == "binary":
        assert np.mean((margins[:, 0] > 0) == valid.target) > 0.85
    else:
        assert np.mean(margins.argmax(axis=1) == valid.target) > 0.75
        assert np.exp(margins).sum(axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize("task", [BINARY, THREE, VALUES])
def test_a_row_ignores_its_neighbours(task: Task) -> None:
    train, valid = samples(task)
    model = QUICK.fit(train, valid, task, Limits())
    together = model.predict(train.features)
    order = np.random.default_rng(1).permutation(len(train))
    assert np.abs(model.predict(train.features.take(order)) - together[order]).max() < 1e-9
    alone = np.concatenate([model.predict(train.features.take(np.array([i]))) for i in range(70)])
    assert np.abs(alone - together[:70]).max() < 1e-9
    assert model.predict(train.features.take(np.array([], dtype=int))).shape == (0, task.scores)


@pytest.mark.parametrize("task", [BINARY, THREE, VALUES])
def test_saves_and_loads(task: Task, tmp_path: Path) -> None:
    train, valid = samples(task)
    model = QUICK.fit(train, valid, task, Limits())
    model.save(tmp_path)
    assert {p.suffix for p in tmp_path.iterdir()} == {".json", ".npz"}
    assert np.array_equal(Model.load(tmp_path).predict(valid.features), model.predict(valid.features))


def test_seed_decides_without_a_time_limit() -> None:
    train, valid = samples(BINARY)
    first, second, other = (
        QUICK.fit(train, valid, BINARY, Limits(seed=Seed(s))).predict(valid.features) for s in (1, 1, 2)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_gradient_is_the_slope_of_the_loss() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 5, 3)).astype(np.float32)
    y = rng.integers(0, 3, (2, 5))
    goal = _Goal("multiclass", 3, "log")
    net = Net.empty(2, [3, 4, 4, 3])
    net.start(rng)
    net.flat[:] += 0.3 * rng.normal(size=len(net.flat)).astype(np.float32)
    grad = net.copy()
    net.gradient(x, partial(goal.slope, y, 0.0), grad)

    def loss() -> float:
        return sum(goal.measure(net.outputs(x[m])[m : m + 1], y[m]) for m in range(2))

    for i in rng.choice(len(net.flat), 40, replace=False):
        before = net.flat[i]
        net.flat[i] = before + 1e-2
        up = loss()
        net.flat[i] = before - 1e-2
        down = loss()
        net.flat[i] = before
        assert grad.flat[i] == pytest.approx((up - down) / 2e-2, abs=2e-3)


def test_mish_and_its_slope() -> None:
    a = np.linspace(-30, 30, 2001)
    exact = a * np.tanh(np.logaddexp(0, a))
    value, slope = mish_slope(a.astype(np.float32))
    assert value == pytest.approx(exact, abs=1e-5)
    assert mish(a.astype(np.float32)) == pytest.approx(exact, abs=1e-5)
    assert slope == pytest.approx(np.gradient(exact, a), abs=1e-3)


def test_absolute_loss_finds_the_median() -> None:
    rng = np.random.default_rng(0)
    y = np.exp(1.5 * rng.normal(size=1500))
    noise = features(rng.normal(size=(1500, 1)))
    train, valid = (
        Sample(noise.take(np.arange(1000)), y[:1000]),
        Sample(noise.take(np.arange(1000, 1500)), y[1000:]),
    )
    absolute = QUICK.fit(train, valid, VALUES, Limits(loss="absolute")).predict(valid.features)
    squared = QUICK.fit(train, valid, VALUES, Limits()).predict(valid.features)
    assert np.abs(absolute[:, 0] - valid.target).mean() < np.abs(squared[:, 0] - valid.target).mean()


def test_values_stay_in_the_range_of_training() -> None:
    train, valid = samples(VALUES)
    far = features(1e6 * np.random.default_rng(3).normal(size=(50, 6)))
    found = QUICK.fit(train, valid, VALUES, Limits()).predict(far)
    assert found.min() >= train.target.min()
    assert found.max() <= train.target.max()


@pytest.mark.clock
def test_ends_in_time() -> None:
    train, valid = samples(BINARY, 20_000)
    start = time.monotonic()
    model = MLP(steps=100_000).fit(train, valid, BINARY, Limits(seconds=1.0))
    assert time.monotonic() - start < 1.5
    assert np.mean((model.predict(valid.features)[:, 0] > 0) == valid.target) > 0.8


def test_no_time_at_all_still_gives_a_model() -> None:
    train, valid = samples(THREE)
    margins = MLP().fit(train, valid, THREE, Limits(seconds=0.0)).predict(valid.features)
    assert np.isfinite(margins).all()


def test_many_classes() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 300, 3000)
    x = features(np.c_[y / 300 + 0.001 * rng.normal(size=3000), y % 7, rng.integers(0, 60, 3000)], {1: 7, 2: 60})
    task = Task("multiclass", "y", tuple(range(300)))
    sample = Sample(x, y)
    margins = QUICK.fit(sample, sample, task, Limits(seconds=10)).predict(x)
    assert margins.shape == (3000, 300)
    assert np.isfinite(margins).all()


def test_a_wide_table_keeps_its_useful_columns() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4000))
    y = (x[:, 3210] + x[:, 17] > 0).astype(int)
    train = Sample(features(x), y)
    model = QUICK.fit(train, train, BINARY, Limits(seconds=10))
    assert {17, 3210} <= set(model.keep.tolist())
    assert model.predict(train.features).shape == (300, 1)


@pytest.mark.parametrize("x", [np.zeros((8, 1)), np.full((8, 2), np.nan), np.zeros((8, 0))])
def test_columns_without_content(x: NDArray[Any]) -> None:
    sample = Sample(features(x), np.arange(8) % 2)
    margins = QUICK.fit(sample, sample, BINARY, Limits()).predict(sample.features)
    assert np.isfinite(margins).all()


def test_a_class_that_training_lacks() -> None:
    train, valid = samples(THREE)
    some = np.flatnonzero(train.target < 2)
    fewer = Sample(train.features.take(some), train.target[some])
    assert QUICK.fit(fewer, valid, THREE, Limits()).predict(valid.features).shape == (len(valid), 3)


def test_suggests_with_its_prefix() -> None:
    trial = optuna.trial.FixedTrial(
        {
            "mlp.width": 64,
            "mlp.depth": 2,
            "mlp.lr": 0.05,
            "mlp.smoothing": 0.0,
            "mlp.dropout": 0.15,
            "mlp.decay": 0.01,
        }
    )
    assert MLP.suggest(trial) == MLP(width=64, depth=2, lr=0.05, smoothing=0.0, dropout=0.15, decay=0.01)
