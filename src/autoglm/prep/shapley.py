"""What each player adds to the sums of trees: exact Shapley values by quadrature, for groups of columns as players.

The game is that of path-dependent TreeSHAP (Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9): a split on a column
that is not known is taken both ways, by the shares of training rows that took them. On the way to a leaf, player p has
o = 1 if the row passes all its splits there, else 0, and z, the product of the shares of rows that pass them. The
leaf's value is paid for with the product of o over who is known and of z over who is not, so p's Shapley value is

    value (o_p - z_p) ∫₀¹ ∏_{q ≠ p} (t o_q + (1 - t) z_q) dt,

a polynomial in t that Gauss and Legendre's points integrate exactly (Wettenstein, Mitchell and Yu 2026). Products go
down a tree once and sums over leaves come up once. Columns of one player are one factor, so the values are exact for
the columns of the *input*, which sums over encoded columns are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from autoglm.prep import boosters
from autoglm.prep.plan import BITS, category_sets

SPLIT = np.dtype(
    [
        ("left_share", "f8"),
        ("right_share", "f8"),
        ("left_value", "f8"),
        ("right_value", "f8"),
        ("threshold", "f4"),
        ("column", "u4"),
        ("category", "i4"),
        ("missing", "i4"),
        ("node", "u4"),
        ("before", "u4"),
        ("player", "u4"),
        ("unused", "i4"),
    ]
)
TREE = np.dtype([("first", "u4"), ("splits", "u4"), ("output", "u4"), ("points", "u4")])
SIDES = ("left", "right")
SHARES, VALUES = ("left_share", "right_share"), ("left_value", "right_value")
STEP = 4  # numbers of points are multiples of it: as many as a vector instruction takes
TINY = 1e-300  # instead of the share of rows where no training row went


class Plan(NamedTuple):
    """Trees as they are explained: splits of a tree together, breadth first.

    A tree's nodes are counted from its root, 0; split i leads to the nodes 1 + 2 i (left) and 2 + 2 i.

    Parameters
    ----------
    splits
        The `node` that is split and whose `column` is asked: values below the `threshold`, or not in the set of
        categories that begins at `category` (-1: none), go left, `missing` ones left if it is 1. Whose column it is
        (`player`), the node at which the same player led on the way here before (`before`, 0 for none); for both
        children the share of training rows that pass all the player's splits up to there, and the leaf's value, or 1.
    trees
        First split, number of splits, the output that is added to, and how many points integrate exactly.
    sets
        Bit sets of categories that go right, each after the number of its words.
    base
        What each output is when nothing is known of a row.
    players
        How many there are.
    """

    splits: NDArray[Any]
    trees: NDArray[Any]
    sets: NDArray[np.uint32]
    base: NDArray[np.float64]
    players: int

    @classmethod
    def of(
        cls, booster: xgb.Booster, owners: NDArray[np.intp], shares: Sequence[float], scores: int, players: int
    ) -> Plan:
        """Read a booster that holds several models, each with `scores` outputs.

        Parameters
        ----------
        owners
            Player of each column that the trees read.
        shares
            Factor of each model.

        Raises
        ------
        ValueError
            The trees do not say how many training rows passed, or are written in a way that is not understood.
        """
        raw = bytes(booster.save_raw("ubj"))
        stored = [boosters.arrays(tree) for tree in boosters.trees(raw)]
        outputs = np.array(boosters.outputs(raw, len(stored)))
        base = np.array(boosters.base(booster, scores * len(shares))).reshape(len(shares), scores)
        grown = _Grown(stored, owners, np.asarray(shares, dtype=np.float64)[outputs // scores])
        trees = np.zeros(len(stored), dtype=TREE)
        counts = np.bincount(grown.tree[grown.inner], minlength=len(stored))
        trees["first"], trees["splits"], trees["output"] = np.cumsum(counts) - counts, counts, outputs % scores
        trees["points"] = np.maximum(1, -(-grown.most_players // (2 * STEP))) * STEP
        at_rest = np.asarray(shares, dtype=np.float64) @ base
        np.add.at(at_rest, trees["output"], grown.constants)
        return cls(grown.splits(), trees, grown.sets, at_rest, players)


class _Grown:
    """All trees' nodes in one row, breadth first within each tree; pruned ones are left out.

    `factor` multiplies the leaves of each tree.
    """

    def __init__(
        self, stored: list[dict[str, NDArray[Any]]], owners: NDArray[np.intp], factor: NDArray[np.float64]
    ) -> None:
        sizes = np.array([len(t["left_children"]) for t in stored])
        roots = np.cumsum(sizes) - sizes
        tree = np.repeat(np.arange(len(stored)), sizes)

        def joined(name: str, kind: Any) -> NDArray[Any]:
            return np.concatenate([t[name] for t in stored]).astype(kind)

        left, right = joined("left_children", np.int64), joined("right_children", np.int64)
        left, right = (np.where(side >= 0, side + roots[tree], -1) for side in (left, right))
        order = np.concatenate(_levels(roots, left, right))
        order = order[np.argsort(tree[order], kind="stable")]
        new = np.full(len(left) + 1, -1)
        new[order] = np.arange(len(order))
        places, self.sets = category_sets(stored, len(left))
        self.tree, self.left, self.right = tree[order], new[left[order]], new[right[order]]
        self.root = np.searchsorted(self.tree, self.tree)
        self.inner = np.flatnonzero(self.left >= 0)
        self.column, self.category = joined("split_indices", np.int64)[order], places[order]
        self.condition = joined("split_conditions", np.float32)[order]
        self.missing_left = joined("default_left", np.uint8)[order]
        self.value = self.condition * factor[self.tree]
        self.player = owners[self.column]
        if np.any(self.player[self.inner] < 0):
            raise ValueError("a tree reads a column that is no player's alone")
        self.parent = np.full(len(order), -1)
        self.parent[self.left[self.inner]] = self.parent[self.right[self.inner]] = self.inner
        self.before = _before(self.parent, np.where(self.parent >= 0, self.player[self.parent], -1))
        self._spread(len(stored), self._ratios(joined("sum_hessian", np.float64)[order]))

    def _ratios(self, cover: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of a parent's training rows that came to each node."""
        if np.any(cover[np.unique(self.root[self.inner])] <= 0):
            raise ValueError("the trees do not say how many training rows passed: fit again with this version")
        above = np.where(self.parent >= 0, cover[self.parent], 0.0)
        return np.divide(cover, above, out=np.zeros(len(cover)), where=above > 0)

    def _spread(self, trees: int, ratio: NDArray[np.float64]) -> None:
        """Multiply shares down the trees, and count the players on the way to each node."""
        count = len(self.parent)
        self.share, weight, players = np.ones(count), np.ones(count), np.zeros(count, dtype=np.int64)
        level = self.inner[self.parent[self.inner] < 0]
        while len(level):
            below = np.concatenate([self.left[level], self.right[level]])
            up, again = self.parent[below], self.before[below] >= 0
            self.share[below] = ratio[below] * np.where(again, self.share[self.before[below]], 1.0)
            players[below] = players[up] + ~again
            weight[below] = ratio[below] * weight[up]
            level = below[self.left[below] >= 0]
        self.most_players = np.zeros(trees, dtype=np.int64)
        np.maximum.at(self.most_players, self.tree, players)
        leaves = self.left < 0
        self.constants = np.bincount(self.tree[leaves], (weight * self.value)[leaves], minlength=trees)

    def splits(self) -> NDArray[Any]:
        """Return the splits as a plan has them."""
        inner, found = self.inner, np.zeros(len(self.inner), dtype=SPLIT)
        for side, child in (("left", self.left[inner]), ("right", self.right[inner])):
            found[f"{side}_share"] = self.share[child]
            found[f"{side}_value"] = np.where(self.left[child] < 0, self.value[child], 1.0)
        before = self.before[self.left[inner]]
        found["before"] = np.where(before >= 0, before - self.root[inner], 0)
        found["node"], found["player"] = inner - self.root[inner], self.player[inner]
        found["threshold"], found["column"] = self.condition[inner], self.column[inner]
        found["category"], found["missing"] = self.category[inner], self.missing_left[inner]
        return found


def _levels(roots: NDArray[np.int64], left: NDArray[np.int64], right: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the nodes of each depth; those that were pruned away are in none."""
    levels, seen = [roots], len(roots)
    while True:
        inner = levels[-1][left[levels[-1]] >= 0]
        if not len(inner):
            return levels
        levels.append(np.column_stack([left[inner], right[inner]]).ravel())
        seen += len(levels[-1])
        if seen > len(left):
            raise ValueError("a node has two parents")


def _before(parent: NDArray[np.int64], player: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the nearest node above that the same player led to, -1 for none."""
    found = parent.copy()
    while True:
        on = np.flatnonzero(found >= 0)
        on = on[player[found[on]] != player[on]]
        if not len(on):
            return found
        found[on] = parent[found[on]]


def points(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Gauss and Legendre's points in (0, 1) and their weights: exact up to degree 2 count - 1."""
    at, weight = np.polynomial.legendre.leggauss(count)
    return (at + 1) / 2, weight / 2


def values(plan: Plan, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return Shapley values, shape (n_rows, players, outputs): slower than `prep.quadrature`, without Numba."""
    found = np.zeros((len(matrix), plan.players, len(plan.base)))
    walk = Walk(plan) if len(plan.splits) else None
    for row, into in zip(matrix, found, strict=True):
        if walk is not None:
            walk.explain(row, into)
    return found


class Walk:
    """All trees at once, level by level; nodes of all trees are counted on, split i leads to 2 i + its tree's 1, 2.

    Attributes
    ----------
    node, left, before, output
        By split: the node that is split, its left child (the right one follows), the node at which the same player led
        on the way here before (the root where there is none), and what is added to.
    """

    def __init__(self, plan: Plan) -> None:
        splits, trees = plan.splits, plan.trees
        tree = np.repeat(np.arange(len(trees)), trees["splits"])
        first = (2 * trees["first"].astype(np.int64) + np.arange(len(trees)))[tree]  # the root's place
        self.plan, self.nodes = plan, 2 * len(splits) + len(trees)
        self.node, self.before = splits["node"].astype(np.int64) + first, splits["before"].astype(np.int64) + first
        self.left = 1 + 2 * (np.arange(len(splits)) - trees["first"].astype(np.int64)[tree]) + first
        self.output = trees["output"][tree].astype(np.int64)
        self.t, self.weights = points(int(trees["points"].max()))
        self.levels, level = [], np.flatnonzero(splits["node"] == 0)
        while len(level):
            self.levels.append(level)
            below = np.concatenate([self.left[level], self.left[level] + 1])
            level = np.flatnonzero(np.isin(self.node, below))

    def explain(self, row: NDArray[np.float32], into: NDArray[np.float64]) -> None:
        """Add one row's values."""
        splits, (product, pull) = self.plan.splits, self.down(row)
        for level in reversed(self.levels):
            product[self.node[level]] = 0.0
            for side in (0, 1):
                child = self.left[level] + side
                here = product[child] * splits[VALUES[side]][level, None]
                change = (here * (pull[child] - pull[self.before[level]])).sum(axis=1)
                np.add.at(into, (splits["player"][level], self.output[level]), change)
                product[self.node[level]] += here

    def down(self, row: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return by node and point the weighted product of all factors, and the last player's (o - z) / its factor."""
        splits, t, shape = self.plan.splits, self.t, (self.nodes, len(self.t))
        passes, goes_left = np.ones(self.nodes), self._goes_left(row)
        product, factor, pull = np.tile(self.weights, (self.nodes, 1)), np.ones(shape), np.zeros(shape)
        for level in self.levels:
            above, before = self.node[level], self.before[level]
            for side in (0, 1):
                child, share = self.left[level] + side, splits[SHARES[side]][level, None]
                passes[child] = passes[before] * (goes_left[level] != side)
                factor[child] = np.maximum(t * passes[child, None] + (1 - t) * share, TINY)
                pull[child] = (passes[child, None] - share) / factor[child]
                product[child] = product[above] * (factor[child] / factor[before])
        return product, pull

    @property
    def above(self) -> NDArray[np.int64]:
        """By node: the one above; a root's is itself."""
        return self._by_child(self.node, np.arange(self.nodes))

    @property
    def up_to(self) -> NDArray[np.int64]:
        """By node: `before` of the split that leads to it; a root's is itself."""
        return self._by_child(self.before, np.arange(self.nodes))

    @property
    def player(self) -> NDArray[np.int64]:
        """By node: the player that led to it; 0 at roots."""
        return self._by_child(self.plan.splits["player"], np.zeros(self.nodes, dtype=np.int64))

    def _by_child(self, of_split: NDArray[Any], found: NDArray[np.int64]) -> NDArray[np.int64]:
        found[self.left] = found[self.left + 1] = of_split
        return found

    def _goes_left(self, row: NDArray[np.float32]) -> NDArray[np.bool_]:
        splits = self.plan.splits
        value = row[splits["column"]]
        found = value < splits["threshold"]
        for i in np.flatnonzero(splits["category"] >= 0):
            found[i] = not _listed(self.plan.sets, int(splits["category"][i]), float(value[i]))
        return np.asarray(np.where(np.isnan(value), splits["missing"] > 0, found))


def _listed(sets: NDArray[np.uint32], at: int, value: float) -> bool:
    if not 0 <= value < 1 << 24:
        return False
    word, bit = divmod(int(value), BITS)
    return bool(word < sets[at] and int(sets[at + 1 + word]) >> bit & 1)
