import json
from pathlib import Path

import numpy as np
import pytest

from autoglm.core.files import plain, read_json, sha256, write_array, write_bytes, write_json


def test_json_knows_numpy_and_no_infinity(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": np.float32(1.5), "b": (np.int64(2), float("nan")), "c": np.arange(2)})
    assert read_json(tmp_path / "x.json") == {"a": 1.5, "b": [2, None], "c": [0, 1]}


def test_nothing_is_left_aside(tmp_path: Path) -> None:
    write_bytes(tmp_path / "x", b"1")
    write_bytes(tmp_path / "x", b"2")
    write_array(tmp_path / "y.npy", np.arange(3))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x", "y.npy"]
    assert (tmp_path / "x").read_bytes() == b"2"


def test_objects_are_never_pickled(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        write_array(tmp_path / "x.npy", np.array([object()]))


def test_hash(tmp_path: Path) -> None:
    write_bytes(tmp_path / "x", b"abc")
    assert sha256(tmp_path / "x").startswith("ba7816bf")


def test_plain_is_json() -> None:
    assert json.dumps(plain({1: Path("a"), "b": [np.bool_(True)]})) == '{"1": "a", "b": [true]}'
