"""A queue before the model: whoever has its turn answers for all that wait, so that requests under load share a call.

Nobody waits for others to come: a request that is alone is answered at once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from autoglm.serving.refusal import Reason, Refusal


@dataclass(eq=False)
class Job:
    """Rows that wait for their answer."""

    rows: Any
    count: int
    answer: Any = None
    error: BaseException | None = None
    done: bool = False
    gone: bool = False


@dataclass
class Queue:
    """Jobs of many threads, answered in batches.

    Parameters
    ----------
    answer
        From the rows of jobs to an answer each.
    most
        Rows in a batch.
    """

    answer: Callable[[Sequence[Any]], Sequence[Any]]
    most: int
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _waiting: deque[Job] = field(default_factory=deque)

    def ask(self, rows: Any, count: int, deadline: float) -> Any:
        """Return the answer to rows.

        Raises
        ------
        Refusal
            The deadline (of `time.monotonic`) passed while others were answered.
        """
        job = Job(rows, count)
        self._waiting.append(job)
        if not self._turn.acquire(timeout=max(0.0, deadline - monotonic())):
            job.gone = True
            if not job.done:
                raise Refusal(Reason.LATE, "the deadline passed while the request waited for its turn")
        else:
            try:
                while not job.done:
                    self._serve(self._batch())
            finally:
                self._turn.release()
        if job.error is not None:
            raise job.error
        return job.answer

    def alone(self, call: Callable[[], Any], deadline: float) -> Any:
        """Run a call when the model is free."""
        if not self._turn.acquire(timeout=max(0.0, deadline - monotonic())):
            raise Refusal(Reason.LATE, "the deadline passed while the request waited for its turn")
        try:
            return call()
        finally:
            self._turn.release()

    def _batch(self) -> list[Job]:
        """Take the jobs at the front, as many as fit."""
        jobs: list[Job] = []
        count = 0
        while self._waiting and (not jobs or count + self._waiting[0].count <= self.most):
            job = self._waiting.popleft()
            if not job.gone:
                jobs.append(job)
                count += job.count
        return jobs

    def _serve(self, jobs: list[Job]) -> None:
        try:
            for job, found in zip(jobs, self.answer([job.rows for job in jobs]), strict=True):
                job.answer, job.done = found, True
        except Exception as error:
            if len(jobs) > 1:  # one of them is at fault: each answers for itself
                for job in jobs:
                    self._serve([job])
            else:
                jobs[0].error, jobs[0].done = error, True
