"""Samplers are Optuna samplers, reproducible; the portfolio names learners and settings that exist."""

from dataclasses import asdict
from typing import Any

import numpy as np
import optuna
import pytest
import scipy.sparse as sp

from autoglm.core import shelf
from autoglm.core.features import Features, Output
from autoglm.core.seed import Seed
from autoglm.core.task import Task
from autoglm.engine import worker
from autoglm.samplers.portfolio import portfolio, safety_net

SEARCHES = ("pool", "ppo", "random", "tpe")
TASKS = (Task("binary", "y", (0, 1)), Task("multiclass", "y", (0, 1, 2)), Task("regression", "y"))


def features(columns: int, *, text: bool = False) -> Features:
    outputs = tuple(Output(f"c{i}", f"c{i}", 5 * (i % 2)) for i in range(columns))
    sparse = sp.csr_matrix((10, 3), dtype=np.float32) if text else None
    return Features(np.zeros((10, columns), np.float32), outputs, sparse, (("words", 3),) if text else ())


@pytest.mark.parametrize("name", SEARCHES)
def test_a_sampler_is_one_of_optuna(name: str) -> None:
    sampler = shelf.plugin("samplers", name).sampler(Seed(1))
    assert isinstance(sampler, optuna.samplers.BaseSampler)


def job(name: str, trials: list[dict[str, Any]], seed: int = 1) -> dict[str, Any]:
    return {
        "verb": "ask",
        "sampler": name,
        "number": len(trials),
        "count": 4,
        "learners": ["lightgbm", "linear"],
        "trials": trials,
        "seed": seed,
    }


@pytest.mark.parametrize("name", SEARCHES)
def test_the_same_seed_and_past_draw_the_same(name: str) -> None:
    drawn = worker.ask(job(name, []))["candidates"]
    trials = [c | {"error": 0.1 * i} for i, c in enumerate(drawn * 3)]
    again = worker.ask(job(name, trials))["candidates"]
    assert again == worker.ask(job(name, trials))["candidates"]
    assert again != worker.ask(job(name, trials, seed=2))["candidates"]
    assert len(again) == 4 and {c["learner"] for c in again} <= {"lightgbm", "linear"}


def test_a_trial_that_failed_or_is_alien_does_no_harm() -> None:
    alien = [
        {"learner": "gone", "settings": {"x": 1}, "error": 0.5},
        {"learner": "linear", "settings": {"knots": 3, "strength": 1.0}, "error": float("nan")},
    ]
    assert len(worker.ask(job("tpe", alien))["candidates"]) == 4


@pytest.mark.parametrize("task", TASKS, ids=lambda t: t.kind)
@pytest.mark.parametrize("rows", [20, 2_000, 40_000, 1_000_000])
@pytest.mark.parametrize("text", [False, True])
def test_the_portfolio_holds_settings_that_exist(task: Task, rows: int, text: bool) -> None:
    made = features(6, text=text)
    for learner, settings, most in [*safety_net(rows, made, task), *portfolio(rows, made, task)]:
        recipe = shelf.plugin("learners", learner).Learner(**settings)
        assert set(settings) <= set(asdict(recipe)) and most >= 0


@pytest.mark.parametrize("task", TASKS, ids=lambda t: t.kind)
def test_the_net_is_small_and_has_an_answer_that_never_fails(task: Task) -> None:
    names = [entry[0] for entry in safety_net(1_000, features(6), task)]
    assert names[0] == "constant" and {"linear", "lightgbm", "forest"} <= set(names)
    assert all(most > 0 for name, _, most in safety_net(10**6, features(6), task) if name != "constant")


def test_the_forest_of_a_regression_tries_all_columns_and_splits_to_the_last_row() -> None:
    nets = {t.kind: dict(entry[:2] for entry in safety_net(1_000, features(6), t))["forest"] for t in TASKS}
    assert nets["regression"]["features"] == nets["regression"]["min_leaf"] == 1
    assert nets["binary"] == nets["multiclass"] != nets["regression"]
