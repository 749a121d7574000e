"""Permutation importance: the columns that matter, all features of a column together, in its time."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from autoglm.core.features import Features, Output
from autoglm.core.seed import Seed
from autoglm.core.task import Task
from autoglm.engine import splits
from autoglm.explainers import permutation
from autoglm.learners import Limits, Sample
from autoglm.learners.linear import Learner

BINARY, VALUES = Task("binary", "y", (0, 1)), Task("regression", "y")


def features(dense: np.ndarray[Any, Any]) -> Features:
    names = ("strong", "weak", "noise")
    return Features(dense.astype(np.float32), tuple(Output(n, n) for n in names))


def run(task: Task, folder: Path) -> tuple[Any, list[dict[str, Any]]]:
    """A linear model on two folds, as the engine keeps it."""
    draw = np.random.default_rng(0)
    dense = draw.normal(size=(300, 3))
    signal = 3 * dense[:, 0] + 0.7 * dense[:, 1] + 0.3 * draw.normal(size=300)
    target = (signal > 0).astype(np.int64) if task.kind == "binary" else signal
    data = SimpleNamespace(
        features=features(dense), target=target, task=task, splits=splits.make(target, task, Seed(1))
    )
    fits = {}
    for fold in (0, 1):
        train, held = data.splits.rows(0, fold)
        samples = (Sample(data.features.take(r), target[r]) for r in (train, held))
        place = folder / str(fold)
        place.mkdir()
        Learner().fit(*samples, task, Limits()).save(place)
        fits[str(fold)] = str(place)
    return data, [{"learner": "linear", "weight": 1.0, "fits": fits}]


@pytest.mark.parametrize(("task", "metric"), [(BINARY, "log_loss"), (BINARY, "roc_auc"), (VALUES, "rmse")])
def test_columns_that_matter_come_first(task: Task, metric: str, tmp_path: Path) -> None:
    data, members = run(task, tmp_path)
    asked = {"members": members, "columns": ["strong", "weak", "noise"], "metric": metric, "seconds": 30.0, "seed": 4}
    drops = permutation.job(data, asked)["drops"]
    assert all(len(d) == 2 for d in drops.values())
    strong, weak, noise = (float(np.mean(drops[n])) for n in ("strong", "weak", "noise"))
    assert strong > weak > noise and abs(noise) < 0.1 * strong
    assert permutation.job(data, asked)["drops"] == drops


@pytest.mark.clock
def test_no_time_no_answer_no_failure(tmp_path: Path) -> None:
    data, members = run(VALUES, tmp_path)
    started = time.monotonic()
    asked = {"members": members, "columns": ["strong"], "metric": "rmse", "seconds": -1.0, "seed": 4}
    assert permutation.job(data, asked) == {"drops": {}}
    assert time.monotonic() - started < 1


def test_all_features_of_a_column_move_together() -> None:
    dense = np.arange(12, dtype=np.float32).reshape(4, 3)
    outputs = (Output("a.day", "a"), Output("b", "b"), Output("a.year", "a"))
    sparse = sp.csr_matrix(np.arange(12, dtype=np.float32).reshape(4, 3))
    whole = Features(dense, outputs, sparse, (("t", 1), ("a", 2)))
    order = np.array([3, 2, 1, 0])
    moved = whole.shuffled("a", order)
    assert np.array_equal(moved.dense[:, [0, 2]], dense[order][:, [0, 2]])
    assert np.array_equal(moved.dense[:, 1], dense[:, 1])
    assert moved.sparse is not None
    assert np.array_equal(moved.sparse.toarray()[:, 1:], sparse.toarray()[order][:, 1:])
    assert np.array_equal(moved.sparse.toarray()[:, 0], sparse.toarray()[:, 0])
    assert np.array_equal(whole.dense, np.arange(12, dtype=np.float32).reshape(4, 3))
