"""Drift: the rows of the last while against training's profile, as meters and as JSON."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from autoglm import bundle
from autoglm.checks.profile import Profile
from autoglm.checks.shift import LEVEL, Shift, shifts
from autoglm.core.columns import joined
from autoglm.core.errors import MissingExtraError
from autoglm.core.metrics import softmax
from autoglm.core.task import Task
from autoglm.serving.observer import Seen

WINDOW = 10_000
LEAST = 100  # rows before which nothing is said
WAITING = 1_000  # requests that wait to be counted; further ones are left out of the sample
AT_ONCE = 128  # requests counted in one go: the service waits no longer than for one such
REST = 0.5  # seconds between two goes


class Drift:
    """An observer that counts served rows into training's bins, in a thread of its own.

    Parameters
    ----------
    folder
        The saved predictor that answers. When it is replaced by another, counting starts again.
    registry
        A `prometheus_client.CollectorRegistry` that gets ``autoglm_drift_psi{column}``, ``autoglm_drift_ks{column}``,
        ``autoglm_drift_alarm{column}`` (0, 1 moderate, 2 large), ``autoglm_drift_rows`` and
        ``autoglm_drift_left_out_total``. The answers are columns ``answer:TARGET`` and ``confidence:TARGET``.
    window
        Rows that are compared: the last so many.
    level
        Probability that a look at a window finds anything where nothing has changed.

    Raises
    ------
    FolderError
        The folder keeps no profile.
    """

    def __init__(
        self, folder: Path, registry: Any = None, window: int = WINDOW, least: int = LEAST, level: float = LEVEL
    ) -> None:
        self.folder, self.window, self.least, self.level = folder, window, least, level
        self.left_out = 0
        self._waiting: deque[Seen] = deque()
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._read()
        self._unregister: Callable[[], None] = lambda: None
        if registry is not None:
            _require()
            registry.register(self)
            self._unregister = lambda: registry.unregister(self)
        self._thread = threading.Thread(target=self._run, name="drift", daemon=True)
        self._thread.start()

    def saw(self, seen: Seen) -> None:
        """Take note of answered rows."""
        if len(self._waiting) < WAITING:
            self._waiting.append(seen)
        else:
            self.left_out += len(seen)

    def close(self) -> None:
        """Count what waits, then end."""
        self._ended.set()
        self._thread.join(5)
        self._unregister()
        self._unregister = lambda: None  # a service may be closed twice

    def flush(self) -> None:
        """Count what waits, now."""
        while self._step():
            pass

    @property
    def rows(self) -> int:
        """Rows in the window."""
        return min(self._seen, self.window)

    def shifts(self) -> list[Shift]:
        """Compare the window with training, the largest shift first; empty while there are too few rows."""
        with self._lock:
            if self.rows < self.least:
                return []
            profile, codes = self.profile, self._codes[: self.rows].copy()
        return shifts(profile, codes, self.level)

    def json(self) -> dict[str, Any]:
        """Return the comparison as JSON has it."""
        return {
            "rows": self.rows,
            "window": self.window,
            "left_out": self.left_out,
            "least": self.least,
            "shifts": [shift.json() for shift in self.shifts()],
        }

    def collect(self) -> Iterator[Any]:
        """Give Prometheus the gauges of this moment."""
        from prometheus_client import core

        gauges: Any = core.GaugeMetricFamily
        counters: Any = core.CounterMetricFamily
        found = self.shifts()
        grades = {"none": 0.0, "moderate": 1.0, "large": 2.0}
        meters: dict[str, tuple[str, Callable[[Shift], float]]] = {
            "autoglm_drift_psi": ("Population stability index less what chance gives", lambda s: s.psi),
            "autoglm_drift_ks": ("Kolmogorov-Smirnov statistic on training's bins", lambda s: s.ks),
            "autoglm_drift_alarm": ("0: none, 1: moderate, 2: large, beyond chance", lambda s: grades[s.verdict]),
        }
        for name, (words, value) in meters.items():
            gauge = gauges(name, words, labels=["column"])
            for shift in found:
                if np.isfinite(value(shift)):
                    gauge.add_metric([shift.name], value(shift))
            yield gauge
        yield gauges("autoglm_drift_rows", "Rows in the window that is compared", value=self.rows)
        yield counters("autoglm_drift_left_out", "Rows that were not counted", value=self.left_out)

    def _read(self) -> None:
        """Start again with the profile of the predictor that is in the folder now."""
        version, about = bundle.version_of(self.folder), bundle.unseal(self.folder)
        task = Task(about["task"]["kind"], about["task"]["target"], tuple(about["task"]["classes"]))
        profile = Profile.load(self.folder, task)
        with self._lock:
            self.version, self.profile, self._seen = version, profile, 0
            self._codes = np.zeros((self.window, len(profile.shapes)), dtype=np.int16)

    def _run(self) -> None:
        while not self._ended.wait(REST):
            self.flush()
        self.flush()

    def _step(self) -> bool:
        """Count some requests; False when none waits."""
        some: list[Seen] = []
        with contextlib.suppress(IndexError):  # there are no more
            while len(some) < AT_ONCE:
                some.append(self._waiting.popleft())
        if not some:
            return False
        try:
            self._count(some)
        except Exception:  # rows that cannot be counted must not end the counting of others
            self.left_out += sum(len(seen) for seen in some)
        return True

    def _count(self, some: list[Seen]) -> None:
        latest = some[-1].version
        if latest not in ("", self.version) and bundle.version_of(self.folder) == latest:
            self._read()
        mine = [seen for seen in some if seen.version in ("", self.version)]
        if not mine:
            return
        margins, task = np.concatenate([seen.margins for seen in mine]), self.profile.task
        predicted = margins[:, 0] if task.kind == "regression" else softmax(margins, task)
        codes = self.profile.codes(joined([seen.columns for seen in mine]), predicted)[-self.window :]
        with self._lock:
            self._codes[(self._seen + np.arange(len(codes))) % self.window] = codes
            self._seen += len(codes)


def _require() -> None:
    try:
        import prometheus_client  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("meters need the extra serve: pip install 'open-autoglm[serve]'") from error
