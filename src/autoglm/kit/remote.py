"""A broker behind a URL: where it is, said without its secrets, and guarded by retries and a circuit breaker."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from autoglm.core.errors import OptionError
from autoglm.kit.breaker import Breaker, CircuitOpenError, gauge
from autoglm.kit.letters import LetterError
from autoglm.kit.retry import counter, retry

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

Answer = TypeVar("Answer")
OPENING, PATIENCE = 3.0, 30.0  # seconds for which a broker is tried: at first, and once it has answered
FAILURES, PAUSE = 5, 2.0  # in a row, and the seconds for which the broker is then left alone
QUEUE = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Place:
    """Where a queue is.

    Parameters
    ----------
    url
        For the broker's library.
    queue
        Which queue of the broker.
    shown
        For people: the password is hidden, options are left out.
    """

    url: str
    queue: str
    shown: str

    @classmethod
    def of(cls, url: str) -> Place:
        """Read a URL; ``?queue=NAME`` is ours, all else the library's.

        Raises
        ------
        OptionError
            It has no host, a port that is none, or a name of a queue that cannot be one.
        """
        parts, shown = urlsplit(url), _shown(url)
        try:
            host = parts.hostname or parts.path if parts.scheme == "unix" else parts.hostname
            parts.port  # noqa: B018  (looking raises)
        except ValueError as error:
            raise OptionError(f"queue {shown!r}: {error}: expected {parts.scheme}://HOST:PORT") from error
        if not host:
            raise OptionError(f"queue {shown!r}: no host: expected {parts.scheme}://HOST:PORT")
        options = dict(parse_qsl(parts.query))
        queue = options.pop("queue", "jobs")
        if not QUEUE.fullmatch(queue):
            raise OptionError(f"queue {shown!r}: queue={queue!r}: expected letters, digits, - and _")
        return cls(parts._replace(query=urlencode(options)).geturl(), queue, shown)


def _shown(url: str) -> str:
    """Return a URL without options and secrets; a lone user is a token for some brokers."""
    scheme, _, rest = url.partition("://")
    place = rest.partition("?")[0]
    who, at, where = place.rpartition("@")
    user, colon, _ = who.partition(":")
    return f"{scheme}://{user + ':***' if colon else '***' if at else ''}{at}{where}"


class Remote:
    """Calls of one broker.

    Parameters
    ----------
    place
        Where it is.
    transient
        What is tried again: the exceptions of a broker that cannot be reached just now.
    errors
        What else the library raises.
    registry
        Of the meters ``autoglm_circuit_state`` and ``autoglm_remote_failures_total``; None: none.
    """

    def __init__(
        self,
        place: Place,
        transient: tuple[type[Exception], ...],
        errors: tuple[type[Exception], ...],
        registry: CollectorRegistry | None = None,
    ) -> None:
        self.place, self.patience = place, OPENING
        self._transient: tuple[type[Exception], ...] = (*transient, CircuitOpenError)
        self._errors: tuple[type[Exception], ...] = (*self._transient, *errors)
        self._name = place.url.partition(":")[0]
        self._failures = counter(registry) if registry else None
        states = gauge(registry) if registry else None
        self._breaker = Breaker(self._name, failures=FAILURES, pause=PAUSE, states=states)

    def ask(self, action: Callable[[], Answer]) -> Answer:
        """Run `action`, again while the broker cannot be reached, for a while; it must be safe to run twice.

        Raises
        ------
        LetterError
            The broker cannot be reached, or refuses.
        """
        try:
            found = retry(
                lambda: self._breaker.call(action),
                self._name,
                on=self._transient,
                attempts=None,
                timeout=self.patience,
                longest=1.0,
                failures=self._failures,
            )
        except self._errors as error:
            why = str(error).strip() or type(error).__name__
            raise LetterError(
                f"queue {self.place.shown!r}: {why}; nothing that it had accepted is lost: start the broker, or name "
                "another by --queue"
            ) from error
        self.patience = PATIENCE
        return found
