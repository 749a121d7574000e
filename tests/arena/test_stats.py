"""Statistics against values worked out by hand and against bencheval, the library behind TabArena."""

import math
from typing import Any

import numpy as np
import pytest

from autoglm_arena import cells, stats
from autoglm_arena.book import Row
from autoglm_arena.cells import Comparison


def row(data: str, contestant: str, error: float | None, seed: int = 1, **more: Any) -> Row:
    """A row with what statistics need; without an error it failed."""
    found = {"data": data, "track": "raw", "scenario": "as is", "contestant": contestant, "seed": seed}
    found |= {"seconds": 60.0, "threads": 2, "memory_mb": 1000, "constant_error": 1.0, "error": error}
    return found | {"state": "ok" if error is not None else "failed"} | more


def book(errors: dict[str, list[float | None]], **more: Any) -> list[Row]:
    """Rows of contestants on the data d0, d1, ..."""
    return [row(f"d{i}", name, error, **more) for name, line in errors.items() for i, error in enumerate(line)]


def comparison(errors: dict[str, list[float | None]]) -> Comparison:
    found = cells.compare(book(errors))
    assert found is not None
    return found


THREE: dict[str, list[float | None]] = {
    "forest": [0.2, 0.4, 0.5, 0.3],
    "ours": [0.1, 0.4, 0.4, 0.6],
    "linear": [0.4, 0.8, 0.6, 0.2],
}


def test_seeds_are_averaged_before_anything_is_ranked() -> None:
    rows = [row("d", "a", 0.1, 1), row("d", "a", 0.5, 2), row("d", "b", 0.2, 1), row("d", "b", 0.2, 2)]
    found = cells.compare(rows)
    assert found is not None
    assert found.errors.tolist() == [[pytest.approx(0.3), 0.2]]
    assert stats.ranked(found).tolist() == [[2.0, 1.0]]


def test_only_cells_that_all_have_played_compare() -> None:
    rows = [row("d", "a", 0.1), row("d", "b", 0.2), row("e", "a", 0.3), row("e", "b", 0.3, state="unsupported")]
    found = cells.compare(rows)
    assert found is not None
    assert (found.data, found.cells, found.cells_left_out) == (("d",), 1, 1)


def test_who_has_played_few_cells_is_left_out_and_named() -> None:
    rows = [*book(THREE), row("d0", "late", 0.0)]
    found = cells.compare(rows)
    assert found is not None
    assert found.contestants == ("forest", "linear", "ours")
    assert found.left_out == {"late": 1}
    asked = cells.compare(rows, ["late", "ours"])
    assert asked is not None
    assert asked.data == ("d0",)


def test_nothing_to_compare() -> None:
    assert cells.compare([]) is None
    assert cells.compare([row("d", "a", 0.1)]) is None
    assert cells.compare([row("d", "a", 0.1), row("e", "b", 0.1)]) is None
    assert cells.compare([row("d", "a", 0.1), row("d", "b", None, state="not installed")]) is None


def test_a_failure_counts_as_the_constant_answer() -> None:
    found = comparison({"a": [0.1, 0.2], "b": [0.2, None]})
    assert found.errors.tolist() == [[0.1, 0.2], [0.2, 1.0]]
    assert [line.failures for line in stats.league(found, reference="a")] == [0, 1]
    rows = [row("d", "a", 0.1), row("d", "b", None, constant_error=None)]
    assert cells.imputed(rows[1], rows) == 1.0  # the constant of the other row of the cell


def test_league() -> None:
    table = {line.contestant: line for line in stats.league(comparison(THREE), reference="ours")}
    ours = table["ours"]
    assert next(iter(table)) == "ours"
    assert ours.rank == pytest.approx((1 + 1.5 + 1 + 3) / 4)
    assert ours.normalised == pytest.approx((0.6 - 0.2) / (1 - 0.2) / 4)
    assert ours.improvability == pytest.approx((1 - 0.2 / 0.6) / 4)
    assert ours.wins == 3
    assert ours.win_rate is None
    forest = table["forest"]
    assert forest.win_rate == pytest.approx(1.5 / 4)
    assert forest.win_low is not None and forest.win_high is not None
    assert 0 <= forest.win_low < 1.5 / 4 < forest.win_high <= 1
    assert forest.elo == 1000
    assert ours.elo > 1000 > table["linear"].elo
    assert ours.elo_low <= ours.elo <= ours.elo_high


def test_medians_and_overruns() -> None:
    rows = book({"a": [0.1, 0.2, 0.3], "b": [0.2, 0.3, 0.4]})
    for i, found in enumerate(rows[:3]):
        found |= {"fit_seconds": [10.0, 30.0, 64.0][i], "overrun": [0.0, 3.0, 3.1][i], "peak_mb": None}
    compared = cells.compare(rows)
    assert compared is not None
    line = stats.league(compared, reference="b")[0]
    assert (line.fit_seconds, line.overruns, line.peak_mb, line.row_ms) == (30.0, 1, None, None)


def test_normalised_error_is_clipped() -> None:
    found = comparison({"a": [0.5, 2.0, 1.0], "b": [3.0, 2.5, 1.0]})
    assert stats.normalised(found).tolist() == [[0.0, 1.0], [0.0, 1.0], [0.0, 0.0]]


def test_win_matrix() -> None:
    found = comparison(THREE)  # forest, linear, ours
    matrix = stats.wins(found.errors)
    assert matrix[2, 0] == pytest.approx(2.5 / 4)
    assert matrix[0, 2] == pytest.approx(1.5 / 4)
    assert np.isnan(matrix.diagonal()).all()


def test_elo_of_two_is_the_odds_of_winning() -> None:
    found = comparison({"a": [0.1, 0.1, 0.1, 0.2], "b": [0.2, 0.2, 0.2, 0.1]})
    ratings = stats.elo(found, "b")
    assert ratings["b"][0] == 1000
    assert ratings["a"][0] == pytest.approx(1000 + 400 * math.log10(3), abs=0.05)


def test_critical_difference() -> None:
    errors: dict[str, list[float | None]] = {"a": [0.1] * 20, "b": [0.2] * 20, "c": [0.3] * 20}
    found = stats.difference(comparison(errors))
    assert found is not None
    # Demšar (2006), table 5: q is 2.343 for three classifiers at 5 %
    assert found.critical == pytest.approx(2.343 * math.sqrt(3 * 4 / (6 * 20)), rel=1e-3)
    assert found.groups == ()
    assert found.p_value is not None and found.p_value < 0.001
    few = stats.difference(comparison({name: line[:4] for name, line in errors.items()}))
    assert few is not None
    assert few.groups == (("a", "b"), ("b", "c"))
    assert stats.difference(comparison({"a": [0.1], "b": [0.2]})) is None


def test_pareto() -> None:
    rows = book({"slow": [0.1, 0.1], "quick": [0.3, 0.3], "poor": [0.5, 0.5]})
    for found in rows:
        found["fit_seconds"] = {"slow": 60.0, "quick": 1.0, "poor": 2.0}[found["contestant"]]
    compared = cells.compare(rows)
    assert compared is not None
    assert stats.pareto(stats.league(compared, reference="slow")) == ["quick", "slow"]


def test_defeats() -> None:
    rows = [*book(THREE), row("d9", "ours", None), row("d9", "linear", 0.5)]
    found = cells.defeats(rows, "ours")
    assert [(d.cell[0], d.winner, d.failed) for d in found] == [("d3", "linear", False), ("d9", "linear", True)]
    assert found[0].gap == pytest.approx(1 - 0.2 / 0.6)


def test_defeats_are_within_one_budget() -> None:
    assert cells.defeats([row("d", "ours", 0.2), row("d", "b", 0.1, seconds=600.0)], "ours") == []


def test_mixed() -> None:
    rows = [row("d", "a", 0.1, data_hash="1"), row("d", "b", 0.1, data_hash="1", machine={"cores": 4}, commit="c")]
    assert cells.mixed(rows) == []
    assert cells.mixed([*rows, row("d", "a", 0.1, track="features", data_hash="2")]) == []
    assert cells.mixed([*rows, row("d", "a", 0.1, data_hash="2")]) == ["rows of d (raw): 1, 2"]


def test_count_and_hardware() -> None:
    rows = [row("d", "a", 0.1), row("d", "b", 0.1), row("d", "a", 0.1, seconds=600.0), row("e", "a", 0.1)]
    assert cells.count(rows) == 3
    assert cells.hardware(row("d", "a", 0.1, machine={"cpu": "x", "cores": 4, "kernel": "6"})) == ("x", 4)
    assert cells.hardware(row("d", "a", 0.1, machine=None)) == ("", 0)


def test_marked() -> None:
    assert cells.marked(row("d", "a", 0.1, load_before=1.2))
    assert cells.marked(row("d", "a", 0.1, disturbed=True))
    assert not cells.marked(row("d", "a", 0.1, load_before=0.4, disturbed=None))


def test_as_bencheval_computes_it() -> None:
    evaluator = pytest.importorskip("bencheval.evaluator")
    pandas = pytest.importorskip("pandas")
    generator = np.random.default_rng(3)
    errors = generator.random((12, 5)).round(1) + 0.05 * np.arange(5) + 0.01  # rounded: with ties
    names = ["forest", "b", "c", "d", "e"]
    found = comparison({name: list(errors[:, i]) for i, name in enumerate(names)})
    frame = pandas.DataFrame(
        [(n, f"d{i}", errors[i, k]) for i in range(12) for k, n in enumerate(names)],
        columns=["method", "task", "metric_error"],
    )
    board = evaluator.BenchmarkEvaluator(columns_to_agg_extra=None).leaderboard(
        frame,
        average_seeds=True,
        elo_kwargs={"calibration_framework": "forest", "calibration_elo": 1000, "round_decimals": None},
    )
    matrix = stats.wins(found.errors)
    for line in stats.league(found, reference="forest"):
        theirs = board.loc[line.contestant]
        assert line.rank == pytest.approx(theirs["rank"])
        assert line.improvability == pytest.approx(theirs["improvability"])
        assert line.elo == pytest.approx(theirs["elo"], abs=0.5)
        rate = np.nanmean(matrix[found.contestants.index(line.contestant)])
        assert rate == pytest.approx(theirs["winrate"])
