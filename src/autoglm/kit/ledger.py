"""A ledger: what a log of events says of a queue of letters, the same for everybody who reads it.

For brokers that keep messages in one order and let everybody read them again, but can neither change nor look up one
(`autoglm.kit.rabbitmq_letters`). Whoever wants something appends an event; whether it took effect is seen by applying
all events in their order. Nothing in here looks at a clock to decide that.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from autoglm.kit.letters import Letter

Event = dict[str, Any]
RECENT = 5_000  # events whose outcome is remembered: what was sent twice happens once


@dataclass(frozen=True)
class Entry:
    """A letter that is queued or leased.

    Parameters
    ----------
    letter
        As it is just now.
    version
        Changes so far: who wants to take it says which one it saw.
    time, wait
        Of the last change, seconds since the epoch by the clock of who made it, and seconds from then until it is due.
    due
        When it is due, by the clock of who reads.
    """

    letter: Letter
    version: int
    time: float
    wait: float
    due: float


class Ledger:
    """The state after some events.

    Attributes
    ----------
    queue, buried
        Letters that are queued or leased, and dead ones, by id, oldest first.
    outcomes
        Of the last `RECENT` events, by nonce: what the verb returns, see `apply`.
    """

    def __init__(self) -> None:
        self.queue: dict[str, Entry] = {}
        self.buried: dict[str, Letter] = {}
        self.outcomes: dict[str, str | bool] = {}
        self._ids: dict[str, str] = {}  # by key, of those that are queued or dead
        self._done: dict[str, tuple[str, float]] = {}  # by key: id and time, oldest first

    def apply(self, event: Event, now: float) -> None:
        """Take in the next event; its outcome is then in `outcomes`: an id for "put", else whether it took effect.

        Parameters
        ----------
        event
            ``kind``, ``nonce`` and ``time`` (seconds since the epoch), and by kind: "put" ``id``, ``key``, ``body``,
            ``forget``; "lease" ``id``, ``version``, ``lease``, ``wait``; "bury" ``id``, ``version``, ``error``; "renew"
            ``id``, ``lease``, ``wait``; "fail" besides ``error`` and ``dead``; "ack" ``id``, ``lease``, ``forget``;
            "retry" ``id``, ``fresh``; "drop" ``id``; "look" nothing. What was done before ``forget`` is forgotten.
        now
            When it happened, seconds by the clock of who reads.
        """
        if event["nonce"] in self.outcomes:
            return
        self.outcomes[event["nonce"]] = self._outcome(event, now)
        if len(self.outcomes) > RECENT:
            self.outcomes.pop(next(iter(self.outcomes)))

    def pack(self) -> dict[str, Any]:
        """Return the whole state as JSON can say it."""
        return {
            "queue": [[asdict(entry.letter), entry.version, entry.time, entry.wait] for entry in self.queue.values()],
            "buried": [asdict(letter) for letter in self.buried.values()],
            "done": [[key, *told] for key, told in self._done.items()],
            "outcomes": self.outcomes,
        }

    @classmethod
    def unpack(cls, page: dict[str, Any], now: float, time: float) -> Ledger:
        """Return the state of `pack`; `now` and `time` are the reader's clock and the seconds since the epoch."""
        found = cls()
        for told, version, changed, wait in page["queue"]:
            letter = Letter(**told)
            found.queue[letter.id] = Entry(letter, version, changed, wait, now - max(0.0, time - changed) + wait)
        found.buried = {told["id"]: Letter(**told) for told in page["buried"]}
        known = [*(entry.letter for entry in found.queue.values()), *found.buried.values()]
        found._ids = {letter.key: letter.id for letter in known}
        found._done = {key: (id, ended) for key, id, ended in page["done"]}
        found.outcomes = dict(page["outcomes"])
        return found

    def _outcome(self, event: Event, now: float) -> str | bool:
        match event["kind"]:
            case "put":
                return self._put(event, now)
            case "lease":
                return self._lease(event, now)
            case "renew":
                return self._renew(event, now)
            case "fail":
                return self._fail(event, now)
            case "ack":
                return self._ack(event)
            case "bury":
                return self._spent(event)
            case "retry":
                return self._retry(event, now)
            case "drop":
                return self._drop(event)
        return True

    def _put(self, event: Event, now: float) -> str:
        key = event["key"]
        if key in self._ids:
            return self._ids[key]
        done = self._done.get(key)
        if done and done[1] >= event["forget"]:
            return done[0]
        self._done.pop(key, None)
        self._queue(Letter(event["id"], key, event["body"], event["id"], 0), event, now)
        return str(event["id"])

    def _queue(self, letter: Letter, event: Event, now: float) -> None:
        self.queue[letter.id] = Entry(letter, 0, event["time"], 0.0, now)
        self._ids[letter.key] = letter.id

    def _lease(self, event: Event, now: float) -> bool:
        entry = self._seen(event)
        if entry:
            self._change(replace(entry.letter, tries=entry.letter.tries + 1, lease=event["lease"]), event, now)
        return bool(entry)

    def _renew(self, event: Event, now: float) -> bool:
        entry = self._held(event)
        if entry:
            self._change(entry.letter, event, now)
        return bool(entry)

    def _fail(self, event: Event, now: float) -> bool:
        entry = self._held(event)
        if not entry:
            return False
        letter = replace(entry.letter, error=event["error"], lease="")
        if event["dead"]:
            self._bury(letter)
        else:
            self._change(letter, event, now)
        return True

    def _ack(self, event: Event) -> bool:
        entry = self._held(event)
        if not entry:
            return False
        letter = self.queue.pop(entry.letter.id).letter
        self._ids.pop(letter.key)
        self._done[letter.key] = (letter.id, event["time"])
        for key, (_, ended) in list(self._done.items())[:100]:  # a few at a time
            if ended < event["forget"]:
                self._done.pop(key)
        return True

    def _spent(self, event: Event) -> bool:
        entry = self._seen(event)
        if entry:
            self._bury(replace(entry.letter, error=event["error"], lease=""))
        return bool(entry)

    def _retry(self, event: Event, now: float) -> bool:
        letter = self.buried.pop(event["id"], None)
        if letter:
            self._queue(replace(letter, id=event["fresh"], tries=0, error=""), event, now)
        return bool(letter)

    def _drop(self, event: Event) -> bool:
        letter = self.buried.pop(event["id"], None)
        if letter:
            self._ids.pop(letter.key)
        return bool(letter)

    def _seen(self, event: Event) -> Entry | None:
        """Return the letter as whoever wrote the event saw it; None when it has changed since."""
        entry = self.queue.get(event["id"])
        return entry if entry and entry.version == event["version"] else None

    def _held(self, event: Event) -> Entry | None:
        entry = self.queue.get(event["id"])
        return entry if entry and event["lease"] and entry.letter.lease == event["lease"] else None

    def _change(self, letter: Letter, event: Event, now: float) -> None:
        version, wait = self.queue[letter.id].version + 1, event["wait"]
        self.queue[letter.id] = Entry(letter, version, event["time"], wait, now + wait)

    def _bury(self, letter: Letter) -> None:
        self.queue.pop(letter.id)
        self.buried[letter.id] = letter
