from collections.abc import Callable
from typing import Any

import pandas as pd
import polars as pl
import pytest

from autoglm.core.columns import Column, column
from autoglm.core.frames import to_pandas

Maker = Callable[[str, list[Any]], Column]


@pytest.fixture(params=["pandas", "polars"])
def make(request: pytest.FixtureRequest) -> Maker:
    """Make a column the way a user of either library would hand it in."""

    def build(name: str, values: list[Any]) -> Column:
        frame = (
            pd.DataFrame({name: values}) if request.param == "pandas" else pl.DataFrame({name: values}, strict=False)
        )
        return column(to_pandas(frame)[name])

    return build
