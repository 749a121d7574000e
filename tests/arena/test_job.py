"""What a contestant's script imports: answers are written first, then the latency is measured."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

import autoglm_arena

TEST = pd.DataFrame({"a": [1.0, 2.0, 3.0]})


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    path = Path(autoglm_arena.__file__).parent / "lobby" / "job.py"
    spec = importlib.util.spec_from_file_location("job", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "job", module)  # its dataclass asks for it
    spec.loader.exec_module(module)
    return module


def answer(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"value": rows["a"]})


def test_latency_is_in_milliseconds_of_single_rows(job: ModuleType):
    seen: list[int] = []

    def slow(rows: pd.DataFrame) -> pd.DataFrame:
        seen.append(len(rows))
        return answer(rows)

    found = job.latency(slow, TEST, seed=1)
    assert found["row_ms_rows"] == job.SINGLE and found["row_ms_p95"] >= found["row_ms_p50"] > 0
    assert seen == [1] * (job.SINGLE + job.WARM_UP) + [1000]


def test_a_system_that_cannot_answer_one_row_says_so(job: ModuleType):
    def picky(rows: pd.DataFrame) -> pd.DataFrame:
        if len(rows) == 1:
            raise ValueError("too few")
        return answer(rows)

    assert job.latency(picky, TEST, seed=1) == {"latency_error": "one row: ValueError: too few"}


def test_a_long_run_counts_faults_and_other_answers(job: ModuleType, tmp_path: Path):
    calls = 0

    def moody(rows: pd.DataFrame) -> pd.DataFrame:
        nonlocal calls
        calls += 1
        return answer(rows) + (calls == 10)

    job.soak(moody, TEST, 0.2, tmp_path / "soak.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "soak.jsonl").read_text().splitlines()]
    assert len(lines) == job.READINGS
    assert sum(line["faults"] for line in lines) == 1 and sum(line["calls"] for line in lines) + 3 == calls
    assert "another answer" in next(line["last_fault"] for line in lines if line["faults"])


def test_answers_are_whole_or_absent(job: ModuleType, tmp_path: Path):
    job.write_answers(pd.DataFrame({1: [0.5], 2: [0.5]}, index=[7]), tmp_path / "out.parquet")
    assert list(pd.read_parquet(tmp_path / "out.parquet").columns) == ["1", "2"]
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]
