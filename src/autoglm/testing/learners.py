"""The contract of a learner: on any table it gives finite margins, the same ones after saving, in its time."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import scipy.sparse as sp
from numpy.typing import NDArray

from autoglm.core import shelf
from autoglm.core.features import Features, Output
from autoglm.core.metrics import log_loss, rmse, softmax
from autoglm.core.ragged import Ragged
from autoglm.core.seed import Seed
from autoglm.core.task import Task
from autoglm.explainer import Explainer
from autoglm.explainers.trees import explains
from autoglm.learners import Limits, Sample, suits

TASKS = (Task("binary", "y", (0, 1)), Task("multiclass", "y", (0, 1, 2)), Task("regression", "y"))
CLOSE = 1e-4  # relative to the spread of the margins: libraries sum trees in single precision
CODE = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")  # how pickles of protocol 2 to 5 begin


def check_learner(name: str, tasks: tuple[Task, ...] = TASKS) -> None:
    """Check one learner on a few small tables of each task.

    Parameters
    ----------
    name
        Its name on the shelf.
    tasks
        The tasks to check.

    Raises
    ------
    AssertionError
        The learner breaks the contract; the message says how and on which table.
    """
    learner = shelf.plugin("learners", name).Learner()
    assert learner.name == name, f"learner {name!r} calls itself {learner.name!r}"
    check_settings(name)
    for task in tasks:
        for title, train, valid in _suited(name, task):
            check_fit(learner, train, valid, task, f"learner {name!r}, {task.kind}, {title}")


def _suited(name: str, task: Task) -> list[tuple[str, Sample, Sample]]:
    """Return the tables that a learner is for."""
    return [entry for entry in tables(task) if suits(name, entry[1].features)]


def check_settings(name: str) -> None:
    """Check that settings are frozen, survive JSON's types, and that drawn parameters carry the learner's name."""
    recipe = shelf.plugin("learners", name).Learner
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(5):
        trial = study.ask()
        drawn = recipe.suggest(trial)
        assert recipe(**asdict(drawn)) == drawn, f"learner {name!r}: settings cannot be rebuilt from their values"
        alien = [p for p in trial.params if not p.startswith(f"{name}.")]
        assert not alien, f"learner {name!r}: parameters without its prefix: {alien}"
        known = {f"{name}.{f.name}" for f in fields(recipe)}
        assert trial.params.keys() <= known, f"learner {name!r}: parameters that are no settings"
        kept = {k: v for k, v in asdict(drawn).items() if f"{name}.{k}" in trial.params}
        given = {k.partition(".")[2]: v for k, v in trial.params.items()}
        assert kept == given, f"learner {name!r}: an earlier candidate cannot be told to a sampler by its settings"
    assert replace(recipe()) == recipe(), f"learner {name!r}: settings are not a frozen dataclass"


def check_fit(learner: Any, train: Sample, valid: Sample, task: Task, where: str) -> None:
    """Check one fit: shape, finite values, rows on their own, disk and back, the same seed, the time."""
    before = train.features.dense.copy(), train.target.copy()
    model = learner.fit(train, valid, task, Limits(seed=Seed(3)))
    assert np.array_equal(before[0], train.features.dense, equal_nan=True), f"{where}: the training rows were changed"
    assert np.array_equal(before[1], train.target), f"{where}: the target was changed"
    margins = model.predict(valid.features)
    assert margins.shape == (len(valid), task.scores), f"{where}: margins of shape {margins.shape}"
    assert margins.dtype == np.float64, f"{where}: margins are {margins.dtype}, expected float64"
    assert np.isfinite(margins).all(), f"{where}: margins are not finite"
    spread = max(1.0, float(np.abs(margins).max()))
    again = learner.fit(train, valid, task, Limits(seed=Seed(3))).predict(valid.features)
    assert np.array_equal(margins, again), f"{where}: the same seed gives other margins"
    _check_rows(model, valid.features, margins, spread * CLOSE, where)
    _check_disk(model, valid.features, margins, where)
    _check_merged(model, valid.features, margins, spread * CLOSE, where)
    _check_explained(model, valid.features, margins, spread * CLOSE, where)
    started = time.monotonic()
    hurried = learner.fit(train, valid, task, Limits(seconds=0.05, seed=Seed(3)))
    assert time.monotonic() - started < 5.0, f"{where}: far over its time"
    assert np.isfinite(hurried.predict(valid.features)).all(), f"{where}: no answer when in a hurry"


def check_learns(name: str, task: Task) -> None:
    """Check that a learner beats the best constant answer clearly where there is something to learn."""
    _, train, valid = next(entry for entry in tables(task, rows=400) if suits(name, entry[1].features))
    model = shelf.plugin("learners", name).Learner().fit(train, valid, task, Limits(seconds=20.0))
    margins = model.predict(valid.features)
    if task.kind == "regression":
        error, constant = rmse(valid.target, margins[:, 0]), float(valid.target.std())
    else:
        share = np.bincount(train.target, minlength=len(task.classes)) / len(train)
        error = log_loss(valid.target, softmax(margins, task))
        constant = log_loss(valid.target, np.tile(share, (len(valid), 1)))
    assert error < 0.8 * constant, f"learner {name!r}, {task.kind}: error {error:.3f}, the constant has {constant:.3f}"


def check_lacking_class(name: str, task: Task) -> None:
    """Check training rows that lack the last class, as a fold of a table with a rare class does."""
    _, train, valid = _suited(name, task)[0]
    lacks = train.target != len(task.classes) - 1
    some = Sample(train.features.take(lacks), train.target[lacks])
    learner = shelf.plugin("learners", name).Learner()
    check_fit(learner, some, valid, task, f"learner {name!r}, {task.kind}, a class is lacking")


def tables(task: Task, rows: int = 120) -> list[tuple[str, Sample, Sample]]:
    """Return titled training and judging rows: mixed, numbers only, with terms, odd, tiny."""
    draw = np.random.default_rng(5)
    numbers = draw.normal(size=(rows, 3))
    codes = draw.integers(0, 4, rows).astype(float)
    many = draw.integers(0, 40, rows).astype(float)
    signal = numbers[:, 0] * 2 + np.where(codes > 1, 1.5, -1.5) + 0.2 * draw.normal(size=rows)
    target = _target(signal, task)
    gaps = np.where(draw.random((rows, 3)) < 0.1, np.nan, numbers)
    gaps[:, 0] = numbers[:, 0]
    holed = np.where(draw.random(rows) < 0.1, np.nan, many)
    mixed = _features(np.column_stack([gaps, codes, holed]), (0, 0, 0, 4, 40))
    plain = _features(numbers, (0, 0, 0))
    odd = np.column_stack([np.full(rows, np.nan), np.zeros(rows), numbers[:, 0] * 1e30, codes])
    counts = np.where(draw.random((rows, 30)) < 0.2, draw.random((rows, 30)), 0)
    words = sp.csr_matrix(counts.astype(np.float32))
    texts = Features(mixed.dense, mixed.outputs, words, (("words", 30),))
    found = [
        ("mixed columns", mixed, target),
        ("numbers only", plain, target),
        ("terms", texts, target),
        ("odd columns", _features(odd, (0, 0, 0, 4)), target),
        ("modalities", _modalities(mixed.dense, words, draw), target),
    ]
    titled = [(title, *_halves(x, y, rows * 3 // 4)) for title, x, y in found]
    few = np.arange(rows) < 8
    titled.append(("eight rows", Sample(mixed.take(few), target[few]), Sample(mixed.take(~few), target[~few])))
    return titled


def _target(signal: NDArray[Any], task: Task) -> NDArray[Any]:
    if task.kind == "regression":
        return 1000.0 + 50.0 * signal
    cuts = np.quantile(signal, np.arange(1, len(task.classes)) / len(task.classes))
    return np.asarray(np.digitize(signal, cuts), dtype=np.int64)


def _features(dense: NDArray[Any], cardinality: tuple[int, ...]) -> Features:
    outputs = tuple(Output(f"c{i}", f"c{i}", n) for i, n in enumerate(cardinality))
    return Features(np.ascontiguousarray(dense, dtype=np.float32), outputs)


def _modalities(dense: NDArray[Any], words: sp.csr_matrix, draw: np.random.Generator) -> Features:
    """A table beside a text and an embedding, each lacking in some rows."""
    embedding = np.column_stack([dense[:, :2], draw.normal(size=(len(dense), 4))])
    embedding[draw.random(len(dense)) < 0.2] = np.nan
    told = np.where((draw.random(len(dense)) < 0.2)[:, None], np.nan, dense[:, 1:2])
    outputs = (
        *(Output(f"c{i}", f"c{i}", n) for i, n in enumerate((0, 0, 0, 4, 40))),
        Output("words.length", "words", modality="text"),
        *(Output(f"e.{i}", "e", modality="embedding", embedded=True) for i in range(6)),
    )
    whole = np.ascontiguousarray(np.hstack([dense, told, embedding]), dtype=np.float32)
    said = np.where(dense[:, 3] > 1, 2204, 2919)  # a token that tells something
    sizes = draw.integers(0, 9, len(said))
    tokens = Ragged.of([int(t), *draw.integers(1996, 3000, int(k))] for t, k in zip(said, sizes, strict=True))
    return Features(whole, outputs, words, (("words", words.shape[1]),), (("words", tokens),))


def _halves(features: Features, target: NDArray[Any], cut: int) -> tuple[Sample, Sample]:
    first, second = np.arange(cut), np.arange(cut, len(target))
    return Sample(features.take(first), target[first]), Sample(features.take(second), target[second])


def _check_rows(model: Any, features: Features, margins: NDArray[Any], close: float, where: str) -> None:
    backwards = np.arange(len(features))[::-1]
    turned = model.predict(features.take(backwards), 2)[backwards]
    assert np.abs(turned - margins).max() <= close, f"{where}: the order of rows, or two threads, matter"
    for row in (0, len(features) - 1):
        alone = model.predict(features.take(np.array([row])))
        assert np.abs(alone - margins[[row]]).max() <= close, f"{where}: row {row} alone differs from the batch"


def _check_merged(model: Any, features: Features, margins: NDArray[Any], close: float, where: str) -> None:
    merge = getattr(type(model), "merged", None)
    merged = merge([model, model, model]) if merge is not None else None
    if merged is not None:
        apart = np.abs(merged.predict(features) - margins).max()
        assert apart <= close, f"{where}: thrice the same model merged differs from it by {apart:g}"


def _check_explained(model: Any, features: Features, margins: NDArray[Any], close: float, where: str) -> None:
    """Check that what columns add, and what is known without them, is the answer."""
    some = np.arange(min(5, len(features)))
    names = tuple(dict.fromkeys([*(o.source for o in features.outputs), *(source for source, _ in features.terms)]))
    explainer = Explainer.of([(1.0, [model])], names, features.take(some), margins.shape[1])
    values, errors, base = explainer.explain(features.take(some), Seed(3), 1, 1)
    apart = np.abs(base + values.sum(axis=1) - margins[some]).max()
    assert apart <= close, f"{where}: the values of columns miss the answer by {apart:g}"
    exact = "attribution" in dir(model) or explains(model)
    assert not (exact and explainer.share == 1.0 and errors.any()), f"{where}: exact values have errors"


def _check_disk(model: Any, features: Features, margins: NDArray[Any], where: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder))
        files = [p for p in Path(folder).rglob("*") if p.is_file()]
        assert files, f"{where}: nothing was saved"
        unsafe = [p.name for p in files if p.read_bytes()[:2] in CODE]
        assert not unsafe, f"{where}: pickles: {unsafe}"
        restored = type(model).load(Path(folder)).predict(features)
    assert np.array_equal(restored, margins), f"{where}: other margins after saving"
