import numpy as np
import pytest

from autoglm.core.task import Task
from autoglm.ensembles.calibration import temperature

BINARY = Task("binary", "y", (0, 1))


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_it_undoes_over_and_under_confidence(factor: float) -> None:
    generator = np.random.default_rng(0)
    odds = generator.normal(size=20_000) * 2
    target = (generator.random(20_000) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    assert temperature(odds[:, None] * factor, target, BINARY) == pytest.approx(factor, rel=0.06)


def test_few_rows_change_little() -> None:
    odds = np.array([[3.0], [-3.0], [3.0], [-3.0]])
    assert 0.7 < temperature(odds, np.array([1, 0, 1, 0]), BINARY) < 1.6


def test_a_regression_is_left_alone() -> None:
    assert temperature(np.zeros((3, 1)), np.zeros(3, dtype=np.int64), Task("regression", "y")) == 1.0
