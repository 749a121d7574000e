"""A plan is played once, whatever happens in between."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from autoglm_arena import book, run
from autoglm_arena.errors import ArenaError
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


def test_two_runs_on_one_book_are_refused(write_data: Any, script: Any, arena: Path):
    path = arena / "book.jsonl"
    with book.writing(path):
        code = f"from pathlib import Path; from autoglm_arena import book\nwith book.writing(Path({str(path)!r})): pass"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode and f"is being written by process {os.getpid()}" in done.stderr


def test_a_replayed_match_equals_its_row(write_data: Any, script: Any, arena: Path):
    write_data()
    path = arena / "book.jsonl"
    run.run(GAMES[:1], {"fair": script()}, path, lambda *_: None)
    said = replay(book.read(path), script())
    assert "equal within the noise" in said and "differs" not in said
    old = book.read(path)[0] | {"error": 0.1, "data_hash": "another"}
    said = replay([old], script())
    assert "NOT equal" in said and "differs: data_hash: another before, hash now" in said


WRITER = """
import sys
from pathlib import Path
from autoglm_arena import book
for number in range(100_000):
    book.append(Path(sys.argv[1]), {"number": number, "words": "x" * (number % 3000)})
"""


@pytest.mark.parametrize("seed", range(6))
def test_a_kill_loses_at_most_the_row_in_hand(tmp_path: Path, seed: int):
    path = tmp_path / "book.jsonl"
    count = 0
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)])
        while not path.exists() or len(book.read(path)) <= count + seed:
            time.sleep(0.01)
            assert process.poll() is None
        time.sleep(0.003 * seed)
        process.send_signal(signal.SIGKILL)
        process.wait()
        rows = book.read(path)
        assert [row["number"] for row in rows[count:]] == list(range(len(rows) - count)), "a hole"
        count = len(rows)
    book.append(path, {"number": "last"})
    assert book.read(path)[-1]["number"] == "last"
    assert all(json.loads(line) for line in path.read_bytes().splitlines())


def test_errors_of_a_book_say_what_to_do(tmp_path: Path):
    path = tmp_path / "book.jsonl"
    path.write_text('{"a": 1}\nnonsense\n{"a": 2}\n')
    with pytest.raises(ArenaError, match=r"book.jsonl:2 is not a row of the book .* delete that line"):
        book.read(path)


def _row(game: Match, commit: str) -> dict[str, Any]:
    return {"id": game.id, **vars(game), "commit": commit, "state": "ok", "error": 0.3, "metric": "roc_auc"}
