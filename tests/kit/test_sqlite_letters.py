import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from autoglm.kit.letters import LetterError
from autoglm.kit.sqlite_letters import SQLiteLetters


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def queue(path: Path, clock: Clock, **more: Any) -> SQLiteLetters:
    return SQLiteLetters(path / "q.sqlite", clock=clock, chance=lambda: 1.0, synchronous="NORMAL", **more)


def test_a_key_is_one_job_also_when_done_or_dead(tmp_path: Path) -> None:
    letters = queue(tmp_path, Clock(), most=1)
    first = letters.put({"a": 1}, "same")
    assert letters.put({"a": 2}, "same") == first
    held = letters.lease()
    assert held and held.body == {"a": 1} and letters.lease() is None
    assert letters.ack(held) and not letters.ack(held)
    assert letters.put({}, "same") == first and letters.waiting() == []


def test_failures_wait_then_die_and_can_be_replayed(tmp_path: Path) -> None:
    clock = Clock()
    letters = queue(tmp_path, clock, most=2, base=10)
    first = letters.put({"a": 1}, "k")
    held = letters.lease()
    assert held and letters.fail(held, "boom") and letters.lease() is None
    clock.now += 20
    held = letters.lease()
    assert held and held.tries == 2 and letters.fail(held, "boom again")
    assert letters.waiting() == [] and [(d.id, d.error) for d in letters.dead()] == [(first, "boom again")]
    assert letters.put({}, "k") == first
    fresh = letters.retry(first)
    held = letters.lease()
    assert held and held.id == fresh != first and held.origin == first and held.tries == 1 and letters.dead() == []
    with pytest.raises(KeyError, match="no dead letter"):
        letters.drop(first)


def test_a_lease_that_runs_out_is_given_on_and_counts(tmp_path: Path) -> None:
    clock = Clock()
    letters = queue(tmp_path, clock, most=2, visibility=60)
    letters.put({})
    lost = letters.lease()
    clock.now += 61
    held = letters.lease()
    assert lost and held and held.tries == 2
    assert not letters.ack(lost) and not letters.fail(lost, "late")
    clock.now += 61
    assert letters.lease() is None and "never answered" in letters.dead()[0].error


def test_a_clock_put_back_holds_no_job_for_ever(tmp_path: Path) -> None:
    clock = Clock()
    letters = queue(tmp_path, clock, visibility=60)
    clock.now = 1e9
    letters.put({})
    assert letters.lease()
    clock.now = 1000.0
    again = letters.lease()
    assert again and letters.lease() is None and letters.ack(again)


def test_a_lease_can_be_renewed_while_it_is_held(tmp_path: Path) -> None:
    clock = Clock()
    letters = queue(tmp_path, clock, visibility=60)
    letters.put({})
    held = letters.lease()
    clock.now += 50
    assert held and letters.renew(held)
    clock.now += 50
    assert letters.lease() is None
    clock.now += 20
    other = letters.lease()
    assert other and not letters.renew(held) and not letters.ack(held) and letters.ack(other)


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path) -> None:
    letters = queue(tmp_path, Clock())
    letters._base.execute("PRAGMA max_page_count = 20")
    accepted = []
    with pytest.raises(LetterError, match=r"full; nothing that it had accepted is lost"):
        for _ in range(500):
            accepted.append(letters.put({"text": "x" * 2000}))
    assert accepted and [letter.id for letter in letters.waiting()] == accepted
    letters._base.execute("PRAGMA max_page_count = 1000")
    assert letters.put({})


def test_a_file_that_is_no_queue_is_told(tmp_path: Path) -> None:
    (tmp_path / "q.sqlite").write_bytes(b"hello world" * 1000)
    with pytest.raises(LetterError, match="not a database"):
        queue(tmp_path, Clock())


WORK = """
import os, sys
from autoglm.kit.sqlite_letters import SQLiteLetters
letters = SQLiteLetters(sys.argv[1], visibility=0.05, most=10**9, synchronous="NORMAL")
for number in range(10**9):
    print("put", letters.put({}), flush=True)
    if number % 2 and (held := letters.lease()) and letters.ack(held):
        print("ack", held.id, flush=True)
"""


def test_kill_9_at_any_moment_loses_no_accepted_job(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    path = tmp_path / "q.sqlite"
    for kill in range(20):
        with subprocess.Popen([sys.executable, "-c", WORK, path], stdout=subprocess.PIPE, text=True) as worker:
            assert worker.stdout
            first = worker.stdout.readline()
            assert first.startswith("put ")
            time.sleep(0.003 * kill)
            os.kill(worker.pid, signal.SIGKILL)
            lines = [first, *worker.stdout.read().splitlines(keepends=True)]
        told += [(line.split()[0], line.split()[1]) for line in lines if line.endswith("\n")]
    base = sqlite3.connect(path)
    assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    waiting = {id for (id,) in base.execute("SELECT id FROM queue")}
    done = {id for (id,) in base.execute("SELECT id FROM done")}
    assert {id for word, id in told if word == "put"} <= waiting | done and not waiting & done
    acknowledged = [id for word, id in told if word == "ack"]
    assert len(set(acknowledged)) == len(acknowledged) > 0 and set(acknowledged) <= done


def test_done_keys_are_forgotten_a_few_at_a_time(tmp_path: Path) -> None:
    clock = Clock()
    letters = queue(tmp_path, clock, keep=100)
    for number in range(150):
        letters.put({}, str(number))
        held = letters.lease()
        assert held and letters.ack(held)
    clock.now += 101
    for left in (51, 2):  # a hundred go with each acknowledgement, which itself adds one
        letters.put({})
        held = letters.lease()
        assert held and letters.ack(held)
        assert letters._base.execute("SELECT count(*) FROM done").fetchone() == (left,)


def test_a_file_of_before_is_taken_over(tmp_path: Path) -> None:
    base = sqlite3.connect(tmp_path / "q.sqlite")
    base.execute("CREATE TABLE done (key TEXT PRIMARY KEY, id TEXT)")
    base.execute("INSERT INTO done VALUES ('k', 'old')")
    base.commit()
    base.close()
    clock = Clock()
    letters = queue(tmp_path, clock, keep=100)
    assert letters.put({}, "k") == "old"
    queue(tmp_path, clock).close()
    assert letters._base.execute("SELECT time FROM done").fetchone() == (1000.0,)
