"""A plan is played once, whatever happens in between."""

from pathlib import Path
from typing import Any

import pytest

from autoglm_arena import book, run
from autoglm_arena.plan import Match
from autoglm_arena.replaying import replay

GAMES = [Match("small", "raw", "as is", "fair", seed, 5.0, 1, 2_000) for seed in (1, 2)]


def test_what_is_in_the_book_is_not_played_again(write_data: Any, script: Any, arena: Path):
    write_data()
    path, told = arena / "book.jsonl", []
    run.run(GAMES[:1], {"fair": script()}, path, lambda *said: told.append(said))
    run.run(GAMES, {"fair": script()}, path, lambda *said: told.append(said))
    assert [row["seed"] for row in book.read(path)] == [1, 2]
    assert [(done, count) for _, done, count in told] == [(1, 1), (2, 2)]


def test_a_disturbed_match_is_played_again_and_the_calmest_counts(
    write_data: Any, script: Any, arena: Path, monkeypatch: pytest.MonkeyPatch
):
    loads = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr(
        run, "play", lambda game, _, commit: _row(game, commit) | {"disturbed": True, "foreign_cpu": next(loads)}
    )
    path = arena / "book.jsonl"
    run.run(GAMES[:1], {"fair": script()}, path, lambda *_: None)
    rows = book.read(path)
    assert len(rows) == run.PLAYS
    assert [row["foreign_cpu"] for row in run.counted(rows)] == [1.0]


def test_of_ours_only_the_last_commit_counts():
    ours = Match("small", "raw", "as is", "autoglm", 1, 5.0, 1, 2_000)
    rows = [_row(ours, "old") | {"error": 0.1}, _row(ours, "new") | {"error": 0.2}]
    assert [row["error"] for row in run.counted(rows)] == [0.2]


def test_a_contestant_that_cannot_be_installed_is_tried_once(
    write_data: Any, script: Any, arena: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(run, "play", lambda game, _, commit: _row(game, commit) | {"state": "not installed"})
    path = arena / "book.jsonl"
    run.run(GAMES, {"fair": script()}, path, lambda *_: None)
    assert len(book.read(path)) == 1
    run.run(GAMES, {"fair": script()}, path, lambda *_: None)
    assert len(book.read(path)) == 2, "the next run tries again"


def test_a_replayed_match_equals_its_row(write_data: Any, script: Any, arena: Path):
    write_data()
    path = arena / "book.jsonl"
    run.run(GAMES[:1], {"fair": script()}, path, lambda *_: None)
    said = replay(book.read(path), script())
    assert "equal within the noise" in said and "differs" not in said
    old = book.read(path)[0] | {"error": 0.1, "data_hash": "another"}
    said = replay([old], script())
    assert "NOT equal" in said and "differs: data_hash: another before, hash now" in said


def _row(game: Match, commit: str) -> dict[str, Any]:
    return {"id": game.id, **vars(game), "commit": commit, "state": "ok", "error": 0.3, "metric": "roc_auc"}
