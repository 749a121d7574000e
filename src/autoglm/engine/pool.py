"""Watched worker processes: one that dies, hangs or bursts its memory costs only the fit it had in hand."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

WATCH = 0.05  # seconds between two looks at the workers
FAT, LONG = 200 * 2**20, 1.5  # bytes that an idle worker may keep (CatBoost gives nothing back), after so many seconds
IMPORT = 4.0  # seconds more that a worker has for the first fit of a learner: its library must be imported


@dataclass(frozen=True)
class Answer:
    """What came of a job."""

    job: dict[str, Any]
    ok: bool
    reply: dict[str, Any]

    @property
    def reason(self) -> str:
        """Why it failed."""
        return str(self.reply.get("reason", ""))


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    log: IO[bytes]
    job: dict[str, Any] | None = None
    sent: float = 0.0
    deadline: float = float("inf")
    received: bytearray = field(default_factory=bytearray)
    known: set[str] = field(default_factory=set)


class Pool:
    """Worker processes for one run.

    Parameters
    ----------
    count
        Workers at once.
    threads
        Threads of each worker.
    memory
        Bytes that all workers may hold together; the one that holds most is ended when they hold more.
    """

    def __init__(self, count: int, threads: int, memory: int) -> None:
        self.threads, self.memory = threads, memory
        self.selector = selectors.DefaultSelector()
        self.workers = [self._start() for _ in range(count)]

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def idle(self) -> int:
        """Workers without a job."""
        return sum(w.job is None for w in self.workers)

    @property
    def busy(self) -> list[dict[str, Any]]:
        """Jobs in hand."""
        return [w.job for w in self.workers if w.job is not None]

    def shrink(self, count: int, threads: int) -> None:
        """Keep `count` workers and give each `threads` threads: for tables too long for several copies."""
        while len(self.workers) > count:
            self._end(self.workers.pop())
        if threads != self.threads:
            self.threads = threads
            self.workers = [self._replace(w) for w in self.workers]

    def send(self, job: dict[str, Any], deadline: float) -> None:
        """Give a job to an idle worker; it is ended soon after `deadline` (`time.monotonic` seconds)."""
        worker = next(w for w in self.workers if w.job is None)
        learner = job["candidate"]["learner"] if job["verb"] == "fit" else "autoglm"
        worker.sent = time.monotonic()
        worker.job, worker.deadline = job, deadline + (0.0 if learner in worker.known else IMPORT)
        worker.known.add(learner)
        with contextlib.suppress(OSError):  # a worker that died meanwhile is noticed by `answers`
            assert worker.process.stdin is not None
            worker.process.stdin.write((json.dumps(job) + "\n").encode())
            worker.process.stdin.flush()

    def answers(self, wait: float = WATCH) -> list[Answer]:
        """Wait up to `wait` seconds and return the jobs that ended, well or badly."""
        found: list[Answer] = []
        for key, _ in self.selector.select(wait):
            worker: _Worker = key.data
            received = os.read(key.fd, 65536)
            worker.received += received
            if not received:
                found += self._lost(worker, _last_words(worker))
            elif worker.received.endswith(b"\n") and worker.job is not None:
                reply = json.loads(worker.received)
                job, worker.job, worker.received = worker.job, None, bytearray()
                found.append(Answer(job, bool(reply["ok"]), reply))
                if time.monotonic() - worker.sent > LONG and _resident(worker.process.pid) > FAT:
                    self.workers[self.workers.index(worker)] = self._replace(worker)
        now = time.monotonic()
        for worker in list(self.workers):
            if worker.job is not None and now > worker.deadline:
                found += self._lost(worker, "stopped: out of time")
        return found + self._watch_memory()

    def clear(self) -> None:
        """End the jobs in hand."""
        self.workers = [self._replace(w) if w.job is not None else w for w in self.workers]

    def close(self) -> None:
        """End every worker."""
        for worker in self.workers:
            self._end(worker)
        self.workers = []
        self.selector.close()

    def _watch_memory(self) -> list[Answer]:
        held = [(_resident(w.process.pid), w) for w in self.workers]
        if sum(size for size, _ in held) <= self.memory:
            return []
        size, worker = max(held, key=lambda pair: pair[0])
        return list(self._lost(worker, f"stopped: held {size / 2**20:.0f} MiB, over the memory limit"))

    def _lost(self, worker: _Worker, reason: str) -> Iterator[Answer]:
        at = self.workers.index(worker)
        job = worker.job
        self.workers[at] = self._replace(worker)
        if job is not None:
            yield Answer(job, False, {"ok": False, "reason": reason})

    def _replace(self, worker: _Worker) -> _Worker:
        self._end(worker)
        return self._start()

    def _start(self) -> _Worker:
        log = tempfile.TemporaryFile()  # noqa: SIM115  (open as long as the worker lives)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "autoglm.engine.worker"],  # -P: no module of the caller's folder
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment(self.threads),
            start_new_session=True,  # Ctrl-C reaches the parent only, which ends its workers itself
        )
        worker = _Worker(process, log)
        assert process.stdout is not None
        self.selector.register(process.stdout, selectors.EVENT_READ, worker)
        return worker

    def _end(self, worker: _Worker) -> None:
        assert worker.process.stdout is not None and worker.process.stdin is not None
        self.selector.unregister(worker.process.stdout)
        worker.process.kill()
        worker.process.wait()
        worker.process.stdout.close()
        with contextlib.suppress(OSError):
            worker.process.stdin.close()
        worker.log.close()


def environment(threads: int) -> dict[str, str]:
    """Return the environment of a worker: its share of threads, and no spinning OpenMP threads.

    A passive wait policy took one fit on a loaded machine from 137.7 s to 6.2 s (LightGBM #6728).
    """
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    heap = {"MALLOC_MMAP_THRESHOLD_": str(2**20)}  # glibc: large arrays go back to the machine when they are freed
    return os.environ | limits | heap | {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": path, "PYTHONHASHSEED": "0"}


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm") as file:
            resident, shared = (int(v) for v in file.read().split()[1:3])
        return (resident - shared) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        pass
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def _last_words(worker: _Worker) -> str:
    code = worker.process.wait()
    worker.log.seek(0, os.SEEK_END)
    worker.log.seek(max(0, worker.log.tell() - 500))
    lines = worker.log.read().decode("utf-8", "replace").strip().splitlines()
    how = f"killed by signal {-code}" if code < 0 else f"ended with status {code}"
    return f"worker {how}" + (f": {lines[-1]}" if lines else "")
