"""The benchmark's pure functions: splits, scores, ranks, and that no table is in both lists."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import job
import noise
import quality
import scoring
import standings
import tables


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame({"x": np.arange(400.0), "y": ["no", "no", "no", "yes"] * 100})


def test_a_seed_is_a_stratified_split_that_everyone_shares(table: pd.DataFrame) -> None:
    train, test = scoring.split(table, "y", "binary", seed=1)
    assert (len(train), len(test)) == (300, 100)
    assert (test["y"] == "yes").sum() == 25
    assert not set(train["x"]) & set(test["x"])
    pd.testing.assert_frame_equal(test, scoring.split(table, "y", "binary", seed=1)[1])
    assert set(test["x"]) != set(scoring.split(table, "y", "binary", seed=2)[1]["x"])


def test_scores_by_hand() -> None:
    truth = pd.Series(["no", "yes", "yes"])
    binary = pd.DataFrame({"no": [0.9, 0.2, 0.95], "yes": [0.1, 0.8, 0.05]})
    assert scoring.score(binary, truth, "binary") == 0.5
    halves = pd.DataFrame({"no": [0.5] * 3, "yes": [0.5] * 3})
    assert scoring.score(halves, truth, "multiclass") == pytest.approx(math.log(2))
    assert scoring.score(pd.DataFrame({"value": [1.0, 3.0]}), pd.Series([1.0, 1.0]), "regression") == math.sqrt(2)


def test_answers_that_cannot_be_scored_are_refused() -> None:
    truth = pd.Series([1.0, 2.0])
    with pytest.raises(ValueError, match="1 answers for 2 rows"):
        scoring.score(pd.DataFrame({"value": [1.0]}), truth, "regression")
    with pytest.raises(ValueError, match="missing"):
        scoring.score(pd.DataFrame({"value": [1.0, math.nan]}), truth, "regression")


def test_the_constant_predictor_has_normalised_error_one(table: pd.DataFrame) -> None:
    train, test = scoring.split(table, "y", "binary", seed=1)
    assert scoring.constant_error(train["y"], test["y"], "binary") == 0.5
    constant = scoring.constant_error(train["y"], test["y"], "multiclass")
    assert constant == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))
    assert scoring.normalised(constant, constant) == 1


def test_equal_errors_share_ranks_and_count_half_a_win() -> None:
    errors = pd.DataFrame({"a": [1.0, 1.0], "b": [1.0, 3.0], "c": [2.0, 2.0]})
    assert scoring.average_ranks(errors).to_dict() == {"a": 1.25, "b": 2.25, "c": 2.5}
    assert scoring.win_rate(errors["a"], errors["b"]) == 0.75


def test_tuning_and_reporting_tables_are_disjoint_and_mixed() -> None:
    tuning = tables.DEV | tables.MORE
    assert not set(tuning) & set(tables.TEST) and not set(tables.DEV) & set(tables.MORE)
    assert not {table.source for table in tuning.values()} & {table.source for table in tables.TEST.values()}
    for chosen in tables.LISTS.values():
        assert {table.task for table in chosen.values()} == {"binary", "multiclass", "regression"}


def test_every_contestant_lists_what_it_needs() -> None:
    scripts = sorted((Path(job.__file__).parent / "rivals").glob("*.py"))
    assert "autoglm" in {script.stem for script in scripts}
    assert all(job.dependencies(script) for script in scripts)


def line(table: str, contestant: str, seed: int, error: float) -> dict[str, object]:
    facts = {
        "task": "regression",
        "rows": 9,
        "seconds": 60.0,
        "threads": 2,
        "commit": "",
        "constant_error": 4.0,
    }
    costs = {"failed": False, "disturbed": False, "fit_seconds": 61.0, "predict_seconds": 0.1, "peak_mb": 9}
    return {"table": table, "contestant": contestant, "seed": seed, "error": error} | facts | costs


def test_the_report_compares_only_what_all_have_played() -> None:
    lines = [line("t", "autoglm", 1, 2.0), line("t", "linear", 1, 1.0), line("u", "linear", 1, 0.1)]
    report = standings.markdown(lines)
    assert "1 tables" in report
    assert "| t | linear | 2 | 1 | answers not kept here |" in report
    assert "| t | 2 | 1 (linear) | **below** by answers not kept here |" in report
    assert "0.1" not in report.split("\n\n")[1]


def test_only_blocks_that_one_machine_has_played_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGLM_BENCH", str(tmp_path))
    played = [("old", "autoglm", 1), ("old", "linear", 1), ("new", "linear", 1), ("new", "autoglm", 2)]
    lines = [
        line("t", player, seed, float(number)) | {"threads": 2, "foreign_cpu": 0.0, "machine": {"boot": boot}}
        for number, (boot, player, seed) in enumerate(played)
    ]
    lines.append(line("t", "linear", 2, 9.0) | {"foreign_cpu": 0.0})  # written before machines were
    quality.book().write_text("".join(json.dumps(line) + "\n" for line in lines))
    first, second = quality.blocks([quality.key(line) for line in lines[:2] + lines[3:]])
    assert [line["error"] for line in quality.best_lines([*first, *second])] == [0.0, 1.0]
    assert [quality.settled(match, "new") for match in [*first, *second]] == [False, True, True, False]
    assert quality.boots() == ["", "new", "old"]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_real_difference_is_told_from_luck(task: str) -> None:
    draw = np.random.default_rng(1)
    truth = pd.Series(draw.normal(size=300)) if task == "regression" else pd.Series(["no", "yes"] * 150)
    signal = truth.to_numpy(float) if task == "regression" else np.tile([-1.0, 1.0], 150)

    def answers(spread: float) -> pd.DataFrame:
        value = signal + spread * draw.normal(size=300)
        return pd.DataFrame({"value": value} if task == "regression" else {"no": -value, "yes": value})

    ours, worse, alike = answers(1.0), answers(3.0), answers(1.0)
    assert noise.gap([ours], [worse], [truth], task).high < 0
    found = noise.gap([ours], [alike], [truth], task)
    assert found.low < 0 < found.high
    assert standings.verdict(found).endswith("may be luck") and found.low < found.mean < found.high
