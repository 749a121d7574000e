"""Candidates: places worth a look, drawn in several ways, so that whoever chooses among them can hardly go wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autoglm.tuning.cube import ABSENT, Cube

Array = NDArray[np.float64]

ORIGINS = ("uniform", "near", "crossed", "scanned", "parzen", "prior", "refined")
SHARES = {"uniform": 24, "near": 24, "crossed": 8, "scanned": 16, "parzen": 8}
REFINED = 32  # candidates of the second round, near the most promising of the first
SEEDS = 4  # places round which the second round looks
GOOD = 0.2  # share of the trials that parents are taken from


def first_round(cube: Cube, places: Array, scores: Array, rng: np.random.Generator) -> tuple[Array, NDArray[np.int64]]:
    """Return candidates (m, d), snapped, and where each comes from (m,), an index into ORIGINS.

    ``places`` (n, d) and ``scores`` (n,), lower is better, are the trials so far; without any all are uniform.
    """
    d, n = len(cube.axes), len(places)
    if not n:
        total = sum(SHARES.values())
        return cube.snap(rng.random((total, d))), np.zeros(total, dtype=np.int64)
    order = np.argsort(scores, kind="stable")
    good = order[: max(2, int(np.ceil(GOOD * n)))]
    drawn = {
        "uniform": rng.random((SHARES["uniform"], d)),
        "near": perturbed(cube, places[_favoured(rng, good, SHARES["near"])], rng),
        "crossed": _crossed(places, good, SHARES["crossed"], rng),
        "scanned": _scanned(cube, places[order[0]], SHARES["scanned"], rng),
        "parzen": _parzen(cube, places, good, SHARES["parzen"], rng),
    }
    origins = np.concatenate([np.full(len(v), ORIGINS.index(k)) for k, v in drawn.items()])
    return cube.snap(np.concatenate(list(drawn.values()))), origins


def second_round(cube: Cube, candidates: Array, promise: Array, rng: np.random.Generator) -> Array:
    """Return candidates (REFINED, d) close to the most promising ones of the first round."""
    seeds = candidates[np.argsort(-promise, kind="stable")[:SEEDS]]
    return cube.snap(perturbed(cube, np.repeat(seeds, REFINED // SEEDS, axis=0), rng, largest=0.15))


def exclusions(cube: Cube, places: Array, present: NDArray[np.bool_]) -> list[tuple[int, float, NDArray[np.intp]]]:
    """Return which category (its axis and place) excludes which parameters, as the trials (n, d) tell.

    A parameter that no trial with a category has, but trials with other categories have, depends on that category.
    """
    partial = np.flatnonzero(~present.all(0))
    found = []
    for k in np.flatnonzero(cube.categorical) if len(partial) else ():
        having = present[:, partial]
        for place in np.unique(places[present[:, k], k]):
            chosen = present[:, k] & (places[:, k] == place)
            others = present[:, k] & ~chosen
            absent = partial[~having[chosen].any(0) & having[others].any(0)]
            if len(absent):
                found.append((int(k), float(place), absent))
    return found


def blanked(candidates: Array, excluded: list[tuple[int, float, NDArray[np.intp]]]) -> Array:
    """Return candidates (m, d) without the parameters that their categories exclude."""
    blank = candidates.copy()
    for k, place, absent in excluded:
        blank[np.ix_(np.abs(candidates[:, k] - place) < 1e-9, absent)] = ABSENT
    return blank


def perturbed(cube: Cube, parents: Array, rng: np.random.Generator, largest: float = 0.4) -> Array:
    """Return each parent (m, d) moved in some of its parameters, by a radius drawn on a logarithmic scale."""
    m, d = parents.shape
    moved = rng.random((m, d)) < rng.uniform(1 / d, 1, (m, 1))
    moved[np.arange(m), rng.integers(d, size=m)] = True
    radius = np.exp(rng.uniform(np.log(0.01), np.log(largest), (m, 1)))
    near = _reflected(parents + radius * rng.standard_normal((m, d)))
    other = np.where(rng.random((m, d)) < np.maximum(radius, 0.1) / largest, rng.random((m, d)), parents)
    return np.where(moved, np.where(cube.categorical, other, near), parents)


def _reflected(places: Array) -> Array:
    """Return places that left the cube mirrored at its wall."""
    inside = np.abs(places)
    return np.maximum(np.where(inside > 1, 2 - inside, inside), 0.0)


def _favoured(rng: np.random.Generator, good: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Draw parents, the better the more often."""
    weights = 1 / (np.arange(len(good)) + 1.0)
    return rng.choice(good, size=size, p=weights / weights.sum())


def _crossed(places: Array, good: NDArray[np.int64], size: int, rng: np.random.Generator) -> Array:
    """Return children that take every parameter from one of two good parents."""
    mother, father = places[rng.choice(good, size)], places[rng.choice(good, size)]
    return np.asarray(np.where(rng.random(mother.shape) < 0.5, mother, father))


def _scanned(cube: Cube, best: Array, size: int, rng: np.random.Generator) -> Array:
    """Return the best trial with one parameter anywhere else."""
    scanned = np.repeat(best[None], size, axis=0)
    which = np.concatenate([rng.permutation(len(best)) for _ in range(size // len(best) + 1)])[:size]
    scanned[np.arange(size), which] = rng.random(size)
    return scanned


def _parzen(cube: Cube, places: Array, good: NDArray[np.int64], size: int, rng: np.random.Generator) -> Array:
    """Return draws from the density of the good trials, parameter by parameter."""
    d = places.shape[1]
    parents = places[rng.choice(good, (size, d)), np.arange(d)]
    width = np.clip(places[good].std(0), 0.03, 0.3) * len(good) ** -0.2
    near = _reflected(parents + width * rng.standard_normal((size, d)))
    other = np.where(rng.random((size, d)) < 1 / (len(good) + 1), rng.random((size, d)), parents)
    return np.where(cube.categorical, other, near)
