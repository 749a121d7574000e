import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autoglm_arena import book
from autoglm_arena.errors import ArenaError

WRITER = """
import sys, itertools
from pathlib import Path
from autoglm_arena import book
for i in itertools.count():
    book.append(Path(sys.argv[1]), {"i": i, "words": "x" * 5000})
    print(i, flush=True)
"""


def test_rows_come_back_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "book.jsonl"
    assert book.read(path) == []
    for i in range(3):
        book.append(path, {"i": i, "error": float("nan"), "inner": {"x": (1.5, float("inf"))}})
    assert book.read(path) == [{"i": i, "error": None, "inner": {"x": [1.5, None]}} for i in range(3)]


def test_a_row_cut_short_is_skipped_and_gone_with_the_next(tmp_path: Path) -> None:
    path = tmp_path / "book.jsonl"
    book.append(path, {"i": 0})
    with open(path, "ab") as file:
        file.write(b'{"i": 1, "wor')
    assert book.read(path) == [{"i": 0}]
    book.append(path, {"i": 2})
    assert book.read(path) == [{"i": 0}, {"i": 2}]


def test_a_damaged_row_within_is_named(tmp_path: Path) -> None:
    path = tmp_path / "book.jsonl"
    path.write_text('{"i": 0}\nnonsense\n{"i": 1}\n')
    with pytest.raises(ArenaError, match=r"book\.jsonl:2 is not a row"):
        book.read(path)


def test_kills_at_random_lose_no_written_row(tmp_path: Path) -> None:
    path = tmp_path / "book.jsonl"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    whole = 0
    for delay in (0.0, 0.001, 0.003, 0.007, 0.013):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, path], env=environment, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        told = 1 + writer.stdout.read().count("\n")
        writer.wait()
        rows = book.read(path)
        assert len(rows) >= whole + told  # a row may be on the disk without having been told
        assert [row["i"] for row in rows[whole:]] == list(range(len(rows) - whole))
        whole = len(rows)


def test_a_full_disk_leaves_the_book_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "book.jsonl"
    book.append(path, {"i": 0})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArenaError, match="No space left on device; the row of this match is lost"):
        book.append(path, {"i": 1})
    monkeypatch.undo()
    assert book.read(path) == [{"i": 0}]


def test_a_book_has_one_writer(tmp_path: Path) -> None:
    path = tmp_path / "book.jsonl"
    with book.writing(path), pytest.raises(ArenaError, match=f"written by process {os.getpid()}"), book.writing(path):
        pass
    with book.writing(path):
        pass


def test_last_words_name_no_folder_of_the_machine(tmp_path: Path) -> None:
    said = 'File "/home/me/.venv/lib/play.py", line 1: see https://example.org/a/b for 3/4'
    book.append(tmp_path / "book.jsonl", {"last_words": said, "exit": "exit 1"})
    (row,) = book.read(tmp_path / "book.jsonl")
    assert row["last_words"] == 'File "…/play.py", line 1: see https://example.org/a/b for 3/4'
