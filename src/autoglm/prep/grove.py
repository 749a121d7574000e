"""Many tree models as one XGBoost booster: a row costs one call instead of one for each model.

A call costs .4 ms however few rows and trees there are, so thirty models that are asked one by one need longer than
10 ms. In the grove every model keeps outputs of its own; its trees read the features, which all models share, and
the columns that this model alone makes of them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self, runtime_checkable

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from autoglm.core.features import Features
from autoglm.prep import boosters, bulk, flat_trees
from autoglm.prep.trees import Extras, Matrix, TreeInputs, finite

CELLS = 20_000_000  # of the matrix and of the answers made at once: bounds memory

_KEY = b"L\x00\x00\x00\x00\x00\x00\x00"  # how the length of a short key begins in UBJSON
_ID, _SPLITS = (_KEY + bytes([len(k)]) + k for k in (b"id", b"split_indices"))


@runtime_checkable
class TreeModel(Protocol):
    """A fitted learner that is nothing but trees."""

    @property
    def booster(self) -> xgb.Booster:
        """The trees."""

    @property
    def inputs(self) -> TreeInputs:
        """What the trees read."""

    @property
    def scores(self) -> int:
        """Margins a row."""

    @property
    def additive(self) -> bool:
        """Whether `link` changes nothing: margins are sums over trees."""

    def link(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn the sums over trees into margins, shape (n, scores) both."""


def alone(model: TreeModel, features: Features, threads: int) -> NDArray[np.float64]:
    """Return one model's margins, shape (n, scores)."""
    matrix = finite(model.inputs.transform(features))
    return model.link(flat_trees.margins(model.booster, matrix, model.scores, threads))


@dataclass(frozen=True)
class Grove:
    """Tree models that answer together: the sum of their margins, each times its share."""

    booster: xgb.Booster
    models: tuple[TreeModel, ...]
    shares: tuple[float, ...]

    @classmethod
    def of(cls, models: Sequence[TreeModel], shares: Sequence[float], n_features: int) -> Self:
        """Put the models' trees into one booster; `n_features` is the number of dense features.

        Raises
        ------
        ValueError
            XGBoost has written a booster in a way that is not understood here.
        """
        trees: list[bytes] = []
        outputs: list[int] = []
        base: list[float] = []
        width = n_features
        for model in models:
            raw = bytes(model.booster.save_raw("ubj"))
            found = boosters.trees(raw)
            shift = width - n_features
            trees += [_moved(tree, len(trees) + i, shift, n_features) for i, tree in enumerate(found)]
            outputs += [len(base) + output for output in boosters.outputs(raw, len(found))]
            base += boosters.base(model.booster, model.scores)
            width += model.inputs.width
        return cls(flat_trees.stored(trees, outputs, base, width), tuple(models), tuple(shares))

    def predict(self, features: Features, threads: int = 1) -> NDArray[np.float64]:
        """Return the sum of shares times margins, shape (n, scores)."""
        width = features.dense.shape[1] + sum(m.inputs.width for m in self.models)
        scores = self.models[0].scores
        most = max(1, CELLS // max(width, scores * len(self.models), 1))
        if len(features) <= most:
            return self._predict(features.dense, threads)
        blocks = range(0, len(features), most)
        return np.concatenate([self._predict(features.dense[i : i + most], threads) for i in blocks])

    def matrix(self, dense: Matrix) -> Matrix:
        """Return what the trees read: the features, then what each model makes of them."""
        return finite(self._extras.matrix(dense))

    @cached_property
    def _extras(self) -> Extras:
        return Extras.of([model.inputs for model in self.models])

    def prepare(self, dense: Matrix) -> None:
        """Load what answers few rows fastest; it is tried on the rows that are given."""
        bulk.prepare(self.booster, self.matrix(dense), self.models[0].scores * len(self.models))

    def owners(self, dense: NDArray[np.intp]) -> list[tuple[int, ...]]:
        """Return whose each column of `matrix` is, two for a cross; `dense` says it of the features."""
        return [*((int(owner),) for owner in dense), *(o for model in self.models for o in model.inputs.owners(dense))]

    def _predict(self, dense: Matrix, threads: int) -> NDArray[np.float64]:
        matrix = self.matrix(dense)
        scores = self.models[0].scores
        sums = bulk.margins(self.booster, matrix, scores * len(self.models), threads)
        total = np.zeros((len(dense), scores))
        if all(model.additive for model in self.models):  # summed one after the other, as below
            parts = sums.reshape(len(dense), len(self.models), scores)
            return np.cumsum(parts * np.reshape(self.shares, (-1, 1)), axis=1)[:, -1]
        for i, (model, share) in enumerate(zip(self.models, self.shares, strict=True)):
            total += share * model.link(sums[:, i * scores : (i + 1) * scores])
        return total


def _moved(tree: bytes, number: int, shift: int, n_features: int) -> bytes:
    """Return the tree with another number, reading its own columns `shift` further to the right."""
    at = tree.index(_ID) + len(_ID)
    tree = tree[:at] + b"l" + struct.pack(">i", number) + tree[boosters.integer(tree, at)[1] :]
    if not shift:
        return tree
    at = tree.index(_SPLITS) + len(_SPLITS)
    if tree[at : at + 5] != b"[$l#L":
        raise ValueError("split indices are not 32-bit integers in XGBoost's UBJSON")
    start, count = at + 13, struct.unpack_from(">q", tree, at + 5)[0]
    split = np.frombuffer(tree, dtype=">i4", count=count, offset=start)
    moved = np.where(split >= n_features, split + shift, split).astype(">i4")
    return tree[:start] + moved.tobytes() + tree[start + 4 * count :]
