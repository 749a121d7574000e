"""Interactions as people and programs get them."""

import numpy as np
import pandas as pd
import pytest

from autoglm.explainers.interactions import Interactions


@pytest.fixture
def found() -> Interactions:
    values = np.zeros((2, 3, 3, 1))
    values[:, 0, 1, 0] = values[:, 1, 0, 0] = [0.5, -1.5]
    values[:, 0, 2, 0] = values[:, 2, 0, 0] = [0.25, 0.25]
    values[:, 1, 1, 0] = 9.0  # what a column adds by itself is no pair
    return Interactions(("a", "b", "c"), values, ("yes",), "log-odds", 0.75)


def test_both_halves_are_one_effect(found: Interactions) -> None:
    expected = pd.DataFrame({"a": ["a", "a", "b"], "b": ["b", "c", "c"], "strength": [2.0, 0.5, 0.0]})
    pd.testing.assert_frame_equal(found.pairs, expected, check_dtype=False)
    assert found.json(1)["pairs"] == [{"columns": ["a", "b"], "strength": 2.0, "values": [[1.0], [-3.0]]}]


def test_partners(found: Interactions) -> None:
    assert [found.partner(name) for name in "abc"] == ["b", "a", "a"]
    alone = Interactions(("a", "b"), np.zeros((1, 2, 2, 1)), ("yes",), "log-odds", 1.0)
    assert alone.partner("a") is None and len(alone.pairs) == 1
