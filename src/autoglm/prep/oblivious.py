"""CatBoost's trees as tables of Shapley values: a row is explained by looking its leaf up.

All splits of a level of an oblivious tree are the same, so a row's answers to its few splits, 64 ways for six, say all
that the tree's Shapley values depend on. They are those of path-dependent TreeSHAP, as CatBoost has them, but for
columns of the input as players; see `prep.shapley` for the formula, and `prep.interactions` for that of pairs.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
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
    def of(cls, booster: cb.CatBoost, owners: NDArray[np.intp], scores: int, pairs: int = 0) -> Self:
        """Tabulate a model; `owners` says whose each of its columns is, in CatBoost's own order.

        Parameters
        ----------
        pairs
            How many players there are, to tabulate interactions: those of p and q are the values of p · pairs + q. 0:
            Shapley values.

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
        power = 2 if pairs else 1
        if sum(len(numbers) * depth**power * scores << depth for depth, numbers in depths.items()) > MOST_CELLS:
            raise ValueError("the tables would be too large")
        base = sum((_mean(tree, scores) for tree in trees), np.zeros(scores))
        levels = [_level(trees, np.array(n), depth, splits, scores, pairs) for depth, n in depths.items() if depth]
        levels = [replace(level, table=scale * level.table) for level in levels]
        return cls(tuple(levels), scale * base + np.asarray(bias))

    @property
    def pairable(self) -> bool:
        """Whether tables of interactions would not be too large."""
        return bool(sum(level.table.size * level.table.shape[2] for level in self.levels) <= MOST_CELLS)

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
    trees: list[Any], numbers: NDArray[np.intp], depth: int, splits: NDArray[np.intp], scores: int, pairs: int
) -> Level:
    asked = [[split["split_index"] for split in trees[number]["splits"]] for number in numbers]
    player = splits[np.array(asked, dtype=np.intp)]
    table = np.zeros((len(numbers), 1 << depth, *([depth] * (2 if pairs else 1)), scores))
    for number, who, into in zip(numbers, player, table, strict=True):
        slots, worth = _worth(trees[number], who, scores, pairs > 0)
        into[np.ix_(np.arange(1 << depth), *([slots] * (into.ndim - 2)))] = worth
    if pairs:
        player = (player[:, :, None] * pairs + player[:, None, :]).reshape(len(numbers), -1)
        table = table.reshape(len(numbers), 1 << depth, -1, scores)
    return Level(numbers, player, table)


def _worth(tree: dict[str, Any], player: NDArray[np.intp], scores: int, pairs: bool) -> tuple[NDArray[np.intp], Floats]:
    """Return the first split of each player, and by leaf what each of these players gets, or each two of them.

    The split of the highest bit is the root's, as in CatBoost.
    """
    depth = len(player)
    leaves = 1 << depth
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
    alone = np.einsum("rls,rls,lc->rsc", passes - share, paid, value)
    return slots, _paired(passes - share, factor, weights, value, alone) if pairs else alone


def _paired(gain: Floats, factor: Floats, weights: Floats, value: Floats, alone: Floats) -> Floats:
    """Return by leaf what each two players get (see `prep.interactions`), and what is left of a player's value."""
    pull = gain[..., None] / factor
    whole = factor.prod(axis=2) * weights
    found = 0.5 * np.einsum("rlsk,rlk,rltk,lc->rstc", pull, whole, pull, value, optimize=True)
    own = np.arange(gain.shape[2])
    found[:, own, own] = 0.0
    found[:, own, own] = alone - found.sum(axis=2)
    return np.asarray(found)
