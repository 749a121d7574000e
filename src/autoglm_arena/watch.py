"""Running one process under limits: cores, memory and seconds; what it used and how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from autoglm_arena import machine

LAST_WORDS = 2000  # characters of output that are kept
BEAT = 0.1  # seconds between two looks at the processes
POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "LOKY_MAX_CPU_COUNT")


@dataclass(frozen=True)
class Watched:
    """What a process and everything below it used.

    Parameters
    ----------
    exit
        ``"ok"``, ``"exit 3"``, ``"signal 11"``, ``"killed after 180 s"`` or ``"killed at 16,000 MB"``.
    last_words
        The end of what it printed.
    wall, cpu_seconds
        Seconds.
    foreign_cpu
        CPU seconds that others used meanwhile.
    peak_mb
        Largest sum of resident memory that was seen.
    read_mb, written_mb
        Disk traffic.
    """

    exit: str
    last_words: str
    wall: float
    cpu_seconds: float
    foreign_cpu: float
    peak_mb: int
    read_mb: float
    written_mb: float


def run(
    command: Sequence[str | Path],
    folder: Path,
    *,
    seconds: float,
    memory_mb: int,
    threads: int,
    extra: Mapping[str, str],
) -> Watched:
    """Run a command in a session of its own on `threads` cores; nothing of it is alive when this returns."""
    cores = sorted(os.sched_getaffinity(0))[:threads]
    cpu, busy, disk = machine.own_seconds(), machine.busy_seconds(), machine.own_bytes()
    started, peak = time.monotonic(), 0
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=environment(threads, folder) | dict(extra),
        start_new_session=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    assert process.stdout is not None
    words = Tail(process.stdout)
    ended = ""
    try:
        while process.poll() is None and not ended:
            size = sum(machine.descendants().values())
            peak = max(peak, size)
            if size > memory_mb * 2**20:
                ended = f"killed at {memory_mb:,} MB"
            elif time.monotonic() - started > seconds:
                ended = f"killed after {seconds:g} s"
            else:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(BEAT)
        wall, code = time.monotonic() - started, process.poll()
    finally:
        machine.end_all()
    used = machine.own_seconds() - cpu
    read, written = (after - before for after, before in zip(machine.own_bytes(), disk, strict=True))
    return Watched(
        exit=ended or _exit(code),
        last_words=words.text(),
        wall=round(wall, 2),
        cpu_seconds=round(used, 2),
        foreign_cpu=round(max(0.0, machine.busy_seconds() - busy - used), 2),
        peak_mb=round(peak / 2**20),
        read_mb=round(read / 2**20, 1),
        written_mb=round(written / 2**20, 1),
    )


def environment(threads: int, folder: Path) -> dict[str, str]:
    """The variables of a match: as many threads for every library, no spinning, its own temporary files and cache.

    What was read in one match would be free of charge in the next, so our cache of readings begins empty.
    """
    count = dict.fromkeys(POOLS, str(threads))
    own = {"TMPDIR": str(folder), "AUTOGLM_CACHE": str(folder / "cache")}
    return os.environ | count | own | {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONUNBUFFERED": "1"}


def _exit(code: int | None) -> str:
    if code == 0:
        return "ok"
    if code is None or code > 0:
        return f"exit {code}"
    return f"signal {-code} ({signal.Signals(-code).name})"


class Tail:
    """The end of a stream that is read to its end: who prints a gigabyte neither blocks nor fills a disk."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._kept: deque[bytes] = deque()
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            while piece := stream.read1(65536):  # type: ignore[attr-defined]
                self._kept.append(piece)
                while len(self._kept) > 2 and sum(map(len, self._kept)) > 8 * LAST_WORDS:
                    self._kept.popleft()

    def text(self) -> str:
        """Return the last words; call it when the writers are gone."""
        self._thread.join(5.0)
        return b"".join(self._kept).decode(errors="replace").strip()[-LAST_WORDS:]
