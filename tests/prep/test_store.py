from pathlib import Path

import numpy as np
import pytest

from autoglm.prep.store import Store

ONE, TWO, THREE = (bytes([i]) * 16 for i in range(3))


def row(value: float) -> np.ndarray:
    return np.full(3, value, dtype=np.float32)


def test_rows_are_found_again_in_another_process_too(tmp_path: Path) -> None:
    first = Store(tmp_path / "s", 3)
    assert ONE not in first
    first.put({ONE: row(1), TWO: row(2)})
    first.put({THREE: row(3)})
    for here in (first, Store(tmp_path / "s", 3)):
        assert [here[k].tolist() for k in (ONE, TWO, THREE)] == [[1] * 3, [2] * 3, [3] * 3]


def test_two_writers_add_to_each_other(tmp_path: Path) -> None:
    one, other = Store(tmp_path, 3), Store(tmp_path, 3)
    one.put({ONE: row(1)})
    other.put({TWO: row(2)})
    again = Store(tmp_path, 3)
    assert again[ONE][0] == 1 and again[TWO][0] == 2


@pytest.mark.parametrize(("name", "cut"), [("rows", 5), ("keys", 7), ("keys", 16)])
def test_what_a_killed_writer_left_is_cut_off(tmp_path: Path, name: str, cut: int) -> None:
    Store(tmp_path, 3).put({ONE: row(1), TWO: row(2)})
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[:-cut])
    torn = Store(tmp_path, 3)
    assert ONE in torn and TWO not in torn
    torn.put({THREE: row(3)})
    again = Store(tmp_path, 3)
    assert again[ONE][0] == 1 and again[THREE][0] == 3 and TWO not in again


def test_where_nothing_can_be_written_rows_stay_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    here = Store(tmp_path / "file" / "s", 3)
    here.put({ONE: row(1)})
    assert ONE in here and here[ONE][0] == 1
