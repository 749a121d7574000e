"""The table of ablations: trainings by what was left out of them, beside what must be zero."""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import run
import tasks

pytest.importorskip("torch")
ablations = pytest.importorskip("ablations")

import train  # noqa: E402

TINY = train.Plan(iterations=1, instances=2, group=2, shortest=4, longest=5, synthetic=1.0, batch=16)


@pytest.fixture
def toys(toy: tasks.SearchTask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Toys of three groups, searched in this process; the tiny plan is the usual one."""
    known = [type(toy)(f"{group}/toy", group, True, toy.space) for group in ("hpobench", "lcbench", "xgboost")]

    def searched(left: list[run.Search], data: Path, *rest: Any) -> Iterator[dict[str, Any]]:
        return (run.make(search, data) for search in left)

    monkeypatch.setattr(tasks, "tasks", lambda held_out, data: known if held_out else [])
    monkeypatch.setattr(tasks, "folder", lambda given: Path("toys"))
    monkeypatch.setattr(run, "searched", searched)
    monkeypatch.setattr(ablations, "Plan", lambda: TINY)
    monkeypatch.setattr(ablations, "LOOKS", (3, 6))
    run._task.cache_clear()


def command(monkeypatch: pytest.MonkeyPatch, trainings: list[Path], book: Path) -> None:
    monkeypatch.setattr(
        sys, "argv", ["ablations", *map(str, trainings), "--seeds", "0", "--amount", "6", "--book", str(book)]
    )
    ablations.main()


@pytest.mark.usefixtures("toys")
def test_one_command_makes_the_table_of_finished_trainings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plans = {
        "1": TINY,
        "2": replace(TINY, seed=2),
        "myopic": replace(TINY, gamma=0.0),
        "alone": replace(TINY, auxiliary=0.0),
        "shuffled": replace(TINY, shuffled=True),
    }
    for name, plan in plans.items():
        train.train(plan, tmp_path / name, "")
    network = train.Network(0.0)
    network.score.bias.data += 1
    (tmp_path / "left").mkdir()
    train.export(network, replace(TINY, without="xgboost"), tmp_path / "left" / "policy.npz", "", {})
    command(monkeypatch, [*(tmp_path / name for name in plans), tmp_path / "left"], tmp_path / "book.jsonl")
    text = capsys.readouterr().out
    sections = re.findall(r"### (.*): (\d) tasks", text)
    assert sections == [("all", "3"), ("unseen spaces", "1"), ("unseen data sets", "2"), ("xgboost", "1")]
    rows = re.findall(r"^\| (\w[^|]*) \| ([+-]\d.*) \|$", text, re.M)
    labels = ["untrained", "random_candidate", "trained (2 trainings)", "auxiliary 0.0", "gamma 0.0", "shuffled True"]
    assert [label for label, _ in rows[:7]] == [*labels, "without xgboost"]
    shown = dict(rows[:7])
    assert shown["untrained"] == shown["without xgboost"] == " | ".join(["+0.00 [+0.00, +0.00] 0–0"] * 2)
    assert shown["random_candidate"] != shown["untrained"]
    assert "@3" in text and "@6" in text
    lines = len((tmp_path / "book.jsonl").read_text().splitlines())
    assert lines == 3 * (3 + 6)
    command(monkeypatch, [tmp_path / "1"], tmp_path / "book.jsonl")  # nothing is searched twice
    assert "0 searches to make" in capsys.readouterr().out


@pytest.mark.usefixtures("toys")
def test_a_training_that_went_on_is_another_searcher(toy: tasks.SearchTask, tmp_path: Path) -> None:
    plan = replace(TINY, seed=3)
    path = tmp_path / "policy.npz"
    train.export(train.Network(0.0), plan, path, "", {})
    name = ablations.rows([tmp_path])["trained"][0]
    assert len(run.searcher(name)(toy, 4, 0).losses) == 4
    train.export(train.Network(1.0), plan, path, "", {})
    with pytest.raises(SystemExit, match="its training went on"):
        run.searcher(name)


def test_a_folder_without_a_policy_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="is no finished training"):
        ablations.rows([tmp_path])
