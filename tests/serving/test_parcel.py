"""Parcels: rows and margins are the same behind the pipe."""

import numpy as np
import pandas as pd

from autoglm.core.columns import column
from autoglm.serving.observer import Seen
from autoglm.serving.parcel import Parcel, arrow, frame


def odd() -> pd.DataFrame:
    """Every storage that a service takes, each with a missing value."""
    vectors, blobs = np.empty(3, dtype=object), np.empty(3, dtype=object)
    vectors[:] = [np.array([1, 2], np.float32), None, np.array([3, 4], np.float32)]
    blobs[:] = [b"\x89PNG\x00", None, b"x"]
    return pd.DataFrame(
        {
            "number": [1.5, np.nan, -0.0],
            "boolean": pd.array([True, False, None], dtype="boolean"),
            "date": np.array(["2024-01-01T00:00:00.000001", "NaT", "1970-01-01"], dtype="datetime64[us]"),
            "text": pd.Series(["é,\n", None, "x"], dtype=object),
            "bytes": blobs,
            "vector": vectors,
            "nothing": pd.Series([None] * 3, dtype=object),
        }
    )


def seen(rows: pd.DataFrame, request: str = "r") -> Seen:
    return Seen(
        request,
        [column(rows[name]) for name in rows],
        np.arange(2.0 * len(rows)).reshape(-1, 2),
        "00-a-b-01",
        7.5,
        "v1",
    )


def test_rows_of_every_storage_come_back() -> None:
    parcel = Parcel.of([("a", seen(odd()))])
    back = Parcel.unpack(parcel.pack())
    for before, after in zip(parcel.columns, back.columns, strict=True):
        assert (after.name, after.storage) == (before.name, before.storage)
        assert after.values.dtype == before.values.dtype
        np.testing.assert_equal(after.values.tolist(), before.values.tolist())
    assert [c.storage for c in back.columns] == ["number", "boolean", "date", "text", "bytes", "vector", "text"]


def test_a_frame_is_what_the_columns_were() -> None:
    columns = [column(odd()[name]) for name in ("number", "date", "text")]
    again = [column(series) for _, series in frame(arrow(columns)).items()]
    for before, after in zip(columns, again, strict=True):
        assert after.storage == before.storage
        np.testing.assert_equal(after.values.tolist(), before.values.tolist())


def test_requests_are_told_apart_again() -> None:
    parcel = Parcel.of([("a", seen(odd(), "1")), ("b", seen(odd().head(1), "1")), ("c", seen(odd().tail(2), "3"))])
    back = Parcel.unpack(parcel.pack())
    assert back.requests == parcel.requests and back.version == "v1"
    np.testing.assert_array_equal(back.margins, parcel.margins)
    each = back.each()
    assert [(p.requests[0].key, len(p.margins)) for p in each] == [("a", 3), ("b", 1), ("c", 2)]
    assert each[2].named(["text", "number"])[0].values.tolist() == [None, "x"]
