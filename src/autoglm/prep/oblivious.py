"""CatBoost's trees of numbers as tables of Shapley values: a row is explained by looking its leaf up.

All splits of a level of an oblivious tree are the same, so a row's answers to its few splits, 64 ways for six, say all
that the tree's Shapley values depend on. They are those of path-dependent TreeSHAP, as CatBoost has them, but for
columns of the input as players; see `prep.shapley` for the formula.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import catboost as cb
import numpy as np
from numpy.typing import NDArray

from autoglm.prep.shapley import TINY, points

MOST_CELLS = 20_000_000  # of all tables: 160 MB
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Level:
    """Trees of one depth.

    Parameters
    ----------
    column, border, missing
        What each split asks: whether the column is above the border, and whether a missing value is; shape
        (n_trees, depth).
    player
        Whose column it is.
    table
        Values, shape (n_trees, 2 ** depth, depth, scores): by leaf what the player of each split gets; a player of
        several splits gets it with the first.
    """

    column: NDArray[np.intp]
    border: NDArray[np.float32]
    missing: NDArray[np.bool_]
    player: NDArray[np.intp]
    table: Floats

    def add(self, matrix: NDArray[np.float32], into: Floats) -> None:
        """Add the values of rows, shape (n_rows, n_players, scores)."""
        trees, bits = np.arange(len(self.column)), 1 << np.arange(self.column.shape[1])
        for row, found in zip(matrix, into, strict=True):
            value = row[self.column]
            leaf = np.where(np.isnan(value), self.missing, value > self.border) @ bits
            np.add.at(found, self.player, self.table[trees, leaf])


@dataclass(frozen=True, eq=False)
class Tables:
    """A CatBoost model's trees.

    Parameters
    ----------
    base
        The margins when nothing is known of a row, shape (scores,).
    """

    levels: tuple[Level, ...]
    base: Floats

    @classmethod
    def of(cls, booster: cb.CatBoost, owners: NDArray[np.intp], scores: int) -> Self:
        """Tabulate a model of numbers; `owners` says whose each of its columns is.

        Raises
        ------
        ValueError
            The model splits on something else, or the tables would be too large.
        """
        about = _exported(booster)
        info = {f["feature_index"]: f for f in about["features_info"]["float_features"]}
        scale, bias = about["scale_and_bias"]
        depths: dict[int, list[Any]] = {}
        for tree in about["oblivious_trees"]:
            if any(split["split_type"] != "FloatFeature" for split in tree["splits"] or []):
                raise ValueError("the model splits on something else than numbers")
            depths.setdefault(len(tree["splits"] or []), []).append(tree)
        if sum(len(trees) * depth * scores << depth for depth, trees in depths.items()) > MOST_CELLS:
            raise ValueError("the tables would be too large")
        base, levels = np.zeros(scores), []
        for depth, trees in depths.items():
            for tree in trees:
                base += _mean(tree, scores)
            if depth:
                levels.append(_level(trees, depth, info, owners, scores, scale))
        return cls(tuple(levels), scale * base + np.asarray(bias))

    def values(self, matrix: NDArray[np.float32], players: int) -> Floats:
        """Return Shapley values, shape (n_rows, players, scores)."""
        found = np.zeros((len(matrix), players, len(self.base)))
        for level in self.levels:
            level.add(matrix, found)
        return found


def _exported(booster: cb.CatBoost) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.json")
        booster.save_model(str(path), format="json")
        return dict(json.loads(path.read_text()))


def _mean(tree: dict[str, Any], scores: int) -> Floats:
    value = np.reshape(tree["leaf_values"], (-1, scores))
    weight = np.asarray(tree["leaf_weights"], dtype=np.float64)
    return np.asarray(weight @ value / max(weight.sum(), TINY))


def _level(
    trees: list[Any], depth: int, info: dict[int, Any], owners: NDArray[np.intp], scores: int, scale: float
) -> Level:
    splits = [tree["splits"] for tree in trees]
    features = [[info[s["float_feature_index"]] for s in each] for each in splits]
    column = np.array([[f["flat_feature_index"] for f in each] for each in features], dtype=np.intp)
    border = np.array([[s["border"] for s in each] for each in splits], dtype=np.float32)
    missing = np.array([[f["nan_value_treatment"] == "AsTrue" for f in each] for each in features])
    player = owners[column]
    table = np.zeros((len(trees), 1 << depth, depth, scores))
    for tree, who, into in zip(trees, player, table, strict=True):
        _tabulate(tree, who, into)
    return Level(column, border, missing, player, scale * table)


def _tabulate(tree: dict[str, Any], player: NDArray[np.intp], into: Floats) -> None:
    """Write a tree's values by leaf; the split of the highest bit is the root's, as in CatBoost."""
    leaves, depth, scores = into.shape
    value = np.reshape(tree["leaf_values"], (leaves, scores))
    ways = np.arange(leaves)
    first = np.array([np.flatnonzero(player == who)[0] for who in player])
    slots = np.unique(first)
    agree, share = np.ones((leaves, leaves, depth), dtype=bool), np.ones((leaves, depth))
    cover = np.asarray(tree["leaf_weights"], dtype=np.float64)
    for split in range(depth):  # the lowest bit is asked last: its children are leaves
        parent = cover.reshape(-1, 2).sum(axis=1)
        ratio = np.divide(cover, np.repeat(parent, 2), out=np.zeros(len(cover)), where=np.repeat(parent, 2) > 0)
        share[:, first[split]] *= ratio[ways >> split]
        bit = ways >> split & 1
        agree[:, :, first[split]] &= bit[:, None] == bit[None, :]
        cover = parent
    t, weights = points(max(2, -(-len(slots) // 2)))
    passes, share = agree[:, :, slots].astype(np.float64), share[:, slots]
    factor = np.maximum(passes[..., None] * t + share[None, ..., None] * (1 - t), TINY)  # (row, leaf, slot, point)
    paid = (factor.prod(axis=2, keepdims=True) / factor) @ weights
    into[:, slots] = np.einsum("rls,rls,lc->rsc", passes - share, paid, value)
