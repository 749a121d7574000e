"""Letters in Redis: a stream with a consumer group, for workers on many machines."""

from __future__ import annotations

import json
import logging
import random
import socket
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from autoglm.core.errors import MissingExtraError, OptionError
from autoglm.kit import redis_scripts as scripts
from autoglm.kit.letters import MONTH, Counts, Letter, unknown, wait
from autoglm.kit.remote import Place, Remote

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

logger = logging.getLogger(__name__)
CONNECT, ANSWER = 2.0, 10.0  # seconds


class RedisLetters:
    """A queue of jobs in Redis 6.2 or newer; threads, processes and machines may share it.

    The wait of a failed job and the age of a lease are told by Redis's own clock. Redis must write what it is told
    (``appendonly yes``), and must not forget keys (``maxmemory-policy noeviction``): else there is a warning.

    Parameters
    ----------
    url
        ``redis://``, ``rediss://`` or ``unix://``, see `autoglm.kit.letters.opened`.
    most, visibility, base, longest, keep, chance
        As `autoglm.kit.sqlite_letters.SQLiteLetters` has them; a lease is judged by the visibility of whoever looks.
    registry
        See `autoglm.kit.remote.Remote`.

    Raises
    ------
    LetterError
        Redis cannot be reached, or refuses.
    MissingExtraError
        redis is not installed.
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
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError as error:
            raise MissingExtraError("redis is not installed: pip install 'open-autoglm[serve,brokers]'") from error
        self.most, self.visibility, self.base, self.longest, self.keep = most, visibility, base, longest, keep
        self._chance, self._worker, place = chance, socket.gethostname(), Place.of(url)
        once: Any = Retry(NoBackoff(), 0)  # tries again are ours
        try:
            self._redis: Any = redis.Redis.from_url(
                place.url, decode_responses=True, socket_connect_timeout=CONNECT, socket_timeout=ANSWER, retry=once
            )
        except (ValueError, TypeError) as error:
            raise OptionError(f"queue {place.shown!r}: {error}") from error
        failures = redis.exceptions
        self._remote = Remote(
            place, (failures.ConnectionError, failures.TimeoutError), (failures.RedisError,), registry
        )
        self._keys = [f"{{autoglm:{place.queue}}}:{name}" for name in scripts.NAMES]
        self._warn(self._ask(lambda: self._redis.info()))

    def put(self, body: dict[str, Any], key: str = "") -> str:
        """Accept a job and return its id; a key that is queued, done or dead already gets the id it has."""
        fresh = uuid.uuid4().hex
        return str(self._run(scripts.PUT, fresh, key or fresh, json.dumps(body)))

    def lease(self) -> Letter | None:
        """Take a job that is due, for `visibility` seconds; None when there is none."""
        unsaid = f" was never answered within {self.visibility:g} s)"
        told = (self._worker, uuid.uuid4().hex, _ms(self.visibility), self.most, _ms(self.longest) + 1, unsaid)
        found = self._run(scripts.LEASE, *told)
        return _letter(found) if found else None

    def ack(self, letter: Letter) -> bool:
        """Say that a job is done; False when the lease was lost to another worker."""
        return bool(self._run(scripts.ACK, letter.id, letter.lease, _ms(self.keep), letter.key))

    def fail(self, letter: Letter, error: str) -> bool:
        """Give a job back with its error, to wait or to be a dead letter; False when the lease was lost."""
        pause = wait(letter.tries, self.base, self.longest, self._chance)
        return bool(self._run(scripts.FAIL, letter.id, letter.lease, error, self.most, _ms(pause)))

    def renew(self, letter: Letter) -> bool:
        """Hold a job for another `visibility` seconds; False when the lease was lost to another worker."""
        return bool(self._run(scripts.RENEW, letter.id, letter.lease, self._worker))

    def waiting(self) -> list[Letter]:
        """Return the jobs that are queued or leased, oldest first."""
        return self._all("letters")

    def dead(self) -> list[Letter]:
        """Return the dead letters, oldest first."""
        return self._all("buried")

    def counts(self) -> Counts:
        """Return how many letters there are of each kind."""
        letters, buried = self._named("letters", "buried")
        return Counts(self._ask(lambda: self._redis.hlen(letters)), self._ask(lambda: self._redis.hlen(buried)))

    def show(self, id: str) -> Letter:
        """Return one dead letter."""
        (buried,) = self._named("buried")
        found = self._ask(lambda: self._redis.hget(buried, id))
        if not found:
            raise unknown(id)
        return _letter(found)

    def retry(self, id: str) -> str:
        """Queue a dead letter again, under a fresh id that is returned; its origin and its key stay."""
        fresh = uuid.uuid4().hex
        if not self._run(scripts.RETRY, id, fresh):
            raise unknown(id)
        return fresh

    def drop(self, id: str) -> None:
        """Forget a dead letter; its key is free again."""
        if not self._run(scripts.DROP, id):
            raise unknown(id)

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def _run(self, script: str, *arguments: object) -> Any:
        return self._ask(lambda: self._redis.eval(scripts.COMMON + script, len(self._keys), *self._keys, *arguments))

    def _ask(self, action: Callable[[], Any]) -> Any:
        return self._remote.ask(action)

    def _named(self, *names: str) -> list[str]:
        return [self._keys[scripts.NAMES.index(name)] for name in names]

    def _all(self, name: str) -> list[Letter]:
        (key,) = self._named(name)
        found = self._ask(lambda: self._redis.hvals(key))
        return [_letter(text) for text in sorted(found, key=lambda text: json.loads(text)["number"])]

    def _warn(self, facts: dict[str, Any]) -> None:
        """Say where what was accepted could be lost."""
        shown = self._remote.place.shown
        if not facts.get("aof_enabled"):
            logger.warning("%s writes no log of what it accepts: a crash of Redis loses jobs; appendonly yes", shown)
        if facts.get("maxmemory_policy", "noeviction") != "noeviction":
            logger.warning("%s may forget jobs when its memory is full: maxmemory-policy noeviction", shown)


def _ms(seconds: float) -> int:
    return int(seconds * 1000)


def _letter(text: str) -> Letter:
    told = json.loads(text)
    names = ("id", "key", "origin", "tries", "error", "lease")
    return Letter(body=json.loads(told["body"]), **{name: told[name] for name in names})
