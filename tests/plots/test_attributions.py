"""Dependences and pairs as pictures."""

import re

import numpy as np
import pandas as pd
import pytest

from autoglm.plots import attributions

NONE = np.full(4, np.nan)
VALUES = np.array([0.5, -0.5, 1.0, 0.0])


def dots(drawn: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r'<circle[^>]*cx="([^"]+)" cy="([^"]+)"', drawn)]


@pytest.mark.parametrize(
    "cells",
    [
        pd.Series([1.0, 2.0, np.nan, 3.0]),
        pd.Series(["1", "2", None, "3"]),
        pd.Series(pd.to_datetime(["2024-01-01", "2024-02-01", None, "2024-03-01"])),
        pd.Series(pd.to_datetime(["2024-01-01", "2024-02-01", None, "2024-03-01"], utc=True)),
    ],
    ids=["numbers", "numbers as text", "moments", "moments of a zone"],
)
def test_what_can_be_ordered_has_a_scale(cells: pd.Series) -> None:
    found = dots(attributions.dependence("x", cells, VALUES, NONE, "log-odds"))
    assert len(found) == 3  # what is missing lies nowhere
    assert found[0][0] < found[1][0] < found[2][0] and found[0][1] < found[2][1] < found[1][1]


def test_words_lie_side_by_side_and_colours_are_another_column() -> None:
    cells, ranks = pd.Series(["b", "a", "b", "<c>"]), np.array([0.1, 0.9, 0.9, np.nan])
    drawn = attributions.dependence("x", cells, VALUES, ranks, "log-odds")
    found = dots(drawn)
    assert abs(found[0][0] - found[2][0]) < min(abs(found[0][0] - found[1][0]), abs(found[0][0] - found[3][0]))
    assert re.findall(r'<circle class="(\w+)"', drawn) == ["r0", "r4", "r4", "none"]
    assert "&lt;c&gt;" in drawn and "<c>" not in drawn


def test_only_pairs_that_act_together_get_a_bar() -> None:
    found = pd.DataFrame({"a": ["x", "x"], "b": ["y", "z"], "strength": [0.5, 0.0]})
    drawn = attributions.pairs(found, "log-odds")
    assert drawn.count("<rect") == 1 and "x × y" in drawn
    assert attributions.pairs(found.tail(1), "log-odds").count("<rect") == 0


def test_years_are_written_as_years() -> None:
    cells = pd.Series(pd.to_datetime(["2020-01-01", "2021-06-01", "2022-01-01", "2024-01-01"]))
    drawn = attributions.dependence("since", cells, VALUES, NONE, "log-odds")
    assert ">2022<" in drawn and "2,022" not in drawn
