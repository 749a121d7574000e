"""What a column adds against what it holds."""

import numpy as np
import pandas as pd
import pytest

from autoglm.core.errors import OptionError, SchemaError
from autoglm.explainers.explanation import Explanation

ROWS = pd.DataFrame({"age": [30, 40], "plan": ["basic", "plus"]}, index=[7, 8])


@pytest.fixture
def found() -> Explanation:
    values = np.array([[[0.1, 1.0], [0.3, 0.2]], [[0.2, -2.0], [0.4, 0.1]]])
    zeros = np.zeros((2, 2))
    return Explanation(("age", "plan"), values, zeros, zeros, values / 10, ("no", "yes"), "log-probability", 1.0)


def test_dependence_is_of_the_score_to_which_a_column_adds_most(found: Explanation) -> None:
    told = found.dependence(ROWS, "age")
    expected = {"value": [30, 40], "shapley": [1.0, -2.0], "error": [0.1, -0.2]}
    pd.testing.assert_frame_equal(told, pd.DataFrame(expected, index=[7, 8]))
    assert found.dependence(ROWS, "plan")["shapley"].tolist() == [0.3, 0.4]
    assert found.dependence(ROWS, "age", of="no")["shapley"].tolist() == [0.1, 0.2]


def test_what_is_wrong_is_said(found: Explanation) -> None:
    with pytest.raises(OptionError, match="did you mean 'plan'"):
        found.dependence(ROWS, "plam")
    with pytest.raises(OptionError, match="of='maybe'"):
        found.dependence(ROWS, "age", of="maybe")
    with pytest.raises(SchemaError, match="expected the 2"):
        found.dependence(ROWS.head(1), "age")
