"""Watching the machine and the processes of a match, read from Linux's /proc."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PR_SET_CHILD_SUBREAPER = 36


def card() -> dict[str, str]:
    """What a line of the book says of the machine; `boot` differs after each start of it."""
    cpu = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    return {"cpu": cpu.partition(": ")[2], "kernel": platform.release(), "boot": boot}


def adopt_orphans() -> None:
    """Make this process the parent of whatever a match leaves behind, so that it can be counted and ended."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def busy_seconds() -> float:
    """CPU seconds that the whole machine has been busy since it started."""
    user, nice, system, _idle, _wait, irq, softirq, *_ = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq) / TICK


def own_seconds() -> float:
    """CPU seconds of this process and of all it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def is_quiet(limit: float = 0.15, sample: float = 2.0) -> bool:
    """Whether all cores together were less than `limit` busy during `sample` seconds."""
    before = busy_seconds()
    time.sleep(sample)
    return busy_seconds() - before < limit * sample * (os.cpu_count() or 1)


def descendants() -> dict[int, int]:
    """Every process below this one, with its resident memory in bytes."""
    parents, memory = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended between the listing and the reading
        parents[int(stat.parent.name)] = int(fields[1])
        memory[int(stat.parent.name)] = int(fields[21]) * PAGE
    below: set[int] = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= more
    return {pid: memory[pid] for pid in below - {os.getpid()}}


def end_all(patience: float = 10.0) -> None:
    """Kill every process below this one and wait for it, so that its CPU seconds are counted."""
    until = time.monotonic() + patience
    while (left := descendants()) and time.monotonic() < until:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it ended by itself
        reap()
        time.sleep(0.05)


def reap() -> None:
    """Wait for all children that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return  # none is left
