"""Which kind each column is taken for, and what its features are, on pandas and on polars."""

import datetime as dt
from typing import Any

import numpy as np
import pytest

from autoglm import encoders
from autoglm.core.columns import Column
from autoglm.core.seed import Seed

N = 120
DRAW = np.random.default_rng(3)
WORDS = ["good", "bad", "film", "plot", "the", "ending", "was", "very"]
DAYS = [dt.datetime(2019, 1, 1) + dt.timedelta(hours=31 * i) for i in range(N)]

CASES: list[tuple[str, str, list[Any]]] = [
    ("number", "price", DRAW.normal(size=N).tolist()),
    ("number", "stars", DRAW.integers(1, 6, N).tolist()),
    ("number", "unix", (1_500_000_000 + DRAW.integers(0, 10**8, N)).tolist()),
    ("number", "year", [str(y) for y in DRAW.integers(1990, 2020, N)]),
    ("number", "usd", [f"${v:,}" for v in DRAW.integers(0, 10**6, N)]),
    ("number", "rate", [f"{v}%" for v in DRAW.integers(0, 100, N)]),
    ("number", "komma", [f"{v},{v:02}" for v in DRAW.integers(10, 90, N)]),
    ("number", "gaps", [*map(str, DRAW.integers(0, 9, N - 40)), *["?"] * 40]),
    ("number", "body_mass_index", DRAW.permutation(np.arange(N) * 3.7).tolist()),
    ("number", "unique", np.unique(DRAW.integers(0, 10**9, 2 * N))[:N].tolist()),
    ("boolean", "flag", (DRAW.random(N) > 0.5).tolist()),
    ("boolean", "answer", DRAW.choice(["Yes", "no", "NO"], N).tolist()),
    ("boolean", "sex", DRAW.choice(["female", "male"], N).tolist()),
    ("category", "city", DRAW.choice(["Rome", "Paris", "New York"], N).tolist()),
    ("category", "store_id", DRAW.integers(0, 9, N).tolist()),
    ("category", "id", DRAW.choice(["a1", "b2", "c3"], N).tolist()),
    ("category", "zip", [f"0{v}" for v in DRAW.integers(1000, 1020, N)]),
    ("category", "version", DRAW.choice(["1.2.3", "1.2.4", "2.0.1"], N).tolist()),
    ("date", "stamp", DAYS),
    ("date", "day", [d.date() for d in DAYS]),
    ("date", "iso", [d.isoformat() for d in DAYS]),
    ("date", "zoned", [d.isoformat() + ("Z" if i % 2 else "+02:00") for i, d in enumerate(DAYS)]),
    ("date", "american", [f"{d:%m/%d/%Y}" for d in DAYS]),
    ("date", "german", [f"{d:%d.%m.%Y %H:%M}" for d in DAYS]),
    ("date", "words", [f"{d:%b %d, %Y}" for d in DAYS]),
    ("date", "broken", [f"{d:%Y-%m-%d}" if i % 20 else "2019-02-31" for i, d in enumerate(DAYS)]),
    ("text", "review", [" ".join(DRAW.choice(WORDS, 12)) for _ in range(N)]),
    ("text", "name", [f"{w} {i} x" for i, w in enumerate(DRAW.choice(WORDS, N))]),
    ("text", "unspaced", ["".join(DRAW.choice(list("这是一个很好的电影"), 9)) for _ in range(N)]),
    ("identifier", "PassengerId", list(range(1, N + 1))),
    ("identifier", "row", list(range(N))),
    ("identifier", "code", [f"X{v:07}" for v in range(N)]),
    ("identifier", "number as text", [str(v) for v in range(N)]),
    ("constant", "one", ["x"] * N),
    ("constant", "none", [None] * N),
    ("constant", "zero", [0.0] * N),
]


def fitted(rows: Column) -> encoders.Encoding:
    return encoders.encode([rows], [encoders.choose(rows)], Seed(0))[0]


@pytest.mark.parametrize(("kind", "name", "values"), CASES, ids=[c[1] for c in CASES])
def test_kind(make: Any, kind: str, name: str, values: list[Any]) -> None:
    assert encoders.choose(make(name, values)) == kind


def test_number_text_is_read(make: Any) -> None:
    rows = make("x", ["1,234", "12%", " 7 ", "$1,200", "(3)", "-4.5", "1e3", None, *["8"] * 30])
    assert fitted(rows).transform(rows).dense[:8, 0].tolist() == pytest.approx(
        [1234, 0.12, 7, 1200, -3, -4.5, 1000, np.nan], nan_ok=True
    )


def test_decimal_comma(make: Any) -> None:
    rows = make("x", ["1,5", "2,25", "1.234,5", "3"] * 9)
    assert fitted(rows).transform(rows).dense[:4, 0].tolist() == [1.5, 2.25, 1234.5, 3]


def test_what_is_no_number_is_told(make: Any) -> None:
    encoding = fitted(make("x", [*map(str, range(0, 400, 3)), "many", "5"]))
    assert "1 values that are no number" in encoding.describe()


def test_boolean_words(make: Any) -> None:
    encoding = fitted(make("x", ["Yes", "no"] * 9))
    assert encoding.transform(make("x", ["YES", "n", "perhaps", None])).dense[:, 0].tolist() == pytest.approx(
        [1, 0, np.nan, np.nan], nan_ok=True
    )


def test_category_codes_by_frequency(make: Any) -> None:
    encoding = fitted(make("x", ["b"] * 9 + ["a"] * 5 + ["c"] * 5))
    assert encoding.transform(make("x", ["b", "a", "c", "new", None])).dense[:, 0].tolist() == pytest.approx(
        [0, 1, 2, np.nan, np.nan], nan_ok=True
    )


def test_rare_and_new_categories_share_a_code(make: Any) -> None:
    values = [f"c{i // 3}" for i in range(180)] + ["once", "single"]
    encoding = encoders.encode([make("x", values)], ["category"], Seed(0))[0]
    block = encoding.transform(make("x", ["once", "single", "new", None])).dense
    assert block[:, 0].tolist() == pytest.approx([60, 60, 60, np.nan], nan_ok=True)
    assert block.shape == (4, 2) and encoding.outputs[0].cardinality == 61


def test_numbers_as_categories_in_any_spelling(make: Any) -> None:
    encoding = encoders.encode([make("x", [1, 2, 2, None])], ["category"], Seed(0))[0]
    assert encoding.transform(make("x", ["1.0", "2", "two"])).dense[:, 0].tolist() == pytest.approx(
        [1, 0, np.nan], nan_ok=True
    )


def test_date_parts(make: Any) -> None:
    rows = make("d", [f"{d:%d.%m.%Y %H:%M}" for d in DAYS])
    encoding = fitted(rows)
    found = dict(zip([o.name for o in encoding.outputs], encoding.transform(rows).dense[7], strict=True))
    day = DAYS[7]
    assert (found["d.month"], found["d.day"], found["d.weekday"], found["d.hour"]) == (
        1,
        day.day,
        day.weekday(),
        day.hour,
    )
    assert "d.year" not in found  # it never varies


def test_text_never_seen_is_no_error(make: Any) -> None:
    encoding = fitted(make("t", [" ".join(DRAW.choice(WORDS, 12)) for _ in range(N)]))
    block = encoding.transform(make("t", ["совсем другое", "\U0001f600", "", None]))
    assert block.sparse is not None and block.sparse.nnz == 0
    assert np.isnan(block.dense[2:]).all() and not np.isnan(block.dense[:2]).any()


def test_text_themes_do_not_depend_on_the_clock(make: Any) -> None:
    rows = make("t", [" ".join(np.random.default_rng(i).choice(WORDS, 12)) for i in range(N)])
    one, other = fitted(rows).transform(rows), fitted(rows).transform(rows)
    assert np.array_equal(one.dense, other.dense)
