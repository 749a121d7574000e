"""A plan is played once, whatever happens in between."""

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from autoglm_arena import blocks, book, run
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
    assert len(rows) == blocks.PLAYS
    assert [row["foreign_cpu"] for row in blocks.choose(rows).rows] == [1.0]


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


CELL = [Match(data, "raw", "as is", name, 1, 5.0, 1, 2_000) for data in ("a", "b") for name in ("x", "autoglm", "y")]
SCRIPTS: Any = dict.fromkeys(("x", "autoglm", "y"))


def fake(monkeypatch: pytest.MonkeyPatch, kernel: str = "6.1", **more: Any) -> None:
    """Play in no time, on a machine with this kernel."""
    monkeypatch.setattr("autoglm_arena.machine.card", lambda: {"kernel": kernel})
    monkeypatch.setattr(run, "play", lambda game, _, commit: _row(game, commit) | more)
    monkeypatch.setattr(run, "our_commit", lambda: "new")


def names(path: Path, start: int = 0) -> str:
    return " ".join(row["data"] + row["contestant"][0] for row in book.read(path)[start:])


def test_one_cell_is_finished_before_the_next(arena: Path, monkeypatch: pytest.MonkeyPatch):
    fake(monkeypatch, disturbed=True)
    mixed = [CELL[i] for i in (0, 3, 1, 4, 2, 5)]
    done = run.run(mixed, SCRIPTS, arena / "book.jsonl", lambda *_: None)
    assert names(arena / "book.jsonl") == " ".join(["ax aa ay"] * 3 + ["bx ba by"] * 3)
    assert done == run.Summary(played=18, settled=6, matches=6, whole=2, cells=2, late=False)


def test_in_another_environment_a_begun_cell_is_played_anew(arena: Path, monkeypatch: pytest.MonkeyPatch):
    path = arena / "book.jsonl"
    fake(monkeypatch)
    run.run(CELL[:5], SCRIPTS, path, lambda *_: None)
    fake(monkeypatch, "6.2")
    told: list[tuple[int, int]] = []
    done = run.run(CELL, SCRIPTS, path, lambda _, settled, count: told.append((settled, count)))
    assert names(path, 5) == "bx ba by", "the finished cell is left alone"
    assert told == [(4, 6), (5, 6), (6, 6)]
    assert (done.played, done.whole) == (3, 2)
    assert len(blocks.choose(book.read(path)).aside) == 2


def test_ours_again(arena: Path, monkeypatch: pytest.MonkeyPatch):
    path = arena / "book.jsonl"
    fake(monkeypatch)
    monkeypatch.setattr(run, "our_commit", lambda: "old")
    run.run(CELL, SCRIPTS, path, lambda *_: None)
    fake(monkeypatch)
    assert run.run(CELL, SCRIPTS, path, lambda *_: None).played == 0, "an older commit settles a match"
    run.run(CELL[:3], SCRIPTS, path, lambda *_: None, again=["ours"])
    assert names(path, 6) == "aa"
    fake(monkeypatch, "6.2")
    run.run(CELL, SCRIPTS, path, lambda *_: None, again=["ours"])
    assert names(path, 7) == "bx ba by", "elsewhere the whole cell of the old commit"


def test_failed_again(arena: Path, monkeypatch: pytest.MonkeyPatch):
    path = arena / "book.jsonl"
    fake(monkeypatch, state="failed")
    run.run(CELL[:2], SCRIPTS, path, lambda *_: None)
    fake(monkeypatch, state="failed", error=None)
    assert run.run(CELL[:2], SCRIPTS, path, lambda *_: None).played == 0
    assert run.run(CELL[:2], SCRIPTS, path, lambda *_: None, again=["failed"]).played == 2, (
        "once, though it fails again"
    )
    fake(monkeypatch)
    run.run(CELL[:2], SCRIPTS, path, lambda *_: None, again=["failed"])
    assert [row["state"] for row in blocks.choose(book.read(path)).rows] == ["ok", "ok"]


def test_after_the_minutes_no_match_is_begun(arena: Path, monkeypatch: pytest.MonkeyPatch):
    path = arena / "book.jsonl"
    fake(monkeypatch)
    done = run.run(CELL, SCRIPTS, path, lambda *_: time.sleep(0.3), minutes=0.5 / 60)
    assert (done.played, done.settled, done.late) == (2, 2, True)
    assert run.run(CELL, SCRIPTS, path, lambda *_: None, minutes=1).late is False
    assert len(book.read(path)) == 6


def test_the_lock_is_held_while_a_match_is_played(arena: Path, monkeypatch: pytest.MonkeyPatch):
    lock = arena / "lock"
    monkeypatch.setenv("ARENA_LOCK", str(lock))
    monkeypatch.setattr("autoglm_arena.turns.PAUSE", 0.0)
    fake(monkeypatch)
    held, played = [], run.play

    def play(*words: Any) -> Any:
        held.append(free(lock))
        return played(*words)

    monkeypatch.setattr(run, "play", play)
    run.run(CELL[:2], SCRIPTS, arena / "book.jsonl", lambda *_: held.append(free(lock)))
    assert held == [False, True, False, True]


def free(lock: Path) -> bool:
    return subprocess.run(["flock", "-n", lock, "true"], check=False).returncode == 0


def _row(game: Match, commit: str) -> dict[str, Any]:
    row = {"id": game.id, **vars(game), "commit": commit, "machine": run.machine.card()}
    return row | {"state": "ok", "error": 0.3, "metric": "roc_auc"}
