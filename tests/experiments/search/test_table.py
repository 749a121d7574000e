"""The tables of the search: curves, levels, intervals, all by hand."""

from typing import Any

import numpy as np
import pytest
import table


def line(searcher: str, losses: list[float], task: str = "lcbench/1", seed: int = 0, **changed: Any) -> dict[str, Any]:
    known = {
        "task": task, "group": task.split("/")[0], "searcher": searcher, "seed": seed, "budget": "trials", "amount": 5,
        "losses": losses, "costs": [10.0] * len(losses), "best": 1.0, "median": 3.0, "unit": 20.0, "seconds": 2.0,
    }  # fmt: skip
    return known | changed


def test_a_curve_is_the_best_so_far_and_goes_on_to_the_end() -> None:
    assert table.curve(line("a", [5.0, 2.0, 2.5]), 5).tolist() == [2, 0.5, 0.5, 0.5, 0.5]
    assert table.curve(line("a", [0.5, 2.0]), 1).tolist() == [0]


def test_a_curve_by_cost_looks_every_quarter_of_a_unit() -> None:
    spent = line("a", [2.0, 1.5], budget="units", costs=[10.0, 15.0])  # at 0.5 and 1.25 units of 20 s
    assert table.curve(spent, 6).tolist() == [1, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_levels_and_what_reaches_them() -> None:
    lines = [line("tpe", [3.0, 2.0, 1.2]), line("grid", [3.0, 3.0, 2.0]), line("tpe", [9.0], seed=1)]
    results = table.gather(lines, ["tpe", "grid"], "trials")
    assert results.curves["tpe"].shape == (1, 1, 5)  # seed 1 is not for both
    assert results.at("tpe", 2) == pytest.approx(0.501)
    assert table.reached(results, "tpe", results.at("grid", 3)) == "2"
    assert table.reached(results, "grid", results.at("tpe", 3)) == ">5"


def test_the_level_is_a_geometric_mean() -> None:
    lines = [line("a", [1.02], "lcbench/1"), line("a", [1.2], "xgboost/1")]
    assert table.gather(lines, ["a"], "trials").at("a", 1) == pytest.approx(np.sqrt(0.011 * 0.101))


def test_paired_differences_have_a_sign_an_interval_and_a_count() -> None:
    lines = []
    for at in range(20):
        lines += [line("a", [1 + 0.1], f"lcbench/{at}"), line("b", [1 + 0.1 * np.e], f"lcbench/{at}")]
    lines += [line("a", [2.0], "lcbench/x"), line("b", [1.5], "lcbench/x")]
    results = table.gather(lines, ["a", "b"], "trials")
    mean, low, high, wins, losses = table.paired(results, "a", "b", 5)
    difference = np.array([np.log((0.05 + 1e-3) / (0.05 * np.e + 1e-3))] * 20 + [np.log(0.501 / 0.251)])
    assert mean == pytest.approx(difference.mean())
    assert low < mean < high < 0
    assert (wins, losses) == (20, 1)
    other = table.paired(results, "b", "a", 5)
    assert other[0] == pytest.approx(-mean)
    assert other[3:] == (1, 20)


def test_markdown_has_all_tasks_and_the_groups() -> None:
    lines = [
        line(who, [2.0 - shift], task, seed)
        for who, shift in (("tpe", 0.0), ("a", 0.5))
        for task in ("lcbench/1", "hpobench/car")
        for seed in (0, 1)
    ]
    text = table.markdown(table.gather(lines, ["tpe", "a"], "trials"), "trials", ["tpe"])
    assert "### all: 2 tasks, 2 seeds" in text
    assert "### unseen spaces: 1 tasks, 2 seeds" in text
    assert "### lcbench: 1 tasks" in text
    assert "| a | 0.2510 | 2.00 |" in text
    assert "| log-regret − tpe | @5 [95 %] wins–losses |" in text
    assert "| a | -0.69 [-0.69, -0.69] 2–0 |" in text


def test_nothing_in_common_is_said() -> None:
    with pytest.raises(SystemExit, match="no task was searched by all of a, b"):
        table.gather([line("a", [1.0]), line("b", [1.0], seed=2)], ["a", "b"], "trials")
