"""Who answers many rows, and that nobody sees it."""

import logging
import sys

import numpy as np
import pytest
import xgboost as xgb

from autoglm.prep import bulk, flat_trees

ROWS = np.random.default_rng(0).normal(size=(3_000, 4)).astype(np.float32)


def boosted(objective: str = "reg:squarederror") -> xgb.Booster:
    return xgb.train({"max_depth": 4, "objective": objective}, xgb.DMatrix(ROWS, np.exp(ROWS[:, 0])), 5)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "LOAD", 1)


def test_the_answers_are_xgboosts() -> None:
    booster = boosted()
    expected = flat_trees.margins(booster, ROWS, 1, 2)
    assert np.array_equal(bulk.margins(booster, ROWS, 1, 2), expected)
    assert np.array_equal(bulk.margins(booster, ROWS[:5], 1, 2), expected[:5])


def test_the_kernel_answers_many_rows() -> None:
    pytest.importorskip("numba")
    booster = boosted()
    bulk.margins(booster, ROWS[: bulk.MANY - 1], 1, 1)
    assert booster not in bulk._plans
    bulk.margins(booster, ROWS, 1, 1)
    assert bulk._plans[booster] is not None


def test_a_prepared_kernel_answers_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = pytest.importorskip("autoglm.prep.compiled")
    booster = boosted()
    expected = flat_trees.margins(booster, ROWS, 1, 1)
    bulk.prepare(booster, ROWS[:32], 1)
    monkeypatch.setattr(flat_trees, "margins", lambda *_: pytest.fail("XGBoost was asked"))
    for rows in (0, 1, bulk.FEW):
        assert np.array_equal(bulk.margins(booster, ROWS[:rows], 1, 1), expected[:rows])
    monkeypatch.setattr(compiled, "few", lambda *_: pytest.fail("more than few rows"))
    assert np.array_equal(bulk.margins(booster, ROWS, 1, 1), expected)


def test_little_work_loads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    booster = boosted()
    monkeypatch.setattr(bulk, "LOAD", len(ROWS) * 5 + 1)
    bulk.margins(booster, ROWS, 1, 1)
    assert booster not in bulk._plans


def test_without_numba_xgboost_answers(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "autoglm.prep.compiled", raising=False)
    monkeypatch.delattr("autoglm.prep.compiled", raising=False)
    booster = boosted()
    with caplog.at_level(logging.DEBUG, "autoglm"):
        found = bulk.margins(booster, ROWS, 1, 2)
    assert "open-autoglm[fast]" in caplog.text
    assert np.array_equal(found, flat_trees.margins(booster, ROWS, 1, 2))


def test_sums_that_differ_are_not_used(caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("numba")
    booster = boosted("count:poisson")  # starts from a logarithm, which the kernel does not know
    assert np.array_equal(bulk.margins(booster, ROWS, 1, 2), flat_trees.margins(booster, ROWS, 1, 2))
    assert bulk._plans[booster] is None
    assert "not XGBoost's" in caplog.text
