"""The book: one JSON line per match, only ever appended to."""

from __future__ import annotations

import fcntl
import json
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autoglm_arena.errors import ArenaError

Row = dict[str, Any]

FOLDERS = re.compile(r"(?<![\w:/])/(?:[\w.@+~-]+/)+")  # at the start of a path; an address on the web stays whole
SAID = ("last_words", "latency_error")  # by others, who name files of this machine; a book is for everyone


def read(path: Path) -> list[Row]:
    """Return every whole row; a last line that a kill cut short is skipped.

    Raises
    ------
    ArenaError
        A line within the book is not JSON: somebody has edited it.
    """
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    rows = []
    for number, line in enumerate(lines[:-1], start=1):  # what follows the last line end is empty, or cut short
        try:
            rows += [json.loads(line)] if line.strip() else []
        except ValueError as error:
            raise ArenaError(f"{path}:{number} is not a row of the book ({error}); delete that line") from error
    return rows


def append(path: Path, row: Row) -> None:
    """Write one row at once, on the disk when this returns; a line cut short before it is ended first.

    Raises
    ------
    ArenaError
        The row cannot be written, as on a full disk; the book is as it was.
    """
    said = {key: FOLDERS.sub("…/", row[key]) for key in SAID if row.get(key)}
    line = json.dumps(_plain(row | said), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab+") as file:
        size = file.seek(0, os.SEEK_END)
        whole = _whole(path, size)
        file.truncate(whole)
        try:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            os.truncate(path, whole)
            raise ArenaError(f"{path}: {error.strerror}; the row of this match is lost, run again") from error


def _whole(path: Path, size: int) -> int:
    """Bytes up to the last line end."""
    return size if size == 0 else path.read_bytes().rfind(b"\n") + 1


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Hold the book while it is written: two runs on one book would play everything twice.

    Raises
    ------
    ArenaError
        Another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(f".{path.name}.lock"), "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise ArenaError(f"{path} is being written by process {lock.read().strip() or '?'}; wait for it") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _plain(value: Any) -> Any:
    """Return the value with what is not finite as None."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
