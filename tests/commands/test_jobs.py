"""The commands for jobs and dead letters."""

from pathlib import Path

import pandas as pd
import pytest

from .conftest import Run, customers


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "new.csv"
    customers().drop(columns="churn").head(9).to_csv(path, index=False)
    return path


def test_a_job_is_put_listed_and_done(run: Run, model: Path, rows: Path, tmp_path: Path) -> None:
    queue, out = ("--queue", tmp_path / "q.sqlite"), tmp_path / "out.csv"
    job = run("jobs", "put", model, rows, "-o", out, *queue).out.strip()
    (listed,) = run("jobs", "list", "--json", *queue).json
    assert (listed["id"], listed["state"]) == (job, "waiting") and job in run("jobs", "list", *queue).out
    assert f"job {job}: done" in run("jobs", "work", "--once", *queue).err
    assert pd.read_csv(out)["row"].tolist() == list(range(1, 10))
    assert run("jobs", "list", "--json", *queue).json == []


def test_dead_letters(run: Run, model: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from autoglm.kit.sqlite_letters import SQLiteLetters

    place = tmp_path / "q.sqlite"
    monkeypatch.setenv("AUTOGLM_QUEUE", f"sqlite:///{place}")
    run("jobs", "put", model, rows, "-o", tmp_path / "out.csv")
    letters = SQLiteLetters(place, most=1)
    held = letters.lease()
    assert held and letters.fail(held, "out of paper")
    (dead,) = run("dead", "list", "--json").json
    assert dead["error"] == "out of paper" and "out of paper" in run("dead", "list").out
    assert run("dead", "show", dead["id"]).json["body"]["rows"] == str(rows)
    fresh = run("dead", "retry", dead["id"]).out.strip()
    assert fresh != dead["id"] and [letter.id for letter in letters.waiting()] == [fresh]
    held = letters.lease()
    assert held and letters.fail(held, "again")
    assert run("dead", "drop", fresh).code == 0 and run("dead", "list", "--json").json == []
    gone = run("dead", "show", fresh)
    assert gone.code == 1 and gone.err.startswith("error: no dead letter has the id")


def test_other_queues_are_refused(run: Run) -> None:
    done = run("jobs", "list", "--queue", "kafka://me:hush@there")
    assert done.code == 1 and "expected a file" in done.err and "hush" not in done.err
