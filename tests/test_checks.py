"""Checks before fitting: each says what it should, and nothing on healthy data."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from autoglm.checks import SEVERITIES, Finding, findings, overlap
from autoglm.core.columns import Column, column
from autoglm.core.task import Task, infer

ROWS = 400


def columns(frame: pd.DataFrame) -> list[Column]:
    return [column(frame[name]) for name in frame]


def run(frame: pd.DataFrame, kinds=None, task=None, **more) -> list[Finding]:
    target = frame["y"]
    found = infer(target, "y", task)
    kept = columns(frame.drop(columns="y"))
    return findings(kept, kinds or {}, found.encode(target), found, **more)


def named(found: list[Finding], check: str) -> list[Finding]:
    return [f for f in found if f.check == check]


def healthy(rows: int = ROWS, seed: int = 7) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": random.normal(40, 10, rows),
            "city": random.choice(["Bonn", "Lyon", "Oslo"], rows),
            "y": random.choice(["no", "yes"], rows),
        }
    )


def test_healthy_data_has_no_findings():
    assert run(healthy()) == []


def test_every_finding_says_what_and_how_to_cure_it():
    frame = healthy(40).assign(copy=lambda f: (f.y == "yes") * 1.0, gap=np.nan)
    found = run(pd.concat([frame, frame, frame]), dropped_rows=9)
    assert {f.severity for f in found} <= set(SEVERITIES)
    assert all(f.message and f.cure for f in found)
    ranks = [SEVERITIES.index(f.severity) for f in found]
    assert ranks == sorted(ranks)


class TestLeakage:
    @pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
    @pytest.mark.parametrize("form", ["number", "text", "date"])
    def test_a_copy_of_the_target_is_found(self, task, form):
        random = np.random.default_rng(0)
        y = {
            "binary": random.integers(0, 2, ROWS),
            "multiclass": random.integers(0, 4, ROWS),
            "regression": np.exp(2 * random.normal(size=ROWS))
            if form != "text"
            else random.integers(0, 30, ROWS) * 1.0,
        }[task]
        copy = {
            "number": lambda: -3.0 * y,
            "text": lambda: [f"v{v}" for v in y],
            "date": lambda: pd.Timestamp("2020-01-01") + pd.to_timedelta(y, unit="h"),
        }[form]()
        found = named(run(healthy().assign(y=y, outcome=copy), task=task), "target leakage")
        assert [(f.column, f.severity) for f in found] == [("outcome", "serious")]

    def test_what_is_missing_can_leak_too(self):
        random = np.random.default_rng(0)
        frame = healthy().assign(boat=lambda f: np.where(f.y == "yes", random.normal(size=ROWS), np.nan))
        assert named(run(frame), "target leakage")[0].column == "boat"

    def test_a_rare_class_does_not_hide_it(self):
        random = np.random.default_rng(0)
        y = (random.random(60_000) < 0.002).astype(int)
        frame = pd.DataFrame({"late_fee": y * 10 + random.random(60_000), "y": y})
        assert named(run(frame), "target leakage")[0].column == "late_fee"

    def test_a_good_column_is_not_leakage(self):
        random = np.random.default_rng(0)
        frame = healthy().assign(dose=lambda f: (f.y == "yes") + random.normal(0, 0.4, ROWS))
        assert not named(run(frame), "target leakage")

    def test_an_identifier_knows_everything_and_predicts_nothing(self):
        frame = healthy().assign(code=[f"k{i}" for i in range(ROWS)])
        assert not named(run(frame), "target leakage")

    def test_dropped_columns_are_not_looked_at(self):
        frame = healthy().assign(copy=lambda f: f.y)
        assert not named(run(frame, {"copy": "identifier"}), "target leakage")

    def test_noise_is_never_named_in_wide_data(self):
        random = np.random.default_rng(0)
        frame = pd.DataFrame(random.normal(size=(60, 3000))).rename(columns=str).assign(y=np.arange(60) % 2)
        assert not named(run(frame), "target leakage")


class TestRows:
    def test_copies_and_contradictions(self):
        frame = pd.concat([healthy(), healthy()[:40], healthy()[:10].assign(y="maybe")])
        found = {f.check: f for f in run(frame)}
        assert found["duplicate rows"].message.startswith("40 rows")
        assert found["duplicate rows"].severity == "warning"
        assert found["contradicting rows"].message.startswith("30 rows")  # ten of them three times

    def test_missing_equals_missing_and_zero_equals_minus_zero(self):
        frame = pd.DataFrame({"a": [np.nan, -np.nan, 0.0, -0.0], "b": [None, None, "x", "x"], "y": [0, 0, 1, 1]})
        assert named(run(frame), "duplicate rows")[0].message.startswith("2 rows")

    def test_large_tables_are_thinned_with_copies_together(self):
        random = np.random.default_rng(0)
        half = pd.DataFrame({"a": random.normal(size=250_000), "y": random.integers(0, 2, 250_000)})
        message = named(run(pd.concat([half, half])), "duplicate rows")[0].message
        assert "(50 %)" in message and "looked at" in message

    def test_overlap_of_rows(self):
        train, test = healthy().drop(columns="y"), healthy(30, seed=8).drop(columns="y")
        train = pd.concat([train, test[:10]])
        found = overlap(columns(train), columns(test.sample(frac=1, random_state=0)), {})
        assert found[0].severity == "serious" and found[0].message.startswith("10 test rows")

    def test_overlap_of_identifiers(self):
        random = np.random.default_rng(0)
        train = pd.DataFrame({"patient_id": [f"p{i}" for i in range(100)], "x": random.normal(size=100)})
        test = pd.DataFrame({"patient_id": [f"p{i}" for i in range(90, 140)], "x": random.normal(size=50)})
        found = overlap(columns(train), columns(test), {"patient_id": "identifier"})
        assert [(f.column, f.severity) for f in found] == [("patient_id", "warning")]
        assert "10 test rows (20 %)" in found[0].message

    def test_row_numbers_do_not_overlap(self):
        random = np.random.default_rng(0)
        train = pd.DataFrame({"id": range(100), "x": random.normal(size=100)})
        test = pd.DataFrame({"id": range(50), "x": random.normal(size=50)})
        assert overlap(columns(train), columns(test), {"id": "identifier"}) == []

    def test_coarse_columns_repeat_without_a_mistake(self):
        random = np.random.default_rng(0)
        train, test = (pd.DataFrame({"a": random.choice(list("xyz"), n)}) for n in (200, 50))
        assert {f.severity for f in overlap(columns(train), columns(test), {})} <= {"info"}

    def test_nothing_in_common(self):
        assert overlap(columns(pd.DataFrame({"a": [1.0]})), columns(pd.DataFrame({"b": [1.0]})), {}) == []


class TestInputs:
    def test_identifiers(self):
        frame = healthy().assign(order=[f"k{i}" for i in range(ROWS)], row=np.arange(ROWS) + 5)
        assert {f.column for f in named(run(frame), "identifier")} == {"order", "row"}
        assert not named(run(frame, {"order": "identifier", "row": "identifier"}), "identifier")

    def test_names_of_files_are_no_identifiers(self):
        frame = healthy().assign(file=[f"{i}.jpg" for i in range(ROWS)])
        assert named(run(frame, {"file": "text"}), "identifier")
        assert not named(run(frame, {"file": "image"}), "identifier")

    def test_free_text_is_no_identifier(self):
        frame = healthy().assign(review=[f"I liked number {i} very much" for i in range(ROWS)])
        assert not named(run(frame), "identifier")

    def test_dates_want_an_order(self):
        frame = healthy().assign(sold=pd.date_range("2020-01-01", periods=ROWS))
        found = named(run(frame), "time order")
        assert found[0].severity == "warning" and "time='sold'" in found[0].cure
        assert not named(run(frame, time=np.arange(ROWS)), "time order")

    def test_group_keys(self):
        frame = healthy().assign(PatientID=np.arange(ROWS) // 5, city_code=np.arange(ROWS) // 5)
        found = named(run(frame), "groups")
        assert [(f.column, f.severity) for f in found] == [("PatientID", "info")]
        assert not named(run(frame, groups=np.arange(ROWS) // 5), "groups")
        assert named(run(frame, groups=np.arange(ROWS) % 2), "groups")[0].severity == "warning"

    def test_missing(self):
        frame = healthy().assign(half=1.0, most=1.0, all=np.nan)
        frame.loc[: ROWS * 0.6, "half"] = np.nan
        frame.loc[: ROWS * 0.97, "most"] = np.nan
        severities = {f.column: f.severity for f in named(run(frame), "missing values")}
        assert severities == {"half": "info", "most": "warning", "all": "warning"}

    def test_repairs(self):
        frame = healthy()
        frame.loc[3, "age"] = np.inf
        assert "1 infinite" in named(run(frame), "repaired column")[0].message

    def test_many_alike_are_folded(self):
        gaps = pd.DataFrame({f"gap{i}": np.full(ROWS, np.nan) for i in range(300)})
        frame = pd.concat([healthy(), gaps], axis=1)
        found = named(run(frame), "missing values")
        assert len(found) == 6 and "and 289 more" in found[-1].message

    def test_shape(self):
        assert named(run(healthy(30)), "few rows")
        random = np.random.default_rng(0)
        wide = pd.DataFrame(random.normal(size=(120, 200))).rename(columns=str).assign(y=random.integers(0, 2, 120))
        assert named(run(wide), "wide table")


class TestTarget:
    def test_rare_classes_are_named(self):
        frame = healthy().assign(y=lambda f: [*f.y[:-2], "perhaps", "perhaps"])
        assert "'perhaps'" in named(run(frame), "rare classes")[0].message

    def test_imbalance(self):
        frame = healthy().assign(y=["rare"] * 10 + ["usual"] * (ROWS - 10))
        assert "'rare' has 2.5 %" in named(run(frame), "imbalance")[0].message

    def test_many_classes(self):
        frame = healthy().assign(y=[f"c{i % 80}" for i in range(ROWS)])
        assert named(run(frame), "many classes")[0].severity == "info"

    def test_extreme_values(self):
        y = np.random.default_rng(0).normal(size=ROWS)
        y[7] = 99_999
        found = named(run(healthy().assign(y=y)), "extreme target")
        assert "99999" in found[0].message
        assert not named(run(healthy().assign(y=y % 3)), "extreme target")

    def test_long_tail(self):
        y = np.exp(np.random.default_rng(1).exponential(0.7, size=2000))
        assert {f.check for f in run(healthy(2000).assign(y=y))} & {"long tail", "extreme target"}

    def test_rows_without_target(self):
        assert named(run(healthy(), dropped_rows=2), "rows without target")[0].severity == "info"
        assert "50 rows" in named(run(healthy(), dropped_rows=50), "rows without target")[0].message


def test_edges():
    one = [Column("<script>", np.array([1.0]), "number")]
    task = Task("binary", "y", ("a", "b"))
    assert isinstance(findings(one, {}, np.array([0]), task), list)
    assert isinstance(findings([], {}, np.zeros(300, dtype=int), task), list)
    none = [Column("x", np.full(60, np.nan), "number"), Column("t", np.full(60, None, dtype=object), "text")]
    assert isinstance(findings(none, {}, np.arange(60) % 2, task), list)
    classes = Task("multiclass", "y", tuple(range(300)))
    assert isinstance(findings(none, {}, np.arange(60), classes), list)


@pytest.mark.parametrize(("rows", "numbers", "texts", "limit"), [(10_000, 35, 15, 0.5), (500, 8000, 2000, 2.0)])
def test_it_is_fast(rows, numbers, texts, limit):
    random = np.random.default_rng(0)
    table = [Column(f"n{i}", random.normal(size=rows), "number") for i in range(numbers)]
    words = np.array([f"w{i}" for i in range(20)], dtype=object)
    table += [Column(f"t{i}", random.choice(words, rows), "text") for i in range(texts)]
    target, task = random.integers(0, 2, rows), Task("binary", "y", (0, 1))
    start = time.process_time()
    findings(table, {}, target, task)
    assert time.process_time() - start < 3 * limit  # three times: the machine may be busy


def test_a_million_rows_are_sampled():
    random = np.random.default_rng(0)
    words = np.array([f"w{i}" for i in range(20)], dtype=object)
    table = [Column(f"n{i}", random.normal(size=1_000_000), "number") for i in range(15)]
    table += [Column(f"t{i}", random.choice(words, 1_000_000), "text") for i in range(5)]
    start = time.process_time()
    findings(table, {}, random.integers(0, 2, 1_000_000), Task("binary", "y", (0, 1)))
    assert time.process_time() - start < 4.5
