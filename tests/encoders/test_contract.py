"""Every encoder on the shelf keeps the contract, on fixed columns and on drawn ones."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoglm import encoders
from autoglm.core import shelf
from autoglm.core.columns import Column, column
from autoglm.core.errors import FolderError, OptionError
from autoglm.core.seed import Seed
from autoglm.testing.encoders import check_encoder, check_encoding, sample_columns

KINDS = sorted(shelf.plugins("encoders"))
CELLS = st.one_of(
    st.lists(st.one_of(st.none(), st.text(max_size=20)), min_size=1, max_size=30),
    st.lists(st.one_of(st.none(), st.floats()), min_size=1, max_size=30),
    st.lists(st.one_of(st.none(), st.integers()), min_size=1, max_size=30),
    st.lists(st.one_of(st.none(), st.datetimes()), min_size=1, max_size=30),
    st.lists(
        st.sampled_from(["1,5", "1.234,50", "$3", "12%", "(4)", "x", "", "?", "1e5", "+", "2019-01-02"]),
        min_size=1,
    ),
    st.lists(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.binary(max_size=5)),
        min_size=1,
    ),
)
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def drawn(cells: list[object]) -> Column:
    return column(pd.Series(cells, name="drawn", dtype=object))


@pytest.mark.parametrize("kind", KINDS)
def test_contract(kind: str) -> None:
    check_encoder(kind)


@quick
@given(CELLS)
def test_any_column_is_encoded(cells: list[object]) -> None:
    rows = drawn(cells)
    (encoding,) = encoders.encode([rows], [encoders.choose(rows)], Seed(0))
    check_encoding(encoding, rows)


@quick
@given(CELLS, st.sampled_from(KINDS))
def test_any_column_as_any_kind(cells: list[object], kind: str) -> None:
    rows = drawn(cells)
    (encoding,) = encoders.encode([rows], [kind], Seed(0))
    check_encoding(encoding, rows)


@quick
@given(CELLS, CELLS, st.sampled_from(KINDS))
def test_other_rows_than_in_training(cells: list[object], later: list[object], kind: str) -> None:
    (encoding,) = encoders.encode([drawn(cells)], [kind], Seed(0))
    check_encoding(encoding, drawn(later))


@pytest.mark.parametrize("kind", ["number", "boolean", "category", "date", "identifier", "constant"])
def test_order_of_training_rows_does_not_matter(kind: str) -> None:
    for rows in sample_columns():
        (one,) = encoders.encode([rows], [kind], Seed(0))
        (other,) = encoders.encode([rows.take(np.arange(len(rows))[::-1])], [kind], Seed(0))
        whole, again = encoders.assemble([rows], [one]), encoders.assemble([rows], [other])
        assert np.array_equal(whole.dense, again.dense, equal_nan=True), rows.name


def test_few_rows_and_many_rows_take_the_same_values() -> None:
    stamps = pd.date_range("2019-01-01", periods=2000, freq="61min")
    for values in (stamps.astype(str), stamps.strftime("%m/%d/%Y %I:%M %p"), [f"${v}" for v in range(2000)]):
        rows = column(pd.Series(values, name="x").where(np.arange(2000) % 7 > 0))
        (encoding,) = encoders.encode([rows], [encoders.choose(rows)], Seed(0))
        check_encoding(encoding, rows)


def test_the_user_knows_better() -> None:
    rows = column(pd.Series([1, 2, 3], name="grade"))
    assert encoders.choose(rows, {"grade": "category"}) == "category"
    with pytest.raises(OptionError, match="did you mean 'category'"):
        encoders.choose(rows, {"grade": "categroy"})


def test_blocks_stand_side_by_side() -> None:
    several = sample_columns()
    kinds = [encoders.choose(c) for c in several]
    fitted = encoders.encode(several, kinds, Seed(0))
    features = encoders.assemble(several, fitted)
    assert features.dense.shape == (60, len(features.outputs)) and features.dense.flags.c_contiguous
    assert features.sparse is not None and features.sparse.shape[1] == sum(n for _, n in features.terms)
    assert {o.source for o in features.outputs} <= {c.name for c in several}


def test_numbers_encoded_together_are_those_encoded_alone() -> None:
    draw = np.random.default_rng(0)
    series = {
        "plain": draw.normal(size=40),
        "huge": np.where(draw.random(40) < 0.3, 1e300, draw.normal(size=40)),
        "gaps": np.where(draw.random(40) < 0.3, np.nan, -1e300),
        "text": [f"{value:.2f} %" for value in draw.normal(size=40)],
        "days": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(40), unit="D"),
        "word": draw.choice(["a", "b", "c"], 40),
    }
    several = [column(pd.Series(values, name=name)) for name, values in series.items()]
    kinds = ["category" if name == "word" else "number" for name in series]
    layout = encoders.Layout(encoders.encode(several, kinds, Seed(0)))
    alone = np.hstack([e.transform(c).dense for e, c in zip(layout.encodings, several, strict=True)])
    assert np.array_equal(layout.features(several).dense, alone, equal_nan=True)
    swapped = [several[0].astext(), *several[1:]]  # a column may come in another type
    assert np.allclose(layout.features(swapped).dense, alone, rtol=1e-6, equal_nan=True)
    strange = replace(several[1], values=np.array([b"?"] * 40, dtype=object), storage="bytes")
    found = layout.features([several[0], strange, *several[2:]]).dense
    assert np.isnan(found[:, 1]).all() and np.array_equal(found[:, 2:], alone[:, 2:], equal_nan=True)


def test_damaged_files_are_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    rows = column(pd.Series(["a", "b", "c"] * 9, name="x"))
    encoders.write(encoders.encode([rows], ["category"], Seed(0)), tmp_path)
    for name in ("encodings.json", "encodings.npz"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(FolderError, match="cannot be read"):
            encoders.read(tmp_path)
        (tmp_path / name).write_bytes(whole)
    assert encoders.read(tmp_path)[0][0].describe().startswith("category of 3")
