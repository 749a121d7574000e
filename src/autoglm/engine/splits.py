"""Folds: which rows train and which rows judge, by size, groups and time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm.core.errors import DataError
from autoglm.core.seed import Seed
from autoglm.core.task import Task

FEW_GROUPS, ASIDE = 8, 8  # groups below which models that answer learn from all of them, but for one row of `ASIDE`
REPEATS = 5  # different partitions at most; later ones only for short tables with time left


@dataclass(frozen=True)
class Splits:
    """Partitions of the rows.

    Parameters
    ----------
    parts
        int16, shape (n_repeats, n_rows): the fold that judges a row; -1 for rows that only train.
    count
        Folds a repeat.
    ordered
        Time order: fold k trains on earlier rows only.
    scheme
        A sentence for the report.
    groups
        Codes of what stays together, shape (n_rows,); None where rows stand alone.
    teaching
        Whether the last partition is there for the models that answer, and judges nothing: with few groups each fold of
        the others lacks a large part of what there is to learn, in time order the newest rows.
    """

    parts: NDArray[np.int16]
    count: int
    ordered: bool
    scheme: str
    groups: NDArray[np.intp] | None = None
    teaching: bool = False

    @property
    def judging(self) -> int:
        """Partitions whose answers to held out rows count."""
        return len(self.parts) - self.teaching

    def rows(self, repeat: int, fold: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return (training rows, judging rows) of a fold, as sorted positions."""
        part = self.parts[repeat]
        train = part < fold if self.ordered and repeat < self.judging else part != fold
        return np.flatnonzero(train), np.flatnonzero(part == fold)


def make(
    target: NDArray[Any],
    task: Task,
    seed: Seed,
    groups: NDArray[Any] | None = None,
    time: NDArray[Any] | None = None,
) -> Splits:
    """Choose the partitions.

    Parameters
    ----------
    target
        Codes or values, shape (n_rows,).
    groups
        Group codes, shape (n_rows,): a group never stands on both sides of a fold.
    time
        Sortable moments, shape (n_rows,): folds look forward only.
    """
    rows = len(target)
    if time is not None:
        return _forward(time, target, task, seed)
    if groups is not None:
        return _grouped(groups, target, task, seed)
    count = min(_count(rows), rows)
    repeats = REPEATS if rows <= 5000 else 1
    parts = np.stack([_stratified(target, task, count, seed.child("folds", r)) for r in range(repeats)])
    kind = "stratified " if task.kind != "regression" else ""
    return Splits(
        parts, count, False, f"{count} {kind}random folds" + (f", up to {repeats} partitions" if repeats > 1 else "")
    )


def _count(rows: int) -> int:
    """Folds by rows: more where models are cheap and rows few, small judging parts where rows are many."""
    if rows <= 1500:
        return 8
    if rows <= 100_000:
        return 5
    return 10 if rows <= 500_000 else 20


def _stratified(target: NDArray[Any], task: Task, count: int, seed: Seed) -> NDArray[np.int16]:
    """Deal the rows out class by class (or along the sorted target), each small run in random order."""
    generator = seed.generator()
    shuffled = generator.permutation(len(target))
    if task.kind == "regression":
        order = shuffled[np.argsort(target[shuffled], kind="stable")]
        parts = np.empty(len(target), dtype=np.int16)
        whole = len(target) // count * count
        deal = np.argsort(generator.random((len(target) // count, count)), axis=1).ravel()
        parts[order[:whole]] = deal
        parts[order[whole:]] = generator.permutation(count)[: len(target) - whole]
        return parts
    order = shuffled[np.argsort(target[shuffled], kind="stable")]
    parts = np.empty(len(target), dtype=np.int16)
    parts[order] = (np.arange(len(target)) + generator.integers(count)) % count
    return parts


def _grouped(groups: NDArray[Any], target: NDArray[Any], task: Task, seed: Seed) -> Splits:
    """Give whole groups to folds, largest first, each to the fold that has fewest rows (ties at random)."""
    names, codes = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise DataError("groups= has a single value: expected at least two groups, or leave groups out")
    count = min(_count(len(target)), len(names))
    repeats = REPEATS if len(target) <= 5000 and count < len(names) else 1  # a fold for each group: only one way
    sizes = np.bincount(codes)
    parts = np.empty((repeats, len(codes)), dtype=np.int16)
    for r in range(repeats):
        generator = seed.child("groups", r).generator()
        load, home = np.zeros(count), np.empty(len(names), dtype=np.int16)
        for group in np.argsort(-(sizes + generator.random(len(names)) * 0.9), kind="stable"):
            home[group] = np.argmin(load + generator.random(count) * 1e-3)
            load[home[group]] += sizes[group]
        parts[r] = home[codes]
    scheme = f"{count} folds of whole groups ({len(names)} groups)"
    if len(names) >= FEW_GROUPS:
        return Splits(parts, count, False, scheme, codes)
    parts = np.vstack([parts, _teaching(count, target, task, seed)])
    return Splits(parts, count, False, f"{scheme}; the models that answer learn from all groups", codes, True)


def _teaching(count: int, target: NDArray[Any], task: Task, seed: Seed) -> NDArray[np.int16]:
    """Return a partition whose models learn from all rows but for one of `ASIDE`, shape (1, n_rows)."""
    dealt = _stratified(target, task, max(ASIDE, count), seed.child("teaching"))
    return np.where(dealt < count, dealt, -1)[None, :].astype(np.int16)


def _forward(time: NDArray[Any], target: NDArray[Any], task: Task, seed: Seed) -> Splits:
    """The last 60 % of the rows in time, in equal parts, each judged by models of all rows before.

    Models that answer learn from all rows: the folds' own never see the newest, and one of them the oldest 40 % alone.
    """
    count = 5 if len(time) >= 60 else 2
    ranks = np.unique(time, return_inverse=True)[1]  # equal moments stay together
    edges = np.quantile(ranks, np.linspace(0.4, 1.0, count + 1)[:-1])
    part = (np.searchsorted(edges, ranks, side="right") - 1).astype(np.int16)
    present = [k for k in range(count) if (part == k).any() and (part < k).any()]
    if not present:
        raise DataError("time= has too few different moments to look forward: expected at least two, or leave time out")
    judged = np.full(len(time), -1, dtype=np.int16)  # a fold without rows, or none before it, does not count
    for fold, k in enumerate(present):
        judged[part == k] = fold
    parts = np.vstack([judged, _teaching(len(present), target, task, seed)])
    scheme = f"{len(present)} forward folds in time order; the models that answer learn from all rows"
    return Splits(parts, len(present), True, scheme, teaching=True)
