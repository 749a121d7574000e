import json
import resource
import signal
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
    with pytest.raises(ValueError, match="pickled"):
        write_array(tmp_path / "x.npy", np.array([object()]))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3).T,
        np.zeros((0, 4), np.float32),
        np.array([True, False]),
        np.array(["2020"], "M8[us]"),
    ],
    ids=lambda a: str(a.dtype),
)
def test_arrays_come_back(tmp_path: Path, array: np.ndarray) -> None:
    write_array(tmp_path / "x.npy", array)
    found = np.load(tmp_path / "x.npy", allow_pickle=False)
    assert found.dtype == array.dtype and np.array_equal(found, array)


def test_an_array_that_does_not_fit_is_no_array(tmp_path: Path) -> None:
    before, limits = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_array(tmp_path / "x.npy", np.zeros(120))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert not (tmp_path / "x.npy").exists()


def test_hash(tmp_path: Path) -> None:
    write_bytes(tmp_path / "x", b"abc")
    assert sha256(tmp_path / "x").startswith("ba7816bf")


def test_plain_is_json() -> None:
    assert json.dumps(plain({1: Path("a"), "b": [np.bool_(True)]})) == '{"1": "a", "b": [true]}'
