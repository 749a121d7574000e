"""Is the budget kept on every input? Seconds from the call to the saved folder, and memory, beside their limits.

python benchmarks/budget.py [--quick] [--only wide,long]

The tables are generated: they test the clock and the memory, not how good the answers are. Each fit runs in a
process of its own, while its process tree is watched. Prints a table and ends with 1 when a limit is missed. All of
it takes eleven minutes; `--quick` makes only the fits of 10 s.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import peak
import psutil

MEMORY = 4e9  # bytes that every fit is given
THREADS = 2
LETTERS = np.array([f"{a}{b}{c}" for a in "bdfglmnprst" for b in "aeiou" for c in "klmnrst"])


@dataclass(frozen=True)
class Case:
    """A table and the seconds that it is fitted for, once each; `burdened`: another process keeps a processor busy."""

    name: str
    what: str
    make: Callable[[], pd.DataFrame]
    seconds: tuple[int, ...]
    burdened: bool = False


@dataclass(frozen=True)
class Row:
    """What came of one fit; seconds and bytes."""

    what: str
    seconds: float
    wall: float
    first: float
    peak: float
    members: int
    error: str = ""

    @property
    def limit(self) -> float:
        """Seconds at which the folder must be saved."""
        return self.seconds + max(2.0, 0.05 * self.seconds)

    @property
    def ok(self) -> bool:
        """Whether the fit ended well, in time and within its memory."""
        return not self.error and self.wall <= self.limit and self.peak <= MEMORY


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| table | budget | wall | limit | kept? | first answer after | peak | members |",
        "|---|---:|---:|---:|---|---:|---:|---:|",
    ]
    for r in rows:
        verdict = "yes" if r.ok else f"MISSED {r.error}".strip()
        lines.append(
            f"| {r.what} | {r.seconds:g} s | {r.wall:.1f} s | {r.limit:.1f} s | {verdict} | {r.first:.1f} s | "
            f"{r.peak / peak.MB:,.0f} MB | {r.members} |"
        )
    return "\n".join(lines)


def numbers(rows: int, columns: int) -> pd.DataFrame:
    """Return numbers, and a target of two classes that some of them decide."""
    draw = np.random.default_rng(42)
    values = draw.standard_normal((columns, rows))
    decides = values[0] + values[1] * values[min(2, columns - 1)] + draw.standard_normal(rows) > 0
    return pd.DataFrame({f"x{i}": v for i, v in enumerate(values)} | {"y": decides}, copy=False)


def classes(rows: int, columns: int, count: int) -> pd.DataFrame:
    """Return numbers that lie around a centre for each class."""
    draw = np.random.default_rng(42)
    target = draw.integers(0, count, rows)
    values = draw.standard_normal((count, columns))[target] + draw.standard_normal((rows, columns))
    frame = pd.DataFrame(values, columns=[f"x{i}" for i in range(columns)])
    return frame.assign(y=np.char.add("c", target.astype(str)))


def keys(rows: int, count: int) -> pd.DataFrame:
    """Return a category with very many values, each with an effect of its own, and numbers."""
    draw = np.random.default_rng(42)
    key, effect = draw.zipf(1.2, rows) % count, draw.standard_normal(count)
    frame = numbers(rows, 5).drop(columns="y")
    city = pd.Series(draw.integers(0, 200, rows)).map("town {}".format)
    return frame.assign(shop=np.char.add("s", key.astype(str)), city=city, y=effect[key] + frame["x0"])


def prose(rows: int, words: int) -> pd.DataFrame:
    """Return long texts of invented words, some of which tell the class, and a number."""
    draw = np.random.default_rng(42)
    stock = np.char.add(draw.choice(LETTERS, 20_000), draw.choice(LETTERS, 20_000))
    target = draw.integers(0, 2, rows)
    often = np.sort(draw.zipf(1.3, (rows, words)) % 20_000, axis=1)
    shifted = (often + 40 * target[:, None] * (np.arange(rows) % 3 == 0)[:, None]) % 20_000
    texts = [" ".join(stock[row]) for row in shifted]
    return pd.DataFrame({"text": texts, "x": draw.standard_normal(rows), "y": target})


CASES = (
    Case("tiny", "20 rows x 5", lambda: numbers(20, 5), (10,)),
    Case("wide", "500 rows x 10,000", lambda: numbers(500, 10_000), (10, 30)),
    Case("classes", "9,000 rows, 300 classes", lambda: classes(9_000, 10, 300), (10, 30)),
    Case("long", "1,000,000 rows x 20", lambda: numbers(1_000_000, 20), (10, 30, 60)),
    Case("large", "50,000 rows x 200", lambda: numbers(50_000, 200), (10, 30)),
    Case("keys", "100,000 rows, a category of 30,000 values", lambda: keys(100_000, 30_000), (10, 30)),
    Case("prose", "20,000 texts of 2,000 characters", lambda: prose(20_000, 290), (10, 30)),
    Case("hundred", "100,000 rows, 100 classes", lambda: classes(100_000, 20, 100), (10, 30, 60)),
    Case("busy", "20,000 rows x 20, another process on one core", lambda: numbers(20_000, 20), (10, 20), burdened=True),
)


def fit(name: str, seconds: float) -> None:
    """Fit in this process and print what was seen as one JSON line."""
    import autoglm

    frame = next(c for c in CASES if c.name == name).make()
    first: list[float] = []

    def tell(event: Any) -> None:
        print(f"{event.elapsed:6.1f} s {event.kind}: {event.message}", file=sys.stderr, flush=True)
        if event.kind == "fit" and not first:
            first.append(event.elapsed)

    with tempfile.TemporaryDirectory() as place:
        recipe = autoglm.AutoML(
            seconds=seconds, threads=THREADS, memory=int(MEMORY), folder=Path(place) / "p", progress=tell
        )
        started = time.monotonic()
        predictor = recipe.fit(frame, target="y")
        wall = time.monotonic() - started
    print(json.dumps({"wall": wall, "first": first[0] if first else wall, "members": len(predictor.about["members"])}))


def measured(case: Case, seconds: float, verbose: bool) -> Row:
    """Fit in a process of its own and watch what its tree holds."""
    call = [sys.executable, __file__, "--fit", case.name, "--seconds", str(seconds)]
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as log, _burden(case.burdened):
        process = subprocess.Popen(call, stdout=said, stderr=log)
        most = _watched(process)
        said.seek(0)
        log.seek(0)
        events = log.read()
        if verbose:
            print(events, file=sys.stderr, flush=True)
        if process.returncode:
            last = events.strip().rpartition("\n")[2]
            return Row(case.what, seconds, 0.0, 0.0, most, 0, f"ended with status {process.returncode}: {last}")
        found = json.loads(said.read())
    return Row(case.what, seconds, found["wall"], found["first"], most, found["members"])


def _watched(process: subprocess.Popen[Any]) -> float:
    """Return the most bytes that the process and its children held together."""
    tree, most = psutil.Process(process.pid), 0
    while process.poll() is None:
        most = max(most, sum(peak._pss(p) for p in peak._tree(tree)))
        time.sleep(2 * peak.EVERY)
    return float(most)


@contextmanager
def _burden(wanted: bool) -> Iterator[None]:
    """Keep one processor busy meanwhile."""
    loop = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if wanted else None
    try:
        yield
    finally:
        if loop:
            loop.kill()
            loop.wait()


def main() -> int:
    """Measure, print, and say by the exit code whether every limit is kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="only the fits of 10 s")
    parser.add_argument("--only", default="", help=f"comma-separated, of: {', '.join(c.name for c in CASES)}")
    parser.add_argument("--verbose", action="store_true", help="show what each fit did when")
    parser.add_argument("--seconds", type=float, help="this budget instead of each table's own")
    parser.add_argument("--fit", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.fit:
        fit(given.fit, given.seconds)
        return 0
    rows = []
    for case in CASES:
        if given.only and case.name not in given.only.split(","):
            continue
        for seconds in (given.seconds,) if given.seconds else case.seconds[:1] if given.quick else case.seconds:
            rows.append(measured(case, seconds, given.verbose))
            print(table(rows[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
    print(table(rows))
    return int(not all(row.ok for row in rows))


if __name__ == "__main__":
    sys.exit(main())
