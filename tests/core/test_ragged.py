"""Rows of different lengths."""

import numpy as np

from autoglm.core.features import Features, Output
from autoglm.core.ragged import Ragged

ROWS = Ragged.of([[5, 6], [], [7], [1, 2, 3]])


def test_rows_come_back_as_they_were() -> None:
    assert [row.tolist() for row in map(ROWS.__getitem__, range(len(ROWS)))] == [[5, 6], [], [7], [1, 2, 3]]
    assert ROWS.lengths.tolist() == [2, 0, 1, 3]
    assert len(Ragged.of([])) == 0


def test_rows_are_taken_and_cleared() -> None:
    assert [list(row) for row in map(ROWS.take(np.array([3, 0])).__getitem__, range(2))] == [[1, 2, 3], [5, 6]]
    assert ROWS.cleared(np.array([True, False, False, True])).lengths.tolist() == [0, 0, 1, 0]


def test_features_carry_tokens_to_disk_and_lose_them_with_their_modality(tmp_path) -> None:
    outputs = (Output("a", "a"), Output("t.length", "t", modality="text"))
    whole = Features(np.arange(8, dtype=np.float32).reshape(4, 2), outputs, tokens=(("t", ROWS),))
    whole.save(tmp_path)
    back = Features.load(tmp_path)
    assert back.tokens[0][0] == "t" and back.tokens[0][1][3].tolist() == [1, 2, 3]
    assert list(back.modalities) == ["table", "t"]
    without = back.without("t", np.array([True, False, False, False]))
    assert without.absent("t").tolist() == [True, False, False, False]
    assert without.tokens[0][1].lengths.tolist() == [0, 0, 1, 3]
