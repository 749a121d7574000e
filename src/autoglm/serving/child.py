"""Child: a process that takes blocks on its standard input and says lines of JSON; it may die or get stuck."""

from __future__ import annotations

import contextlib
import json
import os
import select
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

SIZE = struct.Struct("<Q")  # before each block: its bytes
THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class Child:
    """One life of the process.

    Parameters
    ----------
    module
        What runs, ``python -m``.
    said
        Gets each line that it says, in a thread of its own.
    stuck
        Seconds for which a block may find no room.
    """

    def __init__(self, module: str, said: Callable[[dict[str, Any]], None], stuck: float) -> None:
        self._said, self._stuck, self.started = said, stuck, monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | THREADS,
        )  # in our session: Linux weighs a session of its own like ours, however low its processes stand in it
        assert self._process.stdin is not None and self._process.stdout is not None
        self.pid, self._given, self._lines = self._process.pid, self._process.stdin, self._process.stdout
        os.set_blocking(self._given.fileno(), False)
        self._ended = threading.Event()
        self._hearing = threading.Thread(target=self._hear, name="child-says", daemon=True)
        self._hearing.start()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def give(self, block: bytes) -> bool:
        """Hand it a block; False when it has ended, or takes nothing for too long."""
        pipe, until = self._given.fileno(), monotonic() + self._stuck
        rest = memoryview(SIZE.pack(len(block)) + block)
        while rest:
            if not select.select([], [pipe], [], 0.2)[1]:
                if not self.alive or monotonic() > until or self._ended.is_set():
                    return False
                continue
            try:
                rest = rest[os.write(pipe, rest) :]
            except BlockingIOError:
                continue
            except OSError:
                return False
        return True

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def end(self, seconds: float) -> int:
        """Let it finish what it has, for so long, and return its exit code when all that it said was heard."""
        with contextlib.suppress(OSError):
            self._given.close()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        code = self._process.wait()
        self._hearing.join(5)
        return code

    def _hear(self) -> None:
        for line in self._lines:
            self._said(json.loads(line))
        self._lines.close()
