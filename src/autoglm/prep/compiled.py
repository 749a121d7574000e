"""An XGBoost booster's sums for many rows, compiled: the same bits, several times as fast.

A branch that the processor guesses wrongly costs as much as ten comparisons. So a tree is asked about a block of rows
at a time, without a branch on a row: all its splits strike leaves of all rows, 16 rows an instruction (see
`prep.plan`). In a large tree the first levels are answered so; from there rows go down level by level, in turn, so
that they don't wait for each other. Sums are of float32 and in the order of trees, as XGBoost's.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import float32, from_dtype, njit, types, uint32, void
from numpy.typing import NDArray

from autoglm.prep.plan import BRUIJN, COLUMN, FULL, NODE, SHIFT, TREE, Plan

ROWS = 512  # a block: 30 columns of it take 60 KB, and a tree's nodes are read once for all
CHUNK = 16 * ROWS  # rows that a thread takes at a time


def margins(plan: Plan, matrix: NDArray[np.float32], threads: int) -> NDArray[np.float32]:
    """Return the sums over trees, shape (n_rows, outputs).

    Raises
    ------
    ValueError
        The trees read a column that is not there.
    """
    found = _room(plan, matrix)
    chunks = [slice(start, start + CHUNK) for start in range(0, len(matrix), CHUNK)]
    with ThreadPoolExecutor(max(1, min(threads, len(chunks)))) as pool:
        list(pool.map(lambda chunk: _answer(plan, matrix[chunk], found[chunk]), chunks))
    return found


def few(plan: Plan, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the same as `margins`, row by row: there is no block to be filled, which a few rows would not fill."""
    found = _room(plan, matrix)
    _answer_each(plan, matrix, found)
    return found


def _room(plan: Plan, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    if matrix.shape[1] <= plan.columns["source"].max(initial=0):
        raise ValueError(f"{matrix.shape[1]} columns; expected at least {plan.columns['source'].max() + 1}")
    return np.empty((len(matrix), len(plan.base)), dtype=np.float32)


_block = float32[:, ::1]
_node, _tree, _column = (from_dtype(kind)[::1] for kind in (NODE, TREE, COLUMN))
_plan = types.NamedTuple([_node, uint32[::1], _tree, uint32[::1], _block, _column, float32[::1]], Plan)
_matrix = types.Array(float32, 2, "A", readonly=True)
_FULL, _ONE, _SHIFT, _FACTOR = np.uint32(FULL), np.uint32(1), np.uint32(SHIFT), np.uint32(BRUIJN)
_LARGEST = np.float32(1 << 24)  # from which on a number is no category


@njit(nogil=True)
def _goes_right(sets: Any, at: Any, value: Any) -> Any:
    """Whether a value is among the categories of a set, or missing."""
    if not value < _LARGEST:
        return value != value
    if value < 0:
        return False
    code = np.uint32(value)
    word = np.uint32(code >> np.uint32(5))
    return word < sets[at] and (sets[at + _ONE + word] >> (code & np.uint32(31))) & _ONE != 0


@njit(nogil=True)
def _strike(plan: Any, word: Any, block: Any, alive: Any) -> None:
    """Take away the leaves of a word that rows cannot reach."""
    alive[:] = _FULL
    for i in range(plan.words[word], plan.words[word + _ONE]):
        node = plan.nodes[i]
        column, threshold, rest = block[node.column], node.threshold, node.link
        if node.category < 0:
            for row in range(ROWS):
                alive[row] &= _FULL if column[row] < threshold else rest
        else:
            for row in range(ROWS):
                alive[row] &= rest if _goes_right(plan.sets, np.uint32(node.category), column[row]) else _FULL


@njit(nogil=True)
def _leave(plan: Any, tree: Any, block: Any, alive: Any, exits: Any) -> None:
    """Find where rows leave a tree; the last words come first, so that the first exit has the last word."""
    for back in range(tree.words):
        word = np.uint32(tree.first + tree.words - _ONE - np.uint32(back))
        _strike(plan, word, block, alive)
        found = plan.leaves[word]
        for row in range(ROWS):
            lowest = np.uint32(alive[row] & np.uint32(~alive[row] + _ONE))
            at = np.uint32(np.uint32(lowest * _FACTOR) >> _SHIFT)
            exits[row] = found[at] if lowest else exits[row]


@njit(nogil=True)
def _descend(plan: Any, block: Any, at: Any, active: Any, exits: Any) -> None:
    """Go on from the exits to leaves, level by level; rows that have come to a leaf are left out."""
    nodes, going = plan.nodes, 0
    for row in range(ROWS):
        at[row], active[going] = np.uint32(exits[row]), row
        going += nodes[at[row]].link != 0
    while going:
        stay = 0
        for i in range(going):
            row = active[i]
            node = nodes[at[row]]
            value = block[node.column, row]
            if node.category < 0:
                right = not value < node.threshold
            else:
                right = _goes_right(plan.sets, np.uint32(node.category), value)
            child = np.uint32(node.link + np.uint32(right))
            at[row], active[stay] = child, row
            stay += nodes[child].link != 0
        going = stay
    for row in range(ROWS):
        exits[row] = nodes[at[row]].threshold


@njit(nogil=True)
def _fill(plan: Any, matrix: Any, start: Any, block: Any) -> None:
    """Copy a block of rows, column by column; what is beyond the last row does not matter."""
    for place in range(len(plan.columns)):
        source, missing = plan.columns[place].source, plan.columns[place].missing
        for row in range(min(ROWS, len(matrix) - start)):
            value = matrix[start + row, source]
            block[place, row] = missing if value != value else value


@njit(void(_plan, _matrix, _block), nogil=True, cache=True)
def _answer(plan: Any, matrix: Any, found: Any) -> None:
    """Write the sums of all rows."""
    block = np.zeros((len(plan.columns), ROWS), dtype=np.float32)
    sums = np.zeros((len(plan.base), ROWS), dtype=np.float32)
    exits = np.zeros(ROWS, dtype=np.float32)
    at, active = np.zeros(ROWS, dtype=np.uint32), np.zeros(ROWS, dtype=np.uint32)
    for start in range(0, len(matrix), ROWS):
        _fill(plan, matrix, start, block)
        for output in range(len(plan.base)):
            sums[output] = plan.base[output]
        for i in range(len(plan.trees)):
            tree = plan.trees[i]
            _leave(plan, tree, block, at, exits)
            if tree.deep:
                _descend(plan, block, at, active, exits)
            total = sums[tree.output]
            for row in range(ROWS):
                total[row] += exits[row]
        for row in range(min(ROWS, len(matrix) - start)):
            for output in range(len(plan.base)):
                found[start + row, output] = sums[output, row]


@njit(nogil=True, inline="always")
def _right(sets: Any, node: Any, value: Any) -> Any:
    """Whether a value goes right."""
    return not value < node.threshold if node.category < 0 else _goes_right(sets, np.uint32(node.category), value)


@njit(void(_plan, _matrix, _block), nogil=True, cache=True)
def _answer_each(plan: Any, matrix: Any, found: Any) -> None:
    """Write the sums of all rows, one by one; a call that takes arrays would cost more here than what it does."""
    nodes, sets, words, leaves = plan.nodes, plan.sets, plan.words, plan.leaves
    values = np.empty(len(plan.columns), dtype=np.float32)
    for row in range(len(matrix)):
        for place in range(len(plan.columns)):
            value = matrix[row, plan.columns[place].source]
            values[place] = plan.columns[place].missing if value != value else value
        for output in range(len(plan.base)):
            found[row, output] = plan.base[output]
        for i in range(len(plan.trees)):
            tree, end = plan.trees[i], np.float32(0)
            for word in range(tree.first, tree.first + tree.words):
                alive = _FULL
                for k in range(words[word], words[word + 1]):
                    node = nodes[k]
                    if node.category < 0:  # no branch on the row: a quarter of the time
                        alive &= np.uint32(node.link | np.uint32(-np.int32(values[node.column] < node.threshold)))
                    elif _goes_right(sets, np.uint32(node.category), values[node.column]):
                        alive &= node.link
                if alive:
                    lowest = np.uint32(alive & np.uint32(~alive + _ONE))
                    end = leaves[word, np.uint32(np.uint32(lowest * _FACTOR) >> _SHIFT)]
                    break
            if tree.deep:
                at = np.uint32(end)
                while nodes[at].link:
                    at = np.uint32(nodes[at].link + np.uint32(_right(sets, nodes[at], values[nodes[at].column])))
                end = nodes[at].threshold
            found[row, tree.output] += end
