"""Numbers of texts: learned from the training rows only, the same each time, telling how alike a pair is."""

import numpy as np
import pandas as pd
import pytest

from autoglm.core.errors import DataError
from autoglm.prep import words

FILM = ["a moving and funny film", "dull plot and wooden acting", "the funniest film in years", "wooden, dull, slow"]
TRAIN = np.array([True, True, True, False])


def one(texts: list[str | None]) -> pd.DataFrame:
    return pd.DataFrame({"text": texts})


def test_shape_and_type() -> None:
    found = words.features(one(FILM * 100), np.tile(TRAIN, 100))
    assert found.dtype == np.float32
    assert found.shape[0] == 400
    assert 1 <= found.shape[1] <= words.THEMES
    assert np.isfinite(found).all()


def test_alike_texts_are_near() -> None:
    found = words.features(one(FILM), np.ones(4, dtype=bool))
    near = found @ found.T
    assert near[0, 2] > near[0, 1]
    assert near[1, 3] > near[1, 0]


def test_other_rows_teach_nothing() -> None:
    first = words.features(one([*FILM[:3], "entirely other words here"]), TRAIN)
    second = words.features(one([*FILM[:3], "zzz yyy xxx"]), TRAIN)
    np.testing.assert_array_equal(first[:3], second[:3])
    np.testing.assert_array_equal(second[3], 0)  # no term of it is known


def test_the_same_each_time_whatever_the_seed_is_called() -> None:
    frame = one(FILM * 60)
    train = np.tile(TRAIN, 60)
    np.testing.assert_array_equal(words.features(frame, train), words.features(frame, train))


def test_no_more_than_512_tokens_are_read() -> None:
    filler = "word " * words.TOKENS
    same = words.features(one([filler, f"{filler} late", *FILM]), np.ones(6, dtype=bool))
    np.testing.assert_array_equal(same[0], same[1])
    early = words.features(one([filler, f"late {filler}", *FILM]), np.ones(6, dtype=bool))
    assert not np.array_equal(early[0], early[1])


def pair(left: list[str | None], right: list[str | None]) -> np.ndarray:
    found = words.features(pd.DataFrame({"a": left, "b": right}), np.ones(len(left), dtype=bool))
    return found[:, -len(words.OVERLAPS) :]


def test_overlaps_of_pairs() -> None:
    same, none, half, gap = pair(
        ["the cat sat", "the cat sat", "the cat sat", None],
        ["the cat sat", "dogs run fast today", "The cat ran", "a dog"],
    )
    np.testing.assert_allclose(same, 1.0, atol=1e-5)
    assert none[0] == none[2] == 0
    assert none[3] == pytest.approx(3 / 4)
    assert half[2] == pytest.approx(2 / 4)
    assert 0 < half[0] < 1 and 0 < half[1] < 1
    np.testing.assert_array_equal(gap, 0)


def test_overlaps_are_for_two_columns() -> None:
    frame = pd.DataFrame({"a": FILM, "b": FILM, "c": FILM})
    found = words.features(frame, TRAIN)
    np.testing.assert_array_equal(
        found[:, : found.shape[1] // 3], found[:, found.shape[1] // 3 : 2 * found.shape[1] // 3]
    )


@pytest.mark.parametrize("texts", [["", "", None], ["!!", "?", "."], ["a", "a", "a"]])
def test_texts_without_much_in_them(texts: list[str | None]) -> None:
    assert np.isfinite(words.features(one(texts), np.ones(3, dtype=bool))).all()


@pytest.mark.parametrize(
    ("frame", "train"),
    [(one(FILM), np.zeros(4, dtype=bool)), (one(FILM), np.ones(3, dtype=bool)), (one(FILM)[[]], TRAIN)],
)
def test_what_cannot_be_learned_from(frame: pd.DataFrame, train: np.ndarray) -> None:
    with pytest.raises(DataError, match="expected at least one column, one training row"):
        words.features(frame, train)
