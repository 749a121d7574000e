"""The book as Markdown: regret by trials or by cost, what it takes to reach the rivals, and paired differences.

python experiments/search/table.py search.jsonl --searchers random,tpe,gp --against tpe
python experiments/search/table.py search.jsonl --budget units --searchers asha,tpe_full --against asha
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from run import read

Floats = NDArray[np.float64]

FLOOR = 1e-3  # added to regrets before logarithms: differences below it don't count
LOOKS = {"trials": (5, 10, 20, 40, 60, 100), "units": (2, 3, 5, 10, 15)}
STEPS = {"trials": 1, "units": 4}  # points of a curve per trial or unit
GOALS = {"trials": (("tpe", 20), ("tpe", 40), ("tpe", 60), ("tpe", 100), ("grid", 60), ("gp", 60)),
         "units": (("asha", 5), ("asha", 15), ("tpe_full", 15))}  # fmt: skip
PAIRS = {"trials": (5, 20, 60), "units": (3, 5, 15)}
KINDS: dict[str, Callable[[str], bool]] = {
    "all": lambda group: True,
    "unseen spaces": lambda group: group in ("hpobench", "hpolib", "nasbench201"),
    "unseen data sets": lambda group: group in ("lcbench", "xgboost"),
}
RESAMPLES = 10_000


@dataclass(frozen=True)
class Results:
    """Curves of the best regret so far, at equal steps of the budget: (tasks, seeds, steps) of each searcher."""

    curves: Mapping[str, Floats]
    tasks: tuple[str, ...]
    groups: tuple[str, ...]
    seconds: Mapping[str, float]
    step: int

    def of(self, wanted: Callable[[str], bool]) -> Results:
        """Those of some groups."""
        chosen = [at for at, group in enumerate(self.groups) if wanted(group)]
        curves = {name: curve[chosen] for name, curve in self.curves.items()}
        tasks, groups = (tuple(row[at] for at in chosen) for row in (self.tasks, self.groups))
        return Results(curves, tasks, groups, self.seconds, self.step)

    def level(self, name: str) -> Floats:
        """The geometric mean of regret over tasks and seeds (steps,)."""
        return np.asarray(np.exp(np.log(self.curves[name] + FLOOR).mean(axis=(0, 1))))

    def at(self, name: str, look: float) -> float:
        """That level after some trials or units."""
        return float(self.level(name)[int(look * self.step) - 1])


def main() -> None:
    """Print the tables of a book."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("book", type=Path)
    parser.add_argument("--budget", choices=LOOKS, default="trials")
    parser.add_argument("--searchers", help="default: all that searched every task and seed the others did")
    parser.add_argument("--against", default="tpe,ei", help="whom the paired differences are against")
    parser.add_argument("--groups", help="some of lcbench,xgboost,hpobench,hpolib,nasbench201")
    arguments = parser.parse_args()
    lines = [line for line in read(arguments.book) if line["budget"] == arguments.budget]
    if arguments.groups:
        lines = [line for line in lines if line["group"] in arguments.groups.split(",")]
    names = arguments.searchers.split(",") if arguments.searchers else sorted({line["searcher"] for line in lines})
    print(markdown(gather(lines, names, arguments.budget), arguments.budget, arguments.against.split(",")))


def gather(lines: Sequence[Mapping[str, Any]], names: Sequence[str], budget: str) -> Results:
    """The tasks that all the named have searched, with the seeds that all of these tasks have had."""
    found = {name: {(line["task"], line["seed"]): line for line in lines if line["searcher"] == name} for name in names}
    common = set.intersection(*(set(of) for of in found.values()))
    tasks = [task for task in dict.fromkeys(line["task"] for line in lines) if any(task == key[0] for key in common)]
    seeds = [seed for seed in sorted({key[1] for key in common}) if all((task, seed) in common for task in tasks)]
    if not seeds:
        raise SystemExit(f"no task was searched by all of {', '.join(names)} with the same seeds")
    steps = max(line["amount"] for line in lines) * STEPS[budget]
    curves = {
        name: np.array([[curve(of[task, seed], steps) for seed in seeds] for task in tasks])
        for name, of in found.items()
    }
    groups = tuple(task.split("/")[0] for task in tasks)
    seconds = {
        name: float(np.mean([of[task, s]["seconds"] for task in tasks for s in seeds])) for name, of in found.items()
    }
    return Results(curves, tuple(tasks), groups, seconds, STEPS[budget])


def curve(line: Mapping[str, Any], steps: int) -> Floats:
    """The best regret so far (steps,): after each trial, or after each quarter of a unit; at first 1, the median."""
    regrets = np.maximum((np.array(line["losses"]) - line["best"]) / (line["median"] - line["best"]), 0)
    best = np.minimum.accumulate(regrets)
    if line["budget"] == "trials":
        return np.append(best[:steps], np.full(max(steps - len(best), 0), best[-1]))
    spent = np.cumsum(line["costs"]) / line["unit"]
    seen = np.searchsorted(spent, np.arange(1, steps + 1) / STEPS["units"], side="right")
    return np.asarray(np.minimum(np.concatenate([[1.0], best]), 1.0)[seen])


def reached(results: Results, name: str, level: float) -> str:
    """The first trial (or unit) at which a searcher's level is as low; ``>`` the whole budget where it never is."""
    there = np.flatnonzero(results.level(name) <= level)
    last = len(results.level(name)) / results.step
    return f"{(there[0] + 1) / results.step:g}" if len(there) else f">{last:g}"


def paired(results: Results, name: str, other: str, look: int, seed: int = 0) -> tuple[float, float, float, int, int]:
    """The difference of log-regret to another after some trials.

    Returns
    -------
    tuple
        The mean over tasks of the mean over seeds; the ends of its 95 % interval, from resampling tasks; wins; losses.
    """
    at = look * results.step - 1
    logs = [np.log(results.curves[who][:, :, at] + FLOOR).mean(axis=1) for who in (name, other)]
    difference = logs[0] - logs[1]
    draws = np.random.default_rng(seed).integers(0, len(difference), (RESAMPLES, len(difference)))
    low, high = np.percentile(difference[draws].mean(axis=1), (2.5, 97.5))
    return float(difference.mean()), float(low), float(high), int((difference < 0).sum()), int((difference > 0).sum())


def markdown(results: Results, budget: str, against: Sequence[str]) -> str:
    """Every table: all tasks, unseen spaces, unseen data sets, then each group."""
    kinds = KINDS | {group: (lambda g, group=group: g == group) for group in dict.fromkeys(results.groups)}
    parts = [results.of(wanted) for wanted in kinds.values()]
    shown = [(kind, part) for kind, part in zip(kinds, parts, strict=True) if part.tasks]
    if len({part.groups for _, part in shown}) == 1:
        shown = shown[:1]
    return "\n\n".join(section(kind, part, budget, against) for kind, part in shown)


def section(kind: str, results: Results, budget: str, against: Sequence[str]) -> str:
    """The tables of some tasks."""
    seeds = next(iter(results.curves.values())).shape[1]
    head = f"### {kind}: {len(results.tasks)} tasks, {seeds} seeds"
    others = [other for other in against if other in results.curves]
    return "\n\n".join([head, levels(results, budget), *(differences(results, other, budget) for other in others)])


def levels(results: Results, budget: str) -> str:
    """Geometric means of regret, and the trials that reach what others reach."""
    last = len(results.level(next(iter(results.curves)))) / results.step
    goals = [(other, look) for other, look in GOALS[budget] if other in results.curves and look <= last]
    looks = [look for look in LOOKS[budget] if look <= last]
    head = ["", *(f"@{look}" for look in looks), *(f"→{other}@{look}" for other, look in goals), "CPU s"]
    rows = [
        [
            name,
            *(f"{results.at(name, look):.4f}" for look in looks),
            *(reached(results, name, results.at(other, look)) for other, look in goals),
            f"{results.seconds[name]:.2f}",
        ]
        for name in sorted(results.curves, key=lambda name: results.at(name, looks[-1]))
    ]
    return _table(head, rows)


def differences(results: Results, other: str, budget: str, after: Sequence[int] = ()) -> str:
    """Paired differences of log-regret to another, after some trials or units; below 0 is better than it."""
    looks = [look for look in after or PAIRS[budget] if look <= len(results.level(other)) / results.step]
    head = [f"log-regret − {other}", *(f"@{look} [95 %] wins–losses" for look in looks)]
    rows = []
    for name in (name for name in results.curves if name != other):
        cells = [paired(results, name, other, look) for look in looks]
        rows.append([name, *(f"{mean:+.2f} [{low:+.2f}, {high:+.2f}] {w}–{n}" for mean, low, high, w, n in cells)])
    return _table(head, rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
