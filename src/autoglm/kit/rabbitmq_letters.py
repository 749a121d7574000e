"""Letters in RabbitMQ: a stream of events, for workers on many machines.

A queue of RabbitMQ's can neither look up a key, nor list what is in it, nor say who holds a message, nor let a message
wait; a stream, its log, can be read by everybody from the beginning. So every verb appends an event to the stream
``autoglm-NAME``, and reads on until its own event comes by: then it is kept, everything before it is known, and the
`autoglm.kit.ledger.Ledger`, the same in every process, says whether it took effect. A crash leaves an event that is
there or not. Now and then a whole ledger goes into ``autoglm-NAME-pages``, from which others begin to read.
"""

from __future__ import annotations

import contextlib
import json
import logging
import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from autoglm.core.errors import MissingExtraError, OptionError
from autoglm.kit.ledger import Entry, Event, Ledger
from autoglm.kit.letters import MONTH, Counts, Letter, unknown, wait
from autoglm.kit.remote import Place, Remote

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

Answer = TypeVar("Answer")
CONNECT, ANSWER, LOAD = 2.0, 5.0, 60.0  # seconds: to connect, until an event comes by, and to read what there is
LOOK = 0.1  # seconds that a look into an empty queue takes: workers that only looked would starve other threads
TURN = 0.25  # seconds in which a page must come: without one all events are read, which only takes longer
# Seconds: a RabbitMQ that is killed within the first one of its first stream forgets where its streams are, as it keeps
# their coordinator's name in a table that it writes after half a second.
SETTLE = 2.0
HEARTBEAT = 60  # seconds; whoever works for longer without asking connects again
AHEAD = 500  # messages that are sent before the first is acknowledged
PAGE, LARGE = 1_000, 8 << 20  # events between two pages, and bytes
LARGEST = 100 << 20  # bytes of a page: RabbitMQ takes 128 MiB
# The broker deletes the oldest files, which pages have made needless hundreds of times over.
LOG = {"x-max-length-bytes": 1 << 30, "x-stream-max-segment-size-bytes": 64 << 20}
PAGES = {"x-max-length-bytes": 64 << 20, "x-stream-max-segment-size-bytes": 16 << 20}


class Arrived(NamedTuple):
    """A message of a stream."""

    tag: Any
    offset: int
    body: bytes


class RabbitMQLetters:
    """A queue of jobs in RabbitMQ 3.9 or newer; threads, processes and machines may share it.

    The age of a lease and the wait of a failed job are told by the clock of each process, and by the time of day for
    what happened before it connected: the clocks of all machines must agree within a part of `visibility`.

    Parameters
    ----------
    url
        ``amqp://`` or ``amqps://``, see `autoglm.kit.letters.opened`.
    most, visibility, base, longest, keep, chance
        As `autoglm.kit.sqlite_letters.SQLiteLetters` has them.
    registry
        See `autoglm.kit.remote.Remote`.

    Raises
    ------
    LetterError
        RabbitMQ cannot be reached, or refuses.
    MissingExtraError
        pika is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        most: int = 5,
        visibility: float = 300.0,
        base: float = 1.0,
        longest: float = 300.0,
        keep: float = MONTH,
        chance: Callable[[], float] = random.random,
        registry: CollectorRegistry | None = None,
    ) -> None:
        try:
            import pika
            from pika.exceptions import AMQPChannelError, AMQPConnectionError, AMQPError
        except ImportError as error:
            raise MissingExtraError("pika is not installed: pip install 'open-autoglm[serve,brokers]'") from error
        logging.getLogger("pika").setLevel(logging.CRITICAL)  # what fails is raised, and said once
        self.most, self.visibility, self.base, self.longest, self.keep = most, visibility, base, longest, keep
        self._chance, self._place, self._lock, self._pika = chance, Place.of(url), threading.Lock(), pika
        self._log = f"autoglm-{self._place.queue}"
        self._pages = f"{self._log}-pages"
        self._ledger = Ledger()
        self._connection: Any = None
        self._channel: Any = None
        self._arrived: list[Arrived] = []
        self._begin = (0, "")  # offset of the first event to read, and its nonce where it is known
        self._last = (-1, "")  # offset and nonce of the event read last
        self._read = self._unpaged = 0  # events, and bytes since a page
        self._born = 0.0  # when the log was begun, seconds since the epoch; 0 where that was not read
        self._loading = self._cancelled = False
        try:
            self._told = pika.URLParameters(self._place.url)
        except (ValueError, TypeError) as error:
            raise OptionError(f"queue {self._place.shown!r}: {error}") from error
        self._told.socket_timeout = CONNECT
        self._told.stack_timeout = self._told.blocked_connection_timeout = ANSWER
        self._told.heartbeat, self._told.connection_attempts = HEARTBEAT, 1  # tries again are ours
        away = (ConnectionError, TimeoutError, AMQPConnectionError, AMQPChannelError)
        self._remote = Remote(self._place, away, (AMQPError, OSError), registry)
        self._ask(lambda: None)

    def put(self, body: dict[str, Any], key: str = "") -> str:
        """Accept a job and return its id; a key that is queued, done or dead already gets the id it has."""
        fresh = uuid.uuid4().hex
        return str(self._say("put", id=fresh, key=key or fresh, body=body, forget=time.time() - self.keep))

    def lease(self) -> Letter | None:
        """Take the oldest job that is due, for `visibility` seconds; None when there is none."""
        while True:
            entry = self._ask(self._due)
            if entry is None:
                return None
            letter, seen = entry.letter, {"id": entry.letter.id, "version": entry.version}
            if letter.lease and letter.tries >= self.most:
                unsaid = f" (try {letter.tries} was never answered within {self.visibility:g} s)"
                self._say("bury", **seen, error=letter.error + unsaid)
                continue
            lease = uuid.uuid4().hex
            if self._say("lease", **seen, lease=lease, wait=self.visibility):
                return replace(letter, tries=letter.tries + 1, lease=lease)

    def ack(self, letter: Letter) -> bool:
        """Say that a job is done; False when the lease was lost to another worker."""
        return bool(self._say("ack", id=letter.id, lease=letter.lease, forget=time.time() - self.keep))

    def fail(self, letter: Letter, error: str) -> bool:
        """Give a job back with its error, to wait or to be a dead letter; False when the lease was lost."""
        told = {"error": error, "dead": letter.tries >= self.most}
        pause = wait(letter.tries, self.base, self.longest, self._chance)
        return bool(self._say("fail", id=letter.id, lease=letter.lease, wait=pause, **told))

    def renew(self, letter: Letter) -> bool:
        """Hold a job for another `visibility` seconds; False when the lease was lost to another worker."""
        return bool(self._say("renew", id=letter.id, lease=letter.lease, wait=self.visibility))

    def waiting(self) -> list[Letter]:
        """Return the jobs that are queued or leased, oldest first."""
        return self._look(lambda ledger: [entry.letter for entry in ledger.queue.values()])

    def dead(self) -> list[Letter]:
        """Return the dead letters, oldest first."""
        return self._look(lambda ledger: list(ledger.buried.values()))

    def counts(self) -> Counts:
        """Return how many letters there are of each kind."""
        return self._look(lambda ledger: Counts(len(ledger.queue), len(ledger.buried)))

    def show(self, id: str) -> Letter:
        """Return one dead letter."""
        found = self._look(lambda ledger: ledger.buried.get(id))
        if found is None:
            raise unknown(id)
        return found

    def retry(self, id: str) -> str:
        """Queue a dead letter again, under a fresh id that is returned; its origin and its key stay."""
        fresh = uuid.uuid4().hex
        if not self._say("retry", id=id, fresh=fresh):
            raise unknown(id)
        return fresh

    def drop(self, id: str) -> None:
        """Forget a dead letter; its key is free again."""
        if not self._say("drop", id=id):
            raise unknown(id)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._leave()

    def _say(self, kind: str, **told: Any) -> str | bool:
        """Append an event and return its outcome; said twice, it still happens once."""
        event = _event(kind, **told)
        return self._ask(lambda: self._outcome(event))

    def _look(self, read: Callable[[Ledger], Answer]) -> Answer:
        """Return something of the ledger after all that was appended before the call."""
        event = _event("look")

        def looked() -> Answer:
            self._outcome(event)
            return read(self._ledger)

        return self._ask(looked)

    def _ask(self, action: Callable[[], Answer]) -> Answer:
        return self._remote.ask(lambda: self._guarded(action))

    def _guarded(self, action: Callable[[], Answer]) -> Answer:
        """Run `action` connected, alone, and knowing what has arrived; what fails starts anew with a fresh ledger."""
        with self._lock:
            try:
                self._catch_up()
                return action()
            except Exception:
                self._leave()
                raise

    def _catch_up(self) -> None:
        """Take in what has arrived; who was silent for long is not connected any more."""
        if self._channel is not None and self._channel.is_open:
            try:
                self._take(0)
                return
            except self._pika.exceptions.AMQPError:
                self._leave()
        self._connect()

    def _due(self) -> Entry | None:
        """Return the oldest letter that is due; where there is none, wait a moment for an event."""
        found = self._first_due()
        if found is None and self._take(LOOK):
            found = self._first_due()
        return found

    def _first_due(self) -> Entry | None:
        now = time.monotonic()
        return next((entry for entry in self._ledger.queue.values() if entry.due <= now), None)

    def _outcome(self, event: Event) -> str | bool:
        self._send(self._log, event)
        began = time.monotonic()
        until = began + ANSWER
        while event["nonce"] not in self._ledger.outcomes:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"an event did not come by within {ANSWER:g} s")
            if self._take(left, event["nonce"]) and self._loading:
                until = min(began + LOAD, time.monotonic() + ANSWER)
        return self._ledger.outcomes[event["nonce"]]

    def _connect(self) -> None:
        """Connect and read: from a page, all, or, where the broker has cut the log, from a page that takes long."""
        for seconds in (TURN, 0.0, ANSWER):
            self._leave()
            self._open()
            if self._load(self._page(seconds)):
                time.sleep(min(SETTLE, max(0.0, self._born + SETTLE - time.time())))
                return
        self._leave()
        raise OptionError(
            f"queue {self._place.shown!r}: the beginning of the stream {self._log!r} was deleted, and no page tells "
            f"what it said: expected no policy of the broker that keeps less than {LOG['x-max-length-bytes']} bytes"
        )

    def _open(self) -> None:
        self._connection = self._pika.BlockingConnection(self._told)
        self._channel = self._connection.channel()
        self._channel.add_on_cancel_callback(self._note_cancel)
        self._cancelled = False
        for stream, limits in ((self._log, LOG), (self._pages, PAGES)):
            self._channel.queue_declare(stream, durable=True, arguments={"x-queue-type": "stream", **limits})

    def _page(self, seconds: float) -> Event | None:
        """Return a ledger that somebody wrote down, one of the last; None where none comes in time.

        By a connection of its own: when it ends pika gives back what came besides, for which RabbitMQ disconnects it.
        """
        if not seconds:
            return None
        found: list[Arrived] = []
        connection = self._pika.BlockingConnection(self._told)
        try:
            _subscribe(connection.channel(), self._pages, "last", found)
            until = time.monotonic() + seconds
            while not found and (left := until - time.monotonic()) > 0:
                connection.process_data_events(left)
        finally:
            self._close(connection)
        return json.loads(found[0].body) if found else None

    def _load(self, page: Event | None) -> bool:
        """Read the events behind a page, or all; False where the log is not that of the page, or was cut."""
        self._ledger, self._begin, start = Ledger(), (0, ""), "first"
        self._born = 0.0
        if page:
            self._ledger = Ledger.unpack(page, time.monotonic(), time.time())
            self._begin, start = (page["offset"], page["nonce"]), page["offset"]
        self._last, self._read, self._unpaged, self._arrived = (-1, ""), 0, 0, []
        _subscribe(self._channel, self._log, start, self._arrived)
        self._loading = True
        try:
            self._outcome(_event("look"))
        except _OtherLogError:
            return False
        except TimeoutError:  # a log that has lost its end has no event at the page's offset
            if page is None:
                raise
            return False
        finally:
            self._loading = False
        if self._read > 2 * PAGE:
            self._write_page()
        return True

    def _take(self, seconds: float, own: str = "") -> int:
        """Take in the events that have arrived, or arrive within some seconds; return how many."""
        self._connection.process_data_events(seconds)
        if self._cancelled:
            raise ConnectionError("the stream has moved or was deleted")
        if not self._arrived:
            return 0
        arrived, writes = self._arrived.copy(), False
        self._arrived.clear()
        for one in arrived:
            event = json.loads(one.body)
            self._check(one.offset, event["nonce"])
            self._born = event["time"] if one.offset == 0 else self._born
            age = max(0.0, time.time() - event["time"]) if self._loading else 0.0
            self._ledger.apply(event, time.monotonic() - age)
            self._last, self._read = (one.offset, event["nonce"]), self._read + 1
            self._unpaged += len(one.body)
            turn = (one.offset + 1) % PAGE == 0 or self._unpaged > LARGE
            writes = writes or (event["nonce"] == own and turn)
        self._channel.basic_ack(arrived[-1].tag, multiple=True)
        if writes:
            self._write_page()
        return len(arrived)

    def _check(self, offset: int, nonce: str) -> None:
        """See that the log begins where it should, and goes on without a gap."""
        last, _ = self._last
        if last < 0:
            first, known = self._begin
            if offset != first or known not in ("", nonce):
                raise _OtherLogError
        elif offset != last + 1 and not self._loading:
            raise ConnectionError(f"events {last + 1} to {offset - 1} did not come by")

    def _write_page(self) -> None:
        offset, nonce = self._last
        self._unpaged = 0
        self._send(self._pages, self._ledger.pack() | {"offset": offset, "nonce": nonce})

    def _send(self, stream: str, told: Event) -> None:
        text = json.dumps(told).encode()
        if len(text) < LARGEST or stream == self._log:  # a page that is too large is none: all events are read then
            properties = self._pika.BasicProperties(delivery_mode=2, content_type="application/json")
            self._channel.basic_publish("", stream, text, properties)

    def _note_cancel(self, frame: Any) -> None:
        self._cancelled = True

    def _leave(self) -> None:
        """Let go of the connection; the ledger is read anew with the next one."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            self._close(connection)

    def _close(self, connection: Any) -> None:
        with contextlib.suppress(self._pika.exceptions.AMQPError):
            connection.close()


class _OtherLogError(Exception):
    """The log is not the one that a page was made of, or lacks its beginning."""


def _event(kind: str, **told: Any) -> Event:
    return {"kind": kind, "nonce": uuid.uuid4().hex, "time": time.time(), **told}


def _subscribe(channel: Any, stream: str, offset: str | int, arrived: list[Arrived]) -> None:
    """Have the messages of a stream, from an offset on, put into a list as they arrive."""

    def note(channel: Any, method: Any, properties: Any, body: bytes) -> None:
        arrived.append(Arrived(method.delivery_tag, properties.headers["x-stream-offset"], body))

    channel.basic_qos(prefetch_count=AHEAD)
    channel.basic_consume(stream, note, arguments={"x-stream-offset": offset})
