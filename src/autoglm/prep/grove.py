"""Many tree models as one XGBoost booster: a row costs one call instead of one for each model.

A call costs .4 ms however few rows and trees there are, so thirty models that are asked one by one need longer than
10 ms. In the grove every model keeps outputs of its own; its trees read the features, which all models share, and
the columns that this model alone makes of them.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from autoglm.core.features import Features
from autoglm.prep import flat_trees
from autoglm.prep.trees import Matrix, TreeInputs, finite

CELLS = 20_000_000  # of the matrix and of the answers made at once: bounds memory

_KEY = b"L\x00\x00\x00\x00\x00\x00\x00"  # how the length of a short key begins in UBJSON
_TREE = re.compile(rb"\{" + _KEY + rb"\x0cbase_weights")
_END = b"}" + _KEY + b"\x04name"
_ID, _SPLITS, _INFO = (_KEY + bytes([len(k)]) + k for k in (b"id", b"split_indices", b"tree_info"))
_INTEGERS = {b"i": ">b", b"U": ">B", b"I": ">h", b"l": ">i", b"L": ">q"}


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
            found = _trees(raw)
            shift = width - n_features
            trees += [_moved(tree, len(trees) + i, shift, n_features) for i, tree in enumerate(found)]
            outputs += [len(base) + output for output in _outputs(raw, len(found))]
            base += _base(model.booster, model.scores)
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

    def _predict(self, dense: Matrix, threads: int) -> NDArray[np.float64]:
        extra = [block for model in self.models for block in model.inputs.extras(dense)]
        matrix = finite(np.hstack([dense, *extra]) if extra else np.asarray(dense))
        scores = self.models[0].scores
        sums = flat_trees.margins(self.booster, matrix, scores * len(self.models), threads)
        total = np.zeros((len(dense), scores))
        for i, (model, share) in enumerate(zip(self.models, self.shares, strict=True)):
            total += share * model.link(sums[:, i * scores : (i + 1) * scores])
        return total


def _trees(raw: bytes) -> list[bytes]:
    """Return the UBJSON of each tree in a booster's."""
    starts = [m.start() for m in _TREE.finditer(raw)]
    end = raw.find(_END, starts[-1] if starts else 0)
    if not starts or end < 0:
        raise ValueError("no trees found in XGBoost's UBJSON")
    return [raw[a:b] for a, b in zip(starts, [*starts[1:], end], strict=True)]


def _outputs(raw: bytes, count: int) -> list[int]:
    """Return the output that each tree adds to."""
    at = raw.find(_INFO) + len(_INFO)
    if raw[at : at + 3] != b"[#L" or struct.unpack_from(">q", raw, at + 3)[0] != count:
        raise ValueError("the trees found in XGBoost's UBJSON are not as many as it says")
    at += 11
    found = []
    for _ in range(count):
        output, at = _integer(raw, at)
        found.append(output)
    return found


def _moved(tree: bytes, number: int, shift: int, n_features: int) -> bytes:
    """Return the tree with another number, reading its own columns `shift` further to the right."""
    at = tree.index(_ID) + len(_ID)
    tree = tree[:at] + b"l" + struct.pack(">i", number) + tree[_integer(tree, at)[1] :]
    if not shift:
        return tree
    at = tree.index(_SPLITS) + len(_SPLITS)
    if tree[at : at + 5] != b"[$l#L":
        raise ValueError("split indices are not 32-bit integers in XGBoost's UBJSON")
    start, count = at + 13, struct.unpack_from(">q", tree, at + 5)[0]
    split = np.frombuffer(tree, dtype=">i4", count=count, offset=start)
    moved = np.where(split >= n_features, split + shift, split).astype(">i4")
    return tree[:start] + moved.tobytes() + tree[start + 4 * count :]


def _integer(raw: bytes, at: int) -> tuple[int, int]:
    """Return the integer at a position and the position after it."""
    form = _INTEGERS.get(raw[at : at + 1])
    if form is None:
        raise ValueError("an integer was expected in XGBoost's UBJSON")
    return struct.unpack_from(form, raw, at + 1)[0], at + 1 + struct.calcsize(form)


def _base(booster: xgb.Booster, scores: int) -> list[float]:
    """Return the margins that a booster starts from."""
    about: dict[str, Any] = json.loads(booster.save_config())["learner"]
    values = np.atleast_1d(json.loads(about["learner_model_param"]["base_score"])).astype(np.float64)
    if about["objective"]["name"] == "binary:logistic":  # stored as a probability
        values = np.log(values / (1 - values))
    return [float(v) for v in np.broadcast_to(values, scores)]
