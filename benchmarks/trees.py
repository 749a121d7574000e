"""Does answering rows in order pay? `flat_trees.margins` against XGBoost asked with the rows as they are.

python benchmarks/trees.py

Prints seconds and their ratio for boosted trees and a forest, on a sensor's lagged readings (neighbouring columns
tell nearly the same) and on independent columns. The answers are checked to be equal, bit by bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from speed import readings

from autoglm.prep import flat_trees

BULK = 50_000
REPEATS = 7
BOOSTED = {"max_depth": 7, "eta": 0.1}, 300
FOREST = {"max_depth": 14, "eta": 1.0, "num_parallel_tree": 100, "subsample": 0.6, "colsample_bynode": 0.5}, 1


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


def main() -> None:
    """Print the table."""
    print(f"{BULK:,} rows, 2 threads, median of {REPEATS}\n")
    print("| columns | trees | as they are | in order | ratio |\n|---|---|---:|---:|---:|")
    for name, rows, target in tables():
        many = rows[np.random.default_rng(1).integers(0, len(rows), BULK)]
        for kind, (settings, rounds) in (("boosted", BOOSTED), ("forest", FOREST)):
            booster = xgb.train(settings | {"nthread": 2}, xgb.DMatrix(rows, target), rounds)
            plain = booster.inplace_predict(many, predict_type="margin")
            assert np.array_equal(flat_trees.margins(booster, many, 1, 2)[:, 0], plain)
            before, after = seconds(
                lambda: booster.inplace_predict(many, predict_type="margin"),  # noqa: B023
                lambda: flat_trees.margins(booster, many, 1, 2),  # noqa: B023
            )
            print(f"| {name} | {kind} | {before:.3f} s | {after:.3f} s | {before / after:.2f} |")


if __name__ == "__main__":
    main()
