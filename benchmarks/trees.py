"""How fast are many rows answered? XGBoost as it is, rows in order (`flat_trees.margins`), the compiled kernel.

python benchmarks/trees.py

Prints nanoseconds a tree and row, and the kernel's ratio to XGBoost in order, for trees of XGBoost and LightGBM and
a forest, on a sensor's lagged readings (neighbouring columns tell nearly the same) and on independent columns. The
answers are checked to be equal, bit by bit. The kernel needs numba.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import xgboost as xgb
from speed import readings

from autoglm.prep import boosters, compiled, flat_trees
from autoglm.prep.plan import Plan

BULK = 50_000
THREADS = 2
REPEATS = 5
ROUNDS = 200
LEAVES = (15, 31, 63, 127)
DEPTHS = (6, 7, 8)
FOREST = {"max_depth": 14, "eta": 1.0, "num_parallel_tree": 100, "subsample": 0.6, "colsample_bynode": 0.5}


def tables() -> Iterator[tuple[str, Any, Any]]:
    """Name, rows and target of each case."""
    numbers = readings().apply(pd.to_numeric, errors="coerce").dropna()
    yield "sensor, lagged", numbers.drop(columns="later").to_numpy(np.float32), numbers["later"].to_numpy(np.float32)
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(20_000, 10)).astype(np.float32)
    yield "independent", rows, (rows[:, :5].sum(axis=1) + generator.normal(size=len(rows))).astype(np.float32)


def seconds(*calls: Callable[[], Any]) -> list[float]:
    """The median of each call's seconds; taken in turn, so that a busy moment hits all of them."""
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(REPEATS):
        for which, call in enumerate(calls):
            started = time.perf_counter()
            call()
            taken[which].append(time.perf_counter() - started)
    return [float(np.median(t)) for t in taken]


def ensembles(rows: Any, target: Any) -> Iterator[tuple[str, xgb.Booster]]:
    """Name and trees of each ensemble."""
    common = {"objective": "regression", "verbose": -1, "num_threads": THREADS}
    for leaves in LEAVES:
        model = lgb.train(common | {"num_leaves": leaves}, lgb.Dataset(rows, target), ROUNDS)
        flat = flat_trees.from_lightgbm(model.model_to_string())
        yield f"LightGBM, {leaves} leaves", flat_trees.booster(flat, rows.shape[1], 1)
    data = xgb.DMatrix(rows, target)
    for depth in DEPTHS:
        yield f"XGBoost, depth {depth}", xgb.train({"max_depth": depth, "eta": 0.1, "nthread": THREADS}, data, ROUNDS)
    yield "forest", xgb.train(FOREST | {"nthread": THREADS}, data, 1)


def compared(booster: xgb.Booster, many: Any) -> list[float]:
    """Seconds of XGBoost as it is, in order, and of the kernel; all answers are the same."""
    plan = Plan.of(booster, 1)
    expected = booster.inplace_predict(many, predict_type="margin")
    assert np.array_equal(flat_trees.margins(booster, many, 1, THREADS)[:, 0], expected)
    assert np.array_equal(compiled.margins(plan, many, THREADS)[:, 0], expected)
    return seconds(
        lambda: booster.inplace_predict(many, predict_type="margin"),
        lambda: flat_trees.margins(booster, many, 1, THREADS),
        lambda: compiled.margins(plan, many, THREADS),
    )


def main() -> None:
    """Print the table."""
    print(f"{BULK:,} rows, {THREADS} threads, median of {REPEATS}; nanoseconds a tree and row\n")
    print("| columns | trees | as they are | in order | kernel | ratio |\n|---|---|---:|---:|---:|---:|")
    for name, rows, target in tables():
        many = rows[np.random.default_rng(1).integers(0, len(rows), BULK)]
        for kind, booster in ensembles(rows, target):
            taken = compared(booster, many)
            plain, ordered, compiled = (t / BULK / boosters.count(booster) * 1e9 for t in taken)
            ratio = ordered / compiled
            print(f"| {name} | {kind} | {plain:.1f} | {ordered:.1f} | {compiled:.1f} | {ratio:.1f} |", flush=True)


if __name__ == "__main__":
    main()
