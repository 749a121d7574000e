"""Which players of a row act together in sums of trees: exact Shapley interaction values, by the same quadrature.

The interaction of two players is half of what the one changes in the other's Shapley value by being known (Lundberg et
al. 2020, doi:10.1038/s42256-019-0138-9; Fujimoto, Kojadinovic and Marichal 2006). With the o and z of `prep.shapley`
a leaf's value is paid to players p and q with

    value / 2 (o_p - z_p) (o_q - z_q) ∫₀¹ ∏_{r ≠ p, q} (t o_r + (1 - t) z_r) dt,

which the same points integrate exactly. What is left of a player's Shapley value is its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autoglm.prep.shapley import SIDES, Plan, Walk

LEAVES = 20_000  # taken at once: bounds memory


def values(plan: Plan, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return interaction values, shape (n_rows, players, players, outputs); sums over either are Shapley values."""
    found = np.zeros((len(matrix), plan.players, plan.players, len(plan.base)))
    if not len(plan.splits):
        return found
    walk = Walk(plan)
    parts = _Leaves.of(walk)
    for row, into in zip(matrix, found, strict=True):
        product, pull = walk.down(row)
        for part in parts:
            part.add(product, pull, into)
    return found


class _Leaves:
    """Some leaves with the nodes on the way there, the last one of each player; the root where there are fewer.

    `path` has the shape (n_leaves, players on the longest way), nodes counted as `Walk` counts them.
    """

    def __init__(self, walk: Walk, leaf: NDArray[np.int64], value: NDArray[np.float64], split: NDArray[np.int64]):
        above, before, player = walk.above, walk.up_to, walk.player
        steps = [leaf]
        while np.any(above[steps[-1]] != steps[-1]):
            steps.append(above[steps[-1]])
        way = np.stack(steps, axis=1)
        last = above[way] != way  # a root is nobody's
        for step in steps:
            last &= (way != before[step][:, None]) | (way == step[:, None])
        order = np.argsort(~last, axis=1, kind="stable")[:, : max(1, int(last.sum(axis=1).max()))]
        root = steps[-1][:, None]
        self.leaf, self.value = leaf, value
        self.path = np.take_along_axis(np.where(last, way, root), order, axis=1)
        self._player, self._output = player[self.path], walk.output[split]

    @classmethod
    def of(cls, walk: Walk) -> list[_Leaves]:
        """Find all leaves that hold anything."""
        children = np.concatenate([walk.left, walk.left + 1])
        value = np.concatenate([walk.plan.splits[f"{side}_value"] for side in SIDES])
        split = np.tile(np.arange(len(walk.left)), 2)
        ends = np.flatnonzero(~np.isin(children, walk.node) & (value != 0))
        parts = np.array_split(ends, -(-len(ends) // LEAVES)) if len(ends) else []
        return [cls(walk, children[part], value[part], split[part]) for part in parts]

    def add(self, product: NDArray[np.float64], pull: NDArray[np.float64], into: NDArray[np.float64]) -> None:
        """Add what players of a row get, shape (players, players, outputs)."""
        pulls = pull[self.path]  # (leaf, player on the way, point); 0 at roots
        paid = pulls * (product[self.leaf] * self.value[:, None])[:, None, :]
        alone, both = paid.sum(axis=2), 0.5 * (paid @ pulls.transpose(0, 2, 1))
        slots = np.arange(both.shape[1])
        both[:, slots, slots] = 0.0
        both[:, slots, slots] = alone - both.sum(axis=2)
        players, _, outputs = into.shape
        place = (self._player[:, :, None] * players + self._player[:, None, :]) * outputs + self._output[:, None, None]
        into += np.bincount(place.ravel(), both.ravel(), into.size).reshape(into.shape)
