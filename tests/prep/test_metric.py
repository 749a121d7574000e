"""The metric finds the columns that matter; answers that leave a row out are what a fit without it would say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoglm.prep import metric


def table(rows: int = 150) -> tuple[metric.Matrix, metric.Matrix]:
    """Six columns, of which the difference of two tells the answer."""
    draw = np.random.default_rng(0)
    columns = draw.normal(size=(rows, 6))
    target = np.sin(2 * (columns[:, 0] - columns[:, 1]))[:, None]
    return columns, target - target.mean(axis=0)


def never() -> bool:
    return False


def test_a_learned_metric_follows_the_direction_that_tells() -> None:
    rows, target = table()
    plain, learned = (metric.learned(rows, target, rounds, never) for rounds in (0, 2))
    assert learned.error < 0.8 * plain.error
    pull = learned.turn @ learned.turn.T
    assert pull[0, 0] > 10 * pull[2, 2] and pull[0, 1] < -0.8 * pull[0, 0]


def test_in_a_hurry_distances_stay_as_they_are() -> None:
    rows, target = table(60)
    assert metric.learned(rows, target, 3, lambda: True).turn.ndim == 1


@given(st.integers(0, 9), st.sampled_from([1e-2, 1.0]))
@settings(max_examples=20, deadline=None)
def test_answers_without_a_row_are_those_of_a_fit_without_it(row: int, penalty: float) -> None:
    rows, target = table(40)
    similar = metric.kernel(rows, rows, 1.5)
    answers = metric.left_out(similar, target, penalty)[1]
    others = np.arange(40) != row
    alone = np.linalg.solve(similar[np.ix_(others, others)] + penalty * np.eye(39), target[others])
    np.testing.assert_allclose(answers[row], similar[row, others] @ alone, atol=1e-9)


def test_rows_that_are_all_alike_give_an_answer() -> None:
    chosen = metric.learned(np.zeros((20, 2)), np.zeros((20, 1)), 2, never)
    assert np.isfinite(chosen.turn).all() and np.isfinite(chosen.error)


def test_the_kernel_falls_with_the_distance_of_rows() -> None:
    here, there = np.zeros((1, 2)), np.array([[0.0, 0.0], [3.0, 4.0]])
    np.testing.assert_allclose(metric.kernel(here, there, 0.5), [[1.0, np.exp(-5.0)]])
    far = 5.0 * 3**0.5
    np.testing.assert_allclose(metric.kernel(here, there, 1.5), [[1.0, (1 + far) * np.exp(-far)]])


@pytest.mark.parametrize("smoothness", metric.SMOOTHNESS)
def test_answers_in_single_precision_are_near_even_where_rows_are(
    smoothness: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metric, "BLOCK", 50 * 30)
    rows = 30.0 + table(50)[0]
    twins, coefficients = np.concatenate([rows, rows + 1e-4]), np.ones((50, 2))
    found = metric.answers(twins, rows, smoothness, coefficients)
    np.testing.assert_allclose(found, metric.kernel(twins, rows, smoothness) @ coefficients, rtol=1e-5)


@pytest.mark.parametrize("smoothness", metric.SMOOTHNESS)
def test_gradients_are_those_of_the_kernel(smoothness: float) -> None:
    here, step = np.array([[0.7, -0.4]]), np.array([[1e-6, 0.0]])
    landmark = np.array([[0.2, 0.9]])
    slope = (metric.kernel(here + step, landmark, smoothness) - metric.kernel(here - step, landmark, smoothness)) / 2e-6
    pull = metric._pull(np.square(here - landmark).sum(axis=1), smoothness)
    np.testing.assert_allclose(slope[0], -pull * (here - landmark)[0, 0], rtol=1e-5)


def test_the_smoother_kernel_is_taken_for_smooth_functions() -> None:
    rows = np.random.default_rng(3).uniform(-2, 2, size=(200, 2))
    smooth = np.sin(rows.sum(axis=1, keepdims=True))
    rough = np.sign(np.prod(rows, axis=1, keepdims=True))
    assert metric.learned(rows, smooth, 0, never).smoothness == 1.5
    assert metric.learned(rows, rough, 0, never).smoothness == 0.5
