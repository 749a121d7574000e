"""Shapley values of trees, compiled: `prep.shapley` says what is computed; this is its inner loop.

A row goes down every tree once and comes up once, each time with a few numbers a node that one or two vector
instructions take; nothing is allocated a row.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
from numba import float32, float64, from_dtype, int64, njit, types, uint32, void
from numpy.typing import NDArray

from autoglm.prep.shapley import SPLIT, STEP, TINY, TREE, Plan, points

CHUNK = 64  # rows that a thread takes at a time
FAST = {"contract", "reassoc", "nsz"}


def values(plan: Plan, matrix: NDArray[np.float32], threads: int = 1) -> NDArray[np.float64]:
    """Return Shapley values, shape (n_rows, players, outputs).

    Raises
    ------
    ValueError
        The trees read a column that is not there.
    """
    if matrix.shape[1] <= plan.splits["column"].max(initial=0):
        raise ValueError(f"{matrix.shape[1]} columns; expected at least {plan.splits['column'].max() + 1}")
    found = np.zeros((len(matrix), plan.players, len(plan.base)))
    grids = _tables(int(plan.trees["points"].max(initial=STEP)))
    most = 2 * int(plan.trees["splits"].max(initial=0)) + 1
    chunks = [slice(start, start + CHUNK) for start in range(0, len(matrix), CHUNK)]

    def explain(part: slice) -> None:
        _explain(plan.splits, plan.trees, plan.sets, *grids, most, matrix[part], found[part])

    if len(chunks) < 2 or threads < 2:
        for part in chunks:
            explain(part)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(explain, chunks))
    return found


@lru_cache(maxsize=8)
def _tables(most: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return t, 1 - t and 1 / (1 - t), and weights, at 1 · STEP, 2 · STEP ... points; what is beyond weighs nothing."""
    at, weights = np.full((most // STEP, most), 0.5), np.zeros((most // STEP, most))
    for i in range(len(at)):
        count = (i + 1) * STEP
        at[i, :count], weights[i, :count] = points(count)
    return np.stack([at, 1 - at, 1 / (1 - at)], axis=1), weights


_split, _tree = from_dtype(SPLIT)[::1], from_dtype(TREE)[::1]
_matrix = types.Array(float32, 2, "A", readonly=True)
# Unsigned places are not looked at for whether they count from the end.
_0, _1, _2, _3 = np.uintp(0), np.uintp(1), np.uintp(2), np.uintp(3)
_grid, _grids = float64[:, ::1], float64[:, :, ::1]


@njit(nogil=True)
def _goes_left(split: Any, sets: Any, value: Any) -> Any:
    """Return 1 or 0, for numbers without a branch on the row, whose ways nobody can guess."""
    lost = np.float64(value != value)
    if split.category < 0:
        return np.float64(value < split.threshold) + lost * split.missing
    if lost:
        return np.float64(split.missing)
    if not 0 <= value < 16777216:
        return 1.0
    code, at = np.uint32(value), np.uint32(split.category)
    word = np.uint32(code >> np.uint32(5))
    if word >= sets[at]:
        return 1.0
    return np.float64((sets[at + np.uint32(1) + word] >> (code & np.uint32(31))) & np.uint32(1) == 0)


@njit(nogil=True, fastmath=FAST, error_model="numpy")
def _load(array: Any, i: Any, k: Any) -> Any:
    """Four numbers at once: what is loaded before anything is stored becomes one vector instruction."""
    return array[i, k], array[i, k + _1], array[i, k + _2], array[i, k + _3]


@njit(nogil=True, fastmath=FAST, error_model="numpy")
def _store(array: Any, i: Any, k: Any, v: Any) -> None:
    array[i, k], array[i, k + _1], array[i, k + _2], array[i, k + _3] = v


@njit(nogil=True, fastmath=FAST, error_model="numpy")
def _plus(a: Any, b: Any) -> Any:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]


@njit(nogil=True, fastmath=FAST, error_model="numpy")
def _times(a: Any, b: Any) -> Any:
    return a[0] * b[0], a[1] * b[1], a[2] * b[2], a[3] * b[3]


@njit(nogil=True, fastmath=FAST, error_model="numpy")
def _scaled(a: Any, c: Any) -> Any:
    return a[0] * c, a[1] * c, a[2] * c, a[3] * c


@njit(nogil=True, fastmath=FAST, error_model="numpy")
def _sum(a: Any) -> Any:
    return a[0] + a[1] + a[2] + a[3]


@njit(nogil=True, fastmath=FAST, error_model="numpy")
def _inverse(a: Any) -> Any:
    return 1.0 / a[0], 1.0 / a[1], 1.0 / a[2], 1.0 / a[3]


@njit(nogil=True, fastmath=FAST, error_model="numpy")
def _step(stacks: Any, split: Any, child: Any, share: Any, goes: Any, grid: Any, k: Any) -> None:
    """Multiply the product by what the player's factor has become, o t + z (1 - t), and keep (o - z) / it."""
    product, inverse, pull = stacks
    factor = _plus(_scaled(_load(grid, _0, k), goes), _scaled(_load(grid, _1, k), share))
    factor = _plus(factor, (TINY, TINY, TINY, TINY))
    one = _inverse(factor)
    _store(
        product,
        child,
        k,
        _times(_load(product, np.uintp(split.node), k), _times(factor, _load(inverse, np.uintp(split.before), k))),
    )
    _store(inverse, child, k, one)
    _store(pull, child, k, _scaled(one, goes - share))


@njit(nogil=True, fastmath=FAST, error_model="numpy")
def _down(splits: Any, tree: Any, sets: Any, grid: Any, row: Any, passes: Any, stacks: Any) -> None:
    """Go to both children of every split."""
    for i in range(tree.splits):
        split = splits[np.uintp(tree.first) + np.uintp(i)]
        went, left = passes[np.uintp(split.before)], _goes_left(split, sets, row[np.uintp(split.column)])
        child = np.uintp(1 + 2 * i)
        other = child + np.uintp(1)
        passes[child], passes[other] = went * left, went * (1.0 - left)
        for quad in range(tree.points // 4):
            k = np.uintp(4 * quad)
            _step(stacks, split, child, split.left_share, passes[child], grid, k)
            _step(stacks, split, other, split.right_share, passes[other], grid, k)


@njit(nogil=True, fastmath=FAST, error_model="numpy")
def _up(splits: Any, tree: Any, stacks: Any, into: Any) -> None:
    """Sum over leaves what each player's last split changes, less what the one before it did."""
    product, _, pull = stacks
    for back in range(tree.splits):
        i = np.uintp(tree.splits - 1 - back)
        split = splits[np.uintp(tree.first) + i]
        child, total = np.uintp(1) + i + i, 0.0
        other = child + np.uintp(1)
        for quad in range(tree.points // 4):
            k = np.uintp(4 * quad)
            left = _scaled(_load(product, child, k), split.left_value)
            right = _scaled(_load(product, other, k), split.right_value)
            both, last = _plus(left, right), _load(pull, np.uintp(split.before), k)
            pulls = _plus(_times(left, _load(pull, child, k)), _times(right, _load(pull, other, k)))
            total += _sum(pulls) - _sum(_times(both, last))
            _store(product, np.uintp(split.node), k, both)
        into[np.uintp(split.player)] += total


@njit(
    void(_split, _tree, uint32[::1], _grids, _grid, int64, _matrix, float64[:, :, ::1]),
    nogil=True,
    cache=True,
    error_model="numpy",
)
def _explain(splits: Any, trees: Any, sets: Any, grids: Any, weights: Any, most: Any, matrix: Any, found: Any) -> None:
    """Write the values of all rows."""
    width = weights.shape[1]
    stacks = np.zeros((most, width)), np.ones((most, width)), np.zeros((most, width))
    passes = np.ones(most)
    for r in range(len(matrix)):
        for i in range(len(trees)):
            tree = trees[i]
            grid = int(tree.points) // STEP - 1
            stacks[0][0] = weights[grid]
            _down(splits, tree, sets, grids[grid], matrix[r], passes, stacks)
            _up(splits, tree, stacks, found[r, :, tree.output])
