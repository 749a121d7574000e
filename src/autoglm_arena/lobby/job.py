"""What a contestant is told and what it hands back: the few lines that every script in `peers/` shares.

A script imports this file as the plain module ``job``, in an environment of its own: standard library, pandas 2 or 3
and pyarrow only.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, quantiles

import pandas as pd

Predict = Callable[[pd.DataFrame], pd.DataFrame]

WARM_UP = 5  # single rows that are answered before the clock counts
SINGLE = 100  # single rows whose durations count
READINGS = 60  # of a long run
PATIENCE = 10.0  # seconds for all single rows together: slow systems answer fewer


@dataclass(frozen=True)
class Job:
    """One match as a contestant sees it; the test table comes without its target.

    Parameters
    ----------
    train, test
        Parquet files.
    out
        Where the answers go, a Parquet file; the report gets the same name with the ending ``.json``.
    target
        The column of `train` to predict.
    task
        ``"binary"``, ``"multiclass"`` or ``"regression"``.
    metric
        ``"roc_auc"`` (binary), ``"log_loss"`` (multiclass) or ``"rmse"`` (regression).
    seconds
        Budget of the fit on the wall clock.
    threads
        Processor threads.
    memory_mb
        Memory in MiB that the contestant and its children may use together.
    seed
        All randomness should come from it.
    folder
        Where the contestant keeps its model; what it saves there while fitting counts as the model's size.
    media
        What paths of images and sounds in the tables start from.
    soak_seconds
        How long single rows are answered after the match, for `arena soak`.
    """

    train: str
    test: str
    out: str
    target: str
    task: str
    metric: str
    seconds: float
    threads: int
    memory_mb: int
    seed: int
    folder: str
    media: str = ""
    soak_seconds: float = 0.0


def play(fit: Callable[[Job, pd.DataFrame], Predict]) -> None:
    """Play the job named on the command line: fit, answer the test table, then measure how fast answers come.

    The answers and a first report are on disk before the latency is measured: who hangs there has still played.

    Parameters
    ----------
    fit
        Gets the job and the training table; returns a function from a table to a frame: a column of probabilities
        per class, named by the class, or the one column ``value``.
    """
    if fit.__module__ != "__main__":
        return  # a worker process of the contestant reads the script again; only the first process plays
    import_seconds = seconds_since_start()
    job = Job(**json.loads(Path(sys.argv[1]).read_text()))
    Path(job.folder).mkdir(parents=True, exist_ok=True)
    train, test = pd.read_parquet(job.train), pd.read_parquet(job.test)
    began = time.perf_counter()
    predict = fit(job, train)
    fitted = time.perf_counter()
    answers = predict(test)
    answered = time.perf_counter()
    write_answers(in_order(answers, test), Path(job.out))
    report: dict[str, object] = {
        "import_seconds": import_seconds,
        "fit_seconds": fitted - began,
        "predict_seconds": answered - fitted,
        "model_bytes": folder_bytes(Path(job.folder)),
    }
    write_report(report, Path(job.out))
    write_report(report | latency(predict, test, job.seed), Path(job.out))
    if job.soak_seconds:
        soak(predict, test, job.soak_seconds, Path(job.out).with_name("soak.jsonl"))


def latency(predict: Predict, test: pd.DataFrame, seed: int) -> dict[str, object]:
    """Milliseconds to answer one row and seconds to answer a thousand; a failure is a finding and is reported."""
    try:
        one = single_rows(predict, test)
    except Exception as problem:
        return {"latency_error": f"one row: {type(problem).__name__}: {problem}"[:400]}
    thousand = test.sample(1000, replace=True, random_state=seed).reset_index(drop=True)
    began = time.perf_counter()
    try:
        predict(thousand)
    except Exception as problem:
        return one | {"latency_error": f"a thousand rows: {type(problem).__name__}: {problem}"[:400]}
    return one | {"thousand_rows_seconds": time.perf_counter() - began}


def single_rows(predict: Predict, test: pd.DataFrame) -> dict[str, object]:
    """Milliseconds a single row takes: mean, median and 95th percentile; a slow system is timed on fewer rows."""
    times: list[float] = []
    until = time.perf_counter() + PATIENCE
    while len(times) < WARM_UP + SINGLE and (not times or time.perf_counter() < until):
        place = len(times) % len(test)
        row = test.iloc[[place]].reset_index(drop=True)
        began = time.perf_counter()
        predict(row)
        times.append(1000 * (time.perf_counter() - began))
    warm = times[WARM_UP:] or times[-1:]
    cuts = quantiles(warm, n=20, method="inclusive") if len(warm) > 1 else warm * 19
    return {
        "row_ms_mean": fmean(warm),
        "row_ms_p50": cuts[9],
        "row_ms_p95": cuts[18],
        "row_ms_rows": len(warm),
    }


def soak(predict: Predict, test: pd.DataFrame, seconds: float, diary: Path) -> None:
    """Answer single rows until the time is up; a failure, or another answer than the first time, is a fault."""
    rows = [test.iloc[[i]].reset_index(drop=True) for i in range(min(SINGLE, len(test)))]
    first = [predict(row) for row in rows]
    began = time.perf_counter()
    for reading in range(1, READINGS + 1):
        times: list[float] = []
        faults, last_fault = 0, ""
        while not times or time.perf_counter() - began < seconds * reading / READINGS:
            place = len(times) % len(rows)
            asked = time.perf_counter()
            try:
                if not predict(rows[place]).equals(first[place]):
                    faults, last_fault = faults + 1, f"row {place}: another answer than the first time"
            except Exception as problem:  # a fault is what is looked for
                faults, last_fault = faults + 1, f"row {place}: {type(problem).__name__}: {problem}"[:400]
            times.append(1000 * (time.perf_counter() - asked))
        line = {"calls": len(times), "faults": faults, "last_fault": last_fault}
        line |= {"seconds": time.perf_counter() - began, "latency_ms": median(times)}
        with open(diary, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def frame(model: object, features: pd.DataFrame) -> pd.DataFrame:
    """The answers of a fitted scikit-learn estimator in the form that `play` writes."""
    if hasattr(model, "predict_proba"):
        return pd.DataFrame(model.predict_proba(features), columns=model.classes_)  # type: ignore[attr-defined]
    return pd.DataFrame({"value": model.predict(features)})  # type: ignore[attr-defined]


def seconds_since_start() -> float:
    """Seconds since this process began, from the kernel's own record (hundredths of a second)."""
    after_name = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    began = int(after_name[19]) / os.sysconf("SC_CLK_TCK")  # field 22 of proc(5), in clock ticks since boot
    return time.clock_gettime(time.CLOCK_BOOTTIME) - began


def folder_bytes(folder: Path) -> int | None:
    """The size of all files in a folder, or None if it holds none."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return sum(sizes) if sizes else None


def in_order(answers: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The answers in the order of the rows, where their index says that they have another."""
    moved = len(answers) == len(rows) and not answers.index.equals(rows.index)
    return answers.loc[rows.index] if moved and set(answers.index) == set(rows.index) else answers


def write_answers(answers: pd.DataFrame, out: Path) -> None:
    """Write a table of answers in one step: either all of it is there or nothing."""
    part = out.with_name(out.name + ".part")
    answers.rename(columns=str).reset_index(drop=True).to_parquet(part)
    part.replace(out)


def write_report(report: dict[str, object], out: Path) -> None:
    """Write the report beside the answers in one step."""
    part = out.with_name(out.name + ".json.part")
    part.write_text(json.dumps(report, indent=1))
    part.replace(out.with_suffix(".json"))
