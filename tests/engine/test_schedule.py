"""The schedule: what is begun, and what is not for want of time."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from autoglm.core.features import Features, Output
from autoglm.core.metrics import METRICS
from autoglm.core.seed import Seed
from autoglm.core.task import Task
from autoglm.engine import splits
from autoglm.engine.journal import Candidate
from autoglm.engine.race import Race
from autoglm.engine.run import Run
from autoglm.engine.schedule import Fold, waves

TASK = Task("binary", "y", (0, 1))
TARGET = np.arange(60) % 2
FEATURES = Features(np.zeros((60, 1), np.float32), (Output("n", "n"),))


def race() -> Race:
    return Race(TASK, METRICS["log_loss"], TARGET, splits.make(TARGET, TASK, Seed(1)), Seed(1))


def test_a_learner_asked_for_by_name_is_begun_though_others_make_it_needless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autoglm.engine.schedule.unasked", lambda features: frozenset({"reader"}))
    monkeypatch.setattr("autoglm.engine.schedule.suits", lambda name, features: True)
    for allowed, begun in ((["constant", "reader"], True), (["linear", "constant", "reader"], False)):
        this = race()
        steps = waves(this, FEATURES, allowed, "none")
        first, second = next(steps), next(steps)
        names = {this.candidates[s.name].learner for s in [*first, *second] if isinstance(s, Fold)}
        assert ("reader" in names) is begun


def test_what_needs_more_than_there_is_is_not_begun(tmp_path: Path) -> None:
    this = race()
    name = this.add(Candidate("linear", {}))
    sent: list[object] = []
    budget = SimpleNamespace(timed=True, work=None, left=lambda: 20.0, elapsed=lambda: 0.0)
    pool = SimpleNamespace(threads=1, busy=[], send=lambda job, deadline: sent.append(job))
    journal = SimpleNamespace(data=tmp_path, place=lambda *where: tmp_path)
    run = Run(this, journal, pool, budget, {}, "squared", "none", 0.0, lambda event: None, {})  # type: ignore[arg-type]
    run._hand_out(Fold(name, 0, 0, 0.5, "portfolio", least=10.5))
    assert not sent
    run._hand_out(Fold(name, 0, 0, 0.5, "portfolio", least=9.5))
    assert len(sent) == 1


def test_in_time_order_one_fit_of_all_moments_comes_soon() -> None:
    this = race()
    this.splits = splits.make(TARGET, TASK, Seed(1), time=np.arange(60))
    steps = waves(this, FEATURES, ["constant", "linear"], "none")
    first, second = next(steps), next(steps)
    assert {(s.repeat, s.fold) for s in [*first, *second] if isinstance(s, Fold)} == {(0, 0)}
    (net,) = [n for n in this.net if this.candidates[n].learner == "linear"]
    this.fits[net][0, 0] = SimpleNamespace(repeat=0, fold=0)  # type: ignore[assignment]
    this.blend = lambda **_: SimpleNamespace(weights={net: 1.0})  # type: ignore[method-assign]
    this.steadied = lambda blend: blend  # type: ignore[method-assign]
    assert [(s.name, s.repeat, s.fold) for s in next(steps) if isinstance(s, Fold)] == [(net, 1, 0)]
