"""Rows that a command is given: a file, or standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile


@contextmanager
def as_file(rows: Path) -> Iterator[Path]:
    """Give the rows as a file that can be read twice; a pipe cannot."""
    if str(rows) != "-":
        yield rows
        return
    with NamedTemporaryFile(prefix="standard-input-") as copy:
        copy.write(sys.stdin.buffer.read())
        copy.flush()
        yield Path(copy.name)
