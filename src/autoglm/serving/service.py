"""Service: one object that answers and explains rows, whatever protocol they came by.

The predictor is read whole and tried before it answers, so a reload never makes a request wait, and a damaged folder
never replaces one that works.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from time import monotonic, perf_counter, time
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from autoglm.bundle import version_of
from autoglm.core.columns import Column, joined
from autoglm.core.errors import AutoGLMError, FolderError
from autoglm.core.memory import give_back
from autoglm.core.metrics import softmax
from autoglm.core.task import Task
from autoglm.explainers.explanation import Explanation
from autoglm.kit.meters import Meters
from autoglm.kit.settings import ServeSettings
from autoglm.kit.traces import Traces
from autoglm.predictor import Predictor, decide
from autoglm.serving import watching
from autoglm.serving.observer import Observer, Seen
from autoglm.serving.queue import Queue, stays
from autoglm.serving.refusal import Reason, Refusal
from autoglm.serving.schema import Schema

TRIES = 3  # readings of a folder that changes meanwhile


@dataclass(frozen=True)
class Call:
    """What came with a request besides its rows.

    Parameters
    ----------
    deadline
        Of `time.monotonic`.
    left
        Whether nobody waits for the answer any more.
    """

    deadline: float
    id: str = field(default_factory=lambda: uuid4().hex)
    traceparent: str = ""
    left: Callable[[], bool] = stays


@dataclass(frozen=True, eq=False)
class Model:
    """A predictor that answers, with its version and what it wants."""

    predictor: Predictor
    version: str
    schema: Schema

    @property
    def task(self) -> Task:
        """What is predicted."""
        return self.predictor.task

    @cached_property
    def classes(self) -> str:
        """The classes as clients are told, a line each."""
        return "\n".join(map(str, self.task.classes))

    @classmethod
    def read(cls, folder: Path) -> Model:
        """Read a folder whole and try it on a row that lacks everything.

        It is read by a thread of its own: XGBoost leaves the bytes that a booster was written to with the thread that
        asked, until that thread ends or frees the booster itself, and a model that is replaced is freed by whoever
        answers last.

        Raises
        ------
        FolderError
            The folder is missing or damaged, or is being written all the time.
        """
        for _ in range(TRIES):
            version = version_of(folder)
            with ThreadPoolExecutor(1, thread_name_prefix="read") as reader:
                model = reader.submit(cls._tried, folder, version).result()
            if version_of(folder) == version:
                return model
        raise FolderError(f"{str(folder)!r} changed while it was read, {TRIES} times: write it elsewhere and rename it")

    @classmethod
    def _tried(cls, folder: Path, version: str) -> Model:
        predictor = Predictor.load(folder)
        model = cls(predictor, version, Schema.of(predictor.about))
        blank = model.schema.columns([{f.name: None for f in model.schema.fields}])
        predictor.prepare()
        predictor.blend(predictor.features(blank))
        return model


@dataclass(frozen=True, eq=False)
class Answer:
    """What a request gets.

    Parameters
    ----------
    margins
        Shape (n_rows, scores).
    """

    model: Model
    margins: NDArray[np.float64]

    @cached_property
    def probability(self) -> NDArray[np.float64] | None:
        """Shape (n_rows, n_classes); None for a regression."""
        return None if self.model.task.kind == "regression" else softmax(self.margins, self.model.task)

    @property
    def labels(self) -> NDArray[Any]:
        """Classes, or values, shape (n_rows,)."""
        probability = self.probability
        if probability is None:
            return self.margins[:, 0]
        return np.asarray(self.model.task.decode(decide(probability, self.model.predictor.offsets)))

    def take(self, rows: slice) -> Answer:
        """Return the given rows."""
        return Answer(self.model, self.margins[rows])


class Service:
    """Answers and explains rows.

    Parameters
    ----------
    folder
        A saved predictor.
    settings
        Limits and the model's name.
    observers
        Who looks on besides those that the settings name.

    Raises
    ------
    FolderError
        The folder is missing or damaged.
    AutoGLMError
        An observer cannot be had; see `autoglm.serving.watching.observers`.
    """

    def __init__(
        self,
        folder: Path,
        settings: ServeSettings,
        meters: Meters | None = None,
        traces: Traces | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.folder, self.settings = folder, settings
        self.meters = meters or Meters()
        self.traces = traces or Traces(None, "autoglm")
        self.ready = True
        self._free = threading.Semaphore(settings.concurrency)
        self._predictions = Queue(partial(_by_model, self._answer), settings.rows)
        self._explanations = Queue(partial(_by_model, self._explain), settings.rows)  # holds up no prediction
        self._encode, self._model = (self.meters.of(self.meters.stages, name) for name in ("encode", "model"))
        self.model = Model.read(folder)
        self.observers = (*observers, *watching.observers(folder, settings, self.meters.registry))
        self._tell()

    def call(
        self, seconds: float | None = None, traceparent: str = "", id: str = "", left: Callable[[], bool] = stays
    ) -> Call:
        """Return what comes with a request: its deadline is the client's, or ours where that is sooner."""
        limit = self.settings.deadline if seconds is None else min(seconds, self.settings.deadline)
        return Call(monotonic() + limit, id or uuid4().hex, traceparent, left)

    def predict(self, columns: Sequence[Column], call: Call, model: Model) -> Answer:
        """Answer rows.

        Raises
        ------
        Refusal
            Too many rows or requests, too late, or the client left.
        """
        with self._admitted(columns), self.meters.predicted.time():
            with self.traces.span("predict", call.traceparent) as traceparent:
                answer: Answer = self._predictions.ask((model, columns), len(columns[0]), call.deadline, call.left)
            self._show(answer, columns, call, traceparent)
            return answer

    def explain(self, columns: Sequence[Column], call: Call, model: Model) -> Explanation:
        """Explain rows; see `predict`."""
        with self._admitted(columns), self.meters.explained.time():
            with self.traces.span("explain", call.traceparent) as traceparent:
                found: Explanation = self._explanations.ask((model, columns), len(columns[0]), call.deadline, call.left)
            for gap in found.gap:
                self.meters.gap.observe(gap)
            self._show(Answer(model, found.margins), columns, call, traceparent)
            return found

    def reload(self) -> str:
        """Read the folder again; return the version that answers from now on.

        Raises
        ------
        AutoGLMError
            The folder is damaged; what answered before goes on.
        """
        try:
            model = Model.read(self.folder)
        except Exception as error:
            self.meters.of(self.meters.reloads, "refused").inc()
            raise error if isinstance(error, AutoGLMError) else Refusal(Reason.INTERNAL, str(error)) from error
        self.model = model
        give_back()
        self.meters.of(self.meters.reloads, "read").inc()
        self._tell()
        return model.version

    def changed(self) -> bool:
        """Whether the folder's manifest is another than that of the model that answers."""
        return version_of(self.folder) not in ("", self.model.version)

    def close(self) -> None:
        """End those who look on."""
        self.ready = False
        for observer in self.observers:
            observer.close()
        self.traces.close()

    def _tell(self) -> None:
        self.meters.model.clear()
        self.meters.model.labels(self.settings.name, self.model.version).set(1)

    @contextmanager
    def _admitted(self, columns: Sequence[Column]) -> Iterator[None]:
        count = len(columns[0]) if columns else 0
        if not count:
            raise Refusal(Reason.ROWS, "no rows: send at least one")
        if count > self.settings.rows:
            raise Refusal(Reason.TOO_LARGE, f"{count:,} rows: at most {self.settings.rows:,} in a request; send parts")
        if not self._free.acquire(blocking=False):
            raise Refusal(
                Reason.BUSY, f"{self.settings.concurrency} requests are being answered: come again in a moment"
            )
        self.meters.in_flight.inc()
        try:
            yield
        except Exception:
            self.meters.of(self.meters.failed, self.settings.name).inc()
            raise
        finally:
            self.meters.in_flight.dec()
            self._free.release()
        self.meters.of(self.meters.succeeded, self.settings.name).inc()
        self.meters.of(self.meters.rows, self.settings.name).inc(count)

    def _answer(self, model: Model, columns: Sequence[Column]) -> Answer:
        began = perf_counter()
        features = model.predictor.features(columns)
        encoded = perf_counter()
        margins = model.predictor.blend(features)
        self._encode.observe(encoded - began)
        self._model.observe(perf_counter() - encoded)
        return Answer(model, margins)

    def _explain(self, model: Model, columns: Sequence[Column]) -> Explanation:
        with self.meters.stage("encode"):
            features = model.predictor.features(columns)
        with self.meters.stage("explain"):
            return model.predictor.explained(features, threads=1)  # others would set up boosters that predict meanwhile

    def _show(self, answer: Answer, columns: Sequence[Column], call: Call, traceparent: str) -> None:
        if self.observers:
            seen = Seen(call.id, columns, answer.margins, traceparent, time(), answer.model.version)
            for observer in self.observers:
                observer.saw(seen)


def _by_model(work: Callable[[Model, Sequence[Column]], Any], jobs: Sequence[tuple[Model, Sequence[Column]]]) -> Any:
    """Do the work for the rows of jobs, all of a model at once; return what each job gets."""
    if len(jobs) == 1:
        return [work(*jobs[0])]
    found: list[Any] = [None] * len(jobs)
    for model in {id(job[0]): job[0] for job in jobs}.values():
        mine = [i for i, job in enumerate(jobs) if job[0] is model]
        whole = work(model, joined([jobs[i][1] for i in mine]))
        end = 0
        for i in mine:
            start, end = end, end + len(jobs[i][1][0])
            found[i] = whole.take(slice(start, end))
    return found
