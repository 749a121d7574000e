"""The command line: what it prints, and what it refuses in one line."""

from pathlib import Path
from typing import Any

import pytest

from autoglm_arena import book
from autoglm_arena.commands import main

PLAN = """
seconds = 5
threads = 1
seeds = [1]
[[play]]
data = ["small"]
contestants = ["fair.py"]
"""


@pytest.fixture
def plan(write_data: Any, script: Any, arena: Path) -> Path:
    write_data()
    script()
    path = arena / "plan.toml"
    path.write_text(PLAN)
    return path


def test_run_then_list_then_replay(plan: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["run", str(plan), "--list"]) == 0
    assert "missing small seed 1 fair" in capsys.readouterr().out
    assert main(["run", str(plan)]) == 0
    said = capsys.readouterr().out
    assert "[1/1]" in said and "small seed 1 fair: roc_auc 0.5000" in said
    assert main(["run", str(plan), "--list"]) == 0
    assert "played  small seed 1 fair" in capsys.readouterr().out
    path = plan.with_name("book.jsonl")
    (row,) = book.read(path)
    assert main(["replay", row["id"], "--book", str(path), "--script", str(plan.with_name("fair.py"))]) == 0
    assert "equal within the noise" in capsys.readouterr().out


def test_run_says_where_the_plan_stands(plan: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["run", str(plan), "--minutes", "0"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("stopped after 0 minutes, the same call goes on; 0 matches played, 0 of 1 settled")
    assert main(["run", str(plan), "--minutes", "5"]) == 0
    assert "1 matches played, 1 of 1 settled, 1 of 1 cells finished\n" in capsys.readouterr().out


def test_list_says_what_another_environment_means(plan: Path, capsys: pytest.CaptureFixture[str]):
    path = plan.with_name("book.jsonl")
    assert main(["run", str(plan)]) == 0
    (row,) = book.read(path)
    path.unlink()
    book.append(path, row | {"machine": row["machine"] | {"kernel": "0.1"}})
    capsys.readouterr()
    assert main(["run", str(plan), "--list"]) == 0
    assert "played  small seed 1 fair (in another environment: kernel 0.1 there," in capsys.readouterr().out
    plan.write_text(PLAN.replace('"fair.py"', '"fair.py", "other.py"'))
    plan.with_name("other.py").write_text(plan.with_name("fair.py").read_text())
    assert main(["run", str(plan), "--list"]) == 0
    said = capsys.readouterr().out
    assert said.count("(the whole cell anew, it was begun in another environment: kernel 0.1 there,") == 2
    assert main(["run", str(plan), "--list", "--failed-again", "--ours-again"]) == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("small", "smal"), "no data set named 'smal'; did you mean 'small'?"),
        (("fair.py", "lightgmb"), "no contestant named 'lightgmb'; did you mean 'lightgbm'?"),
        (("fair.py", "absent.py"), "no contestant's script at"),
        (("seconds", "secnods"), "no setting named 'secnods'; did you mean 'seconds'?"),
        (("[1]", "[0]"), "0 is not positive"),
        (("seconds = 5", "seconds = 'five'"), "'five' is not of the kind float"),
    ],
)
def test_a_plan_with_a_typo_is_refused(
    plan: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], says: str
):
    plan.write_text(PLAN.replace(*change))
    assert main(["run", str(plan)]) == 1
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1
    assert not plan.with_name("book.jsonl").exists()


def test_a_second_run_on_one_book_is_refused(plan: Path, capsys: pytest.CaptureFixture[str]):
    with book.writing(plan.with_name("book.jsonl")):
        assert main(["run", str(plan)]) == 1
    error = capsys.readouterr().err
    assert "is being written by process" in error and error.count("\n") == 1


def test_unknown_rows_and_contestants(plan: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["replay", "ffffffff", "--book", str(plan.with_name("book.jsonl"))]) == 1
    assert "no row 'ffffffff'" in capsys.readouterr().err
    assert main(["install", "flamel"]) == 1
    assert "did you mean 'flaml'?" in capsys.readouterr().err


def test_list_names_contestants_and_data(plan: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["list"]) == 0
    said = capsys.readouterr().out
    assert "autogluon-extreme" in said and "needs weights from a hub" in said and "tests: small" in said


@pytest.mark.parametrize("before", ["", "import sys; sys.stderr.write('x' * 300_000)"], ids=["quiet", "talkative"])
def test_a_short_soak_counts_calls(
    plan: Path, script: Any, before: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    from autoglm_arena import contestants

    fair = script(before=before)
    monkeypatch.setattr(contestants, "get", lambda name, beside=None: fair)
    assert main(["soak", "fair", "small", "--hours", "0.0006", "--seconds", "5"]) == 0
    assert "0 faults" in capsys.readouterr().out.splitlines()[-1]
