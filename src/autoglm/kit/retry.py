"""Try a remote call again, with exponential back-off and full jitter, by stamina."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from autoglm.core.errors import MissingExtraError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter

Answer = TypeVar("Answer")


def counter(registry: CollectorRegistry) -> Counter:
    """Make the counter ``autoglm_remote_failures_total{name}`` that all calls of one registry share."""
    from prometheus_client import Counter

    return Counter("autoglm_remote_failures", "Calls of a remote part that failed", ["name"], registry=registry)


def retry(
    action: Callable[[], Answer],
    name: str,
    *,
    on: tuple[type[Exception], ...] = (ConnectionError, TimeoutError),
    attempts: int | None = 5,
    timeout: float = 45.0,
    base: float = 0.1,
    longest: float = 5.0,
    failures: Counter | None = None,
    chance: Callable[[], float] = random.random,
) -> Answer:
    """Run `action` until it answers; the last failure is raised as it is.

    Parameters
    ----------
    action
        Must be safe to run twice.
    name
        Of the remote part, as the counter calls it.
    on
        What is tried again; every other exception is raised at once.
    attempts, timeout
        Tries (None: any number), and seconds from the first on, after which it gives up.
    base, longest
        Seconds: try n waits a random time up to ``min(longest, base * 2**n)`` (full jitter).
    failures
        See `counter`; None: not counted.
    chance
        A number from [0, 1).

    Raises
    ------
    MissingExtraError
        ``stamina`` is not installed; the message carries the pip line that cures it.
    """
    try:
        import stamina
    except ImportError as error:
        raise MissingExtraError("stamina is not installed: pip install 'open-autoglm[serve]'") from error
    tried = 0

    def wait(error: Exception) -> bool | float:
        nonlocal tried
        if not isinstance(error, on):
            return False
        tried += 1
        if failures:
            failures.labels(name).inc()
        return float(chance() * min(longest, base * 2.0 ** min(tried, 60)))

    for attempt in stamina.retry_context(on=wait, attempts=attempts, timeout=timeout):
        with attempt:
            return action()
    raise AssertionError("stamina raises the last failure")
