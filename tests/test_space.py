"""One space for several modalities: what stands in one row finds each other."""

import numpy as np
import pandas as pd
import pytest

from autoglm.core.errors import DataError, FolderError, OptionError

pytest.importorskip("torch")
from autoglm.space import SharedSpace, Space

DRAW = np.random.default_rng(0)
COLOURS = ("red", "green", "blue", "white", "black", "gold")


def _frame(rows: int = 300) -> pd.DataFrame:
    """A picture's numbers, made of the colours that its text names."""
    shares = DRAW.random((rows, 6)) < 0.4
    made = shares @ DRAW.normal(size=(6, 20)) + 0.1 * DRAW.normal(size=(rows, 20))
    words = [" and ".join(c for c, on in zip(COLOURS, row, strict=True) if on) + " it is there" for row in shares]
    return pd.DataFrame({"picture": list(made), "words": words})


FRAME = _frame()


@pytest.fixture(scope="module")
def space() -> Space:
    return SharedSpace(size=16, seconds=20, threads=1, kinds={"words": "text"}).fit(FRAME)


def test_partners_find_each_other_far_more_often_than_by_chance(space: Space) -> None:
    told = space.recall.set_index(["from", "to", "at"])
    assert told.loc[("words", "picture", 10), "share"] > 0.7 > 0.3 > told.loc[("words", "picture", 10), "chance"]
    assert told.loc[("picture", "words", 1), "share"] > 5 * told.loc[("picture", "words", 1), "chance"]


def test_a_text_finds_rows_of_its_colours(space: Space) -> None:
    found = space.search({"words": "red and gold it is there"}, "picture", 5)
    assert list(found["likeness"]) == sorted(found["likeness"], reverse=True)
    named = FRAME["words"].iloc[found["row"]]
    assert (named.str.contains("red") & named.str.contains("gold")).mean() >= 0.6


def test_a_space_is_the_same_after_saving(space: Space, tmp_path) -> None:
    again = Space.load(space.save(tmp_path / "space"))
    for name, vectors in again.embed(FRAME.head(5)).items():
        np.testing.assert_allclose(vectors, space.vectors[name][:5], atol=1e-5)
    assert again.recall.equals(space.recall)
    alone = again.embed(FRAME[["words"]].head(3))
    assert not alone["picture"].any() and alone["words"].any(axis=1).all()


def test_what_cannot_be_done_is_said(space: Space, tmp_path) -> None:
    with pytest.raises(DataError, match="needs two"):
        SharedSpace(seconds=5).fit(FRAME[["words"]])
    with pytest.raises(DataError, match="rows have two"):
        SharedSpace(seconds=5, kinds={"words": "text"}).fit(FRAME.head(20))
    with pytest.raises(OptionError, match="no column named 'word'"):
        space.search({"word": "red"}, "picture")
    with pytest.raises(OptionError, match="no modality named 'pictures'"):
        space.search({"words": "red"}, "pictures")
    with pytest.raises(FolderError, match="no shared space"):
        Space.load(tmp_path)
