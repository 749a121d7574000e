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


def stays() -> bool:
    """Say of a client that it has not left."""
    return False


@dataclass(eq=False)
class Job:
    """Rows that wait for their answer; whether who asked has `left` is looked at when their turn comes."""

    rows: Any
    count: int
    left: Callable[[], bool]
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

    def ask(self, rows: Any, count: int, deadline: float, left: Callable[[], bool] = stays) -> Any:
        """Return the answer to rows.

        Parameters
        ----------
        left
            Whether nobody waits for the answer any more: then it costs nothing.

        Raises
        ------
        Refusal
            The deadline (of `time.monotonic`) passed while others were answered, or the client left.
        """
        job = Job(rows, count, left)
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

    def _batch(self) -> list[Job]:
        """Take the jobs at the front, as many as fit."""
        jobs: list[Job] = []
        count = 0
        while self._waiting and (not jobs or count + self._waiting[0].count <= self.most):
            job = self._waiting.popleft()
            if job.gone:
                continue
            if job.left():
                job.error, job.done = Refusal(Reason.GONE, "the client left before its turn came"), True
            else:
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
