from pathlib import Path

import pytest

from autoglm.core.files import read_json, write_json

from .conftest import Run


def test_for_people(run: Run, model: Path) -> None:
    done = run("info", model)
    assert (done.code, done.err) == (0, "")
    for words in (
        "churn: binary",
        "roc_auc",
        "members",
        "linear",
        "columns",
        "age",
        "number",
        "all hashes",
        "numpy",
    ):
        assert words in done.out


def test_json(run: Run, model: Path) -> None:
    found = run("info", model, "--json").json
    assert found["finished"] and found["verified"]
    assert found["manifest"]["task"]["target"] == "churn"
    assert found["run"]["fits"] == 3
    assert found["bytes"] == sum(f["bytes"] for f in found["manifest"]["files"].values())


def test_a_changed_file_is_refused(run: Run, copied: Path) -> None:
    summary = read_json(copied / "summary.json")
    write_json(copied / "summary.json", summary | {"seed": 43})
    done = run("info", copied)
    assert done.code == 1 and "summary.json" in done.err and done.out == ""


def test_a_run_that_was_not_finished(run: Run, copied: Path) -> None:
    (copied / "manifest.json").unlink()
    done = run("info", copied)
    assert done.code == 0 and "not finished" in done.out and "3 fits" in done.out
    assert "autoglm fit TRAIN --target 'churn' --seed 42" in done.out
    found = run("info", copied, "--json").json
    assert not found["finished"] and found["manifest"] is None and found["run"]["fits"] == 3


def test_nothing_there(run: Run, tmp_path: Path) -> None:
    assert run("info", tmp_path).code == 1
    assert "no folder" in run("info", tmp_path / "x").err


def test_a_damaged_run(run: Run, copied: Path) -> None:
    (copied / "manifest.json").unlink()
    (copied / "run" / "run.json").write_text("{")
    done = run("info", copied)
    assert done.code == 1 and "damaged" in done.err


def test_a_fit_without_limit(run: Run, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = read_json(model / "manifest.json")
    endless = about | {"budget": about["budget"] | {"work": None, "seconds": None}}
    monkeypatch.setattr("autoglm.bundle.unseal", lambda _: endless)
    done = run("info", model)
    assert (done.code, done.err) == (0, "") and "no limit of seconds on 1 threads" in done.out
