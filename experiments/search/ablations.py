"""What reinforcement learning adds to expected improvement, and what of it goes without each of its parts: one table.

python experiments/search/train.py --out runs/1 --seed 1                  # and 2, 3
python experiments/search/train.py --out runs/myopic --gamma 0            # and --auxiliary 0, --shuffled
python experiments/search/train.py --out runs/no-xgboost --without xgboost
python experiments/search/ablations.py runs/* --seeds 0-9 --book ablations.jsonl

Every finished training searches the held-out tasks, beside the network before any training and a random candidate; the
table has the paired difference of log-regret to expected improvement over the same candidates. Trainings that differ
only in their seed are one row, a part that was left out is a row of its own. May be stopped and goes on, as `run.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import run
import table
from table import Results
from train import Plan

from autoglm.core.errors import OptionError
from autoglm.tuning.policy import Policy

AGAINST = "pool"
ALWAYS = (AGAINST, "untrained", "random_candidate")
TRAINED = "trained"  # the row of the usual plan
LOOKS = (20, 60)
KINDS = ("all", "unseen spaces", "unseen data sets")


def main() -> None:
    """Make the searches that the book lacks and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("trainings", nargs="+", type=Path, help="folders of `train.py`")
    run.add_options(parser)
    parser.set_defaults(budget="trials", amount=max(LOOKS), book="ablations.jsonl")
    arguments = parser.parse_args()
    policies = rows(arguments.trainings)
    arguments.searchers = ",".join([*ALWAYS, *(name for names in policies.values() for name in names)])
    run.fill(arguments)
    print(markdown(list(run.read(Path(arguments.book))), policies))


def rows(trainings: Sequence[Path]) -> dict[str, list[str]]:
    """The searchers of each row, by what was left out of their training.

    Raises
    ------
    SystemExit
        If a folder holds no policy, or none that reads today's features.
    """
    found: dict[str, list[str]] = {}
    for folder in trainings:
        path = folder / "policy.npz"
        try:
            policy = Policy.read(path)
        except (OSError, OptionError) as error:
            raise SystemExit(f"{folder} is no finished training: {error}") from error
        found.setdefault(left_out(policy.record["plan"]), []).append(f"{path}@{policy.digest}")
    return dict(sorted(found.items(), key=lambda row: (row[0] != TRAINED, row[0])))


def left_out(plan: Mapping[str, Any]) -> str:
    """What tells a plan from the usual one, but for its seed and length: "trained" where nothing does."""
    usual = {name: value for name, value in asdict(Plan()).items() if name not in ("seed", "iterations")}
    parts = [f"{name} {plan[name]}" for name, value in usual.items() if plan.get(name, value) != value]
    return ", ".join(parts) or TRAINED


def markdown(lines: Sequence[Mapping[str, Any]], policies: Mapping[str, Sequence[str]]) -> str:
    """A table of each kind of tasks, and of the tasks of each group that a row was trained without."""
    names = [*ALWAYS, *(name for of in policies.values() for name in of)]
    whole = joined(table.gather([line for line in lines if line["budget"] == "trials"], names, "trials"), policies)
    groups = [group for group in dict.fromkeys(whole.groups) if any(f"without {group}" in row for row in policies)]
    kinds = {kind: table.KINDS[kind] for kind in KINDS} | {g: (lambda of, g=g: of == g) for g in groups}
    parts = {kind: whole.of(wanted) for kind, wanted in kinds.items()}
    return "\n\n".join(
        f"### {kind}: {len(part.tasks)} tasks\n\n{table.differences(part, AGAINST, 'trials', LOOKS)}"
        for kind, part in parts.items()
        if part.tasks and (kind == "all" or part.tasks != whole.tasks)
    )


def joined(results: Results, policies: Mapping[str, Sequence[str]]) -> Results:
    """The results with trainings of one row as one searcher, which has the seeds of all."""
    curves = {name: results.curves[name] for name in ALWAYS}
    for row, names in policies.items():
        label = row if len(names) == 1 else f"{row} ({len(names)} trainings)"
        curves[label] = np.concatenate([results.curves[name] for name in names], axis=1)
    return replace(results, curves=curves)


if __name__ == "__main__":
    main()
