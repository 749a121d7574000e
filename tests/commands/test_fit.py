import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pandas as pd
import pytest

from autoglm import commands
from autoglm.automl import SEARCHES
from autoglm.commands import fit
from autoglm.core.task import KINDS
from autoglm.engine.run import Event

from .conftest import SMALL, Done, Run


def test_json_is_one_object_and_nothing_else(fitted: tuple[Path, Done]) -> None:
    folder, done = fitted
    assert done.code == 0, done.err
    found = done.json
    assert found["predictor"] == str(folder) and Path(found["report"]).is_file()
    assert found["task"]["kind"] == "binary" and found["data"]["rows"] == 120
    assert found["score"]["low"] <= found["score"]["value"] <= found["score"]["high"]
    assert {row["learner"] for row in found["leaderboard"]} == {"constant", "linear"}
    assert 0.5 < found["test"]["roc_auc"] <= 1
    assert found["budget"]["fits"] == 3 and not found["interrupted"]


def test_progress_goes_to_standard_error_as_lines(fitted: tuple[Path, Done]) -> None:
    assert "reading the table" in fitted[1].err and "\x1b" not in fitted[1].err


def test_the_same_call_continues_and_prints_for_people(run: Run, table: Path, copied: Path) -> None:
    done = run("fit", table, "--target", "churn", "--out", copied, "--quiet", *SMALL[2:], "--work", "4")
    assert (done.code, done.err) == (0, "")
    for words in (
        "churn: binary, 120 rows",
        "4 fits",
        "roc_auc",
        "95 %",
        "leaderboard",
        "constant",
        "report.html",
    ):
        assert words in done.out


def test_the_default_folder_is_named_after_the_table(
    run: Run, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def spy(recipe: Any, frame: object, target: str, **more: object) -> None:
        asked.update(folder=recipe.folder, kinds=recipe.kinds, memory=recipe.memory, target=target, **more)
        raise KeyboardInterrupt

    monkeypatch.setattr("autoglm.automl.AutoML.fit", spy)
    monkeypatch.chdir(tmp_path)
    options = ["--kind", "a=b=text", "--kind", "age=number", "--memory", "2", "--groups", "plan"]
    assert run("fit", table, "--target", "churn", *options).code == 130
    assert asked["folder"] == Path("autoglm-train")
    assert asked["kinds"] == {"a=b": "text", "age": "number"}
    assert asked["memory"] == 2_000_000_000
    assert (asked["target"], asked["groups"], asked["time"]) == ("churn", "plan", None)


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--target", "chrun"], 1, "did you mean 'churn'"),
        (["--target", "churn", "--metric", "roc_auk"], 1, "roc_auc"),
        (["--target", "churn", "--learner", "lightgmb"], 1, "lightgbm"),
        (["--target", "churn", "--seconds", "0"], 1, "seconds"),
        (["--target", "churn", "--threads", "0"], 1, "threads"),
        (["--target", "churn", "--kind", "age"], 2, "COLUMN=KIND"),
        (["--target", "churn", "--memory", "0"], 2, "memory"),
        (["--target", "churn", "--task", "guess"], 2, "task"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    run: Run, table: Path, tmp_path: Path, options: list[str], code: int, words: str
) -> None:
    done = run("fit", table, "--out", tmp_path / "model", "--quiet", *options)
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("error: ") and done.err.count("\n") == 1 and words in done.err


def test_a_missing_table(run: Run, tmp_path: Path) -> None:
    done = run("fit", tmp_path / "no.csv", "--target", "y")
    assert done.code == 1 and "no such file" in done.err


def test_rows_to_test_are_checked_before_the_fit(run: Run, table: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    pd.DataFrame({"age": [1], "churns": ["no"]}).to_csv(other, index=False)
    done = run("fit", table, "--target", "churn", "--test", other, "--out", tmp_path / "model", *SMALL)
    assert done.code == 1 and "did you mean 'churns'" in done.err
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("train", "test", "words"),
    [
        ([i / 7 for i in range(60)], [1.5, "n.m.", "n.m."], "'n.m.', expected numbers"),
        (["yes", "no"] * 30, ["yes", "no", "perhaps"], "'perhaps', not one of the classes"),
        (["yes", "no"] * 30, [None, None, None], "nothing to score"),
    ],
)
def test_the_target_of_rows_to_test_is_checked_before_the_fit(
    run: Run, tmp_path: Path, train: list[object], test: list[object], words: str
) -> None:
    pd.DataFrame({"a": range(60), "y": train}).to_csv(tmp_path / "tr.csv", index=False)
    pd.DataFrame({"a": range(3), "y": test}).to_csv(tmp_path / "te.csv", index=False)
    call = ["fit", tmp_path / "tr.csv", "--target", "y", "--out", tmp_path / "model", *SMALL]
    done = run(*call, "--test", tmp_path / "te.csv")
    assert done.code == 1 and done.err.count("\n") == 1 and "te.csv: target 'y'" in done.err and words in done.err
    assert not (tmp_path / "model").exists()


def test_rows_to_test_that_were_trained_on_are_told(run: Run, table: Path, copied: Path) -> None:
    call = ["fit", table, "--target", "churn", "--out", copied, "--quiet", "--test", table, *SMALL]
    found = run(*call, "--json").json["findings"][0]
    assert (found["check"], found["severity"]) == ("train/test overlap", "serious")
    assert "equal a training row in every column" in run(*call).out


def test_the_choices_are_those_of_the_engine() -> None:
    options = {p.name: p.type for p in fit.command.params}
    assert isinstance(options["task"], click.Choice) and tuple(options["task"].choices) == KINDS
    assert isinstance(options["search"], click.Choice) and tuple(options["search"].choices) == SEARCHES


def test_ctrl_c_before_the_first_model(run: Run, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def early(recipe: Any, *_: object, **__: object) -> None:
        recipe.progress(Event("note", 0.1, "interrupted: keeping what there is"))
        raise KeyboardInterrupt

    monkeypatch.setattr("autoglm.automl.AutoML.fit", early)
    done = run("fit", table, "--target", "churn", "--quiet")
    assert (done.code, done.err) == (130, "\nerror: interrupted\n")


@pytest.mark.slow
def test_ctrl_c_saves_what_there_is(table: Path, tmp_path: Path) -> None:
    path = os.pathsep.join([str(Path(commands.__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    code = "import sys; from autoglm.commands import main; sys.exit(main(sys.argv[1:]))"
    call = [
        sys.executable,
        "-c",
        code,
        "fit",
        str(table),
        "--target",
        "churn",
        "--out",
        str(tmp_path / "model"),
    ]
    with subprocess.Popen(call, env=os.environ | {"PYTHONPATH": path}, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        seen = []
        for line in process.stderr:
            seen.append(line)
            if "best" in line:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stderr.read()
    assert process.returncode == 0, "".join(seen) + rest
    assert "interrupted" in rest and "Traceback" not in rest
    assert (tmp_path / "model" / "manifest.json").is_file()
