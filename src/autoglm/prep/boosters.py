"""What an XGBoost booster says of itself: its trees as UBJSON and as arrays, the outputs they add to, and the start.

UBJSON (ubjson.org, draft 12) is cut at its trees by a pattern instead of being parsed as a whole: 5 microseconds a
tree instead of 100. Whatever is not written as XGBoost 3 writes it is an error, never a guess.
"""

from __future__ import annotations

import json
import re
import struct
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

_KEY = b"L\x00\x00\x00\x00\x00\x00\x00"  # how the length of a short key begins in UBJSON
_TREE = re.compile(rb"\{" + _KEY + rb"\x0cbase_weights")
_END = b"}" + _KEY + b"\x04name"
_INFO = _KEY + b"\x09tree_info"
_INTEGERS = {b"i": ">b", b"U": ">B", b"I": ">h", b"l": ">i", b"L": ">q"}
_EDGE = np.float32(1e-6)
_ARRAY = b"[$"
_ITEMS: dict[bytes, np.dtype[Any]] = {
    b"U": np.dtype("u1"),
    b"l": np.dtype(">i4"),
    b"L": np.dtype(">i8"),
    b"d": np.dtype(">f4"),
}


def trees(raw: bytes) -> list[bytes]:
    """Return the UBJSON of each tree in a booster's.

    Raises
    ------
    ValueError
        There are none, or they are written in another way.
    """
    starts = [m.start() for m in _TREE.finditer(raw)]
    end = raw.find(_END, starts[-1] if starts else 0)
    if not starts or end < 0:
        raise ValueError("no trees found in XGBoost's UBJSON")
    return [raw[a:b] for a, b in zip(starts, [*starts[1:], end], strict=True)]


def outputs(raw: bytes, count: int) -> list[int]:
    """Return the output that each of `count` trees adds to.

    Raises
    ------
    ValueError
        The booster has another number of trees.
    """
    at = raw.find(_INFO) + len(_INFO)
    if raw[at : at + 3] != b"[#L" or struct.unpack_from(">q", raw, at + 3)[0] != count:
        raise ValueError("the trees found in XGBoost's UBJSON are not as many as it says")
    at += 11
    found = []
    for _ in range(count):
        output, at = integer(raw, at)
        found.append(output)
    return found


def integer(raw: bytes, at: int) -> tuple[int, int]:
    """Return the integer at a position and the position after it."""
    form = _INTEGERS.get(raw[at : at + 1])
    if form is None:
        raise ValueError("an integer was expected in XGBoost's UBJSON")
    return struct.unpack_from(form, raw, at + 1)[0], at + 1 + struct.calcsize(form)


def arrays(tree: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays over a tree's nodes by name, in the byte order of files.

    Raises
    ------
    ValueError
        Something else than arrays and the tree's number comes before its parameters.
    """
    found: dict[str, NDArray[Any]] = {}
    at = 1
    while True:
        size, at = integer(tree, at)
        name, at = tree[at : at + size].decode(), at + size
        if name == "tree_param":
            return found
        if name == "id":
            _, at = integer(tree, at)
        else:
            found[name], at = _array(tree, at)


def _array(raw: bytes, at: int) -> tuple[NDArray[Any], int]:
    kind = _ITEMS.get(raw[at + 2 : at + 3])
    if raw[at : at + 2] != _ARRAY or kind is None or raw[at + 3 : at + 4] != b"#":
        raise ValueError("an array of one kind was expected in XGBoost's UBJSON")
    count, at = integer(raw, at + 4)
    return np.frombuffer(raw, kind, count, at), at + count * kind.itemsize


def base(booster: xgb.Booster, scores: int) -> list[float]:
    """Return the margins that a booster starts from, as exactly as float32 has them."""
    about = _about(booster)
    values = np.atleast_1d(json.loads(about["learner_model_param"]["base_score"])).astype(np.float32)
    if about["objective"]["name"] == "binary:logistic":  # stored as a probability, which XGBoost keeps off 0 and 1
        values = np.clip(values, _EDGE, 1 - _EDGE)
        values = -np.log((1 / values - 1).astype(np.float64)).astype(np.float32)
    return [float(v) for v in np.broadcast_to(values, scores)]


def count(booster: xgb.Booster) -> int:
    """Return how many trees a booster has; 0 where it is not a sum of trees."""
    about = _about(booster)["gradient_booster"]
    return int(about["gbtree_model_param"]["num_trees"]) if about["name"] == "gbtree" else 0


def _about(booster: xgb.Booster) -> dict[str, Any]:
    return dict(json.loads(booster.save_config())["learner"])
