"""The speed benchmark's own arithmetic: verdicts, its table, its data, and the watching of a process tree."""

import os
import sys
from pathlib import Path

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import peak
import speed


@pytest.mark.parametrize(
    ("row", "ok"),
    [
        (speed.Row("latency", 9.0, "ms", 10.0), True),
        (speed.Row("latency", 11.0, "ms", 10.0), False),
        (speed.Row("throughput", 60_000, "rows/s", 50_000, least=True), True),
        (speed.Row("throughput", 40_000, "rows/s", 50_000, least=True), False),
        (speed.Row("size", 1e9, "MB"), True),
    ],
)
def test_a_limit_is_kept_or_missed(row: speed.Row, ok: bool) -> None:
    assert row.ok is ok


def test_the_table_names_what_is_missed() -> None:
    text = speed.table(
        [speed.Row("latency", 11.0, "ms", 10.0), speed.Row("rate", 60_000, "rows/s", 50_000, least=True)]
    )
    assert "| latency | 11 ms | ≤ 10 ms | MISSED |" in text
    assert "| rate | 60,000 rows/s | ≥ 50,000 rows/s | yes |" in text


def test_the_table_of_readings_is_real_and_long_enough() -> None:
    frame = speed.readings()
    assert frame.shape[1] == 11
    assert len(frame) >= speed.ROWS + 10_000
    assert frame.duplicated().mean() < 0.01


def test_memory_of_a_process_is_counted() -> None:
    assert peak._pss(psutil.Process(os.getpid())) > 10e6
    assert peak.Peak((10**9, 10**9), 3.0, "", 160 * 10**6).limit == pytest.approx(980e6)
