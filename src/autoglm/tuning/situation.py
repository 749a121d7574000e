"""A search about to choose: the candidates, what is believed of each, and the features that a policy reads.

Many studies are looked at together (B of them, all after n trials), because meta-training plays many at once; a sampler
looks at one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoglm.tuning import pool, surrogate
from autoglm.tuning.cube import ABSENT, Cube

Array = NDArray[np.float64]

UNKNOWN = -1  # a number of trials that nobody has told
FEATURES = (
    "improvement", *(f"improvement_{name}" for name in surrogate.NAMES), "mean", "deviation", "gain", "density",
    "nearest", "to_best", *(f"from_{name}" for name in pool.ORIGINS), "trials", "left", "left_known",
    "parameters", "categories", *(f"weight_{name}" for name in surrogate.NAMES), "stagnation", "promise", "noise",
)  # fmt: skip


@dataclass(frozen=True)
class Situation:
    """What B studies could do next."""

    candidates: Array  # (B, m, d), snapped
    improvement: Array  # (B, m), logarithm of the expected improvement less its largest
    features: Array  # (B, m, F)
    valid: NDArray[np.bool_]  # (B, m), not tried before
    explained: Array  # (B,), of the scores' variance, leaving each trial out in turn; 0 without trials


@dataclass
class Studies:
    """B studies played in step."""

    cubes: Sequence[Cube]
    rngs: Sequence[np.random.Generator]
    places: Array  # (B, n, d), padded
    present: NDArray[np.bool_]  # (B, n, d), which parameters a trial has
    losses: Array  # (B, n)
    real: NDArray[np.bool_]  # (B, d)
    categorical: NDArray[np.bool_]  # (B, d)
    trials: NDArray[np.int64]  # (B,), how many there will be, or UNKNOWN
    priors: Sequence[Array | None]  # places (p, d) that were good elsewhere, best first
    progress: Array | None = None  # (B, n), where trainings were looked at before their end: see `surrogate.Belief`

    @classmethod
    def start(
        cls,
        cubes: Sequence[Cube],
        rngs: Sequence[np.random.Generator],
        trials: Sequence[int] | None = None,
        priors: Sequence[Array | None] | None = None,
    ) -> Studies:
        """Start studies without a trial."""
        d = max(len(c.axes) for c in cubes)
        real = np.array([np.arange(d) < len(c.axes) for c in cubes])
        categorical = np.array([np.pad(c.categorical, (0, d - len(c.axes))) for c in cubes])
        return cls(
            cubes,
            rngs,
            np.empty((len(cubes), 0, d)),
            np.empty((len(cubes), 0, d), dtype=bool),
            np.empty((len(cubes), 0)),
            real,
            categorical,
            np.array(trials if trials is not None else [UNKNOWN] * len(cubes)),
            priors if priors is not None else [None] * len(cubes),
        )

    def tell(self, places: Array, losses: Array, present: NDArray[np.bool_] | None = None) -> None:
        """Add a trial to each study: places (B, d), losses (B,), which parameters it has (B, d)."""
        has = self.real if present is None else present
        self.places = np.concatenate([self.places, np.where(has, places, ABSENT * self.real)[:, None]], 1)
        self.present = np.concatenate([self.present, has[:, None]], 1)
        self.losses = np.concatenate([self.losses, losses[:, None]], 1)

    def look(self) -> Situation:
        """Draw candidates and judge them."""
        n = self.losses.shape[1]
        scores = surrogate.loss_scores(self.losses) if n else self.losses
        belief = surrogate.Belief(self.places, scores, self.categorical, self.real, self.progress) if n else None
        drawn, origins = [], []
        excluded = [self._exclusions(b) for b in range(len(self.cubes))]
        parents = self._parents(belief)
        for b, cube in enumerate(self.cubes):
            found, origin = pool.first_round(cube, *parents[b], self.rngs[b])
            prior = self.priors[b]
            if prior is not None:
                found, origin = (
                    np.concatenate([found, prior]),
                    np.concatenate([origin, np.full(len(prior), pool.ORIGINS.index("prior"))]),
                )
            drawn.append(pool.blanked(found, excluded[b]))
            origins.append(origin)
        candidates = self._padded(drawn)
        if belief is None:
            return self._unseen(candidates, origins)
        judged = _Judged.of(belief, candidates)
        refined = []
        for b, (cube, rng) in enumerate(zip(self.cubes, self.rngs, strict=True)):
            m, d = drawn[b].shape
            found = pool.second_round(cube, candidates[b, :m, :d], judged.promise[b, :m], rng)
            refined.append(pool.blanked(found, excluded[b]))
        more = self._padded(refined)
        judged = judged.joined(_Judged.of(belief, more))
        counts = np.array([len(f) for f in drawn])
        origin = np.full((len(drawn), candidates.shape[1] + pool.REFINED), len(pool.ORIGINS) - 1)
        for b, o in enumerate(origins):
            origin[b, : len(o)] = o
        there = np.arange(origin.shape[1])[None] < counts[:, None]
        there[:, candidates.shape[1] :] = True
        return self._situation(belief, judged, np.concatenate([candidates, more], 1), origin, there)

    def _parents(self, belief: surrogate.Belief | None) -> list[tuple[Array, Array]]:
        """Return places (n, d) and scores (n,) of each study's trials, of trainings that go on as they are foreseen."""
        scores = self.losses if belief is None else belief.scores
        whole = [np.arange(scores.shape[1])] * len(self.cubes)
        if belief is not None and self.progress is not None:
            scores = (np.exp(belief.log_weights)[..., None] * belief.predict(self.places)[0]).sum(1)
            whole = [np.sort(np.unique(places, axis=0, return_index=True)[1]) for places in self.places]
        return [
            (self.places[b, first, : len(cube.axes)], scores[b, first])
            for b, (cube, first) in enumerate(zip(self.cubes, whole, strict=True))
        ]

    def _exclusions(self, study: int) -> list[tuple[int, float, NDArray[np.intp]]]:
        """Return what a study's categories exclude."""
        d = len(self.cubes[study].axes)
        return pool.exclusions(self.cubes[study], self.places[study, :, :d], self.present[study, :, :d])

    def _padded(self, places: Sequence[Array]) -> Array:
        """Return places of different counts and dimensions as one array (B, m, d)."""
        padded = np.zeros((len(places), max(len(p) for p in places), self.real.shape[1]))
        for b, p in enumerate(places):
            padded[b, : len(p), : p.shape[1]] = p
        return padded

    def _unseen(self, candidates: Array, origins: Sequence[NDArray[np.int64]]) -> Situation:
        """Return the first choice, where nothing is known but the prior, if there is one."""
        b, m = candidates.shape[:2]
        features = np.zeros((b, m, len(FEATURES)))
        improvement = np.zeros((b, m))
        valid = np.zeros((b, m), dtype=bool)
        for i, origin in enumerate(origins):
            valid[i, : len(origin)] = True
            known = origin == pool.ORIGINS.index("prior")
            improvement[i, : len(origin)][known] = 10.0 - np.arange(known.sum())
        return Situation(candidates, improvement, features, valid, np.zeros(b))

    def _situation(
        self,
        belief: surrogate.Belief,
        judged: _Judged,
        candidates: Array,
        origin: NDArray[np.int64],
        there: NDArray[np.bool_],
    ) -> Situation:
        """Assemble what a policy reads."""
        n = self.losses.shape[1]
        untried = judged.distance2.min(1) > 1e-12
        valid = np.where((untried & there).any(1, keepdims=True), untried & there, there)
        promise = np.where(valid, judged.promise, -np.inf)
        top = promise.max(1, keepdims=True)
        improvement = np.clip(judged.promise - top, -50.0, 0.0)
        best = belief.scores.argmin(1)
        weights = np.exp(belief.log_weights)
        mean = (weights[..., None] * judged.mean).sum(1)
        deviation = np.sqrt((weights[..., None] * (judged.deviation**2 + judged.mean**2)).sum(1) - mean**2)
        lowest = (weights * belief.best).sum(1)[:, None]
        fifth = np.sort(belief.scores, axis=1)[:, int(0.2 * (n - 1)), None]
        good = belief.scores <= fifth
        closeness = np.exp(-judged.distance2 / (2 * 0.15**2))
        density = np.log((closeness * good[..., None]).sum(1) / good.sum(1)[:, None] + 1e-3)
        density -= np.log(closeness.mean(1) + 1e-3)
        one_hot = np.eye(len(pool.ORIGINS))[origin]
        trials = np.full(len(self.cubes), n)
        if self.progress is not None:  # a trial has several looks
            trials = np.array([len(np.unique(p, axis=0)) for p in self.places])
        left = np.where(self.trials == UNKNOWN, 0.5, 1 - trials / np.maximum(self.trials, 1))
        shared = np.stack(
            [
                np.log1p(trials) / 5,
                left,
                (self.trials != UNKNOWN).astype(float),
                np.log(self.real.sum(1)) / 3,
                self.categorical.sum(1) / self.real.sum(1),
                *weights.T,
                np.log1p(n - 1 - best) / 4,
                np.clip(top[:, 0], -20, 2) / 5,
                belief.scales.noise / 5,
            ],
            1,
        )
        per_candidate = [
            improvement / 5,
            *np.moveaxis(np.clip(judged.each - judged.each.max(2, keepdims=True), -25, 0) / 5, 1, 0),
            mean,
            np.log(deviation + 1e-6),
            (lowest - mean),
            density / 3,
            np.sqrt(judged.distance2.min(1)) * 3,
            np.sqrt(np.take_along_axis(judged.distance2, best[:, None, None], 1)[:, 0]) * 3,
        ]
        features = np.concatenate(
            [
                np.clip(np.stack(per_candidate, -1), -5, 5),
                one_hot,
                np.broadcast_to(shared[:, None], (*mean.shape, shared.shape[1])),
            ],
            -1,
        )
        return Situation(candidates, improvement, features, valid, belief.explained())


@dataclass(frozen=True)
class _Judged:
    """What the processes say of candidates."""

    mean: Array  # (B, K, m)
    deviation: Array  # (B, K, m)
    distance2: Array  # (B, n, m), mean over the parameters
    promise: Array  # (B, m), log expected improvement of the mixture
    each: Array  # (B, K, m), of each process

    @classmethod
    def of(cls, belief: surrogate.Belief, candidates: Array) -> _Judged:
        mean, deviation, distance2 = belief.predict(candidates)
        return cls(mean, deviation, distance2, *belief.improvement(mean, deviation))

    def joined(self, other: _Judged) -> _Judged:
        pairs = ((getattr(self, f), getattr(other, f)) for f in self.__dataclass_fields__)
        return _Judged(*(np.concatenate(p, -1) for p in pairs))
