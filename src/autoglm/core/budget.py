"""What a fit may spend: wall-clock seconds or work units, threads, memory."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from numbers import Integral, Real

import psutil

from autoglm.core.errors import OptionError


@dataclass(frozen=True)
class Budget:
    """Limits of one fit; made once at the call and passed down.

    Parameters
    ----------
    seconds
        Wall-clock seconds from `started` to the saved folder; ignored when `work` is given.
    work
        Number of fold fits instead of seconds: the same seed then gives bit-identical results on one
        machine, whatever its load and the number of threads.
    threads
        Processor threads to use at once, workers and their libraries together.
    memory
        Bytes that this process and its workers may hold together.
    started
        `time.monotonic()` at the call.
    """

    seconds: float = 60.0
    work: int | None = None
    threads: int = 2
    memory: int = field(default_factory=lambda: default_memory())
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if not _is(Real, self.seconds) or not self.seconds > 0:
            raise OptionError(f"seconds={self.seconds!r}: expected a number above 0, for instance seconds=60")
        if self.work is not None and (not _is(Integral, self.work) or self.work < 1):
            raise OptionError(f"work={self.work!r}: expected a whole number of fold fits, at least 1, or None")
        if not _is(Integral, self.threads) or self.threads < 1:
            raise OptionError(f"threads={self.threads!r}: expected a whole number, at least 1")
        if self.memory < 64 * 2**20:
            raise OptionError(f"memory={self.memory!r} bytes: expected at least 64 MiB")

    @property
    def timed(self) -> bool:
        """Whether the clock rules (and not the count of work units)."""
        return self.work is None

    def elapsed(self) -> float:
        """Seconds since the call."""
        return time.monotonic() - self.started

    def left(self) -> float:
        """Seconds that remain (infinite when work units rule)."""
        return self.seconds - self.elapsed() if self.timed else float("inf")


def _is(kind: type, value: object) -> bool:
    return isinstance(value, kind)


def default_memory() -> int:
    """Bytes: three quarters of what the machine (or its control group) has free now."""
    return max(256 * 2**20, int(0.75 * min(psutil.virtual_memory().available, _group_limit())))


def default_threads() -> int:
    """Processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def _group_limit() -> float:
    try:
        with open("/sys/fs/cgroup/memory.max") as file:
            return float(file.read())
    except (OSError, ValueError):  # no control group, or "max"
        return float("inf")
