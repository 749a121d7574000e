"""Rivals of the search: that each searches, is repeatable, and is told only of what exists."""

import json
import time
from typing import Any

import numpy as np
import optuna
import pytest
import rivals
import tasks

NEEDS = {"gp": "torch", "gp_warm": "torch", "cmaes": "cmaes", "cfo": "flaml", "blendsearch": "flaml", "smac": "smac"}


@pytest.mark.parametrize(
    "name",
    [
        *sorted(rivals.RIVALS.keys() - rivals.LEARNT.keys()),
        "optuna.samplers:QMCSampler",
        "autoglm.samplers.tpe:sampler",
    ],
)
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_seed_is_a_search(toy: tasks.SearchTask, name: str) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    search = rivals.searcher(name)
    first, again, other = (search(toy, 12, seed) for seed in (1, 1, 2))
    assert len(first.losses) == len(first.costs) == 12
    assert first.losses == again.losses
    assert first.losses != other.losses
    assert first.costs == [52.0] * 12


def test_an_unknown_searcher_is_named() -> None:
    with pytest.raises(SystemExit, match="unknown searcher 'tpee'"):
        rivals.searcher("tpee")


def test_the_estimator_finds_more_than_chance(toy: tasks.SearchTask) -> None:
    best = {
        name: np.mean([min(rivals.searcher(name)(toy, 60, s).losses) for s in range(5)]) for name in ("tpe", "random")
    }
    assert best["tpe"] < 0.7 * best["random"]


def test_only_what_exists_is_asked_for(toy: tasks.SearchTask) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    asked = []
    for _ in range(20):
        asked.append(rivals.suggest(toy, study.ask()))
    assert all(("depth" in row) is (row["kind"] == "bowl") for row in asked)
    assert len({row["kind"] for row in asked}) == 2


def test_a_grid_is_as_large_as_it_may_be_and_even(toy: tasks.SearchTask) -> None:
    levels = rivals.grid_levels(toy.space, seed=0)
    sizes = [len(values) for values in levels.values()]
    assert sorted(levels["kind"]) == ["bowl", "line"]
    steps = np.diff(np.log([0.001, *levels["x"], 10.0]))
    np.testing.assert_allclose(steps[1:-1], 2 * steps[0])
    assert steps[0] == pytest.approx(steps[-1])
    assert levels["depth"][0] - 1 == 9 - levels["depth"][-1] < 3
    assert np.prod(sizes) <= 60
    assert all(np.prod(sizes) / size * (size + 1) > 60 for size in sizes[1:])
    assert len(rivals.grid(toy, 100, 0).losses) == np.prod(sizes)
    assert len(set(map(str, levels["depth"]))) == sizes[2]


def test_a_portfolio_covers_what_single_bests_do_not() -> None:
    class Known:
        def __init__(self, losses: list[float]) -> None:
            self.losses = np.array(losses)

        def evaluate(self, pool: object) -> tuple[Any, Any]:
            return self.losses, self.losses

        def regret(self, loss: Any) -> Any:
            return loss

    known = [Known([0.0, 0.9, 0.4, 0.5]), Known([0.9, 0.0, 0.4, 0.5]), Known([0.9, 0.8, 0.4, 0.1])]
    pool: list[dict[str, Any]] = [{"at": at} for at in range(4)]
    assert [row["at"] for row in rivals.greedy(known, pool, 3)] == [3, 0, 1]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["tpe_warm", "gp_warm"])
def test_the_warm_start_is_tried_first(name: str, monkeypatch: pytest.MonkeyPatch, toy: tasks.SearchTask) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    with pytest.raises(ValueError, match="nothing may be learnt"):
        rivals.learnt(toy)
    first = [{"kind": "bowl", "x": 0.1, "depth": 5}, {"kind": "line", "x": 10.0, "depth": 1}]
    monkeypatch.setattr(rivals, "learnt", lambda task, pool="random": first)
    trace = rivals.searcher(name)(toy, 5, 0)
    assert trace.losses[:2] == rivals.portfolio(toy, 5, 0).losses == pytest.approx([0, 2], abs=1e-9)
    assert len(trace.losses) == 5
    json.dumps(trace.losses)


def test_the_seconds_of_the_answers_are_not_the_searchers(
    toy: tasks.SearchTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(self: Any, settings: Any) -> Any:
        until = time.process_time() + 0.05
        while time.process_time() < until:
            pass
        return np.zeros(1), np.ones(1)

    monkeypatch.setattr(type(toy), "evaluate", slow)
    assert rivals.random(toy, 8, 0).seconds < 0.2
