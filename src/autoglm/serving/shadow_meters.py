"""Meters of a shadow: what it took, dropped and lost, how long it took, and how far it was from what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any

from autoglm.core.errors import MissingExtraError
from autoglm.serving.store import Store


class ShadowMeters:
    """The meters of one shadow.

    Parameters
    ----------
    registry
        A `prometheus_client.CollectorRegistry`.
    """

    def __init__(self, registry: Any) -> None:
        try:
            from prometheus_client import Counter, Gauge, Histogram
        except ImportError as error:
            raise MissingExtraError("meters need the extra serve: pip install 'open-autoglm[serve]'") from error
        from autoglm.kit.meters import GAPS, SECONDS

        def counter(name: str, words: str) -> Any:
            return Counter(f"autoglm_shadow_{name}", words, registry=registry)

        self._counters = {
            "dropped": counter("dropped", "Requests that found no room in the queue"),
            "lost": counter("lost", "Requests that nothing was kept of"),
            "restarts": counter("restarts", "Times that the process ended"),
            "taken": counter("taken", "Requests answered in the shadow"),
            "errors": counter("errors", "Requests that failed in the shadow"),
        }
        self._told = dict.fromkeys(self._counters, 0)
        self._rows = counter("rows", "Rows answered in the shadow")
        self._equal = counter("equal_rows", "Rows with the same label")
        self._depth = Gauge("autoglm_shadow_queue_depth", "Requests that wait", registry=registry)
        self._dead = Gauge("autoglm_dlq_depth", "Dead letters", ("queue",), registry=registry).labels("shadow")
        self._gap = Histogram("autoglm_shadow_gap", "Gap to what was answered", registry=registry, buckets=GAPS)
        self._seconds = Histogram("autoglm_shadow_seconds", "Seconds a request", registry=registry, buckets=SECONDS)
        self._next = 0.0

    def taken(self, said: dict[str, Any]) -> None:
        """Count a parcel."""
        self._rows.inc(said["rows"])
        self._equal.inc(said["equal"])
        for gap in said["gaps"]:
            self._gap.observe(gap)
        for seconds in said["seconds"]:
            self._seconds.observe(seconds)

    def show(self, counts: Mapping[str, int], depth: int, store: Store) -> None:
        """Bring counters and gauges up to date; the store is asked every five seconds."""
        for name, counter in self._counters.items():
            now = counts[name]
            counter.inc(now - self._told[name])
            self._told[name] = now
        self._depth.set(depth)
        if monotonic() >= self._next:
            self._next = monotonic() + 5.0
            self._dead.set(store.depth())
