"""A booster's trees as arrays for many rows: splits as bits over leaves, and as nodes to go down by.

Leaves are numbered from the left and stand for bits, 32 a word. A split that a row fails takes away the leaves on
its left; the first leaf that stays is the answer (QuickScorer: Lucchese et al. 2015, doi:10.1145/2766462.2767733).
`prep.compiled` reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from autoglm.prep import boosters

BUSHY = 128  # leaves that a tree may have to be answered by bits alone (benchmarks/trees.py)
TOP = 5  # levels that are answered by bits in larger trees: at most one word of exits
MOST = 1 << 24  # nodes that float32 can count
BITS = 32
FULL = 0xFFFFFFFF
BRUIJN, SHIFT = 0x077CB531, 27  # times a power of two, the upper five bits tell which (de Bruijn sequence)

NODE = np.dtype([("threshold", "f4"), ("column", "u4"), ("link", "u4"), ("category", "i4")])
TREE = np.dtype([("output", "u4"), ("first", "u4"), ("words", "u4"), ("deep", "u4")])
COLUMN = np.dtype([("source", "u4"), ("missing", "f4")])


class Plan(NamedTuple):
    """A booster as the compiled code reads it.

    Parameters
    ----------
    nodes
        Splits: rows with value < threshold go left. By bits: the leaves that stay when a row does not (`link`), word
        by word. Level by level: the left child, which the right follows; a leaf's is 0 and its value the threshold.
    sets
        Bit sets of categories that go right, each after the number of its words; `category` says where, -1 nowhere.
    trees
        Output, first word, number of words, and whether rows go on level by level.
    words
        Where the nodes of each word begin; one entry more than there are words.
    leaves
        What a row finds, shape (n_words, 32), in the order of `BRUIJN`: the value, or the node to go on from.
    columns
        What a node's column is: one of the matrix with a value instead of missing ones, so that they go their way.
    base
        What each output starts from.
    """

    nodes: NDArray[Any]
    sets: NDArray[np.uint32]
    trees: NDArray[Any]
    words: NDArray[np.uint32]
    leaves: NDArray[np.float32]
    columns: NDArray[Any]
    base: NDArray[np.float32]

    @classmethod
    def of(cls, booster: xgb.Booster, outputs: int) -> Plan:
        """Read a booster's trees.

        Raises
        ------
        ValueError
            It is not a sum of trees of one output each, or it is written in a way that is not understood here.
        """
        if not boosters.count(booster):
            raise ValueError("the booster is not a sum of trees")
        raw = bytes(booster.save_raw("ubj"))
        stored = [boosters.arrays(tree) for tree in boosters.trees(raw)]
        splits = _Splits.of(stored)
        columns, sources = _columns(splits)
        places, sets = category_sets(stored, len(splits.left))
        nodes = np.zeros(len(splits.left), dtype=NODE)
        nodes["threshold"], nodes["column"], nodes["category"] = splits.threshold, columns, places
        first = np.r_[0, np.cumsum(-(-splits.exits[splits.roots] // BITS))]
        tests, words = _by_bits(splits, nodes, first)
        place = np.asarray(np.cumsum(splits.deep) - splits.deep + len(tests))
        trees = np.zeros(len(stored), dtype=TREE)
        trees["output"] = _outputs(raw, len(stored), outputs)
        trees["first"], trees["words"], trees["deep"] = first[:-1], np.diff(first), splits.deep[splits.roots]
        base = np.array(boosters.base(booster, outputs), dtype=np.float32)
        nodes = np.concatenate([tests, _by_level(splits, nodes, place)])
        return cls(nodes, sets, trees, words, _exits(splits, first, place), sources, base)


def _outputs(raw: bytes, trees: int, outputs: int) -> list[int]:
    found = boosters.outputs(raw, trees)
    if max(found) >= outputs:
        raise ValueError(f"a tree adds to output {max(found)}, of {outputs}")
    return found


@dataclass(frozen=True)
class _Splits:
    """The nodes of all trees in one row, children by their place in it.

    Trees end in leaves, those that are `deep` at a depth of `TOP`; these exits are counted from the left: `exits` is
    their number below a node (1 for an exit, 0 beyond), `order` that of the first.
    """

    roots: NDArray[np.int64]
    tree: NDArray[np.int64]
    left: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float32]
    missing_left: NDArray[np.bool_]
    listed: NDArray[np.bool_]
    deep: NDArray[np.bool_]
    order: NDArray[np.int64]
    exits: NDArray[np.int64]

    @classmethod
    def of(cls, stored: list[dict[str, NDArray[Any]]]) -> _Splits:
        sizes = np.array([len(t["left_children"]) for t in stored])
        if any(len(t["base_weights"]) != n for t, n in zip(stored, sizes, strict=True)):
            raise ValueError("trees of several outputs each are not understood")
        roots = np.cumsum(sizes) - sizes
        tree = np.repeat(np.arange(len(stored)), sizes)
        left = _joined(stored, "left_children").astype(np.int64)
        inner = left >= 0
        if np.any(_joined(stored, "right_children")[inner] != left[inner] + 1):
            raise ValueError("siblings do not follow each other")
        if np.any(left + 1 >= sizes[tree]):
            raise ValueError("a child is not in its tree")
        left = np.where(inner, left + roots[tree], -1)
        deep = (np.bincount(tree[~inner], minlength=len(stored)) > BUSHY)[tree]
        threshold = _joined(stored, "split_conditions").astype(np.float32)
        listed = _joined(stored, "split_type") > 0
        if not np.all(threshold[inner & ~listed] > -np.inf):
            raise ValueError("a threshold is no number that a value can be below")
        feature = _joined(stored, "split_indices").astype(np.int64)
        missing_left = _joined(stored, "default_left") > 0
        return cls(roots, tree, left, feature, threshold, missing_left, listed, deep, *_counted(roots, left, deep))


def _joined(stored: list[dict[str, NDArray[Any]]], name: str) -> NDArray[Any]:
    return np.concatenate([tree[name] for tree in stored])


def _counted(
    roots: NDArray[np.int64], left: NDArray[np.int64], deep: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return `order` and `exits` of `_Splits`; nodes that were pruned away have none."""
    order, exits = np.zeros(len(left), dtype=np.int64), np.zeros(len(left), dtype=np.int64)
    levels: list[NDArray[np.int64]] = []
    level, seen = roots, 0
    while len(level):
        seen += len(level)
        if seen > len(left):
            raise ValueError("a node has two parents")
        ends = (left[level] < 0) | (deep[level] & (len(levels) == TOP))
        exits[level[ends]] = 1
        levels.append(level[~ends])
        level = np.concatenate([left[levels[-1]], left[levels[-1]] + 1])
    for inner in reversed(levels):
        exits[inner] = exits[left[inner]] + exits[left[inner] + 1]
    for inner in levels:
        order[left[inner]] = order[inner]
        order[left[inner] + 1] = order[inner] + exits[left[inner]]
    return order, exits


def _columns(splits: _Splits) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return by node its column in a block, and the blocks' columns.

    Instead of missing values stand those that go the same way: -inf is below every threshold and no category, inf
    is below none, and NaN goes right where categories are listed.
    """
    ways = np.array([-np.inf, np.inf, np.nan], dtype=np.float32)
    way = np.where(splits.missing_left, 0, np.where(splits.listed, 2, 1))
    inner = splits.left >= 0
    used, place = np.unique((splits.feature * len(ways) + way)[inner], return_inverse=True)
    columns = np.zeros(len(inner), dtype=np.int64)
    columns[inner] = place
    sources = np.zeros(len(used), dtype=COLUMN)
    sources["source"], sources["missing"] = used // len(ways), ways[used % len(ways)]
    return columns, sources


def category_sets(stored: list[dict[str, NDArray[Any]]], nodes: int) -> tuple[NDArray[np.int32], NDArray[np.uint32]]:
    """Return by node where its categories begin, -1 for none, and the bit sets."""
    places, sets, size = np.full(nodes, -1, dtype=np.int32), [np.zeros(0, dtype=np.uint32)], 0
    for node, codes in _listed(stored):
        bits = np.zeros((int(codes.max(initial=0)) // BITS + 1) * BITS, dtype=np.uint8)
        bits[codes] = 1
        packed = np.packbits(bits, bitorder="little").view("<u4")
        places[node] = size
        sets.append(np.concatenate([[len(packed)], packed]).astype(np.uint32))
        size += len(packed) + 1
    return places, np.concatenate(sets)


def _listed(stored: list[dict[str, NDArray[Any]]]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield each split by category, counted over all trees, and its codes."""
    first = 0
    for tree in stored:
        spans = zip(tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True)
        for node, start, size in spans:
            yield first + int(node), tree["categories"][start : start + size].astype(np.int64)
        first += len(tree["left_children"])


def _by_bits(splits: _Splits, nodes: NDArray[Any], first: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.uint32]]:
    """Return the tests of all words, and where each word's begin; `first` is each tree's first word."""
    inner = np.flatnonzero(splits.exits > 1)
    start = splits.order[inner]
    end = start + splits.exits[splits.left[inner]]  # the exits on the left are start .. end - 1
    spread = (end - 1) // BITS - start // BITS + 1
    which = np.repeat(np.arange(len(inner)), spread)
    word = (start // BITS)[which] + np.arange(len(which)) - np.repeat(np.cumsum(spread) - spread, spread)
    low, high = (np.clip(x[which] - BITS * word, 0, BITS).astype(np.uint64) for x in (start, end))
    one = np.uint64(1)
    tests = nodes[inner[which]]
    tests["link"] = (~((one << high) - (one << low)) & np.uint64(FULL)).astype(np.uint32)
    whole = first[splits.tree[inner[which]]] + word
    words = np.r_[0, np.cumsum(np.bincount(whole, minlength=first[-1]))].astype(np.uint32)
    return tests[np.argsort(whole, kind="stable")], words


def _by_level(splits: _Splits, nodes: NDArray[Any], place: NDArray[np.int64]) -> NDArray[Any]:
    """Return the nodes of deep trees; `place` is each one's number among all nodes."""
    found = nodes[splits.deep]
    left = splits.left[splits.deep]
    found["link"] = np.where(left >= 0, place[left], 0)
    return found


def _exits(splits: _Splits, first: NDArray[np.int64], place: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return what a row finds at each exit: the value, or the number of the node from which it goes on."""
    if len(place) and place[-1] >= MOST:
        raise ValueError(f"more than {MOST:,} nodes")
    ends = np.flatnonzero(splits.exits == 1)
    bit = (splits.order[ends] % BITS).astype(np.uint64)
    slot = ((np.uint64(BRUIJN) << bit) & np.uint64(FULL)) >> np.uint64(SHIFT)
    found = np.zeros((first[-1], BITS), dtype=np.float32)
    value = np.where(splits.deep[ends], place[ends], splits.threshold[ends])
    found[first[splits.tree[ends]] + splits.order[ends] // BITS, slot] = value
    return found
