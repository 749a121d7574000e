"""One space for several modalities: what stands in one row finds each other."""

import numpy as np
import pandas as pd
import pytest

from autoglm.core.errors import DataError, FolderError, OptionError

pytest.importorskip("torch")
from autoglm.space import SharedSpace, Space, _recall, _trained

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


def test_partners_that_are_alike_are_found_by_chance() -> None:
    alike = np.tile(DRAW.normal(size=16).astype(np.float32), (50, 1))
    alike /= np.linalg.norm(alike, axis=1, keepdims=True)
    told = _recall({"words": alike, "picture": alike})
    assert told["chance"].tolist() == [0.02, 0.2] * 2
    assert told["share"].tolist() == pytest.approx(told["chance"].tolist())
    own = np.eye(12, dtype=np.float32)
    assert _recall({"words": own, "picture": own})["share"].tolist() == [1.0] * 4
    pairs = own[np.arange(12) // 2]  # two rows each have one picture
    assert _recall({"words": pairs, "picture": pairs})["share"].tolist() == [0.5, 1.0] * 2


def test_rows_that_judge_do_not_choose_the_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    parts: list[np.ndarray] = []

    def watched(recipe, matrices, here, train, stop, *rest):
        parts.extend([train, stop])
        return _trained(recipe, matrices, here, train, stop, *rest)

    monkeypatch.setattr("autoglm.space._trained", watched)
    found = SharedSpace(size=4, seconds=5, threads=1, epochs=1, kinds={"words": "text"}).fit(FRAME.head(100))
    assert len(np.unique(np.concatenate(parts))) == 100 - found.held
    assert [found.held, *map(len, parts)] == [15, 75, 10]


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
