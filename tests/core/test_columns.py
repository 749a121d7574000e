import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from autoglm.core.columns import column, each_distinct, named_as_identifier

DAY = dt.datetime(2020, 1, 1)
CASES: list[tuple[str, Any, str, list[Any]]] = [
    ("Int64", pd.Series([1, None], dtype="Int64"), "number", [1, np.nan]),
    ("boolean", pd.Series([True, None], dtype="boolean"), "boolean", [1, np.nan]),
    ("bool objects", pd.Series([True, None], dtype=object), "boolean", [1, np.nan]),
    ("string", pd.Series(["a", None], dtype="string"), "text", ["a", None]),
    ("arrow int", pd.Series([1, None], dtype="int64[pyarrow]"), "number", [1, np.nan]),
    ("arrow bool", pd.Series([True, None], dtype="bool[pyarrow]"), "boolean", [1, np.nan]),
    (
        "arrow decimal",
        pd.Series([Decimal("1.5"), None], dtype=pd.ArrowDtype(pa.decimal128(9, 2))),
        "number",
        [1.5, np.nan],
    ),
    ("arrow date", pd.Series([DAY.date(), None], dtype=pd.ArrowDtype(pa.date32())), "date", [DAY, None]),
    (
        "arrow zoned",
        pd.Series([DAY, None], dtype=pd.ArrowDtype(pa.timestamp("ns", tz="UTC"))),
        "date",
        [DAY, None],
    ),
    (
        "arrow duration",
        pd.Series([dt.timedelta(1), None], dtype=pd.ArrowDtype(pa.duration("us"))),
        "number",
        [86400, np.nan],
    ),
    ("category", pd.Series(["a", None], dtype="category"), "text", ["a", None]),
    ("category of int", pd.Series([1, None], dtype="category"), "number", [1, np.nan]),
    ("mixed", pd.Series([1, "a", None, 2.5], dtype=object), "text", ["1", "a", None, "2.5"]),
    ("infinite", pd.Series([np.inf, -np.inf, 1.0]), "number", [np.nan, np.nan, 1]),
    ("huge integer", pd.Series([10**400, 1], dtype=object), "number", [np.nan, 1]),
    ("decimal", pd.Series([Decimal("1.5"), None], dtype=object), "number", [1.5, np.nan]),
    ("bytes of text", pd.Series([b"abc", "\u00e4".encode()]), "text", ["abc", "\u00e4"]),
    ("bytes", pd.Series([b"abc", b"\xff"]), "bytes", [b"abc", b"\xff"]),
    ("lists", pd.Series([[1], None]), "text", ["[1]", None]),
    ("dates", pd.Series([DAY.date(), None], dtype=object), "date", [DAY, None]),
    ("zoned", pd.Series(pd.to_datetime(["2020-01-01T02:00+02:00"])), "date", [DAY]),
    ("timedelta", pd.Series(pd.to_timedelta([1, None], unit="D")), "number", [86400, np.nan]),
    ("period", pd.Series(pd.period_range("2020", periods=1, freq="M")), "date", [DAY]),
    ("NUL", pd.Series(["a\x00b", "\x00"]), "text", ["ab", None]),
    ("half a surrogate pair", pd.Series(["\ud800x"], dtype=object), "text", ["?x"]),
    ("nothing", pd.Series([None, pd.NA], dtype=object), "text", [None, None]),
]


@pytest.mark.parametrize(("series", "storage", "values"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_any_data_type(series: pd.Series, storage: str, values: list[Any]) -> None:  # type: ignore[type-arg]
    read = column(series.rename("x"))
    expected = np.array(
        values, dtype={"text": object, "bytes": object, "date": "datetime64[us]"}.get(storage, "float64")
    )
    assert read.storage == storage
    np.testing.assert_array_equal(read.values, expected)


def test_repairs_are_noted() -> None:
    assert column(pd.Series([np.inf, 1.0], name="x")).notes == ("1 infinite values read as missing",)


def test_numbers_as_text_lose_the_point() -> None:
    assert column(pd.Series([3.0, 2.5, None], name="x")).astext().values.tolist() == ["3", "2.5", None]


@pytest.mark.parametrize("n", [3, 3000])
def test_each_distinct_is_the_same_for_few_and_many(n: int) -> None:
    values = np.resize(np.array(["a", None, "bb"], dtype=object), n)
    assert each_distinct(values, lambda v: -1 if v is None else len(v)).tolist()[:3] == [1, -1, 2]


@pytest.mark.parametrize("name", ["id", "ID", "user_id", "PassengerId", "customerID", "Unnamed: 0", "uuid", "index"])
def test_key_names(name: str) -> None:
    assert named_as_identifier(name)


@pytest.mark.parametrize("name", ["paid", "acid", "VALID", "body_mass_index", "grid", "idea", "monkey"])
def test_names_that_only_look_like_keys(name: str) -> None:
    assert not named_as_identifier(name)
