"""Measures agree with those of the core, for all rows and for each resample."""

import numpy as np
import pytest

from autoglm.core import metrics
from autoglm.core.seed import Seed
from autoglm.report import calibration_error
from autoglm.transfer import measures


@pytest.fixture
def answers():
    draw = np.random.default_rng(1)
    probability = draw.dirichlet(np.ones(3), 200)
    return draw.integers(0, 3, 200), probability.argmax(axis=1), probability


def test_all_rows(answers):
    truth, code, probability = answers
    found = measures.scores(truth, code, probability, np.ones((1, 200)))[0]
    error = calibration_error(probability.max(axis=1), code == truth)
    wanted = [metrics.accuracy(truth, code), metrics.f1_macro(truth, code), error]
    np.testing.assert_allclose(found, wanted)


def test_a_resample_is_its_rows_repeated(answers):
    truth, code, probability = answers
    weights = measures.resamples(200, None, 1, Seed(1))[1:]
    rows = np.repeat(np.arange(200), weights[0].astype(int))
    found = measures.scores(truth, code, probability, weights)[0]
    assert found[0] == pytest.approx(metrics.accuracy(truth[rows], code[rows]))
    assert found[1] == pytest.approx(metrics.f1_macro(truth[rows], code[rows]))


def test_groups_are_drawn_whole():
    groups = np.arange(60) // 6
    weights = measures.resamples(60, groups, 50, Seed(1))
    assert (weights[0] == 1).all() and weights.shape == (51, 60)
    assert (weights.reshape(51, 10, 6).std(axis=2) == 0).all() and (weights.sum(axis=1) == 60).all()


def test_perfect_and_certain_answers():
    truth = np.array([0, 1] * 10)
    found = measures.scores(truth, truth, np.eye(2)[truth], measures.resamples(20, None, 20, Seed(0)))
    assert measures.interval(found)["accuracy_low"] == 1 and measures.interval(found)["ece_high"] == 0
