"""The budget benchmark's own arithmetic: verdicts, its table, its tables."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import budget


def row(seconds: float = 10.0, wall: float = 9.0, peak: float = 1e9, error: str = "") -> budget.Row:
    return budget.Row("small", seconds, wall, 0.5, peak, 3, error)


@pytest.mark.parametrize(
    ("of", "ok"),
    [
        (row(), True),
        (row(wall=11.9), True),
        (row(wall=12.1), False),
        (row(seconds=60.0, wall=62.9), True),
        (row(seconds=60.0, wall=63.1), False),
        (row(peak=2 * budget.MEMORY), False),
        (row(error="ended with status 1"), False),
    ],
)
def test_a_limit_is_kept_or_missed(of: budget.Row, ok: bool) -> None:
    assert of.ok is ok


def test_the_table_names_what_is_missed() -> None:
    text = budget.table([row(), row(wall=12.1), row(error="ended with status 1: killed")])
    assert "| small | 10 s | 9.0 s | 12.0 s | yes | 0.5 s | 1,000 MB | 3 |" in text
    assert "| 12.1 s | 12.0 s | MISSED | 0.5 s |" in text
    assert "| MISSED ended with status 1: killed |" in text


def test_the_tables_are_what_they_are_called() -> None:
    assert budget.numbers(20, 5).shape == (20, 6)
    assert budget.classes(3_000, 4, 300)["y"].nunique() == 300
    assert budget.keys(20_000, 30_000)["shop"].nunique() > 3_000
    assert budget.prose(50, 290)["text"].str.len().between(1_500, 2_500).all()
