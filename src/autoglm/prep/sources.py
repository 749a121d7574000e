"""Rows that come from one source (a speaker, a recording, a camera), told by the names of their files.

A part of the names counts as the source only where that is evident: at least three sources with several rows each, none
of which tells the target, and a row's nearest neighbour among the rows with its target mostly of its own source. A
counter or a date in a name fails the last, a folder for each class the one before.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm.core.columns import Column
from autoglm.core.errors import listing
from autoglm.core.features import Features
from autoglm.core.seed import Seed
from autoglm.core.task import Task

MEDIA = ("image", "audio")
FEWEST, SMALLEST, LARGEST = 3, 2.0, 0.5  # sources; rows of one on average; share of the rows that one may have
FREE = 0.7  # entropy of the target within sources, relative to that within random groups of these sizes
ALIKE = 0.5  # share of the neighbours of one source beyond chance: 0 for a counter, 1 where none is of another
CLOSE = 0.05  # shares that do not differ: the coarser part is taken, which leaks less
JUDGED, ELIGIBLE, SHUFFLES, BINS = 2_000, 50, 5, 5
CLIP = 5.0  # standard deviations

_BETWEEN = re.compile(r"[^0-9A-Za-z]+")


@dataclass(frozen=True, eq=False)
class Sources:
    """Which rows come from one source.

    Parameters
    ----------
    codes
        The source of each row, shape (n_rows,); a row without a file is a source of its own.
    column
        The column of files.
    part
        The part of their names that tells the source, in words.
    names
        What that part is in the rows, sorted.
    alike, chance
        Share of the rows whose nearest neighbour with the same target is of the same source, and what it would be if
        sources did not matter.
    """

    codes: NDArray[np.intp]
    column: str
    part: str
    names: tuple[str, ...]
    alike: float
    chance: float

    @property
    def told(self) -> str:
        """A sentence for the report."""
        return (
            f"the files of column {self.column!r} come from {len(self.names)} sources, told by {self.part} "
            f"({listing(self.names, 3)}): with equal target {100 * self.alike:.0f} % of the rows are most like another "
            f"row of their source, {100 * self.chance:.0f} % would be by chance; no source is in two folds"
        )


def find(
    columns: Sequence[Column], kinds: Sequence[str], features: Features, target: NDArray[Any], task: Task, seed: Seed
) -> Sources | None:
    """Return the sources that the first column of files with evident ones tells; None where there is none.

    Parameters
    ----------
    columns, kinds
        All columns of the training rows as they were given, and what they are. The sources of rows must not depend on
        how many files there was time to look at: a run that goes on expects the same folds.
    features
        Their features, shape (n_rows, n_outputs); NaN where a file was not looked at.
    target
        Class codes or values, shape (n_rows,).
    """
    bins = _bins(target, task)
    for column, kind in zip(columns, kinds, strict=True):
        if kind in MEDIA and column.storage == "text":
            plain = [i for i, o in enumerate(features.outputs) if o.source == column.name and not o.embedded]
            if found := _evident(column, features.dense[:, plain], bins, seed.child("sources", column.name)):
                return found
    return None


def _bins(target: NDArray[Any], task: Task) -> NDArray[np.intp]:
    """Return classes, or fifths of the values."""
    if task.kind != "regression":
        return target.astype(np.intp)
    edges = np.quantile(target.astype(np.float64), np.linspace(0, 1, BINS + 1)[1:-1])
    return np.searchsorted(edges, target.astype(np.float64))


def _evident(column: Column, numbers: NDArray[np.float32], bins: NDArray[np.intp], seed: Seed) -> Sources | None:
    here = np.flatnonzero(~column.missing)
    looked = ~np.isnan(numbers[here]).all(axis=1)
    passed, seen = [], here[looked]
    for part, cells in _parts(column.values[here]):
        names, codes = np.unique(cells, return_inverse=True)
        if not _several(codes) or not _free(codes, bins[here], seed):
            continue
        alike, chance = _neighbours(numbers[seen], codes[looked], bins[seen], seed)
        if (share := (alike - chance) / (1 - chance)) >= ALIKE:
            passed.append((share, len(names), Sources(codes, column.name, part, tuple(names.tolist()), alike, chance)))
    if not passed:
        return None
    best = max(share for share, *_ in passed)
    _, count, found = min((p for p in passed if p[0] >= best - CLOSE), key=lambda p: p[1])
    whole = count + np.arange(len(column))
    whole[here] = found.codes
    return Sources(whole, found.column, found.part, found.names, found.alike, found.chance)


def _parts(paths: NDArray[np.object_]) -> Iterator[tuple[str, list[str]]]:
    """Yield each part that all names have, in words, and what it is in each: folders, then pieces of the file names."""
    split = [PurePath(path.replace("\\", "/")).parts for path in paths]
    for level in range(min((len(parts) for parts in split), default=1) - 1):
        yield f"folder {level + 1} of the paths", [parts[level] for parts in split]
        if level:
            yield f"the first {level + 1} folders of the paths", ["/".join(parts[: level + 1]) for parts in split]
    pieces = [_BETWEEN.split(PurePath(parts[-1]).stem.strip("_- .")) for parts in split]
    for place in range(min(map(len, pieces), default=0)):
        yield f"part {place + 1} of the file names", [piece[place] for piece in pieces]


def _several(codes: NDArray[np.intp]) -> bool:
    sizes = np.bincount(codes)
    return bool(len(sizes) >= FEWEST and sizes.mean() >= SMALLEST and sizes.max() <= LARGEST * len(codes))


def _free(codes: NDArray[np.intp], bins: NDArray[np.intp], seed: Seed) -> bool:
    """Whether sources say little of the target, and every class comes from several."""
    pairs = np.unique(np.column_stack([bins, codes]), axis=0)
    if np.bincount(pairs[:, 0])[np.unique(bins)].min() < 2:
        return False
    generator = seed.child("free").generator()
    random = np.mean([_entropy(codes, generator.permutation(bins)) for _ in range(SHUFFLES)])
    return bool(random > 0 and _entropy(codes, bins) >= FREE * random)


def _entropy(codes: NDArray[np.intp], bins: NDArray[np.intp]) -> float:
    """Return the entropy of the bins within groups, in nats."""
    joint = np.unique(np.column_stack([codes, bins]), axis=0, return_counts=True)[1] / len(codes)
    single = np.bincount(codes) / len(codes)
    return float((single * np.log(single)).sum() - (joint * np.log(joint)).sum())


def _neighbours(
    numbers: NDArray[np.float32], codes: NDArray[np.intp], bins: NDArray[np.intp], seed: Seed
) -> tuple[float, float]:
    """Return how often the nearest row of the same bin is of the same source, and how often by chance."""
    if len(codes) < ELIGIBLE:
        return 0.0, 0.0
    order = seed.child("order").generator().permutation(codes.max() + 1)[codes]
    rows = np.argsort(order, kind="stable")[:JUDGED]  # whole sources, in a drawn order
    scaled = _scaled(numbers[rows])
    alike, chance = [], []
    for each in np.unique(bins[rows]):
        at = np.flatnonzero(bins[rows] == each)
        ours = codes[rows[at]]
        mates = (ours[:, None] == ours).sum(axis=1) - 1
        if len(at) < 2 or not mates.any():
            continue
        square = np.square(scaled[at]).sum(axis=1)
        distance = square[:, None] + square - 2 * scaled[at] @ scaled[at].T
        np.fill_diagonal(distance, np.inf)
        alike.append((ours[distance.argmin(axis=1)] == ours)[mates > 0])
        chance.append((mates / (len(at) - 1))[mates > 0])
    if sum(map(len, alike)) < ELIGIBLE:
        return 0.0, 0.0
    return float(np.concatenate(alike).mean()), float(min(np.concatenate(chance).mean(), 0.99))


def _scaled(numbers: NDArray[np.float32]) -> NDArray[np.float64]:
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.simplefilter("ignore")  # a number that no row has is worth nothing
        scaled = (numbers - np.nanmean(numbers, axis=0)) / np.nanstd(numbers, axis=0, dtype=np.float64)
    return np.asarray(np.clip(np.nan_to_num(scaled, nan=0.0, posinf=0.0, neginf=0.0), -CLIP, CLIP))
