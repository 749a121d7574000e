"""Inputs of tree learners: the features as they are, plus target means of categories and crosses of numbers.

Both are learned from the training rows of a fold. While training, a row's own target never enters its
target mean (two halves score each other, as in Micci-Barreca 2001 with cross-fitting); TabPrep shows
that such columns are worth more to boosting than tuning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from autoglm.core.features import Features
from autoglm.core.files import read_json, write_json
from autoglm.core.seed import Seed
from autoglm.core.task import Task

SMOOTHING = 10.0  # rows of prior in a target mean; the usual 5-20 differ little
LARGEST = np.float32(3e38)  # libraries refuse infinity
MOST_CLASSES = 6  # target means are made for at most so many classes
Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class TreeInputs:
    """How to turn features into the matrix of a tree learner.

    Parameters
    ----------
    categories
        Positions of category columns in the matrix, given to the learner as such.
    means
        (position, table) pairs: target mean per code, shape (cardinality + 1, n_means); the last row is for
        missing and unseen.
    crosses
        Pairs of number columns whose difference and product (of robustly scaled values) are added.
    scales
        (centre, spread) of each number column used in a cross.
    """

    categories: tuple[int, ...] = ()
    means: tuple[tuple[int, NDArray[np.float32]], ...] = ()
    crosses: tuple[tuple[int, int], ...] = ()
    scales: tuple[tuple[float, float], ...] = ()

    @classmethod
    def fit(
        cls, features: Features, target: NDArray[Any], task: Task, seed: Seed, means: bool, crosses: int
    ) -> tuple[Self, Matrix]:
        """Learn from training rows; return the inputs and the training matrix (cross-fitted)."""
        encoded: list[tuple[int, NDArray[np.float32]]] = []
        extra: list[Matrix] = []
        if means:
            wanted = _indicators(target, task)
            halves = seed.child("halves").generator().integers(0, 4, len(target))
            for position in features.categories:
                size = features.outputs[position].cardinality
                codes = _codes(features.dense[:, position], size)
                encoded.append((int(position), _table(codes, wanted, size)))
                extra.append(_crossfit(codes, wanted, size, halves))
        pairs = _pairs(features, target, task, crosses, seed) if crosses else ()
        used = sorted({i for pair in pairs for i in pair})
        scales = {i: _scale(features.dense[:, i]) for i in used}
        inputs = cls(
            tuple(int(i) for i in features.categories),
            tuple(encoded),
            pairs,
            tuple(scale for i, j in pairs for scale in (scales[i], scales[j])),
        )
        if pairs:
            extra += _crossed(features.dense, *inputs.crossing)
        return inputs, np.hstack([features.dense, *extra]) if extra else np.asarray(features.dense)

    def transform(self, features: Features) -> Matrix:
        """Return the matrix of new rows, shape (n, n_inputs)."""
        return self._extras.matrix(features.dense)

    @cached_property
    def _extras(self) -> Extras:
        return Extras.of([self])

    @property
    def crossing(self) -> tuple[NDArray[np.intp], Matrix, Matrix]:
        """The numbers of all crosses, two each, their centres and their spreads, shape (2 crosses,)."""
        centre, spread = np.array(self.scales, dtype=np.float32).reshape(-1, 2).T
        return np.array(self.crosses, dtype=np.intp).reshape(-1), centre, spread

    @property
    def width(self) -> int:
        """How many columns follow the features."""
        return sum(int(table.shape[1]) for _, table in self.means) + 2 * len(self.crosses)

    def owners(self, dense: NDArray[np.intp]) -> list[tuple[int, ...]]:
        """Return whose each column behind the features is, two for a cross; `dense` says it of the features."""
        means = [(int(dense[position]),) for position, table in self.means for _ in range(table.shape[1])]
        crosses = [tuple(sorted({int(dense[i]), int(dense[j])})) for i, j in self.crosses]
        return [*means, *crosses, *crosses]  # differences, then products

    def save(self, folder: Path) -> None:
        """Write JSON and, when there are target means, an npz file."""
        about = {"categories": self.categories, "means": [p for p, _ in self.means]}
        write_json(folder / "inputs.json", about | {"crosses": self.crosses, "scales": self.scales})
        if self.means:
            tables = {f"mean{i}": t for i, (_, t) in enumerate(self.means)}
            np.savez(folder / "inputs.npz", allow_pickle=False, **tables)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        about = read_json(folder / "inputs.json")
        means: list[tuple[int, NDArray[np.float32]]] = []
        if about["means"]:
            with np.load(folder / "inputs.npz", allow_pickle=False) as tables:
                means = [(p, tables[f"mean{i}"]) for i, p in enumerate(about["means"])]
        crosses = tuple((int(i), int(j)) for i, j in about["crosses"])
        return cls(tuple(about["categories"]), tuple(means), crosses, tuple((c, s) for c, s in about["scales"]))


@dataclass(frozen=True, eq=False)
class Extras:
    """What several inputs put behind the same features, made in one step.

    Parameters
    ----------
    coded
        Position, cardinality and first table row of each column with target means, shape (3, n_coded).
    table
        Their target means one below the other, shape (n_rows, most means of a column).
    crossing
        Of all crosses; see `TreeInputs.crossing`.
    order
        Where each column is among all means, then all differences, then all products.
    """

    coded: NDArray[np.intp]
    table: Matrix
    crossing: tuple[NDArray[np.intp], Matrix, Matrix]
    order: NDArray[np.intp]

    @classmethod
    def of(cls, inputs: Sequence[TreeInputs]) -> Self:
        """Join what follows the features, input by input."""
        means = [pair for one in inputs for pair in one.means]
        most = max((table.shape[1] for _, table in means), default=0)
        heights = [len(table) for _, table in means]
        coded = np.array([[p for p, _ in means], [h - 1 for h in heights], np.cumsum([0, *heights])[:-1]], np.intp)
        tables = [np.pad(table, ((0, 0), (0, most - table.shape[1]))) for _, table in means]
        table = np.concatenate([np.zeros((0, most), dtype=np.float32), *tables])
        pairs, centre, spread = (np.concatenate(parts) for parts in zip(*(i.crossing for i in inputs), strict=True))
        return cls(coded, table, (pairs, centre, spread), _order(inputs, most))

    def matrix(self, dense: Matrix) -> Matrix:
        """Return the features and what follows them, shape (n, width)."""
        if not len(self.order):
            return np.asarray(dense)
        position, size, first = self.coded
        blocks = (
            [] if not len(position) else [self.table[_codes(dense[:, position], size) + first].reshape(len(dense), -1)]
        )
        if len(self.crossing[0]):
            blocks += _crossed(dense, *self.crossing)
        return np.hstack([dense, np.hstack(blocks)[:, self.order]])


def _order(inputs: Sequence[TreeInputs], most: int) -> NDArray[np.intp]:
    """Return where the columns of each input are among all means (`most` a column), differences and products."""
    found: list[int] = []
    mean, cross = 0, sum(len(one.means) for one in inputs) * most
    crosses = sum(len(one.crosses) for one in inputs)
    for one in inputs:
        for _, table in one.means:
            found += range(mean, mean + table.shape[1])
            mean += most
        for start in (cross, cross + crosses):
            found += range(start, start + len(one.crosses))
        cross += len(one.crosses)
    return np.array(found, dtype=np.intp)


def _crossed(dense: Matrix, pairs: NDArray[np.intp], centre: Matrix, spread: Matrix) -> list[Matrix]:
    """Return differences and products of pairs of columns, shape (n, n_pairs) each."""
    with np.errstate(over="ignore", invalid="ignore"):  # what is beyond float32 is as good as the largest
        scaled = (dense[:, pairs] - centre) / spread
        first, second = scaled[:, 0::2], scaled[:, 1::2]
        return [first - second, first * second]


def finite(matrix: Matrix) -> Matrix:
    """Return the matrix with values beyond float32's range clipped, without a copy where there are none."""
    low, high = (f.reduce(matrix, axis=None, initial=0.0) for f in (np.fmin, np.fmax))
    return np.clip(matrix, -LARGEST, LARGEST) if max(-low, high) > LARGEST else matrix


def _codes(values: NDArray[np.float32], size: Any) -> NDArray[np.intp]:
    return np.where(np.isnan(values), size, np.clip(np.nan_to_num(values), 0, size)).astype(np.intp)


def _indicators(target: NDArray[Any], task: Task) -> NDArray[np.float64]:
    """Return what is averaged, shape (n, n_means): the value, the positive class, or each frequent class."""
    if task.kind == "multiclass":
        frequent = np.argsort(-np.bincount(target), kind="stable")[:MOST_CLASSES]
        return np.asarray(target[:, None] == frequent, dtype=np.float64)
    return np.asarray(target, dtype=np.float64)[:, None]


def _table(codes: NDArray[np.intp], wanted: NDArray[np.float64], size: int) -> NDArray[np.float32]:
    prior = wanted.mean(axis=0)
    count = np.bincount(codes, minlength=size + 1)[:, None]
    total = np.column_stack([np.bincount(codes, w, minlength=size + 1) for w in wanted.T])
    return np.asarray((total + SMOOTHING * prior) / (count + SMOOTHING), dtype=np.float32)


def _crossfit(codes: NDArray[np.intp], wanted: NDArray[np.float64], size: int, parts: NDArray[Any]) -> Matrix:
    out = np.empty(wanted.shape, dtype=np.float32)
    for part in np.unique(parts):
        held = parts == part
        rest = ~held if not held.all() else held
        out[held] = _table(codes[rest], wanted[rest], size)[codes[held]]
    return out


def _scale(values: NDArray[np.float32]) -> tuple[float, float]:
    present = values[~np.isnan(values)]
    if not len(present):
        return 0.0, 1.0
    low, middle, high = np.quantile(present[:100_000], [0.25, 0.5, 0.75])
    return float(middle), float(high - low) or float(present.std()) or 1.0


def _pairs(features: Features, target: NDArray[Any], task: Task, most: int, seed: Seed) -> tuple[tuple[int, int], ...]:
    """Return the pairs among the number columns that a small boosted model splits on most."""
    import lightgbm as lgb

    numbers = features.numbers
    if len(numbers) < 2:
        return ()
    rows = seed.child("pairs").generator().permutation(len(target))[:4000]
    objective = {"binary": "binary", "multiclass": "multiclass", "regression": "regression"}[task.kind]
    settings = {"objective": objective, "num_class": task.scores, "num_leaves": 8, "learning_rate": 0.2, "verbose": -1}
    settings |= {"num_threads": 1, "deterministic": True, "force_col_wise": True, "seed": seed.integer}
    data = lgb.Dataset(features.dense[rows][:, numbers], target[rows], params={"verbose": -1})
    gains = lgb.train(settings, data, 12).feature_importance("gain")
    top = [int(numbers[i]) for i in np.argsort(-gains, kind="stable")[:6] if gains[i] > 0]
    pairs = [(i, j) for a, i in enumerate(top) for j in top[a + 1 :]]
    return tuple(sorted(pairs, key=lambda p: top.index(p[0]) + top.index(p[1]))[:most])
