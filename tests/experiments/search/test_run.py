"""The runner: which searches are planned, and that the book decides what is left."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import pytest
import rivals
import run
import tasks


@pytest.fixture
def two(toy: tasks.SearchTask, monkeypatch: pytest.MonkeyPatch) -> list[tasks.SearchTask]:
    other = type(toy)("xgboost/toy", "xgboost", True, toy.space)
    monkeypatch.setattr(tasks, "tasks", lambda held_out, data: [toy, other])
    return [toy, other]


def arguments(**changed: object) -> argparse.Namespace:
    asked: dict[str, object] = {
        "searchers": "random,grid", "seeds": "0-1", "budget": "trials", "amount": None, "groups": None, "tasks": None,
        "training": False,
    }  # fmt: skip
    return argparse.Namespace(**(asked | changed))


def test_seeds_are_ranges_or_lists() -> None:
    assert run.seeds("0-3") == [0, 1, 2, 3]
    assert run.seeds("4,2") == [4, 2]


@pytest.mark.usefixtures("two")
def test_a_plan_goes_through_all_tasks_before_the_next_seed() -> None:
    plan = run.plan(arguments(), Path())
    assert [(search.task, search.searcher, search.seed) for search in plan][:5] == [
        ("lcbench/toy", "random", 0),
        ("lcbench/toy", "grid", 0),
        ("xgboost/toy", "random", 0),
        ("xgboost/toy", "grid", 0),
        ("lcbench/toy", "random", 1),
    ]
    assert {search.amount for search in plan} == {100}
    assert len(run.plan(arguments(groups="xgboost"), Path())) == 4
    assert run.plan(arguments(searchers="tpe_warm"), Path()) == []  # toys have no siblings to learn from
    assert run.plan(arguments(searchers="asha", budget="units"), Path())[0].amount == 15


def test_tasks_to_learn_from_are_searched_only_when_asked_for(
    toy: tasks.SearchTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught = type(toy)("lcbench/taught", "lcbench", False, toy.space)
    monkeypatch.setattr(tasks, "tasks", lambda held_out, data: [toy] if held_out else [taught])
    assert {search.task for search in run.plan(arguments(training=True), Path())} == {"lcbench/taught"}
    assert {search.task for search in run.plan(arguments(), Path())} == {"lcbench/toy"}
    run._task.cache_clear()
    assert [run._task(task.name, Path("toys")) for task in (toy, taught)] == [toy, taught]


def test_a_search_becomes_a_line_and_a_line_is_not_searched_again(
    two: list[tasks.SearchTask], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_task", lambda name, data: two[0])
    search = run.plan(arguments(amount=7), Path())[0]
    line = run.make(search, tmp_path)
    assert len(line["losses"]) == 7
    assert line["losses"] == pytest.approx(rivals.random(two[0], 7, 0).losses, rel=1e-7)
    assert (line["best"], line["median"], line["group"]) == (0.0, 1.0, "lcbench")
    book = tmp_path / "book.jsonl"
    assert run.done(book) == set()
    book.write_text(json.dumps(line) + "\n" + json.dumps(line | {"seed": 1})[:50])
    assert run.done(book) == {search}


def test_a_book_whose_last_line_was_cut_goes_on(
    two: list[tasks.SearchTask], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = arguments(data=None, book=str(tmp_path / "book.jsonl"), processes=1, seconds=9.0)
    plan = run.plan(asked, tmp_path)
    monkeypatch.setattr(tasks, "folder", lambda data: tmp_path)
    monkeypatch.setattr(run, "searched", lambda left, *_: ({**asdict(search), "losses": [1.0]} for search in left))
    run.fill(asked)
    whole = Path(asked.book).read_bytes()
    for cut in (len(whole) - 1, len(whole) - 40, 30, 0):
        Path(asked.book).write_bytes(whole[:cut])
        run.fill(asked)
        assert Path(asked.book).read_bytes() == whole and run.done(Path(asked.book)) == set(plan)
    Path(asked.book).write_bytes(b"not a line\n" + whole)
    with pytest.raises(json.JSONDecodeError):
        run.done(Path(asked.book))  # only the last line may be cut


def test_a_budget_of_units_knows_its_unit(two: list[tasks.SearchTask], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_task", lambda name, data: two[0])
    line = run.make(run.Search("lcbench/toy", "asha", 0, "units", 3), Path())
    assert line["unit"] == 52
    assert 3 * 52 <= sum(line["costs"]) < 4 * 52
