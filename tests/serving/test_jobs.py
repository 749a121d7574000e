"""Jobs: done whatever dies, with the same bytes; failures wait, then are dead letters."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from autoglm import Predictor
from autoglm.core.errors import DataError, FolderError
from autoglm.kit.sqlite_letters import SQLiteLetters
from autoglm.serving import jobs


@pytest.fixture
def letters(tmp_path: Path) -> SQLiteLetters:
    return SQLiteLetters(tmp_path / "queue.sqlite", base=0.0, most=2, synchronous="NORMAL")


@pytest.fixture
def table(frame: pd.DataFrame, tmp_path: Path) -> Path:
    frame.drop(columns="species").to_csv(tmp_path / "new.csv", index=False)
    return tmp_path / "new.csv"


def everything(letters: SQLiteLetters) -> list[str]:
    errors: list[str] = []
    while jobs.work(letters, lambda _, error: errors.append(error)):
        pass
    return errors


def test_answers_and_explanations(
    letters: SQLiteLetters, folder: Path, table: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "PART", 30)
    out, why = table.with_name("out.parquet"), table.with_name("why.csv")
    jobs.put(letters, folder, table, out)
    jobs.put(letters, folder, table, why, explain=True)
    assert everything(letters) == ["", ""] and letters.waiting() == []
    rows = pd.read_csv(table)
    found = pd.read_parquet(out)
    assert found["row"].tolist() == list(range(1, len(rows) + 1))
    assert found["species"].tolist() == predictor.predict(rows).tolist()
    assert found["species=virginica"].to_numpy() == pytest.approx(predictor.predict_proba(rows)["virginica"].to_numpy())
    told = pd.read_csv(why)
    assert len(told) == len(rows) * len(predictor.columns) and told["row"].max() == len(rows)
    assert [p.name for p in table.parent.iterdir() if p.name.startswith(".")] == []  # no parts are left


def test_the_same_job_is_done_once(letters: SQLiteLetters, folder: Path, table: Path) -> None:
    out = table.with_name("out.csv")
    first = jobs.put(letters, folder, table, out)
    assert jobs.put(letters, folder, table, out) == first
    assert everything(letters) == [""]
    assert jobs.put(letters, folder, table, out) == first and everything(letters) == []
    table.write_text(table.read_text().replace("middle", "long", 1))
    assert jobs.put(letters, folder, table, out) != first


def test_failures_become_dead_letters_and_can_come_back(letters: SQLiteLetters, folder: Path, table: Path) -> None:
    out = table.with_name("out.csv")
    jobs.put(letters, folder, table, out)
    whole = table.read_text()
    table.write_text("a,b\n1,2\n")
    errors = everything(letters)
    assert len(errors) == 2 and all("columns are missing" in error for error in errors)
    (dead,) = letters.dead()
    table.write_text(whole)
    letters.retry(dead.id)
    assert everything(letters) == [""] and out.exists() and not letters.dead()


def test_what_cannot_be_done_is_not_accepted(letters: SQLiteLetters, folder: Path, table: Path) -> None:
    with pytest.raises(DataError, match="no format"):
        jobs.put(letters, folder, table, table.with_name("out.xls"))
    with pytest.raises(DataError, match="no file"):
        jobs.put(letters, folder, table.with_name("none.csv"), table.with_name("out.csv"))
    with pytest.raises(FolderError):
        jobs.put(letters, table.parent, table, table.with_name("out.csv"))
    assert letters.waiting() == []


WORKER = """
import sys
from autoglm.kit.sqlite_letters import SQLiteLetters
from autoglm.serving import jobs
jobs.PART = 2
letters = SQLiteLetters(sys.argv[1], base=0.0, most=10**9, visibility=0.2, synchronous="NORMAL")
print("ready", flush=True)
while jobs.work(letters, lambda letter, error: print(letter.id, error, flush=True)):
    pass
"""


def test_a_worker_that_is_killed_costs_nothing(
    letters: SQLiteLetters, folder: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "PART", 2)  # as the workers: sums in other batches differ in the last bit
    jobs.put(letters, folder, table, tmp_path / "calm.csv")
    assert everything(letters) == [""]
    queue = tmp_path / "kills.sqlite"
    accepted = SQLiteLetters(queue, most=10**9, visibility=0.2)
    for name in ("one.csv", "two.csv"):
        jobs.put(accepted, folder, table, tmp_path / name)
    for kill in range(4):
        with subprocess.Popen([sys.executable, "-c", WORKER, queue], stdout=subprocess.PIPE, text=True) as worker:
            assert worker.stdout and worker.stdout.readline() == "ready\n"
            time.sleep(0.1 + 0.15 * kill)
            os.kill(worker.pid, signal.SIGKILL)
    until = time.monotonic() + 30
    while accepted.waiting() and time.monotonic() < until:
        subprocess.run([sys.executable, "-c", WORKER, queue], check=True, capture_output=True, timeout=60)
    calm = (tmp_path / "calm.csv").read_bytes()
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes() == calm
    assert not accepted.waiting() and not accepted.dead()
