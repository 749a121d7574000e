"""Shadow: an observer that hands requests to a process of its own, which may be slow, die or be full.

Nothing waits for it. What it cannot take now becomes a dead letter in the store, to be answered when it is idle; what
cannot even be kept is counted. Both count against coverage.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections import deque
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

from autoglm import bundle
from autoglm.core.errors import OptionError, listing
from autoglm.serving.child import Child
from autoglm.serving.observer import Seen
from autoglm.serving.parcel import Parcel
from autoglm.serving.shadow_meters import ShadowMeters
from autoglm.serving.shadowing import Orders
from autoglm.serving.store import Store, StoreError

REQUESTS, ROWS = 1_000, 50_000  # that wait in memory, and as many again on their way to the dead letters
AT_ONCE, ROWS_AT_ONCE = 64, 1_000  # of a parcel: the service is held up no longer than by packing one
AHEAD = 2  # parcels that the process has before it said anything of them
REST = 0.2  # seconds between two looks at what waits
STUCK = 300.0  # seconds without a word after which the process is ended
WAITS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)  # seconds before the process is started again
HEALTHY = 60.0  # seconds of life after which it is started again at once

Keyed = tuple[str, Seen]


class Shadow:
    """Runs another predictor, or explanations, behind a service.

    Parameters
    ----------
    folder
        The predictor that answers.
    store
        Where results go: a file, ``sqlite:///FILE`` or ``postgresql://...``.
    other
        Another predictor that answers the same rows; None for none.
    explain
        Whether each answer is explained.
    registry
        A `prometheus_client.CollectorRegistry` that gets the meters ``autoglm_shadow_*`` and
        ``autoglm_dlq_depth{queue="shadow"}``.
    most
        Answers that the store keeps, the newest.

    Raises
    ------
    FolderError
        A folder is missing or damaged.
    OptionError
        There is nothing to do, or the other predictor answers something else.
    StoreError
        The store cannot be reached.
    """

    def __init__(
        self,
        folder: Path,
        store: str,
        other: Path | None = None,
        explain: bool = False,
        registry: Any = None,
        most: int = 100_000,
        requests: int = REQUESTS,
    ) -> None:
        _check(folder, other, explain)
        self.orders = Orders(
            str(folder.resolve()), _absolute(store), str(other.resolve()) if other else "", explain, most
        )
        self._store, self._most = Store(self.orders.store, most), requests
        self._store.tell({"folder": self.orders.folder, "other": self.orders.other})
        self._meters = ShadowMeters(registry) if registry is not None else None
        self.dropped = self.lost = self.restarts = self.taken = self.errors = 0
        self._lock, self._ended, self._wake = threading.Lock(), threading.Event(), threading.Event()
        self._waiting: deque[Keyed] = deque()
        self._over: deque[Keyed] = deque()
        self._rows = self._unsaid = 0
        self._ahead: deque[Parcel] = deque()
        self._child: Child | None = None
        self._heard = self._due = 0.0
        self._falls = 0
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
        self._thread.start()

    def saw(self, seen: Seen) -> None:
        """Take note of answered rows; what finds no room becomes a dead letter, or is counted as lost."""
        keyed, rows = (uuid4().hex, seen), len(seen)
        with self._lock:
            fits = self._rows + rows <= 2 * ROWS
            if fits and len(self._waiting) < self._most and self._rows + rows <= ROWS:
                self._waiting.append(keyed)
                self._rows += rows
                return
            self.dropped += 1
            if fits and len(self._over) < self._most:
                self._over.append(keyed)
                self._rows += rows
            else:
                self.lost += 1
                self._unsaid += 1

    @property
    def depth(self) -> int:
        """Requests that wait in memory or in the process."""
        return len(self._waiting) + sum(len(parcel.requests) for parcel in list(self._ahead))

    def drain(self, seconds: float) -> bool:
        """Wait until all that was seen is in the store, answered or a dead letter; False when that takes longer."""
        until = monotonic() + seconds
        while self.depth or self._over or self._unsaid:
            if monotonic() > until or not self._thread.is_alive():
                return False
            self._ended.wait(0.02)
        return True

    def close(self, seconds: float = 5.0) -> None:
        """Give the process a moment to finish; what is left becomes dead letters."""
        self.drain(seconds)
        self._ended.set()
        self._wake.set()
        self._thread.join(10)
        self._store.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._wake.wait(REST)
            self._wake.clear()
            try:
                self._look()
                self._send()
                self._bury()
            except StoreError:
                self._ended.wait(1.0)  # full or away: what waits stays, what comes is counted
            self._show()
        self._end()

    def _look(self) -> None:
        """See to it that the process lives."""
        if self._child is not None and self._child.alive:
            if self._ahead and monotonic() - self._heard > STUCK:
                self._child.kill()
            return
        if self._child is not None:
            self._fallen(self._child)
        self._bury_ahead()
        if monotonic() >= self._due:
            self._heard = monotonic()
            self._child = Child("autoglm.serving.shadowing", self._hear, STUCK)
            self._child.give(json.dumps(asdict(self.orders)).encode())

    def _fallen(self, child: Child) -> None:
        """Set when the process is started again."""
        child.end(0)
        self._child = None
        if monotonic() - child.started > HEALTHY:
            self._falls = 0
        self._due = monotonic() + WAITS[min(self._falls, len(WAITS) - 1)]
        self._falls += 1
        self.restarts += 1

    def _bury_ahead(self) -> None:
        """Make dead letters of what a process had that ended."""
        while self._ahead:
            self._store.bury(self._ahead[0], "the shadow's process ended")
            self._ahead.popleft()

    def _send(self) -> None:
        while self._child is not None and len(self._ahead) < AHEAD and (some := self._some(self._waiting)):
            parcel = self._packed(some)
            if parcel is None:
                continue
            self._ahead.append(parcel)
            self._heard = monotonic()
            if not self._child.give(parcel.pack()):
                self._child.kill()
                return

    def _bury(self) -> None:
        """Write what found no room as dead letters, and what was lost as a number."""
        while some := self._some(self._over, take=False):
            parcel = self._packed(some)
            if parcel is not None:
                self._store.bury(parcel, "the queue was full")
            self._some(self._over)
        if lost := self._unsaid:
            self._store.lose(lost)
            with self._lock:
                self._unsaid -= lost

    def _some(self, queue: deque[Keyed], take: bool = True) -> list[Keyed]:
        """Return the first requests of a queue that are of one version and of the same columns."""
        with self._lock:
            some: list[Keyed] = []
            rows = 0
            for keyed in itertools.islice(queue, AT_ONCE):
                rows += len(keyed[1])
                if some and (rows > ROWS_AT_ONCE or not _alike(keyed[1], some[0][1])):
                    break
                some.append(keyed)
            for _ in some if take else ():
                self._rows -= len(queue.popleft()[1])
            return some

    def _packed(self, some: list[Keyed]) -> Parcel | None:
        try:
            return Parcel.of(some)
        except Exception:  # rows that do not go together: none of them is worth the service
            self._lose(len(some))
            return None

    def _hear(self, said: dict[str, Any]) -> None:
        """Take what the process says; it says it of parcels in the order in which it got them."""
        self._heard = monotonic()
        if self._ahead and ("taken" in said or said.get("failed") == "taken"):
            self._answered(said)
        if len(self._waiting) >= AT_ONCE:  # otherwise many small parcels would go, and each costs the service
            self._wake.set()

    def _answered(self, said: dict[str, Any]) -> None:
        if "failed" in said:  # the store was away or full: one more try, later
            try:
                self._store.bury(self._ahead[0], said["error"])
            except StoreError:
                self._lose(len(self._ahead[0].requests))
        else:
            self.taken += said["taken"]
            self.errors += said["errors"]
            if self._meters is not None:
                self._meters.taken(said)
        self._ahead.popleft()

    def _lose(self, requests: int) -> None:
        with self._lock:
            self.lost += requests
            self._unsaid += requests

    def _show(self) -> None:
        if self._meters is not None:
            names = ("dropped", "lost", "restarts", "taken", "errors")
            with contextlib.suppress(StoreError):
                self._meters.show({name: getattr(self, name) for name in names}, self.depth, self._store)

    def _end(self) -> None:
        """End the process and keep what it had not answered."""
        if self._child is not None:
            self._child.end(2)
        with contextlib.suppress(StoreError):
            self._bury_ahead()
            while some := self._some(self._waiting):
                if (parcel := self._packed(some)) is not None:
                    self._store.bury(parcel, "the service ended")
            self._bury()
        self._show()


def _alike(one: Seen, other: Seen) -> bool:
    names = ([column.name for column in seen.columns] for seen in (one, other))
    return one.version == other.version and next(names) == next(names)


def _check(folder: Path, other: Path | None, explain: bool) -> None:
    """Refuse what could never work."""
    if other is None and not explain:
        raise OptionError("a shadow has nothing to do: name another folder, or ask for explanations")
    main = bundle.unseal(folder)
    if other is None:
        return
    second = bundle.unseal(other)
    for name in ("kind", "target", "classes"):
        if main["task"][name] != second["task"][name]:
            raise OptionError(
                f"shadow {str(other)!r} predicts {name} {second['task'][name]!r}, the service {main['task'][name]!r}: "
                "expected a predictor of the same task"
            )
    known = {c["name"] for c in main["columns"] if c["used"]}
    lacking = [c["name"] for c in second["columns"] if c["used"] and c["name"] not in known]
    if lacking:
        raise OptionError(
            f"shadow {str(other)!r} needs columns that requests do not bring: {listing(lacking)}; expected those of "
            f"{str(folder)!r}"
        )


def _absolute(store: str) -> str:
    """Return a store that another process finds too."""
    return str(Path(store).resolve()) if "://" not in store else store
