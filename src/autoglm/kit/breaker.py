"""A circuit breaker: after some failures in a row a remote part is left alone for a while, then probed once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Gauge

Answer = TypeVar("Answer")
CLOSED, HALF_OPEN, OPEN = 0, 1, 2  # what the gauge shows


class CircuitOpenError(ConnectionError):
    """The remote part was not asked: it failed too often a moment ago."""


def gauge(registry: CollectorRegistry) -> Gauge:
    """Make the gauge ``autoglm_circuit_state{name}`` that all breakers of one registry share."""
    from prometheus_client import Gauge

    meaning = "State of a circuit breaker: 0 closed, 1 half open, 2 open"
    return Gauge("autoglm_circuit_state", meaning, ["name"], registry=registry)


class Breaker:
    """Guard calls of one remote part; threads may share it.

    Parameters
    ----------
    name
        Of the remote part, as the gauge and the errors call it.
    failures
        Failures in a row that open the circuit.
    pause
        Seconds until one call may probe whether the part is back.
    states
        See `gauge`; None: not shown.
    clock
        Seconds that never run backwards.
    """

    def __init__(
        self,
        name: str,
        *,
        failures: int = 5,
        pause: float = 10.0,
        states: Gauge | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self.failures, self.pause, self._clock = name, failures, pause, clock
        self._shown = states.labels(name) if states else None
        self._lock, self._failed, self._opened = threading.Lock(), 0, 0.0
        self._move(CLOSED)

    def call(self, action: Callable[[], Answer]) -> Answer:
        """Run `action` and return its answer.

        Raises
        ------
        CircuitOpenError
            The circuit is open, or another call probes just now.
        """
        self._enter()
        try:
            answer = action()
        except BaseException:
            self._failure()
            raise
        self._success()
        return answer

    def _enter(self) -> None:
        with self._lock:
            if self.state == CLOSED:
                return
            left = self._opened + self.pause - self._clock()
            if self.state == HALF_OPEN or left > 0:
                raise CircuitOpenError(
                    f"{self.name}: not asked after {self._failed} failures in a row; next probe in {max(0, left):.1f} s"
                )
            self._move(HALF_OPEN)

    def _failure(self) -> None:
        with self._lock:
            self._failed += 1
            if self.state == HALF_OPEN or self._failed >= self.failures:
                self._opened = self._clock()
                self._move(OPEN)

    def _success(self) -> None:
        with self._lock:
            if self.state != OPEN:  # a slow call from before the circuit opened proves nothing
                self._failed = 0
                self._move(CLOSED)

    def _move(self, state: int) -> None:
        self.state = state
        if self._shown:
            self._shown.set(state)
