"""CatBoost's trees as tables of Shapley values: a row is explained by looking its leaf up.

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
    tree
        Their numbers in the model, shape (n_trees,).
    player
        Whose column each split asks, shape (n_trees, depth).
    table
        Values, shape (n_trees, 2 ** depth, depth, scores): by leaf what the player of each split gets; a player of
        several splits gets it with the first.
    """

    tree: NDArray[np.intp]
    player: NDArray[np.intp]
    table: Floats

    def add(self, leaves: NDArray[Any], into: Floats) -> None:
        """Add the values of rows, shape (n_rows, n_players, scores)."""
        trees = np.arange(len(self.tree))
        for leaf, found in zip(leaves[:, self.tree], into, strict=True):
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
        """Tabulate a model; `owners` says whose each of its columns is, in CatBoost's own order.

        Raises
        ------
        ValueError
            The model splits on columns of several players at once, or the tables would be too large.
        """
        about = _exported(booster)
        splits, trees = _players(about["features_info"], owners), about["oblivious_trees"]
        scale, bias = about["scale_and_bias"]
        depths: dict[int, list[int]] = {}
        for number, tree in enumerate(trees):
            depths.setdefault(len(tree["splits"] or []), []).append(number)
        if sum(len(numbers) * depth * scores << depth for depth, numbers in depths.items()) > MOST_CELLS:
            raise ValueError("the tables would be too large")
        base = sum((_mean(tree, scores) for tree in trees), np.zeros(scores))
        levels = [_level(trees, np.array(n), depth, splits, scores, scale) for depth, n in depths.items() if depth]
        return cls(tuple(levels), scale * base + np.asarray(bias))

    def values(self, leaves: NDArray[Any], players: int) -> Floats:
        """Return Shapley values, shape (n_rows, players, scores); `leaves` are a row's, one a tree."""
        found = np.zeros((len(leaves), players, len(self.base)))
        for level in self.levels:
            level.add(leaves, found)
        return found


def _players(info: dict[str, Any], owners: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return whose column each possible split asks, numbered as CatBoost does: borders, categories, statistics.

    Raises
    ------
    ValueError
        A statistic is of columns of several players.
    """
    found: list[int] = []
    for feature in info.get("float_features", ()):
        found += [int(owners[feature["flat_feature_index"]])] * len(feature["borders"] or ())
    flat = {f["feature_index"]: int(f["flat_feature_index"]) for f in info.get("categorical_features", ())}
    for feature in info.get("categorical_features", ()):
        found += [int(owners[flat[feature["feature_index"]]])] * len(feature.get("values") or ())
    for statistic in info.get("ctrs", ()):
        of = {int(owners[flat[e["cat_feature_index"]]]) for e in statistic["elements"] if "cat_feature_index" in e}
        if len(of) != 1 or any("cat_feature_index" not in e for e in statistic["elements"]):
            raise ValueError("a statistic is of several columns")
        found += list(of) * len(statistic["borders"])
    return np.array(found, dtype=np.intp)


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
    trees: list[Any], numbers: NDArray[np.intp], depth: int, splits: NDArray[np.intp], scores: int, scale: float
) -> Level:
    asked = [[split["split_index"] for split in trees[number]["splits"]] for number in numbers]
    player = splits[np.array(asked, dtype=np.intp)]
    table = np.zeros((len(numbers), 1 << depth, depth, scores))
    for number, who, into in zip(numbers, player, table, strict=True):
        _tabulate(trees[number], who, into)
    return Level(numbers, player, scale * table)


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
