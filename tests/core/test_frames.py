from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from autoglm.core.errors import DataError
from autoglm.core.frames import like, to_pandas

FRAME = pd.DataFrame({"x": [1.5, 2.5], "s": ["a", "b"]}, index=[7, 9])


@pytest.mark.parametrize(
    ("table", "one", "several"),
    [
        (FRAME, pd.Series, pd.DataFrame),
        (pl.from_pandas(FRAME), pl.Series, pl.DataFrame),
        (pl.from_pandas(FRAME).lazy(), pl.Series, pl.DataFrame),
        (pa.Table.from_pandas(FRAME, preserve_index=False), pa.Array, pa.Table),
        (pa.Table.from_pandas(FRAME, preserve_index=False).to_batches()[0], pa.Array, pa.Table),
        (FRAME.to_numpy(), np.ndarray, np.ndarray),
        (FRAME.to_dict("list"), list, dict),
        (FRAME.to_dict("records"), list, list),
    ],
    ids=["pandas", "polars", "lazy", "table", "batch", "numpy", "dict", "rows"],
)
def test_there_and_back(table: Any, one: type, several: type) -> None:
    read = to_pandas(table)
    assert read.shape == (2, 2) and read.iloc[:, 0].tolist() == [1.5, 2.5] and read.iloc[1, 1] == "b"
    assert isinstance(like(table, pd.Series(["u", "v"], name="p")), one)
    assert isinstance(like(table, pd.DataFrame({"p": [0.1, 0.2]})), several)


def test_pandas_keeps_its_index() -> None:
    assert like(FRAME, pd.Series([1, 2])).index.tolist() == [7, 9]


def test_names_become_text() -> None:
    assert list(to_pandas(pd.DataFrame(np.ones((1, 2)))).columns) == ["0", "1"]
    nested = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("c", "")]))
    assert list(to_pandas(nested).columns) == ["a.b", "c"]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (pd.DataFrame(np.ones((2, 2)), columns=["a", "a"]), "more than once: 'a'"),
        (pd.DataFrame(np.ones((2, 2)), columns=[1, "1"]), "more than once: '1'"),
        (pa.table([[1], [2]], names=["a", "a"]), "more than once: 'a'"),
        (pd.DataFrame(), "empty"),
        (pd.DataFrame({"a": []}), "empty"),
        (np.ones(3), "two dimensions"),
        ({"a": [1], "b": [1, 2]}, "one length"),
        ([1, 2], "a list is read as a table"),
        (3, "cannot read a table from builtins.int"),
        (None, "cannot read a table"),
    ],
)
def test_no_table(table: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        to_pandas(table)


class Places(pd.DataFrame):
    """What GeoDataFrame is: a frame of another library."""

    @property
    def _constructor(self) -> type["Places"]:
        return Places


class Own(pl.DataFrame):
    """A frame of one's own."""


def test_frames_of_derived_classes_get_what_their_library_has() -> None:
    places = Places(FRAME)
    answers = like(places, pd.Series([1, 2]))
    assert isinstance(answers, pd.Series) and answers.index.tolist() == [7, 9]
    assert isinstance(like(places, pd.DataFrame({"p": [1, 2]})), pd.DataFrame)
    own = Own({"x": [1.5, 2.5]})
    assert to_pandas(own)["x"].tolist() == [1.5, 2.5] and isinstance(like(own, pd.Series([1, 2])), pl.Series)
