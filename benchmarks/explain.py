"""What explanations cost, and whether they are right: our kernels against each library's own contributions.

python benchmarks/explain.py

On three real tables (missing values, categories, several classes) LightGBM, XGBoost and CatBoost with 300 rounds each
and a linear model are explained for the same rows, by us together and by the libraries one after another. Printed are
CPU milliseconds a row on one thread, for one row at a time and for a hundred, medians of `REPEATS` turns, and the
largest difference of values where no column has two features: there both mean the same.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait would be counted

import lightgbm as lgb
import numpy as np
import tables
import xgboost as xgb
from numpy.typing import NDArray

from autoglm import automl
from autoglm.core.budget import Budget
from autoglm.core.features import Features
from autoglm.core.seed import Seed
from autoglm.core.task import Task
from autoglm.explainer import Explainer
from autoglm.learners import Limits, Sample, catboost, lightgbm, linear, xgboost
from autoglm.prep import boosters
from autoglm.prep.players import Players

TABLES = ("credit", "german", "vehicle")
ROUNDS, REPEATS = 300, 5
LIMIT_MS, LEAST_RATIO = 2.0, 5.0
NEVER = 10**6


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--tables", default=",".join(TABLES))
    print("| table | rows x columns, scores | trees | ours | libraries | ratio | ours, 100 rows | libraries | apart |")
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|")
    for name in parser.parse_args().tables.split(","):
        print(line(name), flush=True)
    print(f"\nCPU milliseconds a row, one thread. Limits: ours {LIMIT_MS:g}, ratio {LEAST_RATIO:g}.")


def line(name: str) -> str:
    """Fit, explain both ways, compare."""
    features, target, task = encoded(name)
    models = fitted(Sample(features, target), task)
    players = Players.of(features, tuple(dict.fromkeys(o.source for o in features.outputs)))
    some, members = features.take(np.arange(32)), [(0.25, [model]) for model in models.values()]
    explainer = Explainer.of(members, players.names, some, task.scores)
    assert explainer.share == 1.0, "something was left to permutation"
    rows = features.take(np.arange(100))
    one = [features.take(np.array([i])) for i in range(20)]
    ours, theirs = milliseconds(
        lambda: [explainer.explain(r, Seed(), 1, 1) for r in one], lambda: [native(models, r, task) for r in one], 20
    )
    ours_many, theirs_many = milliseconds(
        lambda: explainer.explain(rows, Seed(), 1, 1), lambda: native(models, rows, task), 100
    )
    trees = sum(native_trees(model) for model in models.values())
    shape = f"{len(features):,} x {len(players)}, {task.scores}"
    return (
        f"| {name} | {shape} | {trees:,} | {ours:.2f} | {theirs:.2f} | {theirs / ours:.1f} | {ours_many:.2f} | "
        f"{theirs_many:.2f} | {apart(models, rows, players, task):.1e} |"
    )


def encoded(name: str) -> tuple[Features, NDArray[Any], Task]:
    """A table as the engine's learners get it."""
    frame, target, _ = tables.load(name)
    table = automl.AutoML(seconds=60)._read(frame, target, None, None, Budget(seconds=60))
    return table.features, table.target, table.task


def fitted(sample: Sample, task: Task) -> dict[str, Any]:
    """Three boosters and a linear model; judged by the rows they learn from, boosters are not stopped."""
    recipes = {
        "lightgbm": lightgbm.Learner(rounds=ROUNDS, patience=NEVER),
        "xgboost": xgboost.Learner(rounds=ROUNDS, patience=NEVER),
        "catboost": catboost.Learner(rounds=ROUNDS, patience=NEVER),
        "linear": linear.Learner(),
    }
    return {name: recipe.fit(sample, sample, task, Limits(threads=2)) for name, recipe in recipes.items()}


def native(models: dict[str, Any], rows: Features, task: Task) -> dict[str, NDArray[np.float64]]:
    """Each library's own contributions to its features, shape (n_rows, n_features + 1, scores)."""
    return {name: NATIVE[name](models[name], rows, task) for name in NATIVE}


def of_lightgbm(model: Any, rows: Features, task: Task) -> NDArray[np.float64]:
    matrix = model.inputs.transform(rows)
    found = library(model).predict(matrix, pred_contrib=True, num_threads=1)
    return np.asarray(found).reshape(len(rows), task.scores, -1).transpose(0, 2, 1)


def of_xgboost(model: Any, rows: Features, task: Task) -> NDArray[np.float64]:
    model.booster.set_param({"nthread": 1})
    matrix = xgb.DMatrix(model.inputs.transform(rows), nthread=1)
    found = model.booster.predict(matrix, pred_contribs=True)
    return np.asarray(found, dtype=np.float64).reshape(len(rows), task.scores, -1).transpose(0, 2, 1)


def of_catboost(model: Any, rows: Features, task: Task) -> NDArray[np.float64]:
    found = model.booster.get_feature_importance(catboost._pool(rows), type="ShapValues", thread_count=1)
    return np.asarray(found).reshape(len(rows), task.scores, -1).transpose(0, 2, 1)


NATIVE: dict[str, Callable[[Any, Features, Task], NDArray[np.float64]]] = {
    "lightgbm": of_lightgbm,
    "xgboost": of_xgboost,
    "catboost": of_catboost,
}


def library(model: Any) -> lgb.Booster:
    """LightGBM's own model, read once."""
    if id(model) not in _read:
        _read[id(model)] = lgb.Booster(model_str=model.text)
    return _read[id(model)]


_read: dict[int, lgb.Booster] = {}


def native_trees(model: Any) -> int:
    """How many trees a model has."""
    if isinstance(model, catboost.Model):
        return int(model.booster.tree_count_)
    return boosters.count(model.booster) if hasattr(model, "booster") else 0


def apart(models: dict[str, Any], rows: Features, players: Players, task: Task) -> float:
    """The largest difference between our values and those of libraries that see one feature of each column."""
    worst = 0.0
    for name, theirs in native(models, rows, task).items():
        if name == "catboost":
            owners = players.dense[np.r_[rows.numbers, rows.categories]]
        else:
            inputs = models[name].inputs
            owners = np.array([*players.dense, *(owner[0] for owner in inputs.owners(players.dense))])
        if len(set(owners.tolist())) < len(owners):
            continue  # theirs are of features, ours of columns
        explainer = Explainer.of([(1.0, [models[name]])], players.names, rows, task.scores)
        ours = explainer.explain(rows, Seed(), 1, 1)[0][:, owners]
        worst = max(worst, float(np.abs(ours - theirs[:, :-1]).max()))
    return worst


def milliseconds(ours: Callable[[], Any], theirs: Callable[[], Any], rows: int) -> tuple[float, float]:
    """CPU milliseconds a row of both, medians over turns."""
    times: tuple[list[float], list[float]] = ([], [])
    ours(), theirs()
    for _ in range(REPEATS):
        for run, into in zip((ours, theirs), times, strict=True):
            started = time.process_time()
            run()
            into.append(1000 * (time.process_time() - started) / rows)
    return statistics.median(times[0]), statistics.median(times[1])


if __name__ == "__main__":
    main()
