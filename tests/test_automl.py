"""The line itself: reproducible, continued, extended, with every metric, groups and time."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import autoglm
from autoglm import AutoML, Predictor
from autoglm.core.errors import DataError, FolderError, OptionError
from autoglm.core.metrics import METRICS, Metric
from autoglm.engine.journal import Journal

QUICK: dict[str, Any] = {"work": 3, "threads": 1, "learners": ["linear"], "search": "none"}
BARE: dict[str, Any] = QUICK | {"learners": ["constant"]}


def table(task: str = "binary", rows: int = 150) -> pd.DataFrame:
    draw = np.random.default_rng(2)
    frame = pd.DataFrame(
        {"a": draw.normal(size=rows), "b": draw.normal(size=rows), "c": draw.choice(list("xyz"), rows)}
    )
    signal = frame["a"] + (frame["c"] == "x") + 0.3 * draw.normal(size=rows)
    if task == "regression":
        return frame.assign(y=signal)
    rare = [-np.inf, 0.5, np.inf] if task == "binary" else [-np.inf, 0, 1.2, np.inf]
    return frame.assign(y=pd.cut(signal, rare, labels=list("uvw")[: len(rare) - 1]).astype(str))


def script(**options: Any) -> subprocess.Popen[bytes]:
    """Fit in another process; it writes the probabilities as exact numbers."""
    code = f"""
import json, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_automl import table
import autoglm
predictor = autoglm.AutoML(**json.loads(sys.argv[1])).fit(table(), "y")
members = [[m["name"], m["weight"]] for m in predictor.about["members"]]
print(json.dumps([predictor.predict_proba(table())["u"].map(float.hex).tolist(), members]))
"""
    path = os.pathsep.join([str(Path(autoglm.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", code, json.dumps(options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
    )


def state(predictor: Predictor) -> list[Any]:
    members = [[m["name"], m["weight"]] for m in predictor.about["members"]]
    return [predictor.predict_proba(table())["u"].map(float.hex).tolist(), members]


def test_the_same_seed_is_the_same_bit_for_bit_in_another_process_and_with_other_threads() -> None:
    options: dict[str, Any] = {"work": 14, "learners": ["linear", "lightgbm", "forest"]}
    with script(**options, threads=2) as other:
        one = AutoML(**options, threads=1).fit(table(), "y")
        out, err = other.communicate(timeout=100)
    assert other.returncode == 0, err.decode()
    assert json.loads(out) == state(one)


@pytest.mark.slow
def test_all_learners_and_the_search_are_the_same_bit_for_bit() -> None:
    options: dict[str, Any] = {"work": 75}
    with script(**options, threads=1) as other:
        one = AutoML(**options, threads=2).fit(table(), "y")
        out, err = other.communicate(timeout=200)
    assert other.returncode == 0, err.decode()
    assert json.loads(out) == state(one)


def test_another_seed_is_another_predictor() -> None:
    frame = table()
    one, other = (AutoML(**QUICK, seed=s).fit(frame, "y").predict_proba(frame) for s in (1, 2))
    assert not np.array_equal(one, other)


def test_work_goes_on_where_it_stopped(tmp_path: Path) -> None:
    options: dict[str, Any] = {"threads": 2, "learners": ["linear"], "search": "none"}
    first = AutoML(**options, work=3, folder=tmp_path / "x").fit(table(), "y")
    kept = {p: p.stat().st_mtime_ns for p in (tmp_path / "x" / "run").rglob("fit.json")}
    more = AutoML(**options, work=9, folder=tmp_path / "x").fit(table(), "y")
    assert len(kept) == 3 and first.about["budget"]["fits"] == 3 and more.about["budget"]["fits"] == 9
    assert all(p.stat().st_mtime_ns == at for p, at in kept.items())
    assert state(more) == state(AutoML(**options, work=9).fit(table(), "y"))
    assert state(AutoML(**options, work=3, folder=tmp_path / "x").fit(table(), "y")) == state(first)


@pytest.mark.clock
@pytest.mark.slow
def test_seconds_spent_are_not_spent_again_and_more_of_them_extend(tmp_path: Path) -> None:
    options: dict[str, Any] = {"folder": tmp_path / "x", "learners": ["linear", "forest"]}
    first = AutoML(**options, seconds=5).fit(table(), "y")
    before = state(first)
    begun = time.monotonic()
    again = AutoML(**options, seconds=5).fit(table(), "y")
    assert time.monotonic() - begun < 4
    assert state(again) == before
    kept = {p: p.read_bytes() for p in (tmp_path / "x" / "run").rglob("fit.json")}
    more = AutoML(**options, seconds=9).fit(table(), "y")
    assert state(more)[1] and len(first.predict(table())) == 150
    assert more.about["budget"]["fits"] > first.about["budget"]["fits"]
    assert all(p.read_bytes() == record for p, record in kept.items())


def test_a_folder_of_another_run_is_refused_and_the_difference_named(tmp_path: Path) -> None:
    frame, recipe = table(), AutoML(**BARE, folder=tmp_path / "x")
    recipe.fit(frame, "y")
    for difference, other, options in (
        ("data", frame.assign(a=0.5), {}),
        ("rows", frame.head(100), {}),
        ("columns", frame.rename(columns={"a": "d"}), {}),
        ("target", frame.rename(columns={"y": "z"}), {"target": "z"}),
        ("task", frame.assign(y=frame["a"]), {}),
        ("classes", frame.assign(y=frame["y"] + "!"), {}),
        ("folds", frame, {"groups": frame["c"]}),
    ):
        with pytest.raises(FolderError, match=rf"differs in [a-z, ]*{difference}.*fresh=True"):
            recipe.fit(other, **{"target": "y"} | options)
    with pytest.raises(FolderError, match=r"differs in [a-z, ]*metric, seed"):
        AutoML(**BARE, folder=tmp_path / "x", seed=1, metric="f1").fit(frame, "y")
    assert len(AutoML(**BARE, folder=tmp_path / "x", fresh=True).fit(frame.head(100), "y").predict(frame)) == 150


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("name", ["members/list.csv", "background/blue.png", "run/fits/m31.fits", "report.html"])
def test_a_folder_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path, name: str, fresh: bool) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("mine")
    (tmp_path / "manifest.json").write_text('{"name": "A web app"}')
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FolderError, match=r"holds 'manifest.json' and neither a run nor a predictor of ours"):
        AutoML(**BARE, folder=tmp_path, fresh=fresh).fit(table(), "y")
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / name).read_text() == "mine"
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(FolderError, match="holds '"):
        AutoML(**BARE, folder=tmp_path, fresh=fresh).fit(table(), "y")
    assert (tmp_path / name).read_text() == "mine"


def test_a_fit_may_lie_beside_its_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table().to_csv("train.csv", index=False)
    for fresh in (False, False, True):
        AutoML(**BARE, folder=".", fresh=fresh).fit(pd.read_csv("train.csv"), "y")
    assert len(autoglm.load(".").predict(pd.read_csv("train.csv"))) == 150


@pytest.mark.parametrize("step", ["spend", "put", "finished"])
def test_a_call_that_is_cut_off_before_its_first_fit_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def cut(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Journal, step, cut)
        with pytest.raises(KeyboardInterrupt):
            AutoML(**BARE, folder=tmp_path / "x").fit(table(), "y")
    assert len(AutoML(**BARE, folder=tmp_path / "x").fit(table(), "y").predict(table())) == 150


@pytest.mark.timeout(100)
def test_two_fits_do_not_write_to_one_folder_and_a_kill_frees_it(tmp_path: Path) -> None:
    recipe = AutoML(**BARE, folder=tmp_path / "x")
    with script(seconds=60, folder=str(tmp_path / "x"), learners=["linear"]) as fitting:
        while not list(tmp_path.glob("x/run/fits/*/*/fit.json")) and fitting.poll() is None:
            time.sleep(0.05)
        begun = time.monotonic()
        with pytest.raises(FolderError, match=r"another fit is writing to folder .*x'"):
            recipe.fit(table(), "y")
        assert time.monotonic() - begun < 5
        fitting.kill()
    assert len(replace(recipe, fresh=True).fit(table(), "y").predict(table())) == 150


def test_a_table_that_cannot_be_learned_from_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        AutoML(**BARE, folder=tmp_path / "x").fit(table(), "z")
    assert not (tmp_path / "x").exists()


def test_other_text_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    words = np.array(
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    )
    texts = [[" ".join(draw.choice(words, 9)) for _ in range(60)] for _ in range(2)]
    recipe = AutoML(**BARE, folder=tmp_path / "x", kinds={"t": "text"})
    recipe.fit(pd.DataFrame({"t": texts[0], "y": np.arange(60) % 2}), "y")
    with pytest.raises(FolderError, match="differs in data"):
        recipe.fit(pd.DataFrame({"t": texts[1], "y": np.arange(60) % 2}), "y")


def fits(metric: str) -> list[str]:
    tasks = ["regression"] if METRICS[metric].needs == "value" else ["binary", "multiclass"]
    return tasks[:1] if metric == "f1" else tasks


@pytest.mark.parametrize(("metric", "task"), [(m, t) for m in METRICS for t in fits(m)])
def test_every_metric_fits_its_task(metric: str, task: str) -> None:
    predictor = AutoML(**BARE, metric=metric).fit(table(task), "y")
    assert predictor.about["metric"] == metric
    assert np.isfinite(predictor.about["score"]["value"]) and metric in predictor.evaluate(table(task))


@pytest.mark.parametrize(
    ("task", "metric"), [("binary", "rmse"), ("regression", "f1"), ("multiclass", "f1"), ("binary", "roc_auk")]
)
def test_a_metric_that_does_not_fit_is_refused(task: str, metric: str) -> None:
    with pytest.raises(OptionError, match=r"metric='"):
        AutoML(**BARE, metric=metric).fit(table(task), "y")


def test_a_metric_of_one_s_own() -> None:
    def hits(truth: Any, answers: Any) -> float:
        return float(np.mean(truth == answers))

    predictor = AutoML(**BARE, metric=hits).fit(table(), "y")
    assert predictor.about["metric"] == "hits" and 0.5 <= predictor.about["score"]["value"] <= 1
    worst = Metric("worst", "value", lambda t, a: float(np.max(np.abs(t - a))), greater=False, best=0.0)
    assert AutoML(**QUICK, metric=worst).fit(table("regression"), "y").about["score"]["value"] > 0


def test_a_metric_that_needs_both_classes(tmp_path: Path) -> None:
    def picky(truth: Any, answers: Any) -> float:
        if len(set(truth)) < 2:
            raise ValueError("y_true contains only one label")
        return float(np.mean(answers[np.arange(len(truth)), truth]))

    frame = table().head(60).assign(y=np.arange(60) < 4)
    predictor = AutoML(**QUICK, metric=Metric("picky", "probability", picky)).fit(frame, "y")
    assert predictor.about["score"]["low"] <= predictor.about["score"]["value"] <= predictor.about["score"]["high"]


def test_a_folder_is_another_run_for_other_settings(tmp_path: Path) -> None:
    def metric(truth: Any, answers: Any) -> float:
        return float(np.mean(truth == answers))

    frame, recipe = table(), replace(AutoML(**BARE, folder=tmp_path / "x"), metric=metric)
    recipe.fit(frame, "y")
    for difference, other in (
        ("metric", replace(recipe, metric=Metric("metric", "label", lambda t, a: 7.0))),
        ("learners", replace(recipe, learners=["linear"])),
        ("search", replace(recipe, search="random")),
        ("clock", replace(recipe, work=None, seconds=3.0)),
    ):
        with pytest.raises(FolderError, match=rf"differs in {difference}"):
            other.fit(frame, "y")
    recipe.fit(frame, "y")


def test_thresholds_of_macro_f1_change_labels_for_the_better() -> None:
    draw = np.random.default_rng(4)
    x = draw.normal(size=600)
    frame = pd.DataFrame({"x": x, "y": np.where(x + draw.normal(size=600) > 2.0, "rare", "usual")})
    recipe = AutoML(work=8, threads=1, learners=["linear"], search="none", metric="f1_macro")
    tuned = recipe.fit(frame, "y")
    plain = tuned.predict_proba(frame).idxmax(axis=1)
    assert any(tuned.about["offsets"]) and (tuned.predict(frame) != plain).any()
    macro = METRICS["f1_macro"].function
    truth = tuned.task.encode(frame["y"])
    assert macro(truth, tuned.task.encode(tuned.predict(frame))) > macro(truth, tuned.task.encode(plain))


def test_with_few_groups_the_fits_that_answer_have_seen_all_of_them() -> None:
    frame = table(rows=240)
    predictor = AutoML(**QUICK | {"work": 20}).fit(frame, "y", groups=np.arange(240) % 3)
    assert "learn from all groups" in predictor.summary["validation"]["scheme"]
    for member in predictor.about["members"]:
        assert [fit.rpartition("/")[2] for fit in member["fits"]] == ["1.0", "1.1", "1.2"]
    assert predictor.evaluate(frame)["roc_auc"] > 0.8
    many = AutoML(**QUICK | {"work": 20}).fit(frame, "y", groups=np.arange(240) % 30)
    assert "0.0" in {fit.rpartition("/")[2] for member in many.about["members"] for fit in member["fits"]}


def test_groups_stay_on_one_side_and_are_no_feature() -> None:
    draw = np.random.default_rng(5)
    who = draw.integers(0, 30, 300)
    luck = draw.normal(size=30)[who]
    frame = pd.DataFrame({"g": luck + 0.001 * draw.normal(size=300), "who": who, "y": draw.integers(0, 2, 30)[who]})
    by_name = AutoML(**BARE).fit(frame, "y", groups="who")
    assert "whole groups (30 groups)" in by_name.summary["validation"]["scheme"]
    assert [c["name"] for c in by_name.about["columns"]] == ["g"]
    by_values = AutoML(**BARE).fit(frame.drop(columns="who"), "y", groups=frame["who"])
    assert by_values.summary["validation"] == by_name.summary["validation"]
    with pytest.raises(DataError, match="single value"):
        AutoML(**BARE).fit(frame.assign(who=1), "y", groups="who")
    with pytest.raises(DataError, match=r"groups='hwo' is not among the columns; did you mean 'who'"):
        AutoML(**BARE).fit(frame, "y", groups="hwo")
    with pytest.raises(DataError, match="groups has 5 values for 300 rows"):
        AutoML(**BARE).fit(frame, "y", groups=[1] * 5)


def test_time_looks_forward() -> None:
    days = pd.date_range("2020-01-01", periods=150).astype(str)
    predictor = AutoML(**BARE).fit(table().assign(day=days), "y", time="day")
    assert "forward folds in time order" in predictor.summary["validation"]["scheme"]
    assert predictor.summary["validation"]["rows"] < 150
    with pytest.raises(DataError, match="values that are no date"):
        AutoML(**BARE).fit(table(), "y", time="c")


@pytest.mark.parametrize(
    "wrong",
    [
        {"seconds": 0},
        {"learners": "linear"},
        {"seconds": float("nan")},
        {"work": 0},
        {"threads": 0},
        {"memory": 1000},
        {"learners": ["lightbm"]},
        {"search": "grid"},
        {"task": "ranking"},
        {"kinds": {"a": "numbr"}},
        {"kinds": {"aa": "number"}},
        {"kinds": {"a": 3}},
        {"task": 3},
        {"seed": None},
        {"seed": 1.5},
    ],
    ids=str,
)
def test_a_wrong_setting_says_what_is_allowed(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=r"expected|did you mean|known"):
        AutoML(**BARE | wrong).fit(table(), "y")


def test_names_of_columns_may_be_numbers() -> None:
    draw = np.random.default_rng(5)
    frame = pd.DataFrame(draw.normal(size=(150, 3))).assign(y=draw.integers(0, 2, 150)).set_axis([0, 1, 2, 3], axis=1)
    frame[4] = np.arange(150) % 30
    kinds: dict[Any, str] = {0: "category"}
    grouped = AutoML(**BARE, kinds=kinds).fit(frame, 3, groups=4)
    assert "whole groups (30 groups)" in grouped.summary["validation"]["scheme"]
    assert {c["name"]: c["kind"] for c in grouped.about["columns"]} == {"0": "category", "1": "number", "2": "number"}
    assert "forward folds" in AutoML(**BARE).fit(frame, 3, time=np.int64(4)).summary["validation"]["scheme"]
    with pytest.raises(DataError, match="groups='5' is not among the columns"):
        AutoML(**BARE).fit(frame, 3, groups=5)
    with pytest.raises(OptionError, match="kinds: no column named '7'; the table has '0', '1'"):
        AutoML(**BARE, kinds={7: "number"}).fit(frame, 3)  # type: ignore[dict-item]


def test_a_seed_of_numpy_is_the_same_seed() -> None:
    one, other = (AutoML(**QUICK, seed=seed).fit(table(), "y") for seed in (3, np.int64(3)))
    assert state(one) == state(other) and other.about["seed"] == 3 and type(other.about["identity"]["seed"]) is int


def test_the_report_repeats_what_was_asked() -> None:
    frame = table().assign(who=np.arange(150) % 30, **{"odd name": np.arange(150) % 7})
    told = AutoML(**BARE).fit(frame, "y").summary["reproduce"]
    assert told == {
        "python": "autoglm.AutoML(work=3, threads=1, seed=42, metric='roc_auc', learners=['constant'], search='none')"
        ".fit(frame, target='y')",
        "command": "autoglm fit TRAIN --target y --work 3 --threads 1 --seed 42 --metric roc_auc --search none "
        "--learner constant",
    }
    recipe = AutoML(**BARE, task="multiclass", kinds={"odd name": "category"})
    told = recipe.fit(frame.assign(y=np.arange(150) % 3), "y", groups="who", time=np.arange(150)).summary["reproduce"]
    assert "task='multiclass', kinds={'odd name': 'category'}" in told["python"]
    assert told["python"].endswith(".fit(frame, target='y', groups='who', time=...)  # time was an array")
    assert "--task multiclass --search none --kind 'odd name=category'" in told["command"]
    assert "--groups who --time TIME  # time was an array: write it to a column TIME of TRAIN" in told["command"]


def test_the_report_says_what_a_command_cannot_be_given() -> None:
    told = AutoML(**BARE, metric=lambda t, a: float(np.mean(t == a))).fit(table(), "y", groups=False)
    python, command = told.summary["reproduce"]["python"], told.summary["reproduce"]["command"]
    assert "metric=..., " in python and python.endswith("groups=False)  # metric was your own '<lambda>'")
    assert "--metric" not in command and "--no-groups  # metric was your own '<lambda>'" in command


def test_the_user_s_kinds_and_task_are_kept() -> None:
    frame = table().assign(code=np.arange(150) % 5, y=np.arange(150) % 3)
    predictor = AutoML(**BARE, kinds={"code": "category"}, task="regression").fit(frame, "y")
    assert {c["name"]: c["kind"] for c in predictor.about["columns"]}["code"] == "category"
    assert predictor.task.kind == "regression"


@pytest.mark.clock
@pytest.mark.parametrize("seconds", [60.0])
def test_ctrl_c_saves_what_there_is(tmp_path: Path, seconds: float) -> None:
    with script(seconds=seconds, folder=str(tmp_path / "x"), learners=["linear"]) as fitting:
        end = time.monotonic() + 60
        while not list(tmp_path.glob("x/run/fits/*/*/fit.json")) and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.3)
        begun = time.monotonic()
        fitting.send_signal(signal.SIGINT)
        out, err = fitting.communicate(timeout=60)
    assert fitting.returncode == 0, err.decode()
    assert time.monotonic() - begun < 10
    assert len(json.loads(out)[0]) == 150
    assert len(autoglm.load(tmp_path / "x").predict(table())) == 150
