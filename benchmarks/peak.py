"""Peak memory of a fit on a long table of numbers: the process that calls `fit` and all of its workers together.

``python benchmarks/peak.py --rows 1000000 --columns 20 --seconds 40 [--learners lightgbm,forest]``

The fit runs in a process of its own. While it runs, the proportional set sizes (PSS: memory shared by n
processes counts 1/n for each) of the process tree are added up ten times a second.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

EVERY = 0.1  # seconds between two looks
MB = 1e6


@dataclass(frozen=True)
class Peak:
    """The moment at which the process tree held most; `sizes` are bytes (the caller's first), `at` is seconds."""

    sizes: tuple[int, ...]
    at: float
    event: str
    frame: int

    @property
    def total(self) -> int:
        """Bytes of all processes."""
        return sum(self.sizes)

    @property
    def limit(self) -> float:
        """What a fit may hold: three times the frame and 500 MB."""
        return 3 * self.frame + 500 * MB

    def __str__(self) -> str:
        caller, *workers = (f"{size / MB:,.0f}" for size in self.sizes)
        where = f"the calling process {caller}, workers {' + '.join(workers)}"
        return f"{self.total / MB:,.0f} MB ({where}), at {self.at:.0f} s, after: {self.event}"


def peak(rows: int, columns: int, seconds: float, learners: str = "") -> Peak:
    """Fit in a process of its own and return its peak."""
    job = [sys.executable, __file__, "--fit", f"--rows={rows}", f"--columns={columns}"]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen([*job, f"--seconds={seconds}", f"--learners={learners}"], stderr=log)
        found = _watch(psutil.Process(process.pid), process, log)
        if process.returncode:
            log.seek(0)
            raise SystemExit(f"the fit ended with status {process.returncode}: {log.read()[-2000:]}")
    return Peak(*found, frame=int(_frame(1, columns).memory_usage(index=False).sum()) * rows)


def _watch(tree: psutil.Process, process: subprocess.Popen[bytes], log: IO[str]) -> tuple[tuple[int, ...], float, str]:
    """Return the sizes at the peak, when it was, and the last event before it."""
    started = time.monotonic()
    best: tuple[tuple[int, ...], float, str] = ((0,), 0.0, "")
    while process.poll() is None:
        sizes = tuple(_pss(p) for p in _tree(tree))
        if sum(sizes) > sum(best[0]):
            best = (sizes, time.monotonic() - started, _last_line(log))
        time.sleep(EVERY)
    return best


def _tree(parent: psutil.Process) -> list[psutil.Process]:
    try:
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return [parent]


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:  # it ended between the listing and the reading
        return 0


def _last_line(log: IO[str]) -> str:
    text = Path(f"/proc/self/fd/{log.fileno()}").read_text(errors="replace")
    return text.strip().rpartition("\n")[2]


def _frame(rows: int, columns: int):  # type: ignore[no-untyped-def]
    """Numbers, and a binary target that some of them decide."""
    import numpy as np
    import pandas as pd

    values = np.random.default_rng(42).standard_normal((columns, rows))
    noise = np.random.default_rng(43).standard_normal(rows)
    decides = values[0] + values[1] * values[min(2, columns - 1)] + noise > 0
    frame = pd.DataFrame({f"x{i}": column for i, column in enumerate(values)}, copy=False)
    return frame.assign(y=decides.astype("int8"))


def fit(rows: int, columns: int, seconds: float, learners: str) -> None:
    """Fit in this process; progress goes to standard error."""
    import autoglm

    names = learners.split(",") if learners else None
    recipe = autoglm.AutoML(seconds=seconds, threads=2, learners=names, progress="plain")
    recipe.fit(_frame(rows, columns), target="y")


def main() -> None:
    """Read the command line, fit and print the peak."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--learners", default="", help="comma-separated names; all unless given")
    parser.add_argument("--fit", action="store_true", help=argparse.SUPPRESS)
    arguments = vars(parser.parse_args())
    if arguments.pop("fit"):
        fit(**arguments)
        return
    found = peak(**arguments)
    print(f"{found}\nlimit: {found.limit / MB:,.0f} MB (3 x the frame of {found.frame / MB:,.0f} MB + 500 MB)")


if __name__ == "__main__":
    main()
