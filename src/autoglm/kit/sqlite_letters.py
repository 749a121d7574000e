"""Letters in one SQLite file: no broker to run."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from autoglm.kit.letters import MONTH, Counts, Letter, LetterError, unknown, wait

TABLES = """
CREATE TABLE IF NOT EXISTS queue (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE, key TEXT UNIQUE, body TEXT, origin TEXT, tries INTEGER, error TEXT,
    ready REAL, wait REAL, lease TEXT);
CREATE TABLE IF NOT EXISTS dead (
    id TEXT PRIMARY KEY, key TEXT UNIQUE, body TEXT, origin TEXT, tries INTEGER, error TEXT, time REAL);
CREATE TABLE IF NOT EXISTS done (key TEXT PRIMARY KEY, id TEXT, time REAL);
"""
# Files of before have no time of what is done: it counts from the first opening on.
MIGRATION = "ALTER TABLE done ADD COLUMN time REAL"
# A wait that began in the future was set before the clock was put back: it must not hold a job for ever.
READY = "(ready <= :now OR ready - wait > :now)"
OLD = "SELECT rowid FROM done WHERE time < ? ORDER BY time LIMIT 100"  # a few at a time: nobody waits for the sweep


class SQLiteLetters:
    """A queue of jobs in a file; threads and processes may share it.

    Parameters
    ----------
    path
        The SQLite file, made when absent; beside it lie ``-wal`` and ``-shm``.
    most
        Tries after which a job becomes a dead letter; a lease that ran out counts as one.
    visibility
        Seconds after which a leased job is given to another worker.
    base, longest
        Seconds: a failed job waits a random time up to ``min(longest, base * 2**tries)`` (full jitter).
    keep
        Seconds for which the key of a job that is done is remembered.
    synchronous
        "FULL": accepted jobs survive a power cut. "NORMAL": they survive the death of the process, and a power cut may
        take back the last ones; far faster.
    clock, chance
        Seconds since the epoch, and a number from [0, 1).

    Raises
    ------
    LetterError
        The file cannot be opened, is no queue, or its disk is full.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        most: int = 5,
        visibility: float = 300.0,
        base: float = 1.0,
        longest: float = 300.0,
        keep: float = MONTH,
        synchronous: Literal["FULL", "NORMAL"] = "FULL",
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        if synchronous not in ("FULL", "NORMAL"):
            raise ValueError(f"synchronous is {synchronous!r}: it must be 'FULL' or 'NORMAL'")
        self.path, self.most, self.visibility, self.base, self.longest = Path(path), most, visibility, base, longest
        self.keep, self._clock, self._chance, self._lock = keep, clock, chance, threading.Lock()
        with self._told():
            self._base = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute(f"PRAGMA synchronous = {synchronous}")
            self._base.executescript(TABLES)
        self._migrate()

    def put(self, body: dict[str, Any], key: str = "") -> str:
        """Accept a job and return its id; a key that is queued, done or dead already gets the id it has.

        When this returns, the job is on the disk.
        """
        fresh = uuid.uuid4().hex
        key = key or fresh
        with self._change() as base:
            for table in ("queue", "done", "dead"):
                for (known,) in base.execute(f"SELECT id FROM {table} WHERE key = ?", (key,)):
                    return str(known)
            self._insert(base, fresh, key, json.dumps(body), fresh)
        return fresh

    def lease(self) -> Letter | None:
        """Take the oldest job that is due, for `visibility` seconds; None when there is none."""
        with self._change() as base:
            now = self._clock()
            self._bury_spent(base, now)
            chosen = f"SELECT number FROM queue WHERE {READY} ORDER BY number LIMIT 1"
            row = base.execute(
                "UPDATE queue SET tries = tries + 1, lease = :lease, wait = :wait, ready = :now + :wait "
                f"WHERE number = ({chosen}) RETURNING id, key, body, origin, tries, error, lease",
                {"now": now, "wait": self.visibility, "lease": uuid.uuid4().hex},
            ).fetchone()
        return _letter(row) if row else None

    def ack(self, letter: Letter) -> bool:
        """Say that a job is done; False when the lease was lost to another worker."""
        with self._change() as base:
            gone = base.execute("DELETE FROM queue WHERE id = ? AND lease = ?", (letter.id, letter.lease)).rowcount
            if gone:
                now = self._clock()
                base.execute("INSERT OR REPLACE INTO done VALUES (?, ?, ?)", (letter.key, letter.id, now))
                base.execute(f"DELETE FROM done WHERE rowid IN ({OLD})", (now - self.keep,))
        return bool(gone)

    def fail(self, letter: Letter, error: str) -> bool:
        """Give a job back with its error, to wait or to be a dead letter; False when the lease was lost."""
        with self._change() as base:
            now, pause = self._clock(), wait(letter.tries, self.base, self.longest, self._chance)
            held = base.execute(
                "UPDATE queue SET error = ?, lease = '', wait = ?, ready = ? WHERE id = ? AND lease = ?",
                (error, pause, now + pause, letter.id, letter.lease),
            ).rowcount
            if held and letter.tries >= self.most:
                self._bury(base, "id = :id", {"id": letter.id, "now": now})
        return bool(held)

    def renew(self, letter: Letter) -> bool:
        """Hold a job for another `visibility` seconds; False when the lease was lost to another worker."""
        with self._change() as base:
            told = (self.visibility, self._clock() + self.visibility, letter.id, letter.lease)
            return bool(base.execute("UPDATE queue SET wait = ?, ready = ? WHERE id = ? AND lease = ?", told).rowcount)

    def waiting(self) -> list[Letter]:
        """Return the jobs that are queued or leased, oldest first."""
        return self._read("SELECT id, key, body, origin, tries, error, lease FROM queue ORDER BY number")

    def dead(self) -> list[Letter]:
        """Return the dead letters, oldest first."""
        return self._read("SELECT id, key, body, origin, tries, error, '' FROM dead ORDER BY time, rowid")

    def counts(self) -> Counts:
        """Return how many letters there are of each kind."""
        with self._lock, self._told():
            counted = "SELECT (SELECT count(*) FROM queue), (SELECT count(*) FROM dead)"
            return Counts(*self._base.execute(counted).fetchone())

    def show(self, id: str) -> Letter:
        """Return one dead letter."""
        columns = "id, key, body, origin, tries, error, ''"
        for letter in self._read(f"SELECT {columns} FROM dead WHERE id = ?", (id,)):
            return letter
        raise unknown(id)

    def retry(self, id: str) -> str:
        """Queue a dead letter again, under a fresh id that is returned; its origin and its key stay."""
        fresh, letter = uuid.uuid4().hex, self.show(id)
        with self._change() as base:
            if not base.execute("DELETE FROM dead WHERE id = ?", (id,)).rowcount:
                raise unknown(id)
            self._insert(base, fresh, letter.key, json.dumps(letter.body), letter.origin)
        return fresh

    def drop(self, id: str) -> None:
        """Forget a dead letter; its key is free again."""
        with self._change() as base:
            if not base.execute("DELETE FROM dead WHERE id = ?", (id,)).rowcount:
                raise unknown(id)

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def _migrate(self) -> None:
        with self._change() as base:
            if "time" not in {column[1] for column in base.execute("PRAGMA table_info(done)")}:
                base.execute(MIGRATION)
                base.execute("UPDATE done SET time = ?", (self._clock(),))
            base.execute("CREATE INDEX IF NOT EXISTS done_time ON done (time)")

    def _insert(self, base: sqlite3.Connection, id: str, key: str, body: str, origin: str) -> None:
        base.execute(
            "INSERT INTO queue (id, key, body, origin, tries, error, ready, wait, lease) "
            "VALUES (?, ?, ?, ?, 0, '', ?, 0, '')",
            (id, key, body, origin, self._clock()),
        )

    def _bury_spent(self, base: sqlite3.Connection, now: float) -> None:
        """Bury jobs whose last try never came back: their workers died with them."""
        spent = {"now": now, "most": self.most}
        unsaid = f"error = error || ' (try ' || tries || ' was never answered within {self.visibility:g} s)'"
        here = f"{READY} AND tries >= :most AND lease != ''"
        base.execute(f"UPDATE queue SET {unsaid} WHERE {here}", spent)
        self._bury(base, here, spent)

    def _bury(self, base: sqlite3.Connection, where: str, values: dict[str, Any]) -> None:
        kept = "id, key, body, origin, tries, error"
        base.execute(f"INSERT INTO dead SELECT {kept}, :now FROM queue WHERE {where}", values)
        base.execute(f"DELETE FROM queue WHERE {where}", values)

    def _read(self, query: str, values: tuple[str, ...] = ()) -> list[Letter]:
        with self._lock, self._told():
            return [_letter(row) for row in self._base.execute(query, values)]

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """Hold one transaction: all of it, or nothing."""
        with self._lock, self._told():
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield self._base
                self._base.execute("COMMIT")
            finally:
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise LetterError(
                f"queue {str(self.path)!r}: {error}; nothing that it had accepted is lost: free the disk or make the "
                "file writable, then try again"
            ) from error


def _letter(row: tuple[Any, ...]) -> Letter:
    id, key, body, origin, tries, error, lease = row
    return Letter(id, key, json.loads(body), origin, tries, error, lease)
