"""How fast is the code? Start-up, first predictor, latency, throughput, size and memory, each beside its limit.

python benchmarks/speed.py [--quick] [--seconds 30]

Prints a table and ends with 1 when a limit is missed. Run it on a quiet machine; `--quick` leaves out the
memory part, a fit of 40 s on 1,000,000 rows.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import peak

REPEATS = 7  # start-ups of which the median counts
WARM = 50  # single-row answers before the clock counts: the first one reads the models
SINGLE = 1_000
BULK = 100_000
ROWS, LAGS = 20_000, 5
AHEAD = 6  # readings, five minutes apart


@dataclass(frozen=True)
class Row:
    """One line of the table; without a limit it is for information."""

    what: str
    measured: float
    unit: str
    limit: float | None = None
    least: bool = False  # the limit is a floor, not a ceiling

    @property
    def ok(self) -> bool:
        """Whether the limit is kept."""
        if self.limit is None:
            return True
        return self.measured >= self.limit if self.least else self.measured <= self.limit


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | measured | limit | ok? |", "|---|---:|---:|---|"]
    for row in rows:
        sign = "≥" if row.least else "≤"
        limit = "" if row.limit is None else f"{sign} {_number(row.limit)} {row.unit}"
        verdict = "" if row.limit is None else "yes" if row.ok else "MISSED"
        lines.append(f"| {row.what} | {_number(row.measured)} {row.unit} | {limit} | {verdict} |")
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def start_up() -> Iterator[Row]:
    """Whole processes, wall clock, median of seven, in turn so that a busy moment hits all of them."""
    calls = {
        "bare `python -c pass`": ("pass", None),
        "`import autoglm`": ("import autoglm", 0.2),
        "`autoglm --help`": ("from autoglm.commands import main; main(['--help'])", 0.4),
    }
    taken: dict[str, list[float]] = {what: [] for what in calls}
    for _ in range(REPEATS):
        for what, (code, _limit) in calls.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
            taken[what].append(time.perf_counter() - started)
    for what, (_code, limit) in calls.items():
        yield Row(what, float(np.median(taken[what])), "s", limit)


def readings() -> pd.DataFrame:
    """All of the real table: a glucose sensor's five last signals and values, and the value half an hour later.

    The sensor's readings are in the package bokeh-sampledata (CGM); a row of the table is a moment, so every
    number in it was measured, and nothing is repeated or drawn.
    """
    raw = pd.read_csv(str(files("bokeh_sampledata") / "_data" / "CGM.csv.gz"))
    columns = {f"{name}_{lag}": raw[name].shift(lag) for name in ("isig", "glucose") for lag in range(LAGS)}
    return pd.DataFrame(columns | {"later": raw["glucose"].shift(-AHEAD)}).dropna(ignore_index=True)


def first_predictor(frame: pd.DataFrame, seconds: float) -> tuple[Any, list[Row]]:
    """Fit; note when the first fit was finished, and the first that is not the constant answer."""
    import autoglm

    moments: list[tuple[float, bool]] = []

    def tell(event: Any) -> None:
        if event.kind == "fit":
            moments.append((event.elapsed, any(not name.startswith("constant") for name, *_ in event.leaders)))

    recipe = autoglm.AutoML(seconds=seconds, threads=2, seed=42, progress=tell)
    started = time.monotonic()
    predictor = recipe.fit(frame, target="later")
    taken = time.monotonic() - started
    return predictor, [
        Row("first valid predictor", moments[0][0], "s", 5.0),
        Row("first one that learned from the columns", next(at for at, learned in moments if learned), "s", 5.0),
        Row(f"whole fit, seconds={seconds:g}", taken, "s", seconds + max(2.0, 0.05 * seconds)),
    ]


def answers(predictor: Any, rows: pd.DataFrame) -> Iterator[Row]:
    """Latency of single rows and throughput of many, in this process, from frame to answers."""
    singles = [rows.iloc[[i % len(rows)]] for i in range(WARM + SINGLE)]
    taken = []
    for single in singles:
        started = time.perf_counter()
        predictor.predict(single)
        taken.append(time.perf_counter() - started)
    p50, p95, p99 = (float(q) * 1e3 for q in np.quantile(taken[WARM:], (0.5, 0.95, 0.99)))
    yield Row("one row, p50", p50, "ms")
    yield Row("one row, p95", p95, "ms", 10.0)
    yield Row("one row, p99", p99, "ms")
    many = rows.iloc[np.arange(BULK) % len(rows)].reset_index(drop=True)
    rates = []
    for _ in range(3):
        started = time.perf_counter()
        predictor.predict(many)
        rates.append(BULK / (time.perf_counter() - started))
    yield Row(f"bulk, {BULK:,} rows", float(np.median(rates)), "rows/s", 50_000, least=True)


READ = """
import sys, time
import pandas as pd
started = time.perf_counter()
import autoglm
autoglm.load(sys.argv[1]).predict(pd.read_parquet(sys.argv[2]))
print(time.perf_counter() - started)
"""


def saved(predictor: Any, rows: pd.DataFrame) -> Iterator[Row]:
    """Size of the saved folder, and a new process's seconds from `import autoglm` to its first answer."""
    with tempfile.TemporaryDirectory() as place:
        folder, one = predictor.save(Path(place) / "model"), Path(place) / "one.parquet"
        size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
        rows.iloc[[0]].to_parquet(one)
        call = [sys.executable, "-c", READ, str(folder), str(one)]
        taken = float(subprocess.run(call, check=True, capture_output=True, text=True).stdout)
    yield Row(f"saved folder, {len(predictor.members)} members", size / 1e6, "MB")
    yield Row("import, load and first answer in a new process", taken, "s")


def memory() -> Row:
    """The peak of a fit on a long table."""
    found = peak.peak(rows=1_000_000, columns=20, seconds=40)
    print(f"memory: {found}", flush=True)
    return Row("peak memory, 1,000,000 x 20 numbers, 40 s", found.total / peak.MB, "MB", found.limit / peak.MB)


def main() -> int:
    """Measure, print, and say by the exit code whether every limit is kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="leave out the memory part")
    parser.add_argument("--seconds", type=float, default=30.0, help="budget of the fit that is measured")
    arguments = parser.parse_args()
    rows = list(start_up())
    every = readings()
    shuffled = every.sample(frac=1.0, random_state=42)
    train, new = shuffled.iloc[:ROWS].reset_index(drop=True), shuffled.iloc[ROWS:].drop(columns="later")
    print(f"fitting {len(train):,} x {train.shape[1] - 1} for {arguments.seconds:g} s ...", flush=True)
    predictor, found = first_predictor(train, arguments.seconds)
    rows += [*found, *answers(predictor, new), *saved(predictor, new)]
    if not arguments.quick:
        rows.append(memory())
    print(table(rows))
    return int(not all(row.ok for row in rows))


if __name__ == "__main__":
    sys.exit(main())
