"""The loop that spends the budget: hands steps to workers, takes in what they finish, stops in time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from autoglm.core.budget import Budget
from autoglm.engine import worker
from autoglm.engine.journal import Candidate, Fit, Journal, read_fit
from autoglm.engine.pool import Answer, Pool
from autoglm.engine.race import Race
from autoglm.engine.schedule import SEARCH, Ask, Fold, Step

GRACE = 3.0  # seconds that a fit may run past twice its share before it is ended
LEADERS = 5  # candidates shown in an event
LEAST = 3.0  # seconds a fit is given at least, when there are any


@dataclass(frozen=True)
class Event:
    """Progress of a run, for people and logs.

    Parameters
    ----------
    kind
        ``"phase"``, ``"fit"``, ``"failed"`` or ``"note"``.
    elapsed
        Seconds since the call.
    message
        One line.
    score
        Best out-of-fold score of a single candidate so far, None before the first.
    fits
        Finished fits.
    leaders
        (candidate, out-of-fold score, finished folds) of the best few, best first.
    """

    kind: str
    elapsed: float
    message: str
    score: float | None = None
    fits: int = 0
    leaders: tuple[tuple[str, float, int], ...] = ()


Progress = Callable[[Event], None]


@dataclass
class Run:
    """One call's spending of the budget.

    Parameters
    ----------
    reserve
        Seconds kept back for the ensemble, the report and the saved folder.
    """

    race: Race
    journal: Journal
    pool: Pool
    budget: Budget
    identity: dict[str, Any]
    loss: str
    search: str
    reserve: float
    progress: Progress
    phases: dict[str, float]
    units: int = 0
    deciding: float = 0.0  # seconds that the last wave took to decide
    given_up: frozenset[str] = frozenset()  # candidates that had failed when the wave in hand was decided

    def spend(self, waves: Iterator[list[Step]]) -> None:
        """Work through the waves until they, the seconds or the units end; Ctrl-C ends it early."""
        pending: deque[Step] = deque()
        over = False
        while True:
            while not pending and not over and self._ready():
                began = time.monotonic()
                wave = next(waves, None)
                self.deciding = time.monotonic() - began
                self.given_up = frozenset(self.race.failed)
                over = wave is None
                pending.extend(wave or ())
            while pending and self.pool.idle and not self._spent():
                self._hand_out(pending.popleft())
            waiting = bool(self.pool.busy) and (self._left() > 0 or not self.budget.timed)
            if not waiting and (self._spent() or (over and not pending)):
                return
            for answer in self.pool.answers():
                self._take(answer)

    def _ready(self) -> bool:
        """Whether the next wave may be decided: in time, and in work mode only when nothing is in hand."""
        if self._spent() or (self.budget.timed and self._left() < self.deciding):
            return False
        return not any(j["verb"] == "ask" or not self.budget.timed for j in self.pool.busy)

    def _spent(self) -> bool:
        """Whether no further fit may start."""
        if self.budget.work is not None:
            return self.units >= self.budget.work
        return self._left() <= 0

    @property
    def exhausted(self) -> bool:
        """Whether earlier calls have spent all of the seconds."""
        return self.budget.timed and bool(self.race.begun) and self._left() <= 0

    def _left(self) -> float:
        """Seconds that fits may still use; the very first may use a little of the reserve."""
        left = self.budget.left()
        return left - self.reserve if self.race.begun else max(left - self.reserve, left + 0.7)

    def _hand_out(self, step: Step) -> None:
        started = time.monotonic()
        if isinstance(step, Ask):
            self.pool.send(self._question(step), started + max(1.0, self._left()))
            return
        failed = self.race.failed if self.budget.timed else self.given_up  # work must not depend on the clock
        if (step.repeat, step.fold) in self.race.fits.get(step.name, {}) or step.name in failed:
            return
        if any(j.get("key") == [step.name, step.repeat, step.fold] for j in self.pool.busy):
            return
        candidate = self.race.candidates[step.name]
        seconds = float("inf")
        if self.budget.timed:
            left = self._left()
            expected = self.race.seconds(step.name) or 0.0
            if expected > 1.6 * left and self.race.begun:
                return
            seconds = min(left, max(step.share * left, LEAST))
            if step.least > seconds * self.pool.threads:
                return
        self.units += 1
        place = self.journal.place(candidate, step.repeat, step.fold)
        if not self.budget.timed and (place / "fit.json").exists():  # of a call that was ended early: replayed
            self._finish(read_fit(place), step.phase)
            return
        self.pool.send(self._job(step, seconds), started + 2 * seconds + GRACE)

    def rescue(self) -> None:
        """Fit the answer that never fails in this process: for when no worker has finished anything in time."""
        name = self.race.add(Candidate("constant", {}))
        for fold in range(self.race.splits.count):
            step = Fold(name, 0, fold, 1.0, "safety net")
            worker.fit(self._job(step, float("inf")))
            self._finish(read_fit(self.journal.place(self.race.candidates[name], 0, fold)), step.phase)

    def _job(self, step: Fold, seconds: float) -> dict[str, Any]:
        candidate = self.race.candidates[step.name]
        return {
            "verb": "fit",
            "key": [step.name, step.repeat, step.fold],
            "phase": step.phase,
            "data": str(self.journal.data),
            "candidate": {"learner": candidate.learner, "settings": candidate.settings, "rows": candidate.rows},
            "place": str(self.journal.place(candidate, step.repeat, step.fold)),
            "repeat": step.repeat,
            "fold": step.fold,
            "seed": self.race.seed.value,
            "loss": self.loss,
            "threads": self.pool.threads if self.budget.timed else 1,
            "seconds": seconds if seconds < float("inf") else None,
            "elapsed": self.budget.elapsed(),
        }

    def _question(self, step: Ask) -> dict[str, Any]:
        return {
            "verb": "ask",
            "phase": step.phase,
            "sampler": self.search,
            "number": step.number,
            "count": SEARCH,
            "learners": step.learners,
            "trials": step.trials,
            "seed": self.race.seed.value,
            "elapsed": self.budget.elapsed(),
        }

    def _take(self, answer: Answer) -> None:
        job = answer.job
        phase = job.get("phase", "start")
        taken = self.budget.elapsed() - job.get("elapsed", self.budget.elapsed())
        self.phases[phase] = self.phases.get(phase, 0.0) + taken / len(self.pool.workers)
        if job["verb"] == "ask":
            for drawn in answer.reply.get("candidates", ()):
                name = self.race.add(Candidate(drawn["learner"], drawn["settings"]))
                if name not in self.race.searched:
                    self.race.searched.append(name)
            return
        if job["verb"] != "fit":
            return
        name, repeat, fold = job["key"]
        if not answer.ok:
            if "out of time" not in answer.reason:
                self.race.failed[name] = answer.reason
            self._tell("failed", f"{name} fold {fold}: {answer.reason}")
            return
        self._finish(read_fit(self.journal.place(self.race.candidates[name], repeat, fold)), phase)

    def _finish(self, fit: Fit, phase: str) -> None:
        self.race.finish(fit)
        self.journal.spend(self.identity, self.budget.elapsed())
        best = min(self.race.begun, key=self.race.error)
        score = self.race.ranking.score(self.race.error(best))
        self.race.timeline.append({"seconds": self.budget.elapsed(), "score": score, "name": best})
        fold = f"fold {fit.fold + 1}/{self.race.splits.count}"
        self._tell("fit", f"{phase}: {fit.candidate} {fold} {fit.seconds:.1f} s")

    def _tell(self, kind: str, message: str) -> None:
        score = self.race.timeline[-1]["score"] if self.race.timeline else None
        fits = sum(len(f) for f in self.race.fits.values())
        begun = sorted(self.race.begun, key=self.race.error)[:LEADERS]
        leaders = tuple((n, self.race.ranking.score(self.race.error(n)), len(self.race.fits[n])) for n in begun)
        self.progress(Event(kind, self.budget.elapsed(), message, score, fits, leaders))
