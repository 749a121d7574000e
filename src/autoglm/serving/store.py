"""Store of a shadow: what it answered and explained, and the requests that it still has to, in SQLite or PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite

from autoglm.core.errors import AutoGLMError, MissingExtraError
from autoglm.serving.parcel import Parcel

MOST_TRIES = 3  # a request that ends the process each time must not do so for ever
PRUNE = 1_000  # answers between two looks at how many there are
# What lets one process alone make tables.
ALONE = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "SELECT pg_advisory_xact_lock(hashtext('autoglm shadow'))"}

META = sql.MetaData()
ANSWERS = sql.Table(
    "shadow_answers",
    META,
    sql.Column("key", sql.String, primary_key=True),
    sql.Column("request", sql.String),
    sql.Column("traceparent", sql.String),
    sql.Column("time", sql.Double, index=True),
    sql.Column("version", sql.String),
    sql.Column("other", sql.String),
    sql.Column("rows", sql.Integer),
    sql.Column("frame", sql.LargeBinary),
    sql.Column("margins", sql.LargeBinary),
    sql.Column("other_margins", sql.LargeBinary),
    sql.Column("equal", sql.Integer),
    sql.Column("difference", sql.Double),
    sql.Column("phi", sql.LargeBinary),
    sql.Column("key_features", sql.Text),
    sql.Column("gap", sql.Double),
    sql.Column("finite", sql.Integer),
    sql.Column("seconds", sql.Double),
    sql.Column("waited", sql.Double),
    sql.Column("error", sql.Text),
)
DEAD = sql.Table(
    "shadow_dead",
    META,
    sql.Column("key", sql.String, primary_key=True),
    sql.Column("request", sql.String),
    sql.Column("time", sql.Double, index=True),
    sql.Column("tries", sql.Integer),
    sql.Column("error", sql.Text),
    sql.Column("body", sql.LargeBinary),
)
LOST = sql.Table("shadow_lost", META, sql.Column("time", sql.Double), sql.Column("requests", sql.Integer))
ABOUT = sql.Table("shadow_about", META, sql.Column("name", sql.String, primary_key=True), sql.Column("value", sql.Text))


class StoreError(AutoGLMError, OSError):
    """The store cannot be reached, read or written."""


@dataclass(frozen=True)
class Kept:
    """One request's result.

    Parameters
    ----------
    key, request, traceparent, time, rows
        As in `autoglm.serving.parcel.Request`.
    version, other
        Of the model that answered, and of the shadow; "" without one.
    frame
        The rows, an Arrow stream.
    margins, other_margins
        float64, shape (rows, scores).
    equal
        Rows with the same label; None for a regression.
    difference
        Sum over rows of the absolute difference of values, or of the total variation of probabilities.
    phi
        Explanation, float64, shape (rows, columns, scores).
    key_features
        JSON: the five columns that say most of each row.
    gap
        Largest difference of base plus values from the margins as answered.
    finite
        1 where all numbers are finite.
    seconds, waited
        To answer and explain; from the answer of the service until then.
    error
        "" where all went well.
    """

    key: str
    request: str
    traceparent: str
    time: float
    rows: int
    version: str
    other: str = ""
    frame: bytes = b""
    margins: bytes = b""
    other_margins: bytes | None = None
    equal: int | None = None
    difference: float | None = None
    phi: bytes | None = None
    key_features: str | None = None
    gap: float | None = None
    finite: int = 1
    seconds: float = 0.0
    waited: float = 0.0
    error: str = ""


class Store:
    """Where a shadow writes.

    Parameters
    ----------
    place
        A file, ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/BASE``.
    most
        Answers that are kept, the newest.

    Raises
    ------
    MissingExtraError
        The base's driver is not installed.
    StoreError
        The base cannot be reached or written.
    """

    def __init__(self, place: str, most: int = 100_000) -> None:
        self.place, self.most, self._since = place, most, 0
        with self._told():
            try:
                self._engine = sql.create_engine(url(place), pool_pre_ping=True)
            except ImportError as error:
                raise MissingExtraError(f"{error}: pip install 'open-autoglm[postgres]' for PostgreSQL") from error
            if self._engine.dialect.name == "sqlite":
                sql.event.listen(self._engine, "connect", _pragmas)
            self._make()

    def keep(self, results: Sequence[Kept]) -> None:
        """Write results, and take their requests from the dead letters; all of it or nothing."""
        if not results:
            return
        keys = [kept.key for kept in results]
        with self._change() as base:
            self._write(base, ANSWERS, [asdict(kept) for kept in results])
            base.execute(sql.delete(DEAD).where(DEAD.c.key.in_(keys)))
        self._since += len(results)
        if self._since >= PRUNE:
            self._since = 0
            self.prune()

    def bury(self, parcel: Parcel, error: str) -> None:
        """Write requests as dead letters, to be answered when there is time."""
        told = [
            {
                "key": one.requests[0].key,
                "request": one.requests[0].request,
                "time": time.time(),
                "tries": 0,
                "error": error,
                "body": one.pack(),
            }
            for one in parcel.each()
        ]
        with self._change() as base:
            self._write(base, DEAD, told)

    def lose(self, requests: int) -> None:
        """Note requests that nothing was kept of."""
        with self._change() as base:
            base.execute(sql.insert(LOST), {"time": time.time(), "requests": requests})

    def next(self) -> Parcel | None:
        """Return the dead letter to try next, its try counted beforehand; None when there is none."""
        with self._change() as base:
            chosen = sql.select(DEAD.c.key, DEAD.c.body).where(DEAD.c.tries < MOST_TRIES).order_by(DEAD.c.tries)
            row = base.execute(chosen.order_by(DEAD.c.time).limit(1).with_for_update(skip_locked=True)).first()
            if row is None:
                return None
            base.execute(sql.update(DEAD).where(DEAD.c.key == row.key).values(tries=DEAD.c.tries + 1))
        return Parcel.unpack(row.body)

    def depth(self) -> int:
        """Return how many dead letters there are."""
        with self._change() as base:
            return int(base.execute(sql.select(sql.func.count()).select_from(DEAD)).scalar_one())

    def lost(self) -> int:
        """Return how many requests nothing was kept of."""
        with self._change() as base:
            return int(base.execute(sql.select(sql.func.coalesce(sql.func.sum(LOST.c.requests), 0))).scalar_one())

    def tell(self, facts: dict[str, str]) -> None:
        """Note what the answers are of: folders, versions."""
        with self._change() as base:
            self._write(base, ABOUT, [{"name": name, "value": value} for name, value in facts.items()])

    def about(self) -> dict[str, str]:
        """Return what was noted."""
        with self._change() as base:
            return {row.name: row.value for row in base.execute(sql.select(ABOUT))}

    def answers(self, names: Sequence[str], newest: int | None = None, explained: bool = False) -> list[dict[str, Any]]:
        """Return columns of the answers, newest first.

        Parameters
        ----------
        explained
            Those alone that hold an explanation.
        """
        asked = sql.select(*(ANSWERS.c[name] for name in names)).order_by(ANSWERS.c.time.desc())
        if explained:
            asked = asked.where(ANSWERS.c.phi.is_not(None), ANSWERS.c.error == "")
        with self._change() as base:
            return [dict(row._mapping) for row in base.execute(asked.limit(newest) if newest else asked)]

    def prune(self) -> None:
        """Forget the oldest answers."""
        with self._change() as base:
            oldest = sql.select(ANSWERS.c.time).order_by(ANSWERS.c.time.desc()).offset(self.most - 1).limit(1)
            last = base.execute(oldest).scalar()
            if last is not None:
                base.execute(sql.delete(ANSWERS).where(ANSWERS.c.time < last))

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _make(self) -> None:
        """Make the tables that are not there; of several processes that begin at once, one."""
        with self._engine.begin() as base:
            if self._engine.dialect.name in ALONE:
                base.exec_driver_sql(ALONE[self._engine.dialect.name])
            META.create_all(base)

    def _write(self, base: sql.Connection, table: sql.Table, rows: Sequence[dict[str, Any]]) -> None:
        """Write rows, over those of the same key."""
        write = (sqlite if self._engine.dialect.name == "sqlite" else postgresql).insert(table)
        keys = [column.name for column in table.primary_key]
        values = {column.name: write.excluded[column.name] for column in table.c if column.name not in keys}
        told = [{name: _storable(value) for name, value in row.items()} for row in rows]
        told.sort(key=lambda row: [row[key] for key in keys])  # two who write the same wait for each other in one order
        base.execute(write.on_conflict_do_update(index_elements=keys, set_=values), told)

    @contextmanager
    def _change(self) -> Iterator[sql.Connection]:
        with self._told(), self._engine.begin() as base:
            yield base

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sql.exc.SQLAlchemyError, OSError) as error:
            if isinstance(error, AutoGLMError):
                raise
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise StoreError(
                f"store {shown(self.place)!r}: {reason}; expected a file, sqlite:///FILE or postgresql://..., "
                "that can be reached and has room"
            ) from error


def url(place: str) -> sql.URL:
    """Return a base's address."""
    if "://" not in place:
        return sql.URL.create("sqlite", database=place)
    found = sql.make_url(place)
    return found.set(drivername="postgresql+psycopg") if found.drivername == "postgresql" else found


def shown(place: str) -> str:
    """Return a base's address without its password."""
    try:
        return place if "://" not in place else sql.make_url(place).render_as_string(hide_password=True)
    except sql.exc.ArgumentError:
        return place


def _storable(value: Any) -> Any:
    """Return a text as PostgreSQL takes it: without NUL, which a client's id of a request may have."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value


def _pragmas(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "busy_timeout = 30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
