"""Across domains: the matrix, the ceiling, the shots, and what cannot be tested."""

import numpy as np
import pandas as pd
import pytest

from autoglm import AutoML
from autoglm.core.errors import DataError, OptionError
from autoglm.transfer import OTHERS, Transfer, calibration_error

QUICK = AutoML(work=5, threads=1, learners=["linear"], search="none", metric="f1_macro")


def _frame(rows: int = 120) -> pd.DataFrame:
    """In the third domain one of the two numbers says the opposite."""
    draw, parts = np.random.default_rng(0), []
    for name, sign in (("films", 1), ("books", 1), ("games", -1)):
        numbers = draw.normal(size=(rows, 2))
        good = numbers[:, 0] + 2 * sign * numbers[:, 1] > 0
        about = {"a": numbers[:, 0], "b": numbers[:, 1], "person": np.arange(rows) // 4}
        parts.append(pd.DataFrame({**about, "shop": name, "verdict": np.where(good, "good", "bad")}))
    return pd.concat(parts, ignore_index=True)


def test_the_matrix_shows_who_is_unlike_the_others() -> None:
    told: list[str] = []
    matrix = Transfer(QUICK, (16,)).play(_frame(), "verdict", "shop", "person", told.append)
    table = matrix.table()
    assert list(table.index) == ["books", "films", "games", OTHERS, f"{OTHERS} + 16"]
    assert list(table.columns) == ["books", "films", "games"] and not table.isna().any(axis=None)
    assert table.loc["books", "films"] > 0.85 > 0.5 > table.loc["books", "games"]
    assert matrix.within > 0.9 > matrix.across
    assert table.loc[f"{OTHERS} + 16", "games"] >= table.loc[OTHERS, "games"]
    rows = matrix.rows
    assert (rows["low"] <= rows["f1_macro"]).all() and (rows["f1_macro"] <= rows["high"]).all()
    assert len(told) == len(rows) == 9 + 3 + 3


def test_the_calibration_error_is_a_gap() -> None:
    truth = np.array([0, 0, 0, 1])
    assert calibration_error(truth, np.tile([0.75, 0.25], (4, 1))) == pytest.approx(0)
    assert calibration_error(truth, np.tile([0.95, 0.05], (4, 1))) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda f: f.assign(shop="films"), DataError, "names 1 domain"),
        (lambda f: f[(f.shop != "games") | (f.index % 12 == 0)], DataError, "10 rows"),
        (lambda f: f.assign(verdict=f.verdict.where(f.shop != "games", "bad")), DataError, "single class 'bad'"),
        (lambda f: f.rename(columns={"shop": "shops"}), OptionError, "no column named 'shop'"),
    ],
)
def test_what_cannot_be_tested_is_said(change, error, words) -> None:
    with pytest.raises(error, match=words):
        Transfer(QUICK).play(change(_frame()), "verdict", "shop", say=lambda _: None)


def test_rows_without_a_domain_are_left_out() -> None:
    frame = _frame()
    frame.loc[:9, "shop"] = None
    matrix = Transfer(QUICK, ()).play(frame, "verdict", "shop", say=lambda _: None)
    assert set(matrix.rows["test"]) == {"books", "films", "games"}
