import math

import numpy as np
import pytest

from autoglm.core.numerals import number, share_of_numbers


@pytest.mark.parametrize("text", ["3_11", "1_000", "1_0.5", "1_000,5"])
def test_codes_with_underscores_are_no_numbers(text: str) -> None:
    assert math.isnan(number(text)) and math.isnan(number(text, ","))
    assert share_of_numbers(np.array([text, "7"], dtype=object)) == 0.5
