"""What is the way to choose a blend worth? Ways to weigh the same fits, judged on rows that they have not seen.

python benchmarks/blends.py --tables tables-more --work 100

Every table is fitted once (kept in `$AUTOGLM_BENCH/blends`). Random halves of its rows choose weights, the other halves
judge; 1 is the error of one greedy choice on all rows that may choose. Nothing of it depends on the clock.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import tables
from numpy.typing import NDArray

from autoglm import AutoML
from autoglm.core.metrics import AUTO, METRICS
from autoglm.core.seed import Seed
from autoglm.engine import worker
from autoglm.engine.journal import Fit, Journal
from autoglm.engine.race import Race
from autoglm.ensembles.greedy import Blend
from autoglm.finish import BAGS

SEED = 1
WAYS: dict[str, Callable[[Race], Blend]] = {
    "one choice": lambda race: race.blend(),
    "bagged": lambda race: race.blend(steps=20, bags=BAGS),
    "steadied": lambda race: race.steadied(race.blend(steps=20, bags=BAGS)),
}


@dataclass(frozen=True)
class Half(Fit):
    """A fit of which only some judging rows are known."""

    kept: NDArray[np.bool_]  # of its judging rows

    @property
    def margins(self) -> NDArray[np.float32]:
        """Out-of-fold margins of the rows that are known, shape (n_known, scores)."""
        return super().margins[self.kept]

    @property
    def honest(self) -> NDArray[np.float32]:
        """The same by what no judging row had a say in."""
        return super().honest[self.kept]


def main() -> None:
    """Read the command line, fit what is not fitted, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--tables", default="tables-more", help="tables-more, tables-dev, or names")
    parser.add_argument("--work", type=int, default=100, help="fold fits a table")
    parser.add_argument("--halves", type=int, default=6, help="random halves")
    parser.add_argument("--most", type=int, default=6000, help="rows of a table at most")
    given = parser.parse_args()
    print(f"| table | rows | {' | '.join(WAYS)} |\n|---|---:|{'---:|' * len(WAYS)}")
    logs = []
    for name in tables.names(given.tables):
        race = fitted(name, given.work, given.most)
        errors = np.mean([judged(race, half) for half in range(given.halves)], axis=0)
        logs.append(np.log(errors / errors[0]))
        print(f"| {name} | {len(race.target)} | {' | '.join(f'{x:.4f}' for x in np.exp(logs[-1]))} |", flush=True)
    mean, error = np.mean(logs, axis=0), np.std(logs, axis=0) / np.sqrt(len(logs))
    print(f"| mean | | {' | '.join(f'{np.exp(m):.4f} ± {e:.4f}' for m, e in zip(mean, error, strict=True))} |")


def fitted(name: str, work: int, most: int) -> Race:
    """Return what a run of the engine knows of its candidates at the end."""
    folder = tables.cache() / "blends" / f"{name}-{work}"
    frame, target, task = tables.load(name)
    if len(frame) > most:
        frame = frame.sample(most, random_state=SEED).reset_index(drop=True)
    AutoML(work=work, seed=SEED, folder=folder, task=task).fit(frame, target)
    return read(folder)


def read(folder: Path) -> Race:
    """Return the state of a run at its end, from its folder."""
    journal = Journal(folder / "run")
    data = worker.data(str(journal.data))
    race = Race(data.task, METRICS[AUTO[data.task.kind]], data.target, data.splits, Seed(SEED))
    for candidate in journal.candidates().values():
        race.add(candidate)
    for fit in journal.finished():
        race.finish(fit)
    return race


def judged(race: Race, half: int) -> list[float]:
    """Return the error of each way to choose on one random half of the rows, judged on the other half."""
    known = np.random.default_rng(half).random(len(race.target)) < 0.5
    state = halved(race, known)
    weights = [choose(state).weights for choose in WAYS.values()]
    rows = np.flatnonzero(np.all([race.blended(w)[1] for w in weights], axis=0) & ~known)
    return [race.judge(rows)(race.blended(w, rows)[0]) for w in weights]


def halved(race: Race, known: NDArray[np.bool_]) -> Race:
    """Return the race as it would look had it only judged the rows that are known, shape (n_rows,)."""
    parts = np.where(known, race.splits.parts, -1).astype(np.int16)
    state = Race(race.task, race.metric, race.target, replace(race.splits, parts=parts), race.seed)
    state.candidates, state.net = race.candidates, race.net
    for fits in race.fits.values():
        for fit in fits.values():
            kept = known[race.splits.rows(fit.repeat, fit.fold)[1]]
            state.finish(Half(**asdict(fit), kept=kept))
    return state


if __name__ == "__main__":
    main()
