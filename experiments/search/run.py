"""Let searchers search the held-out tasks and write down what they saw, one line a search, into an append-only book.

python experiments/search/run.py --searchers random,tpe,autoglm.samplers.tpe:sampler --seeds 0-9 --book search.jsonl
python experiments/search/run.py --budget units --searchers asha,tpe_full --amount 15 --groups lcbench

It may be stopped at any time: the same command goes on where the book ends. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import time
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import ours
import rivals
import stopping
import tasks as problems

AMOUNTS = {"trials": 100, "units": 15}


@dataclass(frozen=True)
class Search:
    """What identifies a line of the book: who searches what, with how much."""

    task: str
    searcher: str
    seed: int
    budget: str  # trials or units
    amount: int


def main() -> None:
    """Read the command line and make the searches that the book lacks."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--searchers", required=True, help=f"of {', '.join([*rivals.RIVALS, *ours.SEARCHERS])}, "
                        f"module:sampler; for units of {', '.join([*stopping.SEARCHERS, *ours.PAUSING])}")  # fmt: skip
    parser.add_argument("--budget", choices=AMOUNTS, default="trials")
    add_options(parser)
    fill(parser.parse_args())


def fill(arguments: argparse.Namespace) -> None:
    """Make the searches that the book lacks."""
    data, book = problems.folder(arguments.data), Path(arguments.book)
    known = done(book)
    left = [search for search in plan(arguments, data) if search not in known]
    print(f"{len(left)} searches to make", flush=True)
    cut_back(book)
    with book.open("a") as file:
        for line in searched(left, data, arguments.processes, arguments.seconds):
            file.write(json.dumps(line) + "\n")
            file.flush()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what says on which tasks is searched, how long and how often."""
    parser.add_argument("--amount", type=int, help="trials (100) or median trainings (15) of a search")
    parser.add_argument("--seeds", default="0-9", help="as in 0-9 or 0,1,2")
    parser.add_argument("--groups", help="some of lcbench,xgboost,hpobench,hpolib,nasbench201")
    parser.add_argument("--tasks", help="names of tasks instead of all")
    parser.add_argument(
        "--training", action="store_true", help="the tasks one may learn from, instead of those that test"
    )
    parser.add_argument("--data", help="the folder with the surrogates; default: AUTOGLM_HPO, or ../shared/hpo")
    parser.add_argument("--book", default="search.jsonl")
    parser.add_argument("--processes", type=int, default=1, choices=(1, 2))
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no search after these")


def plan(arguments: argparse.Namespace, data: Path) -> list[Search]:
    """The searches asked for: every task and searcher with the first seed, then with the next."""
    chosen = [
        task
        for task in problems.tasks(not arguments.training, data)
        if _among(task.group, arguments.groups) and _among(task.name, arguments.tasks)
    ]
    return [
        Search(task.name, name, seed, arguments.budget, arguments.amount or AMOUNTS[arguments.budget])
        for seed in seeds(arguments.seeds)
        for task in chosen
        for name in arguments.searchers.split(",")
        if possible(task, name, arguments.budget)
    ]


def _among(name: str, wanted: str | None) -> bool:
    return wanted is None or name in wanted.split(",")


def possible(task: problems.SearchTask, name: str, budget: str) -> bool:
    """Whether there is what the searcher needs: other tasks of the space, or learning curves."""
    if budget == "units":
        return bool(task.checkpoints)
    return name not in {*rivals.LEARNT, *ours.LEARNT} or isinstance(task, problems.SurrogateTask)


def seeds(text: str) -> list[int]:
    """Seeds from ``0-9`` or ``0,3,5``."""
    if "-" in text:
        first, last = map(int, text.split("-"))
        return list(range(first, last + 1))
    return [int(part) for part in text.split(",")]


def read(book: Path) -> Iterator[dict[str, Any]]:
    """Every whole line of the book; a last line that was cut is skipped."""
    if book.exists():
        with book.open() as file:
            yield from (json.loads(line) for line in file if line.endswith("\n"))


def cut_back(book: Path) -> None:
    """Take away a last line that was cut, so that the next one does not go on in it."""
    if book.exists():
        os.truncate(book, book.read_bytes().rfind(b"\n") + 1)


def done(book: Path) -> set[Search]:
    """The searches that the book knows."""
    return {Search(**{name: line[name] for name in Search.__dataclass_fields__}) for line in read(book)}


def searched(left: Iterable[Search], data: Path, processes: int, seconds: float) -> Iterator[dict[str, Any]]:
    """The lines of searches as they end; none begins after `seconds`.

    Each has a process of one thread to itself, so that CPU seconds of searchers can be compared.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # read by the new processes' numpy and torch
    until, queue = time.monotonic() + seconds, iter(left)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        running: set[Future[dict[str, Any]]] = set()
        while True:
            while len(running) < 2 * processes and time.monotonic() < until and (search := next(queue, None)):
                running.add(pool.submit(make, search, data))
            if not running:
                return
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in ended)


def make(search: Search, data: Path) -> dict[str, Any]:
    """One search, as a line of the book."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    task = _task(search.task, data)
    task.evaluate([_middle(task)])  # it is loaded before the clock runs
    known = stopping.SEARCHERS | ours.PAUSING if search.budget == "units" else ours.SEARCHERS
    find = known[search.searcher] if search.searcher in known else searcher(search.searcher)
    trace = find(task, search.amount, search.seed)
    return asdict(search) | {
        "group": task.group,
        "best": task.best,
        "median": task.median,
        "unit": stopping.unit(task) if search.budget == "units" else None,
        "seconds": round(trace.seconds, 4),
        "losses": [float(f"{loss:.8g}") for loss in trace.losses],
        "costs": [float(f"{cost:.5g}") for cost in trace.costs],
        "optuna": version("optuna"),
    }


def searcher(name: str) -> rivals.Searcher:
    """A policy by its file and digest, a rival by its name, or any sampler by its dotted path."""
    return ours.trained(name) if ".npz@" in name else rivals.searcher(name)


def _middle(task: problems.SearchTask) -> dict[str, Any]:
    return problems.decode(task.space, np.full((1, len(task.space)), 0.5))[0]


@functools.cache
def _task(name: str, data: Path) -> problems.SearchTask:
    known = (task for held_out in (True, False) for task in problems.tasks(held_out, data))
    return next(task for task in known if task.name == name)


if __name__ == "__main__":
    main()
