"""Letters: a durable queue of jobs with dead letters; what was accepted is answered, or kept with its error.

A file by default (`autoglm.kit.sqlite_letters`); Redis, NATS and RabbitMQ by URL behind the same verbs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from autoglm.core.errors import AutoGLMError, OptionError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

FILE = "sqlite:///"
SCHEMES = {
    "redis": "redis",
    "rediss": "redis",
    "unix": "redis",
    "nats": "nats",
    "tls": "nats",
    "amqp": "rabbitmq",
    "amqps": "rabbitmq",
}
MONTH = 30 * 86400.0  # seconds for which the key of a job that is done is remembered


class LetterError(AutoGLMError, OSError):
    """The queue cannot be reached, read or written; nothing that was accepted is lost by it."""


class UnknownLetterError(AutoGLMError, KeyError):
    """There is no dead letter of this id."""

    __str__ = AutoGLMError.__str__  # KeyError's would quote it


@dataclass(frozen=True)
class Letter:
    """One job, queued, leased or dead.

    Parameters
    ----------
    id
        Fresh at every replay.
    key
        What makes it the same job as another.
    body
        What JSON can say.
    origin
        The id under which it was first put.
    tries
        Leases so far.
    error
        Why the last try failed; "" before.
    lease
        Proof of holding it; "" when nobody does.
    """

    id: str
    key: str
    body: dict[str, Any]
    origin: str
    tries: int
    error: str = ""
    lease: str = ""


class Counts(NamedTuple):
    """How many letters there are."""

    waiting: int
    dead: int


class Letters(Protocol):
    """Put, lease, acknowledge; threads and processes may share a queue.

    Every verb raises `LetterError` where the queue cannot be reached, read or written; nothing is lost by it.
    """

    def put(self, body: dict[str, Any], key: str = "") -> str:
        """Accept a job and return its id; a key that is queued, done or dead already gets the id it has."""

    def lease(self) -> Letter | None:
        """Take the oldest job that is due, for a while; None when there is none."""

    def ack(self, letter: Letter) -> bool:
        """Say that a job is done; False when the lease was lost to another worker."""

    def fail(self, letter: Letter, error: str) -> bool:
        """Give a job back with its error, to wait or to be a dead letter; False when the lease was lost."""

    def renew(self, letter: Letter) -> bool:
        """Hold a job for longer; False when the lease was lost to another worker."""

    def waiting(self) -> list[Letter]:
        """Return the jobs that are queued or leased."""

    def dead(self) -> list[Letter]:
        """Return the dead letters, oldest first."""

    def counts(self) -> Counts:
        """Return how many letters there are of each kind."""

    def show(self, id: str) -> Letter:
        """Return one dead letter; `UnknownLetterError` where there is none of this id."""

    def retry(self, id: str) -> str:
        """Queue a dead letter again, under a fresh id that is returned; its origin and its key stay."""

    def drop(self, id: str) -> None:
        """Forget a dead letter; its key is free again."""

    def close(self) -> None:
        """Let go of the file or the connection."""


def opened(place: str, registry: CollectorRegistry | None = None, **settings: Any) -> Letters:
    """Open a queue.

    Parameters
    ----------
    place
        A file, ``sqlite:///FILE``, ``redis://[USER:PASSWORD@]HOST[:PORT][/BASE]``, ``nats://...`` or
        ``amqp://[USER:PASSWORD@]HOST[:PORT][/VHOST]``; ``?queue=NAME`` behind a URL keeps several queues apart.
    registry
        Where a broker's meters go, see `autoglm.kit.remote.Remote`.
    settings
        As `autoglm.kit.sqlite_letters.SQLiteLetters` knows them: ``most``, ``visibility``, ``base``, ``longest``,
        ``keep``.

    Raises
    ------
    LetterError
        It cannot be opened; the message names it, secrets masked.
    OptionError
        No queue can be there.
    MissingExtraError
        A broker's library is not installed.
    """
    scheme, found, _ = place.partition("://")
    if not found or place.startswith(FILE):
        from autoglm.kit.sqlite_letters import SQLiteLetters

        return SQLiteLetters(Path(place.removeprefix(FILE)), **settings)
    if SCHEMES.get(scheme) == "redis":
        from autoglm.kit.redis_letters import RedisLetters

        return RedisLetters(place, registry=registry, **settings)
    if SCHEMES.get(scheme) == "nats":
        from autoglm.kit.nats_letters import NATSLetters

        return NATSLetters(place, registry=registry, **settings)
    if SCHEMES.get(scheme) == "rabbitmq":
        from autoglm.kit.rabbitmq_letters import RabbitMQLetters

        return RabbitMQLetters(place, registry=registry, **settings)
    raise OptionError(f"queue {scheme}://...: expected a file, {FILE}FILE, redis://HOST, nats://HOST or amqp://HOST")


def wait(tries: int, base: float, longest: float, chance: Callable[[], float]) -> float:
    """Return the seconds that a job waits after a failed try: full jitter."""
    return chance() * min(longest, base * 2.0 ** min(tries, 60))


def unknown(id: str) -> UnknownLetterError:
    """Return the error that no dead letter has this id."""
    return UnknownLetterError(f"no dead letter has the id {id!r}; expected one that `autoglm dead list` shows")
