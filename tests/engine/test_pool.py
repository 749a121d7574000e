"""Watched workers: whatever a job does, it costs only itself."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from autoglm.core.features import Features, Output
from autoglm.core.seed import Seed
from autoglm.core.task import Task
from autoglm.engine import splits
from autoglm.engine.journal import Candidate, Journal
from autoglm.engine.pool import Answer, Pool, environment

TASK = Task("binary", "y", (0, 1))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    target = np.arange(60) % 2
    made = Journal(tmp_path / "run")
    made.open({}, fresh=False)
    features = Features(np.zeros((60, 1), np.float32), (Output("a", "a"),))
    made.put(features, target, splits.make(target, TASK, Seed(1)), TASK)
    return made


def job(journal: Journal, learner: str, fold: int = 0, **changed: Any) -> dict[str, Any]:
    candidate = Candidate(learner, {})
    made = {
        "verb": "fit",
        "data": str(journal.data),
        "candidate": {"learner": learner, "settings": {}, "rows": 0},
        "place": str(journal.place(candidate, 0, fold)),
        "repeat": 0,
        "fold": fold,
        "seed": 1,
        "loss": "squared",
        "threads": 1,
        "seconds": None,
        "elapsed": 0.0,
    }
    return made | changed


def one(pool: Pool, sent: dict[str, Any], seconds: float = 60.0) -> Answer:
    """Send a job and wait for its end."""
    pool.send(sent, time.monotonic() + seconds)
    end = time.monotonic() + 90
    while time.monotonic() < end:
        for answer in pool.answers():
            return answer
    raise AssertionError("no answer")


def test_a_job_that_exits_raises_or_prints_costs_only_itself(journal: Journal, rogues: tuple[str, ...]) -> None:
    with Pool(1, 1, 2**32) as pool:
        answer = one(pool, job(journal, "rogue_raises"))
        assert not answer.ok and answer.reason == "ValueError: boom"
        answer = one(pool, job(journal, "rogue_nan"))
        assert not answer.ok and "not finite" in answer.reason
        answer = one(pool, job(journal, "gone"))
        assert not answer.ok and "no learner named 'gone'" in answer.reason
        assert one(pool, job(journal, "rogue_prints")).ok
        answer = one(pool, job(journal, "rogue_exits"))
        assert not answer.ok and answer.reason.startswith("worker ended with status 7")
        assert one(pool, job(journal, "constant")).ok
        assert {f.candidate.partition("-")[0] for f in journal.finished()} == {"rogue_prints", "constant"}


@pytest.mark.clock
def test_a_job_that_hangs_is_stopped_and_one_that_bursts_memory_too(journal: Journal, rogues: tuple[str, ...]) -> None:
    with Pool(1, 1, 500 * 2**20) as pool:
        pool.workers[0].known.add("rogue_hangs")  # no time for an import
        started = time.monotonic()
        answer = one(pool, job(journal, "rogue_hangs"), seconds=1.0)
        assert not answer.ok and answer.reason == "stopped: out of time"
        assert time.monotonic() - started < 3
        answer = one(pool, job(journal, "rogue_bursts"))
        assert not answer.ok and "over the memory limit" in answer.reason
        assert one(pool, job(journal, "constant")).ok


def test_a_killed_worker_is_replaced(journal: Journal, rogues: tuple[str, ...]) -> None:
    with Pool(1, 1, 2**32) as pool:
        pool.send(job(journal, "rogue_hangs"), time.monotonic() + 60)
        pool.workers[0].process.kill()
        answers: list[Answer] = []
        while not answers:
            answers = pool.answers()
        assert "killed by signal 9" in answers[0].reason
        assert pool.idle == 1


def test_closing_leaves_no_process_behind(journal: Journal, rogues: tuple[str, ...]) -> None:
    with Pool(2, 1, 2**32) as pool:
        pids = [w.process.pid for w in pool.workers]
        pool.send(job(journal, "rogue_hangs"), time.monotonic() + 60)
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_workers_get_their_share_of_threads_and_wait_passively() -> None:
    given = environment(3)
    assert given["OMP_NUM_THREADS"] == "3" and given["OMP_WAIT_POLICY"] == "PASSIVE"
