"""Lists of numbers that texts hold: what JSON refuses is missing, however it looks."""

import numpy as np
import pandas as pd
import pytest

from autoglm.core.columns import Column, column
from autoglm.core.seed import Seed
from autoglm.encoders import embedding


def cells(*values: str) -> Column:
    return column(pd.Series(values, name="vector", dtype=object))


FITTED = embedding.fit(cells(*(f"[{i}, {i * i % 7}, {-i}.5e-1]" for i in range(40))), Seed(1))


@pytest.mark.parametrize("cell", ["[01, 2, 3]", "[٣, 1, 2]", "[1, 2, -03]", "[1,\u00a02, 3]", "[1., 2, 3]", "[1, 2]"])
def test_what_is_no_list_of_the_size_is_missing(cell: str) -> None:
    found = FITTED.transform(cells(cell, "[1, 2, 3]")).dense
    assert np.isnan(found[0]).all() and np.isfinite(found[1]).all()


@pytest.mark.parametrize("digits", [400, 5000])
def test_numbers_of_many_digits_are_cut(digits: int) -> None:
    assert np.isfinite(FITTED.transform(cells(f"[{'9' * digits}, 2, 3]")).dense).all()
