"""Taking turns on a shared machine: the lock file that ``$ARENA_LOCK`` names is held while a match is played."""

from __future__ import annotations

import fcntl
import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

PAUSE = 1.0  # seconds after a turn in which others can take the lock


class Late(Exception):
    """The time was up before it was our turn."""


@contextmanager
def turn(until: float = math.inf) -> Iterator[None]:
    """Hold the lock exclusively; without ``$ARENA_LOCK`` it is always our turn.

    Parameters
    ----------
    until
        On the clock of `time.monotonic`: how long is waited for the lock.

    Raises
    ------
    Late
        The time is up.
    """
    if time.monotonic() >= until:
        raise Late
    if not (path := os.environ.get("ARENA_LOCK")):
        yield
        return
    with open(path, "a") as lock:
        _wait(lock.fileno(), until)
        yield
    time.sleep(PAUSE)


def _wait(lock: int, until: float) -> None:
    """Wait in the kernel's own queue: who asks now and then instead never gets a lock that others wait for."""
    if math.isinf(until):
        fcntl.flock(lock, fcntl.LOCK_EX)
        return
    before = signal.signal(signal.SIGALRM, _late)
    signal.setitimer(signal.ITIMER_REAL, max(until - time.monotonic(), 1e-3))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _late(*_: object) -> None:
    raise Late
