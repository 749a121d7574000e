"""The loop that spends the budget: in time, in memory, and never without an answer."""

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autoglm import AutoML, Predictor
from autoglm.core.errors import FitError
from autoglm.engine import run, schedule
from autoglm.samplers import portfolio

SLACK = 2.0  # seconds that a call may take longer than it was given


def table(task: str, rows: int = 150) -> pd.DataFrame:
    draw = np.random.default_rng(2)
    frame = pd.DataFrame(
        {"a": draw.normal(size=rows), "b": draw.normal(size=rows), "c": draw.choice(list("xyz"), rows)}
    )
    signal = frame["a"] + (frame["c"] == "x") + 0.3 * draw.normal(size=rows)
    kinds = {"binary": signal > 0.5, "multiclass": pd.cut(signal, 3, labels=list("uvw")).astype(str)}
    return frame.assign(y=kinds.get(task, signal))


def timed(frame: pd.DataFrame, **options: Any) -> tuple[Predictor, float]:
    started = time.monotonic()
    predictor = AutoML(**options).fit(frame, "y")
    return predictor, time.monotonic() - started


def test_without_time_for_a_worker_the_constant_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run.Run, "spend", lambda *_: None)
    predictor, _ = timed(table("multiclass"), seconds=1)
    assert [m.learner for m in predictor.members] == ["constant"]
    assert predictor.predict_proba(table("multiclass")).sum(axis=1).to_numpy() == pytest.approx(1.0)


def test_when_all_fails_the_error_says_why(rogues: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (schedule, portfolio):
        monkeypatch.setattr(module, "safety_net", lambda *_: [("rogue_raises", {}, 0)])
        monkeypatch.setattr(module, "portfolio", lambda *_: [])
    with pytest.raises(FitError, match=r"no model could be fitted .*ValueError: boom"):
        AutoML(work=2, threads=1, learners=["rogue_raises"], search="none").fit(table("binary"), "y")


@pytest.mark.clock
@pytest.mark.slow
@pytest.mark.parametrize(("task", "seconds"), [("binary", 1), ("binary", 6), ("multiclass", 6), ("regression", 6)])
def test_the_budget_is_kept(task: str, seconds: float) -> None:
    frame = table(task)
    predictor, took = timed(frame, seconds=seconds)
    assert took <= seconds + SLACK
    assert len(predictor.predict(frame)) == len(frame)
    if seconds > 1:
        assert {"linear", "lightgbm", "forest"} <= set(predictor.leaderboard()["learner"])


@pytest.mark.clock
@pytest.mark.slow
def test_learners_that_misbehave_cost_only_themselves(rogues: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    made = schedule.portfolio
    for module in (schedule, portfolio):
        monkeypatch.setattr(module, "portfolio", lambda *a: [*((r, {}, 0) for r in rogues), *made(*a)])
    frame = table("binary")
    predictor, took = timed(frame, seconds=15, memory=900 * 2**20)
    assert took <= 15 + SLACK
    assert {"linear", "rogue_prints"} <= set(predictor.leaderboard()["learner"])
    failed = {f["name"].partition("-")[0]: f["reason"] for f in predictor.summary["budget"]["failed"]}
    assert {"rogue_exits", "rogue_raises", "rogue_nan"} <= set(failed)
    assert len(predictor.predict(frame)) == len(frame)
