"""Parcels: rows and margins are the same behind the pipe."""

import numpy as np
import pandas as pd

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
            "boolean": [1.0, 0.0, np.nan],
            "date": np.array(["2024-01-01T00:00:00.000001", "NaT", "1970-01-01"], dtype="datetime64[us]"),
            "text": pd.Series(["é,\n", None, "x"], dtype=object),
            "bytes": blobs,
            "vector": vectors,
            "nothing": pd.Series([None] * 3, dtype=object),
        }
    )


def seen(rows: pd.DataFrame, request: str = "r") -> Seen:
    return Seen(request, rows, np.arange(2.0 * len(rows)).reshape(-1, 2), "00-a-b-01", 7.5, "v1")


def test_rows_of_every_storage_come_back() -> None:
    back = frame(arrow(odd()))
    pd.testing.assert_frame_equal(back.drop(columns="vector"), odd().drop(columns="vector"), check_dtype=False)
    assert back["vector"][1] is None and back["vector"][2].tolist() == [3, 4]
    assert back["date"].dtype == "datetime64[us]"


def test_a_missing_text_is_missing_however_pandas_writes_it() -> None:
    rows = pd.DataFrame({"text": ["a", None], "date": pd.to_datetime(["2024-01-01", None])})
    assert frame(arrow(rows))["text"].tolist() == ["a", None]
    assert frame(arrow(rows))["date"].isna().tolist() == [False, True]


def test_requests_are_told_apart_again() -> None:
    parcel = Parcel.of([("a", seen(odd(), "1")), ("b", seen(odd().head(1), "1")), ("c", seen(odd().tail(2), "3"))])
    back = Parcel.unpack(parcel.pack())
    assert back.requests == parcel.requests and back.version == "v1"
    np.testing.assert_array_equal(back.margins, parcel.margins)
    each = back.each()
    assert [(p.requests[0].key, len(p.rows), len(p.margins)) for p in each] == [("a", 3, 3), ("b", 1, 1), ("c", 2, 2)]
    assert each[2].rows["text"].tolist() == [None, "x"]


def test_columns_are_as_a_predictor_takes_them() -> None:
    parcel = Parcel.unpack(Parcel.of([("a", seen(odd()))]).pack())
    storages = [c.storage for c in parcel.columns(["number", "date", "text", "bytes", "vector"])]
    assert storages == ["number", "date", "text", "bytes", "vector"]
