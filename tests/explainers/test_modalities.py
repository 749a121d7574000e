"""Shapley values over modalities."""

import numpy as np
import pytest

from autoglm.core.errors import DataError
from autoglm.core.features import Features, Output
from autoglm.explainers.modalities import shapley

OUTPUTS = (Output("a", "a"), Output("p.0", "p", modality="image"), Output("s.0", "s", modality="audio"))
ROWS = Features(np.array([[1, 2, 3], [4, 5, 6]], dtype=np.float32), OUTPUTS)


def _answer(features: Features) -> np.ndarray:
    """A sum, and a product that two of them share."""
    table, image, sound = np.nan_to_num(features.dense.astype(float)).T
    return (10 + table + 2 * image + image * sound)[:, None]


def test_they_are_what_the_formula_says_and_add_up() -> None:
    found = shapley(ROWS, _answer)
    assert found["table"] == pytest.approx([1, 4])
    assert found["p"] == pytest.approx([4 + 3, 10 + 15])
    assert found["s"] == pytest.approx([3, 15])
    assert sum(found.values()) == pytest.approx(_answer(ROWS)[:, 0] - 10)


def test_one_modality_has_no_shares() -> None:
    with pytest.raises(DataError, match="1 modalities"):
        shapley(Features(ROWS.dense[:, :1], OUTPUTS[:1]), _answer)
