"""One match: a contestant's script in an environment and processes of its own, watched, ended, scored."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import machine
import pandas as pd
import scoring
import tables
from job import Job, dependencies

HERE = Path(__file__).parent
RIVALS = HERE / "rivals"
OURS = "autoglm"
START = {"autogluon": 60}  # seconds of grace for what is slow to start, by the beginning of the name
DISTURBED = 0.05  # share of (cores x wall) that others may use before a match is played again
PATIENCE = 30.0  # seconds to wait for a quiet machine; a match on a busy one is marked disturbed anyway
LONG = 20.0  # seconds after which a turn ends
CALM = 1.0  # CPU seconds that others may use in any match: the kernel's own share of a three-second one


@dataclass(frozen=True)
class Match:
    """A contestant on a table: what identifies a line of the book."""

    table: str
    contestant: str
    seed: int
    seconds: float
    threads: int
    commit: str = ""  # ours only: a new commit plays again


def contestants() -> list[str]:
    """The names of the scripts in `rivals`."""
    return sorted(path.stem for path in RIVALS.glob("*.py"))


def python(script: Path) -> Path:
    """The interpreter for a script; its environment is installed on first use and shared by equal headers."""
    ours = script.stem == OURS
    if ours and "AUTOGLM_PYTHON" in os.environ:
        return Path(os.environ["AUTOGLM_PYTHON"])
    needs = dependencies(script)
    folder = tables.cache() / "venvs" / hashlib.sha256("\n".join(needs).encode()).hexdigest()[:10]
    ready = folder / "ready"
    if not ready.exists():
        print(f"installing {script.stem}: {', '.join(needs)}", flush=True)
        repository = HERE.parent
        what = ["-c", str(repository / "constraints.txt"), "-e", str(repository)] if ours else needs
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin/python", "-m", "pip", "install", "-q", *what], check=True)
        ready.touch()
    return folder / "bin/python"


def play(match: Match, turn: Turn) -> dict[str, object]:
    """Wait for a quiet machine, play, and return the line of the book."""
    frame, target, task = tables.load(match.table)
    train, test = scoring.split(frame, target, task, match.seed)
    interpreter = python(RIVALS / f"{match.contestant}.py")
    with tempfile.TemporaryDirectory(prefix="match-") as folder:
        job = Job(
            train=f"{folder}/train.parquet",
            test=f"{folder}/test.parquet",
            out=f"{folder}/out.parquet",
            target=target,
            task=task,
            metric=scoring.METRICS[task],
            seconds=match.seconds,
            threads=match.threads,
            seed=match.seed,
        )
        train.to_parquet(job.train)
        test.drop(columns=target).to_parquet(job.test)
        Path(folder, "job.json").write_text(json.dumps(asdict(job)))
        turn.begin()
        watched = watch(interpreter, match, Path(folder))
        row = asdict(match) | {"task": task, "metric": job.metric, "rows": len(frame)} | watched
        row["constant_error"] = scoring.constant_error(train[target], test[target], task)
        return row | result(match, Path(job.out), test[target], row)


class Turn:
    """Our turn at the machine: the lock file named by `QUALITY_LOCK`, kept over several short matches.

    Others who wait for the lock get their turn after each match that makes ours longer than `LONG` seconds.
    """

    def __init__(self) -> None:
        self.lock: IO[str] | None = None
        self.since = 0.0

    def begin(self) -> None:
        """Take the lock unless it is ours, then wait up to `PATIENCE` seconds for a quiet machine."""
        if self.lock is None:
            self.lock = open(os.environ.get("QUALITY_LOCK", os.devnull), "a")  # noqa: SIM115 (closed by `end`)
            fcntl.flock(self.lock, fcntl.LOCK_EX)
            self.since = time.monotonic()
        until = time.monotonic() + PATIENCE
        while not machine.is_quiet() and time.monotonic() < until:
            time.sleep(1)

    def end(self) -> None:
        """Hand the lock on after a long turn."""
        if self.lock is not None and time.monotonic() - self.since > LONG:
            self.lock.close()
            self.lock = None
            time.sleep(4)


def watch(interpreter: Path, match: Match, folder: Path) -> dict[str, object]:
    """Run the script to its end or to its hard limit; what it used, and how it ended."""
    grace = next((extra for name, extra in START.items() if match.contestant.startswith(name)), 0)
    limit = 2 * match.seconds + grace
    load, busy, own = os.getloadavg()[0], machine.busy_seconds(), machine.own_seconds()
    started, peak = time.monotonic(), 0
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [interpreter, "-P", RIVALS / f"{match.contestant}.py", folder / "job.json"],
            stdout=log,
            stderr=log,
            cwd=folder,
            env=environment(match.threads, folder),
            start_new_session=True,
        )
        try:
            while process.poll() is None and time.monotonic() - started < limit:
                peak = max(peak, sum(machine.descendants().values()))
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.25)
            wall, code = time.monotonic() - started, process.poll()
        finally:
            machine.end_all()
    cpu = machine.own_seconds() - own
    foreign = max(0.0, machine.busy_seconds() - busy - cpu)
    return {
        "wall": round(wall, 2),
        "peak_mb": round(peak / 2**20),
        "cpu_seconds": round(cpu, 2),
        "load_before": load,
        "foreign_cpu": round(foreign, 2),
        "disturbed": foreign > max(CALM, DISTURBED * 2 * wall),
        "exit": "killed" if code is None else "ok" if code == 0 else f"exit {code}",
        "last_words": (folder / "log").read_text(errors="replace").strip()[-400:] if code != 0 else "",
        "time": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "machine": machine.card(),
    }


def environment(threads: int, folder: Path) -> dict[str, str]:
    """The variables of a match: as many threads for every library, no spinning, its own temporary files."""
    pools = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "LOKY_MAX_CPU", "VECLIB_MAXIMUM")
    count = {f"{pool}_COUNT" if pool == "LOKY_MAX_CPU" else f"{pool}_NUM_THREADS": str(threads) for pool in pools}
    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    return os.environ | count | {"OMP_WAIT_POLICY": "PASSIVE", "TMPDIR": str(folder), "PYTHONPATH": path}


def result(match: Match, out: Path, truth: pd.Series, row: dict[str, object]) -> dict[str, object]:
    """Score what the match wrote and keep it; a failure gets the constant predictor's error."""
    failed = {"score": None, "error": row["constant_error"], "failed": True, "fit_seconds": row["wall"]}
    report = out.with_suffix(".json")
    if row["exit"] != "ok" or not report.exists():
        return failed
    said = json.loads(report.read_text())
    said["overrun"] = round(max(0.0, said["fit_seconds"] - match.seconds), 2)
    answers = pd.read_parquet(out)
    name = "-".join(filter(None, [match.table, str(match.seed), match.contestant, match.commit]))
    keep = tables.cache() / "predictions" / f"{name}.parquet"
    keep.parent.mkdir(parents=True, exist_ok=True)
    answers.to_parquet(keep)
    try:
        value = scoring.score(answers, truth, str(row["task"]))
    except (ValueError, KeyError) as problem:
        return failed | said | {"exit": "unusable answers", "last_words": str(problem)}
    return said | {"score": value, "error": scoring.error(value, str(row["task"])), "failed": False}
