"""Letters in NATS: JetStream streams, for workers on many machines.

A subject a key. ``NAME-queue`` has the jobs, each until it is acknowledged; ``NAME-held`` who has them and why the last
try failed; ``NAME-done`` and ``NAME-dead`` how they ended. No two of these change at once, so the order is such that a
crash in between leaves a job that comes again, and whoever gets it sees from the others what to do with it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import threading
import time
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from autoglm.core.errors import MissingExtraError, OptionError
from autoglm.kit.letters import MONTH, Counts, Letter, unknown, wait
from autoglm.kit.remote import OPENING, Place, Remote

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

Answer = TypeVar("Answer")
ANSWER = 5.0  # seconds for one request to the broker
LOOK = 0.25  # seconds that a look into an empty queue takes
RECALL = 5.0  # seconds between two looks for jobs that NATS forgot to give out
WORKERS = "workers"
FLIGHT = 100_000  # most jobs that are held or wait after a failure
TAKEN = 10071  # NATS's word for: the subject has another message by now


@dataclass(frozen=True)
class Stored:
    """A message of a stream: its number there, and what it says."""

    number: int
    told: dict[str, Any]


class NATSLetters:
    """A queue of jobs in NATS 2.9 or newer with JetStream; threads, processes and machines may share it.

    Parameters
    ----------
    url
        ``nats://`` or ``tls://``, see `autoglm.kit.letters.opened`.
    most, visibility, base, longest, keep, chance
        As `autoglm.kit.sqlite_letters.SQLiteLetters` has them; the visibility of all is that of the last worker.
    registry
        See `autoglm.kit.remote.Remote`.

    Raises
    ------
    LetterError
        NATS cannot be reached, or has no JetStream.
    MissingExtraError
        nats-py is not installed.
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
            import nats.errors
            import nats.js.errors
        except ImportError as error:
            raise MissingExtraError("nats-py is not installed: pip install 'open-autoglm[serve,brokers]'") from error
        self.most, self.visibility, self.base, self.longest, self.keep = most, visibility, base, longest, keep
        self._chance, self._place = chance, Place.of(url)
        away = (
            nats.errors.ConnectionClosedError,
            nats.errors.ConnectionReconnectingError,
            nats.errors.NoRespondersError,
            nats.errors.NoServersError,
            nats.errors.OutboundBufferLimitError,
            nats.errors.StaleConnectionError,
            nats.js.errors.NoStreamResponseError,
            nats.js.errors.ServiceUnavailableError,
        )
        transient = (ConnectionError, TimeoutError, *away)
        self._remote = Remote(self._place, transient, (nats.errors.Error, OSError), registry)
        self._missing, self._refused = nats.js.errors.NotFoundError, nats.js.errors.APIError
        self._jets: Any = None
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="nats", daemon=True).start()
        self._nats: Any = None
        self._jobs: Any = None
        self._why: Exception | None = None
        self._recalls = 0.0
        try:
            self._ask(self._connect)
        except BaseException:
            self.close()
            raise

    def put(self, body: dict[str, Any], key: str = "") -> str:
        """Accept a job and return its id; a key that is queued, done or dead already gets the id it has."""
        fresh = uuid.uuid4().hex
        letter = Letter(fresh, key or fresh, body, fresh, 0)
        return self._ask(lambda: self._put(letter))

    def lease(self) -> Letter | None:
        """Take a job that is due, for `visibility` seconds; None when there is none."""
        return self._ask(self._lease)

    def ack(self, letter: Letter) -> bool:
        """Say that a job is done; False when the lease was lost to another worker."""
        return self._ask(lambda: self._ack(letter))

    def fail(self, letter: Letter, error: str) -> bool:
        """Give a job back with its error, to wait or to be a dead letter; False when the lease was lost."""
        pause = wait(letter.tries, self.base, self.longest, self._chance)
        return self._ask(lambda: self._fail(letter, error, pause))

    def renew(self, letter: Letter) -> bool:
        """Hold a job for another `visibility` seconds; False when the lease was lost to another worker."""
        return self._ask(lambda: self._renew(letter))

    def waiting(self) -> list[Letter]:
        """Return the jobs that are queued or leased, oldest first."""
        return self._ask(self._waiting)

    def dead(self) -> list[Letter]:
        """Return the dead letters, oldest first."""
        return [_letter(stored.told) for stored in self._ask(lambda: self._all("dead"))]

    def counts(self) -> Counts:
        """Return how many letters there are of each kind."""
        return self._ask(self._counts)

    def show(self, id: str) -> Letter:
        """Return one dead letter."""
        return _letter(self._buried(id).told)

    def retry(self, id: str) -> str:
        """Queue a dead letter again, under a fresh id that is returned; its origin and its key stay."""
        stored, fresh = self._buried(id), uuid.uuid4().hex
        return self._ask(lambda: self._replay(stored, fresh))

    def drop(self, id: str) -> None:
        """Forget a dead letter; its key is free again."""
        stored = self._buried(id)
        self._ask(lambda: self._delete("dead", stored.number))

    def close(self) -> None:
        """Close the connection."""
        if self._nats is not None:
            asyncio.run_coroutine_threadsafe(self._nats.close(), self._loop).result(ANSWER)
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _ask(self, action: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        return self._remote.ask(lambda: asyncio.run_coroutine_threadsafe(self._checked(action), self._loop).result())

    async def _checked(self, action: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """Run a call; while the connection is made again nothing is sent, for NATS would send it later."""
        if self._nats is not None and not self._nats.is_connected:
            raise ConnectionError(str(self._why or "not connected"))
        return await asyncio.wait_for(action(), 6 * ANSWER)

    async def _connect(self) -> None:
        import nats

        async def note(error: Exception) -> None:
            self._why = error

        options: dict[str, Any] = {"connect_timeout": 2, "reconnect_time_wait": 0.2, "max_reconnect_attempts": -1}
        try:
            client = await asyncio.wait_for(nats.connect(self._place.url, error_cb=note, **options), OPENING / 2)
        except TimeoutError as error:
            raise ConnectionError(str(self._why or "no answer")) from error
        except ValueError as error:
            raise OptionError(f"queue {self._place.shown!r}: {error}") from error
        self._jets = client.jetstream(timeout=ANSWER)
        try:
            await self._set_up()
        except BaseException:
            await client.close()
            raise
        self._nats = client

    async def _set_up(self) -> None:
        """Make the streams that are not there."""
        from nats.js import api

        for kind, more in (
            ("queue", {"retention": api.RetentionPolicy.WORK_QUEUE}),
            ("held", {"max_msgs_per_subject": 1}),
            ("dead", {"max_msgs_per_subject": 1}),
            ("done", {"max_msgs_per_subject": 1, "max_age": self.keep}),
        ):
            config = api.StreamConfig(name=self._stream(kind), subjects=[self._subject(kind, "*")], **more)
            try:
                await self._jets.stream_info(self._stream(kind))
            except self._missing:
                await self._jets.add_stream(config)

    async def _consumer(self) -> Any:
        """Return what gives out jobs; made when a worker first asks, with its visibility."""
        from nats.js import api

        if self._jobs is None:
            config = api.ConsumerConfig(
                durable_name=WORKERS,
                ack_policy=api.AckPolicy.EXPLICIT,
                ack_wait=self.visibility,
                max_deliver=-1,
                max_ack_pending=FLIGHT,
            )
            await self._jets.add_consumer(self._stream("queue"), config)
            self._jobs = await self._jets.pull_subscribe_bind(WORKERS, self._stream("queue"))
        return self._jobs

    async def _put(self, letter: Letter, replays: str = "") -> str:
        told, mark = _told(letter) | {"replays": replays}, _mark(letter.key)
        number = await self._publish("queue", mark, told, after=0)
        ended = await self._last("done", mark) or await self._last("dead", mark)
        if number is not None:
            if ended is None or ended.told["id"] in (letter.id, replays):
                return letter.id
            await self._delete("queue", number)
            return str(ended.told["id"])
        there = await self._last("queue", mark)
        if ended is not None and ended.told["id"] != replays:
            return str(ended.told["id"])
        if there is not None and (not replays or there.told["replays"] == replays):
            return str(there.told["id"])
        if there is not None:  # what was buried, not yet acknowledged
            await self._delete("queue", there.number)
        return await self._put(letter, replays)

    async def _lease(self) -> Letter | None:
        jobs = await self._consumer()
        while True:
            try:
                (message,) = await jobs.fetch(1, timeout=LOOK)
            except TimeoutError:
                await self._recall()
                return None
            letter = await self._taken(message)
            if letter is not None:
                return letter

    async def _recall(self) -> None:
        """Give jobs out again that NATS has, but never gives out: a crash may leave its consumer behind its stream.

        Those that have ended go; others are put once more, when nobody can hold them.
        """
        if time.monotonic() < self._recalls:
            return
        self._recalls = time.monotonic() + min(RECALL, self.visibility)
        stream = await self._jets.stream_info(self._stream("queue"))
        known = await self._jets.consumer_info(self._stream("queue"), WORKERS)
        if stream.state.messages <= known.num_pending + known.num_ack_pending:
            return
        for stored in await self._all("queue"):
            mark = _mark(stored.told["key"])
            done, dead, held = [await self._last(kind, mark) for kind in ("done", "dead", "held")]
            if done is not None or (dead is not None and dead.told["id"] != stored.told["replays"]):
                await self._delete("queue", stored.number)
            elif held is None or held.told["until"] + self.visibility < time.time():
                again = await self._publish("queue", mark, stored.told, after=stored.number)
                if again is not None:
                    await self._delete("queue", stored.number)

    async def _taken(self, message: Any) -> Letter | None:
        """Hold a job that is given out; None where it has ended already, or was tried too often."""
        told, mark = json.loads(message.data), message.subject.rpartition(".")[2]
        tries = int(message.metadata.num_delivered)
        done, dead = await self._last("done", mark), await self._last("dead", mark)
        if done is not None or (dead is not None and dead.told["id"] != told["replays"]):
            await self._end(message.reply, mark)
            return None
        if dead is not None:
            await self._delete("dead", dead.number)
        last = await self._last("held", mark)
        error = last.told["error"] if last is not None and last.told["id"] == told["id"] else ""
        letter = replace(_letter(told), tries=tries, error=error)
        if tries > self.most:
            unsaid = f" (try {tries - 1} was never answered within {self.visibility:g} s)"
            await self._bury(replace(letter, tries=tries - 1, error=error + unsaid), message.reply)
            return None
        note = {"id": letter.id, "error": error, "tries": tries, "lease": uuid.uuid4().hex}
        note["until"] = time.time() + self.visibility
        number = await self._publish("held", mark, note)
        return replace(letter, lease=f"{number} {message.reply}")

    async def _ack(self, letter: Letter) -> bool:
        mark, (number, reply) = _mark(letter.key), _lease(letter)
        told = {"id": letter.id, "lease": letter.lease}
        holds = await self._holds(mark, number)
        if not holds or await self._publish("done", mark, told, after=0) is None:
            done = await self._last("done", mark)
            if done is None or done.told != told:  # else it was said already, and the answer got lost
                return False
        await self._end(reply, mark)
        return True

    async def _fail(self, letter: Letter, error: str, pause: float) -> bool:
        mark, (number, reply) = _mark(letter.key), _lease(letter)
        note = {"id": letter.id, "error": error, "tries": letter.tries, "lease": "", "until": time.time() + pause}
        if await self._publish("held", mark, note, after=number) is None:
            return False
        if letter.tries >= self.most:
            await self._bury(replace(letter, error=error), reply)
        else:
            await self._say(reply, b"-NAK " + json.dumps({"delay": int(pause * 1e9)}).encode())
        return True

    async def _renew(self, letter: Letter) -> bool:
        number, reply = _lease(letter)
        if not await self._holds(_mark(letter.key), number):
            return False
        await self._say(reply, b"+WPI")
        return True

    async def _replay(self, stored: Stored, fresh: str) -> str:
        old = _letter(stored.told)
        found = await self._put(replace(old, id=fresh, tries=0, error=""), replays=old.id)
        await self._delete("dead", stored.number)
        return found

    async def _waiting(self) -> list[Letter]:
        held = {stored.told["id"]: stored.told for stored in await self._all("held")}
        letters = [_letter(stored.told) for stored in await self._all("queue")]
        return [replace(letter, **_noted(held.get(letter.id, {}))) for letter in letters]

    async def _counts(self) -> Counts:
        found = [await self._jets.stream_info(self._stream(kind)) for kind in ("queue", "dead")]
        return Counts(*(int(info.state.messages) for info in found))

    async def _bury(self, letter: Letter, reply: str) -> None:
        await self._publish("dead", _mark(letter.key), _told(letter))
        await self._end(reply, _mark(letter.key))

    async def _end(self, reply: str, mark: str) -> None:
        """Take a job from the queue."""
        await self._say(reply, b"+ACK")
        await self._jets.purge_stream(self._stream("held"), subject=self._subject("held", mark))

    async def _holds(self, mark: str, number: int) -> bool:
        last = await self._last("held", mark)
        return last is not None and last.number == number

    async def _say(self, reply: str, word: bytes) -> None:
        await self._nats.publish(reply, word)
        await self._nats.flush(ANSWER)

    async def _publish(self, kind: str, mark: str, told: dict[str, Any], after: int | None = None) -> int | None:
        """Store a message; None where the last of its subject is another than `after`."""
        headers = None if after is None else {"Nats-Expected-Last-Subject-Sequence": str(after)}
        try:
            stored = await self._jets.publish(self._subject(kind, mark), json.dumps(told).encode(), headers=headers)
        except self._refused as error:
            if error.err_code == TAKEN:
                return None
            raise
        return int(stored.seq)

    async def _last(self, kind: str, mark: str) -> Stored | None:
        try:
            found = await self._jets.get_last_msg(self._stream(kind), self._subject(kind, mark))
        except self._missing:
            return None
        return Stored(found.seq, json.loads(found.data))

    async def _all(self, kind: str) -> list[Stored]:
        found: list[Stored] = []
        number = 1
        while True:
            try:
                message = await self._jets.get_msg(self._stream(kind), number, self._subject(kind, "*"), next=True)
            except self._missing:
                return found
            found.append(Stored(message.seq, json.loads(message.data)))
            number = message.seq + 1

    async def _delete(self, kind: str, number: int) -> None:
        try:
            await self._jets.delete_msg(self._stream(kind), number)
        except self._refused as error:
            if error.code not in (400, 404, 500):  # it is gone already
                raise

    def _buried(self, id: str) -> Stored:
        for stored in self._ask(lambda: self._all("dead")):
            if stored.told["id"] == id:
                return stored
        raise unknown(id)

    def _stream(self, kind: str) -> str:
        return f"autoglm-{self._place.queue}-{kind}"

    def _subject(self, kind: str, mark: str) -> str:
        return f"autoglm.{self._place.queue}.{kind}.{mark}"


def _mark(key: str) -> str:
    """Return a key as a part of a subject."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _lease(letter: Letter) -> tuple[int, str]:
    number, _, reply = letter.lease.partition(" ")
    return int(number or 0), reply


def _told(letter: Letter) -> dict[str, Any]:
    return {name: value for name, value in asdict(letter).items() if name != "lease"}


def _letter(told: dict[str, Any]) -> Letter:
    return Letter(**{name: told[name] for name in ("id", "key", "body", "origin", "tries", "error")})


def _noted(held: dict[str, Any]) -> dict[str, Any]:
    return {name: held[name] for name in ("tries", "error", "lease") if name in held}
