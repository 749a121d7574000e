"""One match: whatever a contestant does, there is one row that says it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autoglm_arena import machine, match, venvs
from autoglm_arena.errors import ArenaError
from autoglm_arena.plan import Match

GAME = Match("small", "raw", "as is", "fair", 1, 5.0, 1, 2_000)
HALVES = "import pandas as pd\n    return lambda rows: pd.DataFrame({'no': [.5] * len(rows), 'yes': [.5] * len(rows)})"


def test_a_fair_match_is_measured(write_data: Any, script: Any, arena: Path):
    write_data()
    row = match.play(GAME, script(), commit="abc")
    assert (row["state"], row["exit"], row["commit"]) == ("ok", "ok", "abc"), row["last_words"]
    assert row["score"] == 0.5 and row["error"] == 0.5 and row["constant_error"] == 0.5
    assert row["rows_train"] == 90 and row["rows_test"] == 30 and row["features"] == 2
    assert row["measures"]["accuracy"] > 0.4
    assert row["row_ms_p95"] >= row["row_ms_p50"] > 0 and row["thousand_rows_seconds"] > 0
    assert row["peak_mb"] > 20 and row["cpu_seconds"] > 0 and row["import_seconds"] > 0
    assert row["machine"]["cores"] >= 1 and row["environment"]["lock"] == "lock" and row["data_hash"] == "hash"
    kept = pd.read_parquet(arena / "home" / "predictions" / row["answers"])
    assert list(kept.columns) == ["no", "yes", "truth"] or set(kept.columns) == {"no", "yes", "truth"}
    assert json.loads(json.dumps(row)) == row


def test_a_contestant_never_sees_the_answers(write_data: Any, script: Any):
    write_data()
    look = "import pandas as pd, pathlib\n    frames = [pd.read_parquet(p) for p in pathlib.Path(job.test).parent.glob"
    look += "('*.parquet')]\n    assert sum('y' in f for f in frames) == 1, [list(f) for f in frames]\n    "
    row = match.play(GAME, script("peeping", look + HALVES.replace("import pandas as pd\n    ", "")))
    assert row["state"] == "ok", row["last_words"]


def test_a_match_finds_nothing_of_an_earlier_one(
    write_data: Any, script: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    write_data()
    monkeypatch.setenv("AUTOGLM_CACHE", str(tmp_path / "cache"))
    keep = "import os, pathlib, pandas as pd\n    kept = pathlib.Path(os.environ['AUTOGLM_CACHE'])\n    "
    keep += "assert not kept.exists(), 'read before'\n    kept.mkdir(parents=True)\n    "
    for _ in range(2):
        row = match.play(GAME, script("keeper", keep + HALVES.replace("import pandas as pd\n    ", "")))
        assert row["state"] == "ok", row["last_words"]
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("track", "modality", "own", "told"),
    [
        ("raw", "table", False, False),
        ("raw", "text", True, False),
        ("raw", "image", True, True),
        ("raw", "image", False, False),
        ("features", "image", True, False),
    ],
)
def test_only_images_and_sounds_lead_to_the_folder_of_the_data(
    write_data: Any, tmp_path: Path, track: str, modality: str, own: bool, told: bool
):
    found = write_data(modality=modality, **({"folder": str(tmp_path)} if own else {}))
    (tmp_path / "match").mkdir()
    rows = found.rows()
    said = match.job(replace(GAME, track=track), found, tmp_path / "match", rows, rows)
    assert (said["media"] == str(tmp_path)) == told
    assert told or not list(Path(said["media"]).iterdir())


@pytest.mark.parametrize(
    ("fit", "exit_", "says"),
    [
        ("raise ValueError('no idea')", "exit 1", "ValueError: no idea"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal 11 (SIGSEGV)", ""),
        ("import time; time.sleep(60)", "killed after 3 s", ""),
        ("x = [bytearray(50_000_000) for _ in range(60)]\n    import time; time.sleep(60)", "killed at 500 MB", ""),
        ("import os; os._exit(0)", "no answers", ""),
        ("import os\n    for _ in range(6): os.fork()\n    import time; time.sleep(60)", "killed at 500 MB", ""),
        ("return lambda rows: __import__('pandas').DataFrame({'yes': [.5]})", "unusable answers", "1 answers for 30"),
        (HALVES.replace("[.5]", "[float('nan')]"), "unusable answers", "not finite"),
        (HALVES.replace("'no': [.5]", "'no': [.9]"), "unusable answers", "do not sum to 1"),
        (HALVES.replace("'no'", "'maybe'").replace("'yes'", "'never'"), "unusable answers", "expected classes"),
    ],
    ids=["raises", "dies", "hangs", "eats", "leaves", "forks", "rows", "nan", "sums", "classes"],
)
def test_a_failure_is_a_row(
    write_data: Any, script: Any, monkeypatch: pytest.MonkeyPatch, fit: str, exit_: str, says: str
):
    write_data()
    monkeypatch.setattr(match, "GRACE", 1.0 if "sleep(60)" in fit and "bytearray" not in fit else 20.0)
    row = match.play(replace(GAME, seconds=1.0, memory_mb=500), script("bad", fit))
    assert (row["state"], row["exit"]) == ("failed", exit_), row["last_words"]
    assert says in row["last_words"]
    assert row["error"] is None and row["constant_error"] == 0.5


def test_answers_in_another_order_are_put_in_order(write_data: Any, script: Any):
    write_data()
    fit = "import pandas as pd\n    def answer(rows):\n        rows = rows.sort_values('a')\n        "
    fit += "yes = (rows['a'] > 0).astype(float)\n        return pd.DataFrame({'no': 1 - yes, 'yes': yes})\n    "
    fit += "return answer"
    row = match.play(GAME, script("sorter", fit))
    assert (row["state"], row["score"]) == ("ok", 1.0), row["last_words"]


def test_another_play_leaves_the_answers_of_the_first(write_data: Any, script: Any, arena: Path):
    write_data()
    names = [match.play(GAME, script())["answers"] for _ in range(2)]
    assert sorted(names) == sorted(path.name for path in (arena / "home" / "predictions").iterdir())
    assert len(set(names)) == 2 and all(name.startswith(f"fair-{GAME.id}-") for name in names)


def test_nothing_is_alive_after_a_match(write_data: Any, script: Any):
    write_data()
    fork = "import subprocess\n    for _ in range(5): subprocess.Popen(['sleep', '60'], start_new_session=True)\n    "
    assert match.play(GAME, script("forker", fork + HALVES))["state"] == "ok"
    assert not machine.descendants()


def test_a_gigabyte_of_words_keeps_its_last(write_data: Any, script: Any):
    write_data()
    talk = "import sys\n    for _ in range(1000): sys.stdout.write('x' * 1_000_000)\n    "
    talk += "print('the end', flush=True)\n    "
    row = match.play(GAME, script("talker", talk + HALVES))
    assert row["state"] == "ok" and row["last_words"].endswith("the end") and len(row["last_words"]) <= 2000


def test_answers_that_came_before_a_death_count(write_data: Any, script: Any):
    write_data()
    fit = "import pandas as pd, os\n    def answer(rows):\n        if len(rows) == 1: os._exit(3)\n        "
    fit += "return pd.DataFrame({'no': [.5] * len(rows), 'yes': [.5] * len(rows)})\n    return answer"
    row = match.play(GAME, script("late", fit))
    assert (row["state"], row["exit"]) == ("ok", "answered, then exit 3")


def test_who_does_not_read_pixels_is_unsupported(write_data: Any, script: Any):
    write_data(modality="image")
    row = match.play(GAME, script())
    assert row["state"] == "unsupported" and row["last_words"] == "reads table; the data hold image"
    assert match.play(replace(GAME, track="features"), script())["state"] == "ok"


@pytest.mark.parametrize(
    ("task", "targets", "says"),
    [
        ("binary", ["no", "yes"], "no class of the test rows is among the training rows"),
        ("regression", [1.0, float("nan")], "NaN"),
    ],
)
def test_data_that_measure_nothing_are_a_row(write_data: Any, script: Any, task: str, targets: list[Any], says: str):
    rows = pd.DataFrame({"a": range(40), "y": np.repeat(targets, 20), "__part__": np.repeat(["train", "test"], 20)})
    write_data(rows=rows, split="official", task=task)
    row = match.play(GAME, script())
    assert row["state"] == "unsupported" and says in row["last_words"]


def test_an_install_that_fails_is_a_row(write_data: Any, script: Any, monkeypatch: pytest.MonkeyPatch):
    def fails(_: Path) -> venvs.Venv:
        raise ArenaError("installing fair failed: no such package")

    write_data()
    monkeypatch.setattr(venvs, "get", fails)
    row = match.play(GAME, script())
    assert row["state"] == "not installed" and "no such package" in row["last_words"]


def test_a_hidden_column_is_measured_by(write_data: Any, script: Any):
    number = np.arange(80)
    rows = pd.DataFrame(
        {"a": number, "y": np.where(number % 2, "yes", "no"), "domain": np.where(number < 60, "p", "q")}
    )
    write_data(rows=rows.assign(__part__=np.where(number % 4 < 2, "train", "test")), split="official", by="domain")
    fit = "assert list(train) == ['a', 'y'], list(train)\n    " + HALVES
    row = match.play(GAME, script("blind", fit))
    assert row["state"] == "ok", row["last_words"]
    assert set(row["by"]) == {"p", "q"} and row["by"]["p"]["accuracy"] == 0.5


def test_classes_are_thinned_to_one_in_twenty(write_data: Any, script: Any):
    generator = np.random.default_rng(1)
    rows = pd.DataFrame({"a": generator.normal(size=800), "y": np.repeat(["no", "yes"], 400)})
    write_data(rows=rows)
    row = match.play(replace(GAME, scenario="imbalanced"), script())
    assert row["state"] == "ok", row["last_words"]
    assert row["rows_train"] + row["rows_test"] == 420
