"""What is known of the candidates so far: their finished fits, their costs, their out-of-fold margins."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm.core.metrics import METRICS, Metric, known, softmax
from autoglm.core.seed import Seed
from autoglm.core.task import Task
from autoglm.engine.journal import Candidate, Fit
from autoglm.engine.splits import Splits
from autoglm.ensembles import greedy

Margins = NDArray[np.float64]
MOST_CANDIDATES = 30  # the best by themselves, among which members are chosen: a choice must not take seconds
FEWEST = 600  # rows that all candidates have judged, from which they can all be compared
LEAST_WEIGHT = 0.02  # members with less are noise of the selection
EQUALS, EQUAL = 5, 1.2  # candidates that share the pull of `steadied` at most, and their error relative to the best
PULL = 500  # rows on which selected weights and equal ones count the same
POINTWISE = ("log_loss", "rmse", "mae", "r2")  # means over rows; leaving rows out one by one makes the order look worse
BLEND_ROWS, BLEND_CELLS = 20_000, 200_000  # rows, and rows x scores, on which members are chosen


@dataclass
class Race:
    """The state of a run. The only mutable thing in the engine; everything in it can be read from the journal."""

    task: Task
    metric: Metric
    target: NDArray[Any]
    splits: Splits
    seed: Seed
    candidates: dict[str, Candidate] = field(default_factory=dict)
    fits: dict[str, dict[tuple[int, int], Fit]] = field(default_factory=lambda: defaultdict(dict))
    failed: dict[str, str] = field(default_factory=dict)
    searched: list[str] = field(default_factory=list)
    timeline: list[dict[str, Any]] = field(default_factory=list)
    net: tuple[str, ...] = ()
    _sums: dict[str, NDArray[Any]] = field(default_factory=dict)
    _counts: dict[str, NDArray[np.int16]] = field(default_factory=dict)
    _errors: dict[tuple[str, int, int], float] = field(default_factory=dict)
    _field: tuple[int, list[str], NDArray[np.intp]] | None = None

    def add(self, candidate: Candidate) -> str:
        """Register a candidate and return its name."""
        self.candidates.setdefault(candidate.name, candidate)
        return candidate.name

    def finish(self, fit: Fit) -> None:
        """Take in a finished fit."""
        name = fit.candidate
        if (fit.repeat, fit.fold) in self.fits[name]:
            return
        self.fits[name][fit.repeat, fit.fold] = fit
        if fit.repeat >= self.splits.judging:
            return
        if name not in self._sums:
            exact = np.float64 if len(self.splits.parts) > 1 else np.float32  # sums in any order are the same
            self._sums[name] = np.zeros((len(self.target), self.task.scores), dtype=exact)
            self._counts[name] = np.zeros(len(self.target), dtype=np.int16)
        rows = self.splits.rows(fit.repeat, fit.fold)[1]
        self._sums[name][rows] += fit.honest if self.ranking.name in POINTWISE else fit.margins
        self._counts[name][rows] += 1

    def done(self, name: str, repeat: int = 0) -> int:
        """Return how many folds of a repeat are finished."""
        return sum(r == repeat for r, _ in self.fits.get(name, {}))

    def answering(self, name: str) -> list[tuple[int, int]]:
        """Return the fits (repeat, fold) of a candidate that are to answer new rows, the first folds first."""
        taught = sorted(key for key in self.fits[name] if key[0] >= self.splits.judging)
        return taught or sorted(self.fits[name])

    def margins(self, name: str, rows: slice | NDArray[np.intp] = slice(None)) -> Margins:
        """Out-of-fold margins of some rows (positions; all by default), averaged over repeats, shape (n, scores)."""
        count = np.maximum(self._counts[name][rows], 1)[:, None]
        return np.asarray(self._sums[name][rows] / count, dtype=np.float64)

    def covered(self, name: str) -> NDArray[np.bool_]:
        """Which rows a candidate has judged, shape (n_rows,)."""
        return self._counts[name] > 0

    def seconds(self, name: str) -> float | None:
        """Seconds that a further fit of a candidate will take, by its own or its learner's longest fit."""
        own = [f.seconds for f in self.fits.get(name, {}).values()]
        if own:
            return max(own)
        learner = self.candidates[name].learner
        kin = [
            f.seconds for n, c in self.candidates.items() if c.learner == learner for f in self.fits.get(n, {}).values()
        ]
        return float(np.mean(kin)) if kin else None

    def error(self, name: str, folds: int = 0) -> float:
        """Out-of-fold error of a candidate on the rows it has judged (of the first `folds` folds, to compare)."""
        key = (name, len(self.fits[name]), folds)
        if key not in self._errors:
            rows = self.covered(name)
            rows = rows & (self.splits.parts[0] < folds) if folds else rows
            self._errors[key] = self.judge(rows)(self.margins(name)[rows])
        return self._errors[key]

    def judge(self, rows: NDArray[np.bool_ | np.intp]) -> Callable[[Margins], float]:
        """Return the error of margins on some rows; metrics of labels are replaced by the log-loss."""
        target, metric, task = self.target[rows], self.ranking, self.task

        def error(margins: Margins) -> float:
            answers = margins[:, 0] if metric.needs == "value" else softmax(margins, task)
            try:
                return metric.error(target, answers)
            except Exception:
                if known(metric):
                    raise
                return float("inf")  # a user's function may not be defined where a class is missing

        return error

    @property
    def begun(self) -> list[str]:
        """Candidates with at least one finished fit that judges rows."""
        return [n for n in self.fits if n in self._counts]

    @property
    def ranking(self) -> Metric:
        """The metric that members are chosen by."""
        return METRICS["log_loss"] if self.metric.needs == "label" else self.metric

    def blend(self, steps: int = 40, bags: int = 0) -> greedy.Blend:
        """Select members, among the candidates that have judged much or among all: whichever does better on new rows.

        Candidates that have judged half as many rows as the most finished one, or more, can be chosen on many rows;
        where fits are slow these are two or three, and a choice among all on the rows of the first fold is better.

        Parameters
        ----------
        steps
            Additions at most.
        bags
            Random halves of the rows on which the selection is repeated and averaged; 0: once on all rows.
        """
        if not self.begun:
            return greedy.Blend({}, float("inf"))
        return self._select(*self._comparable(), steps, bags)

    def steadied(self, blend: greedy.Blend) -> greedy.Blend:
        """Pull the weights of a blend towards equal ones of the best few candidates, the more the fewer the rows.

        On a few hundred rows most of what a selection gains is luck; equal weights of what is good by itself lose less
        on new rows than it does. The pull is that of `PULL` rows of a prior: n rows keep n / (n + `PULL`).
        """
        if not blend.weights:
            return blend
        names, rows = self._comparable()
        common = rows[np.all([self.covered(n)[rows] for n in names], axis=0)]
        if not len(common):
            return blend
        judge = self.judge(common)
        errors = {n: judge(self.margins(n, common)) for n in names}
        best = sorted(names, key=lambda n: (errors[n], n))[:EQUALS]
        best = [n for n in best if errors[n] <= EQUAL * errors[best[0]]]
        kept = len(rows) / (len(rows) + PULL)
        weights = {n: kept * w for n, w in blend.weights.items()}
        for name in best:
            weights[name] = weights.get(name, 0.0) + (1 - kept) / len(best)
        return self._blend(weights, rows)

    def safe(self, choices: list[greedy.Blend]) -> greedy.Blend:
        """Return the first blend that no member of the safety net surpasses out of fold, or else the last."""
        rows = self._comparable()[1]
        begun = set(self.begun)
        net = [n for n in self.net if n in begun and self.covered(n)[rows].all()]
        judge = self.judge(rows)
        limit = min((judge(self.margins(n, rows)) for n in net), default=float("inf"))
        return next((blend for blend in choices if blend.error <= limit), choices[-1])

    def _comparable(self) -> tuple[list[str], NDArray[np.intp]]:
        """Return what `_compared` says of the fits so far; it is asked once."""
        fits = sum(map(len, self.fits.values()))
        if self._field is None or self._field[0] != fits:
            self._field = fits, *self._compared()
        return self._field[1:]

    def _compared(self) -> tuple[list[str], NDArray[np.intp]]:
        """Return the candidates to select among and the rows on which to do it; see `blend`."""
        begun = sorted(self.begun)  # whatever order the fits came in
        names = [n for n in begun if self.candidates[n].learner != "constant"] or begun
        most = max(int(self.covered(n).sum()) for n in names)
        proven = [n for n in names if 2 * int(self.covered(n).sum()) >= most]
        rows = self._at_most(np.flatnonzero(next(c for c in map(self.covered, proven) if int(c.sum()) == most)))
        every = [n for n in names if (0, 0) in self.fits[n]]
        common = self._at_most(self.splits.rows(0, 0)[1])
        if set(proven) < set(every) and len(common) >= FEWEST:
            halves = np.isin(common, self._some(common, len(common) // 2, -1), assume_unique=True)
            tests = [common[halves], common[~halves]]
            if self._honest(every, common, tests) < self._honest(proven, rows, tests):
                return every, common
        return proven, rows

    def _honest(self, names: list[str], rows: NDArray[np.intp], tests: list[NDArray[np.intp]]) -> float:
        """Return the mean error of selections on some rows, each on test rows that it has not seen."""
        errors = []
        for test in tests:
            weights = self._select(names, np.setdiff1d(rows, test, assume_unique=True), 15, 0).weights
            errors.append(self.judge(test)(self.blended(weights, test)[0]))
        return float(np.mean(errors))

    def _select(self, names: list[str], rows: NDArray[np.intp], steps: int, bags: int) -> greedy.Blend:
        """Select members on some rows; see `blend`."""
        names = sorted(sorted(names, key=self.error)[:MOST_CANDIDATES])
        margins = {n: self.margins(n, rows) for n in names}
        covered = {n: self.covered(n)[rows] for n in names}
        if not bags:
            return greedy.select(margins, covered, self.judge(rows), steps)
        weights: dict[str, float] = defaultdict(float)
        for bag in range(bags):
            half = np.isin(rows, self._some(rows, len(rows) // 2, 1 + bag), assume_unique=True)
            some = {n: c & half for n, c in covered.items()}
            for name, weight in greedy.select(margins, some, self.judge(rows[half]), steps).weights.items():
                weights[name] += weight / bags
        return self._blend(weights, rows)

    def _blend(self, weights: dict[str, float], rows: NDArray[np.intp]) -> greedy.Blend:
        """Return the blend of all but negligible weights, judged on some rows."""
        kept = {n: w for n, w in sorted(weights.items()) if w >= LEAST_WEIGHT} or dict(weights)
        blend = {n: w / sum(kept.values()) for n, w in kept.items()}
        return greedy.Blend(blend, self.judge(rows)(self.blended(blend, rows)[0]))

    def _at_most(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return as many of the rows as a selection looks at."""
        return self._some(rows, max(2000, min(BLEND_ROWS, BLEND_CELLS // self.task.scores)), 0)

    def _some(self, rows: NDArray[np.intp], count: int, bag: int) -> NDArray[np.intp]:
        """Return a random part of the given rows, sorted."""
        return self.seed.child("blend", bag).sample(rows, count)

    def honest(self, weights: dict[str, float]) -> tuple[Margins, NDArray[np.bool_]]:
        """Return what `blended` does by margins that no judging row had a say in: those that may be told to people."""
        fits = [fit for name in weights for fit in self.fits[name].values()]
        if self.ranking.name in POINTWISE or not any(fit.corrected for fit in fits):
            return self.blended(weights)
        state = replace(self, metric=METRICS[POINTWISE[0]], fits=defaultdict(dict), _sums={}, _counts={}, _errors={})
        for fit in fits:
            state.finish(fit)
        return state.blended(weights)

    def blended(
        self, weights: dict[str, float], rows: slice | NDArray[np.intp] = slice(None)
    ) -> tuple[Margins, NDArray[np.bool_]]:
        """Return the blend's out-of-fold margins of some rows and which of them have any, shapes (n, scores), (n,)."""
        size = len(self.target[rows])
        total, weight = np.zeros((size, self.task.scores)), np.zeros((size, 1))
        for name, share in weights.items():
            here = self.covered(name)[rows, None] * share
            total += here * self.margins(name, rows)
            weight += here
        return total / np.maximum(weight, 1e-12), weight[:, 0] > 0
