"""Any set of decision trees as one XGBoost booster: a safe file format and a fast, well-kept evaluator.

scikit-learn's forests have no file format but pickle, and LightGBM answers at about 60 ns a tree and row where
XGBoost needs 13; as XGBoost boosters both are stored as UBJSON and answer alike. A split ``x <= t`` of float32 values
becomes ``x < t'`` with t' the next float32 above t, so every row takes exactly the same path.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

BLOCK = 50_000  # rows answered at once: bounds the copy that is put in order
SORTED = 2_000  # rows from which on the order pays


@dataclass(frozen=True)
class Tree:
    """One decision tree with one output, as arrays over its nodes; node 0 is the root.

    Parameters
    ----------
    left, right
        Children, -1 at a leaf.
    feature
        Column that is compared.
    threshold
        Rows with value <= threshold go left.
    missing_left
        Whether missing values go left.
    value
        Leaf values.
    output
        Which score the tree adds to.
    categories
        Node → codes that go right, for splits by category; every other code and missing go left.
    cover
        Training rows (or their weight) that came to each node, for explanations; None where it is not known.
    """

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float64]
    output: int = 0
    categories: Mapping[int, NDArray[np.int32]] = field(default_factory=dict)
    cover: NDArray[Any] | None = None


def from_lightgbm(text: str) -> list[Tree]:
    """Read the trees of LightGBM's text format.

    Missing values of a column that had none in training count as 0 there, so they go where 0 goes; a
    category split sends its codes left in LightGBM and right in XGBoost, so children change places.
    """
    head, *blocks = text.partition("end of trees")[0].split("\nTree=")
    per_round = int(re.search(r"^num_tree_per_iteration=(\d+)", head, re.M)[1])  # type: ignore[index]
    return [_lightgbm_tree(block, i % per_round) for i, block in enumerate(blocks)]


def _lightgbm_tree(block: str, output: int) -> Tree:
    stored = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
    values = np.array(stored["leaf_value"].split(), dtype=np.float64)
    leaves, inner = len(values), len(values) - 1

    def read(name: str, kind: Any) -> NDArray[Any]:
        return np.array(stored[name].split() if inner else [], dtype=kind)

    children = [read(side, np.int32) for side in ("left_child", "right_child")]
    left, right = (np.where(c < 0, inner + ~c, c).astype(np.int32) for c in children)
    decision, threshold = read("decision_type", np.int32), read("threshold", np.float64)
    by_category = (decision & 1) > 0
    knows_missing = ((decision >> 2) & 3) == 2
    missing_left = np.where(knows_missing, (decision & 2) > 0, threshold >= 0) | by_category
    left, right = np.where(by_category, right, left), np.where(by_category, left, right)
    categories = {}
    if by_category.any():
        bounds, words = read("cat_boundaries", np.int64), read("cat_threshold", np.uint32)
        for node in np.flatnonzero(by_category):
            which = int(threshold[node])
            bits = words[bounds[which] : bounds[which + 1]].view(np.uint8)
            categories[int(node)] = np.flatnonzero(np.unpackbits(bits, bitorder="little")).astype(np.int32)
    none = np.full(leaves, -1, dtype=np.int32)
    return Tree(
        left=np.concatenate([left, none]).astype(np.int32),
        right=np.concatenate([right, none]).astype(np.int32),
        feature=np.concatenate([read("split_feature", np.int32), np.zeros(leaves, np.int32)]),
        threshold=np.concatenate([np.where(by_category, 0.0, threshold), np.zeros(leaves)]),
        missing_left=np.concatenate([missing_left, np.zeros(leaves, bool)]),
        value=np.concatenate([np.zeros(inner), values]),
        output=output,
        categories=categories,
        cover=np.concatenate([read("internal_count", np.int64), _leaf_counts(stored, leaves)]),
    )


def _leaf_counts(stored: Mapping[str, str], leaves: int) -> NDArray[np.int64]:
    counts = np.array(stored.get("leaf_count", "").split(), dtype=np.int64)
    return counts if len(counts) == leaves else np.ones(leaves, dtype=np.int64)  # a lone leaf may have none


def booster(trees: Sequence[Tree], n_features: int, outputs: int) -> xgb.Booster:
    """Return a booster whose margin is the sum over trees, one column an output; some outputs may have no tree."""
    flat = [ubjson(_xgboost_tree(siblings_adjacent(t), i, n_features)) for i, t in enumerate(trees)]
    return stored(flat, [t.output for t in trees], [0.0] * outputs, n_features)


def stored(trees: Sequence[bytes], outputs: Sequence[int], base: Sequence[float], n_features: int) -> xgb.Booster:
    """Return a booster of trees in UBJSON; tree i adds to ``outputs[i]``, which starts from ``base[outputs[i]]``."""
    model = {
        "cats": {"enc": [], "feature_segments": [], "sorted_idx": []},
        "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": str(len(trees))},
        "iteration_indptr": [0, len(trees)],
        "tree_info": list(outputs),
        "trees": list(trees),
    }
    objective: dict[str, Any] = {"name": "reg:squarederror", "reg_loss_param": {"scale_pos_weight": "1"}}
    if len(base) > 1:
        objective = {"name": "multi:softprob", "softmax_multiclass_param": {"num_class": str(len(base))}}
    parameters = {
        "base_score": "[" + ",".join(f"{np.float32(b):.9E}" for b in base) + "]",
        "boost_from_average": "0",
        "num_class": str(len(base) if len(base) > 1 else 0),
        "num_feature": str(n_features),
        "num_target": "1",
    }
    learner = {
        "attributes": {},
        "feature_names": [],
        "feature_types": [],
        "gradient_booster": {"model": model, "name": "gbtree"},
        "learner_model_param": parameters,
        "objective": objective,
    }
    return load(ubjson({"learner": learner, "version": [3, 0, 0]}))


def margins(booster: xgb.Booster, matrix: NDArray[np.float32], outputs: int, threads: int) -> NDArray[np.float64]:
    """Return the booster's sums, shape (n_rows, outputs).

    Many rows are answered in the order of the column that most splits read: neighbours then take the same way
    through a tree and the processor guesses it, which is up to 1.5 times as fast (benchmarks/trees.py).
    """
    if _threads.get(booster) != threads:  # setting it anew makes XGBoost configure itself anew: .4 ms a call
        booster.set_param({"nthread": threads})
        _threads[booster] = threads
    found = np.empty((len(matrix), outputs))
    for start in range(0, len(matrix), BLOCK):
        rows = matrix[start : start + BLOCK]
        order = np.argsort(rows[:, _most_read(booster)]) if len(rows) >= SORTED else slice(None)
        raw = booster.inplace_predict(rows[order], predict_type="margin")
        found[start : start + BLOCK][order] = np.asarray(raw).reshape(len(rows), outputs)
    return found


def _most_read(booster: xgb.Booster) -> int:
    """Return the column that most splits read."""
    if booster not in _columns:
        splits = booster.get_score(importance_type="weight")
        _columns[booster] = int(max(splits, key=splits.__getitem__)[1:]) if splits else 0  # "f12" → 12
    return _columns[booster]


def load(raw: bytes) -> xgb.Booster:
    """Return the booster stored in UBJSON bytes."""
    found = xgb.Booster()
    found.load_model(bytearray(raw))
    return found


def siblings_adjacent(tree: Tree) -> Tree:
    """Return the same tree with each right child numbered just after the left, as XGBoost's evaluator assumes."""
    order, level = [np.zeros(1, dtype=np.int64)], np.zeros(1, dtype=np.int64)
    while len(level):
        inner = level[tree.left[level] >= 0]
        level = np.column_stack([tree.left[inner], tree.right[inner]]).ravel().astype(np.int64)
        order.append(level)
    old = np.concatenate(order)
    new = np.full(len(tree.left) + 1, -1, dtype=np.int32)  # the last entry keeps -1 at -1
    new[old] = np.arange(len(old), dtype=np.int32)
    return replace(
        tree,
        left=new[tree.left[old]],
        right=new[tree.right[old]],
        feature=tree.feature[old],
        threshold=tree.threshold[old],
        missing_left=tree.missing_left[old],
        value=tree.value[old],
        categories={int(new[node]): codes for node, codes in tree.categories.items()},
        cover=None if tree.cover is None else tree.cover[old],
    )


def _xgboost_tree(tree: Tree, number: int, n_features: int) -> dict[str, Any]:
    nodes = len(tree.left)
    leaf = tree.left < 0
    below = tree.threshold.astype(np.float32)
    below = np.where(below > tree.threshold, np.nextafter(below, np.float32(-np.inf)), below)
    condition = np.where(leaf, tree.value, np.nextafter(below, np.float32(np.inf))).astype(np.float32)
    parents = np.full(nodes, 2147483647, dtype=np.int32)
    inner = np.flatnonzero(~leaf).astype(np.int32)
    parents[tree.left[inner]], parents[tree.right[inner]] = inner, inner
    zeros = np.zeros(nodes, dtype=np.float32)
    by_category = np.array(sorted(tree.categories), dtype=np.int32)
    kinds = np.zeros(nodes, dtype=np.uint8)
    kinds[by_category] = 1
    sizes = np.array([len(tree.categories[int(n)]) for n in by_category], dtype=np.int64)
    codes = [tree.categories[int(n)] for n in by_category]
    return {
        "base_weights": np.where(leaf, condition, np.float32(0)).astype(np.float32),
        "categories": np.concatenate(codes) if codes else np.zeros(0, dtype=np.int32),
        "categories_nodes": by_category,
        "categories_segments": np.cumsum(sizes) - sizes,
        "categories_sizes": sizes,
        "default_left": (tree.missing_left & ~leaf).astype(np.uint8),
        "id": number,
        "left_children": tree.left.astype(np.int32),
        "loss_changes": zeros,
        "parents": parents,
        "right_children": tree.right.astype(np.int32),
        "split_conditions": condition,
        "split_indices": np.where(leaf, 0, tree.feature).astype(np.int32),
        "split_type": kinds,
        "sum_hessian": zeros if tree.cover is None else tree.cover.astype(np.float32),
        "tree_param": {
            "num_deleted": "0",
            "num_feature": str(n_features),
            "num_nodes": str(nodes),
            "size_leaf_vector": "1",
        },
    }


_threads: WeakKeyDictionary[xgb.Booster, int] = WeakKeyDictionary()
_columns: WeakKeyDictionary[xgb.Booster, int] = WeakKeyDictionary()

_MARKERS = {"f4": b"d", "i4": b"l", "i8": b"L", "u1": b"U"}


def ubjson(value: Any) -> bytes:
    """Encode dictionaries, lists, strings, integers and NumPy arrays as UBJSON (ubjson.org, draft 12).

    Bytes stand for themselves: they are UBJSON already.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        return b"{" + b"".join(_length(k) + ubjson(v) for k, v in value.items()) + b"}"
    if isinstance(value, np.ndarray):
        kind = value.dtype.str[1:]
        big_endian = value.astype(value.dtype.newbyteorder(">")).tobytes()
        return b"[$" + _MARKERS[kind] + b"#L" + struct.pack(">q", len(value)) + big_endian
    if isinstance(value, list):
        return b"[" + b"".join(ubjson(v) for v in value) + b"]"
    if isinstance(value, str):
        return b"S" + _length(value)
    return b"L" + struct.pack(">q", value)


def _length(text: str) -> bytes:
    raw = text.encode()
    return b"L" + struct.pack(">q", len(raw)) + raw
