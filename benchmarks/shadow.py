"""What a shadow costs the service that it looks on at, and how its explanations agree with those computed offline.

python benchmarks/shadow.py

Two predictors of scikit-learn's breast cancer table: one is served by `autoglm serve`, the other answers behind it, and
every answer is explained there. 1,000 rows, drawn between rows of the table, are asked for over gRPC at concurrency
1, in turns from a service without the shadow and from one with it, so that a machine that slows down slows both;
before the one without has its turn, the shadow catches up. Then the store is summed up as `autoglm shadow report` does:
explanations are computed again here and compared. Exits with 1 where a limit is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from serve import asker, ours, processor
from sklearn.datasets import load_breast_cancer

import autoglm
from autoglm.serving import agreement
from autoglm.serving.store import Store

TURN = 250  # requests before the other service has its turn
WARM = 50
WAIT = 300.0  # seconds that the shadow may take to catch up
LEARNERS = ("lightgbm", "xgboost", "catboost", "linear")


def main() -> None:
    """Fit, serve, ask, compare, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each fit")
    parser.add_argument("--port", type=int, default=18840)
    told = parser.parse_args()
    frame = load_breast_cancer(as_frame=True).frame.rename(columns={"target": "y"})
    rows = between(frame, told.rows)
    with tempfile.TemporaryDirectory() as place:
        folder, other, store = Path(place, "model"), Path(place, "other"), str(Path(place, "shadow.sqlite"))
        for seed, where in ((42, folder), (7, other)):
            autoglm.AutoML(seconds=told.seconds, learners=LEARNERS, seed=seed).fit(frame, "y").save(where)
        flags = ["--shadow", str(other), "--explain", "shadow", "--store", store]
        with ours(folder, told.port) as plain, ours(folder, told.port + 10, flags) as shadowed:
            processes = {"without": (plain, told.port), "with": (shadowed, told.port + 10)}
            asks = {name: asker("gRPC predict", port, rows)() for name, (_, port) in processes.items()}
            found, seconds = in_turns(asks, told.rows, lambda asked: caught_up(store, asked))
            cpu = {name: processor(process) for name, (process, _) in processes.items()}
        sys.exit(not passed(found, agreement.report(Store(store)), seconds, cpu))


def between(frame: pd.DataFrame, count: int) -> pd.DataFrame:
    """Rows between pairs of rows of a table of numbers: as many different ones as are asked for."""
    draw = np.random.default_rng(0)
    first, second = (frame.iloc[draw.integers(0, len(frame), count)].to_numpy(np.float64) for _ in range(2))
    share = draw.uniform(size=(count, 1))
    return pd.DataFrame(share * first + (1 - share) * second, columns=frame.columns)


def in_turns(
    asks: dict[str, Callable[[int], None]], requests: int, catch_up: Callable[[int], float]
) -> tuple[dict[str, list[float]], float]:
    """Milliseconds of each request, and the most seconds by which the shadow was behind after a turn."""
    taken: dict[str, list[float]] = {name: [] for name in asks}
    for ask in asks.values():
        for i in range(WARM):
            ask(i)
    behind = [catch_up(WARM)]
    for start in range(0, requests, TURN):
        turn = range(start, min(start + TURN, requests))
        for name, ask in asks.items():
            for i in turn:
                began = time.perf_counter()
                ask(i)
                taken[name].append(1000 * (time.perf_counter() - began))
        behind.append(catch_up(WARM + turn.stop))
    return taken, max(behind[1:])


def caught_up(store: str, requests: int) -> float:
    """Seconds until the shadow has answered all requests."""
    began, base = time.monotonic(), Store(store)
    while len(base.answers(["key"])) < requests and time.monotonic() < began + WAIT:
        time.sleep(0.2)
    return time.monotonic() - began


def passed(taken: dict[str, list[float]], told: dict[str, Any], seconds: float, cpu: dict[str, float]) -> bool:
    """Print everything; say whether all limits are kept."""
    print("| shadow | mean ms | p50 | P95 |\n|---|--:|--:|--:|")
    last = {name: statistics.quantiles(times, n=20)[-1] for name, times in taken.items()}
    for name, times in taken.items():
        print(f"| {name} | {statistics.mean(times):.2f} | {statistics.median(times):.2f} | {last[name]:.2f} |")
    why, rise = told["explanations"], last["with"] / last["without"] - 1
    print(f"\nCPU seconds, start included: {', '.join(f'{name} {used:.1f}' for name, used in cpu.items())}")
    print(f"the shadow had caught up {seconds:.1f} s after each {TURN} requests, at most\n")
    limits = [
        ("Pearson, online against offline", why["pearson"], ">= .999999", why["pearson"] >= 0.999999),
        ("five columns that say most, in the same order", why["top_equal"], "1", why["top_equal"] == 1.0),
        ("coverage", told["coverage"]["share"], "1", told["coverage"]["share"] == 1.0),
        ("abnormal", told["abnormal"]["share"], "<= .001", told["abnormal"]["share"] <= 0.001),
        ("rise of P95", rise, "<= .2", rise <= 0.2),
    ]
    print(f"over {why['rows']:,} explained rows\n| what | found | limit | kept |\n|---|--:|--:|---|")
    for what, value, limit, kept in limits:
        print(f"| {what} | {value:.9g} | {limit} | {'yes' if kept else 'NO'} |")
    return all(kept for *_, kept in limits)


if __name__ == "__main__":
    main()
