"""Learning curves of our own: they learn, they are resumed, and they are of tables that nobody reports on."""

import math
import sys
from pathlib import Path
from typing import Any

import curves
import numpy as np
import pytest
import tasks

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

import tables


@pytest.fixture
def split() -> curves.Split:
    draw = np.random.default_rng(0)
    rows = np.column_stack([draw.normal(size=(400, 3)), draw.integers(0, 3, 400)])
    classes = (rows[:, 0] + (rows[:, 3] == 2) > 0.3).astype(np.int64)
    rows[::50, 1] = np.nan
    return curves.Split(rows[:300], rows[300:], classes[:300], classes[300:], [3])


def middle(space: tasks.Space) -> dict[str, Any]:
    return tasks.decode(space, np.full((1, len(space)), 0.5))[0]


@pytest.mark.parametrize("learner", curves.LEARNERS)
def test_a_curve_falls_and_its_seconds_rise(split: curves.Split, learner: str) -> None:
    space, checkpoints, train = curves.LEARNERS[learner]
    losses, seconds = train(split, middle(space))
    assert len(losses) == len(seconds) == len(checkpoints)
    assert min(losses) < losses[0]
    assert min(losses) < 0.8 * math.log(2)
    assert (np.diff(seconds) >= 0).all()


def test_a_network_that_diverges_is_worst_and_not_a_gap(split: curves.Split) -> None:
    wild = middle(curves.MLP) | {"solver": "sgd", "learning_rate_init": 1e6, "alpha": 1e-6, "activation": "relu"}
    losses, seconds = curves.mlp(split, wild)
    assert len(losses) == len(seconds) == len(curves.EPOCHS)
    assert np.isfinite(losses).all()
    assert losses[-1] > 1


def test_a_second_command_goes_on(split: curves.Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGLM_SEARCH", str(tmp_path))
    monkeypatch.setattr(curves, "read", lambda table: split)
    trained: list[dict[str, Any]] = []

    def train(split: curves.Split, settings: dict[str, Any]) -> curves.Curve:
        trained.append(settings)
        return [float(len(trained))] * 2, [1.0, 2.0]

    monkeypatch.setitem(curves.LEARNERS, "mlp", (curves.MLP, (1, 2), train))
    assert curves.make("mlp", "magic", 3, math.inf)[0] == 3
    assert curves.make("mlp", "magic", 8, math.inf)[0] == 5
    assert len(trained) == 8
    (task,) = tasks._curves()
    assert task.evaluate(trained)[0].tolist() == [1, 2, 3, 4, 5, 6, 7, 8]


def test_nobody_reports_on_these_tables() -> None:
    reported = {of.source.removeprefix("keel:balanced/") for of in (tables.DEV | tables.TEST).values()}
    held_out = {"car", "phoneme", "vehicle", "australian", "segment", "german", "texture"}  # of HPOBench and xgboost
    assert not set(curves.TABLES) & (reported | held_out)
