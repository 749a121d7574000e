"""The smallest change: fewest columns, shortest way, only to what training knew, and none where nothing flips."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm.explainers.counterfactual import Choice, between, smallest

CHOICES = [
    Choice("age", tuple(float(v) for v in range(20, 80, 3)), True),
    Choice("income", tuple(np.linspace(0.5, 99.5, 20)), True),
    Choice("plan", ("basic", "plus"), False),
]


def row(**values: Any) -> pd.DataFrame:
    return pd.DataFrame([{"age": 30, "income": 10.0, "plan": "basic", "other": "x"} | values]).astype(object)


def test_one_column_is_changed_and_no_further_than_needed() -> None:
    def older(rows: pd.DataFrame) -> NDArray[np.float64]:
        return rows["age"].to_numpy(float) - 49.5

    assert smallest(row(), CHOICES, older) == {"age": 50}


def test_two_columns_where_one_does_not_do() -> None:
    def both(rows: pd.DataFrame) -> NDArray[np.float64]:
        plus = (rows["plan"] == "plus").to_numpy(float)
        return np.minimum(plus - 0.5, rows["income"].to_numpy(float) / 100 - 0.6)

    change = smallest(row(), CHOICES, both)
    assert change is not None and change.keys() == {"plan", "income"}
    assert change["plan"] == "plus" and 60 < change["income"] < 63
    assert smallest(row(), CHOICES, both, most=1) is None


def test_the_shorter_of_two_ways_is_taken() -> None:
    def either(rows: pd.DataFrame) -> NDArray[np.float64]:
        age, income = rows["age"].to_numpy(float), rows["income"].to_numpy(float)
        return np.where((age > 70) | (income > 20), 1.0, -1.0)

    assert (smallest(row(), CHOICES, either) or {}).keys() == {"income"}


def test_nothing_flips_what_does_not_depend() -> None:
    assert smallest(row(), CHOICES, lambda rows: np.full(len(rows), -1.0)) is None
    assert smallest(row(), [], lambda rows: np.ones(len(rows))) is None


def test_a_missing_number_can_be_filled() -> None:
    change = smallest(row(age=np.nan), CHOICES, lambda rows: rows["age"].notna().to_numpy(float) - 0.5)
    assert change is not None and change.keys() == {"age"}


def test_few_whole_numbers_stay_whole() -> None:
    assert between((0.5, 1.5, 2.5)) == (0.0, 1.0, 2.0, 3.0)
    assert between((0.25, 7.0)) == (0.25, 7.0)
