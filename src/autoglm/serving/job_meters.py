"""Meters of a worker: how its jobs ended and how long they took, and how many letters wait or are dead."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from autoglm.core.errors import MissingExtraError
from autoglm.kit.letters import LetterError, Letters

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

SECONDS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
LOOK = 5.0  # seconds between two counts
QUEUE = "jobs"  # what the label says


class JobMeters:
    """The meters of one worker.

    Parameters
    ----------
    registry
        Where they live.

    Raises
    ------
    MissingExtraError
        prometheus-client is not installed.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        try:
            from prometheus_client import Counter, Gauge, Histogram
        except ImportError as error:
            raise MissingExtraError("meters need the extra serve: pip install 'open-autoglm[serve]'") from error
        self._ended = Counter("autoglm_jobs", "Jobs that ended here", ("outcome",), registry=registry)
        self._seconds = Histogram("autoglm_job_seconds", "Seconds a job", registry=registry, buckets=SECONDS)
        self._waiting = Gauge("autoglm_queue_depth", "Jobs that wait or are being done", ("queue",), registry=registry)
        self._dead = Gauge("autoglm_dlq_depth", "Dead letters", ("queue",), registry=registry)
        self._next = 0.0

    def ended(self, outcome: str, seconds: float) -> None:
        """Count a job that is ``done``, ``failed``, or ``lost`` to another worker."""
        self._ended.labels(outcome).inc()
        self._seconds.observe(seconds)

    def look(self, letters: Letters) -> None:
        """Show how many letters there are, if that is not known from a moment ago."""
        if monotonic() >= self._next:
            self.show(letters)

    def show(self, letters: Letters) -> None:
        """Show how many letters there are; what cannot be asked shows what it had."""
        self._next = monotonic() + LOOK
        try:
            waiting, dead = letters.counts()
        except LetterError:
            return
        self._waiting.labels(QUEUE).set(waiting)
        self._dead.labels(QUEUE).set(dead)
