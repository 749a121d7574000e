"""The report: complete, safe and small whatever the summary holds."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from html.parser import HTMLParser

import numpy as np
import pytest

from autoglm import report

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Balanced(HTMLParser):
    """Fails on tags that are not closed in order."""

    def __init__(self):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag


def answers(kind: str, rows: int, classes: int = 3):
    random = np.random.default_rng(0)
    if kind == "regression":
        truth = random.normal(size=rows)
        return truth, truth + random.normal(0, 0.3, rows)
    classes = 2 if kind == "binary" else classes
    truth = random.integers(0, classes, rows)
    margins = random.normal(size=(rows, classes)) + 2 * (truth[:, None] == np.arange(classes))
    odds = np.exp(margins)
    return truth, odds / odds.sum(axis=1, keepdims=True)


def summary(kind: str = "binary", classes: int = 3) -> dict:
    names = {"binary": ["no", "yes"], "regression": []}.get(kind, [f"class {i}" for i in range(classes)])
    return {
        "name": "example",
        "task": {"kind": kind, "target": "answer", "classes": names},
        "metric": {"name": "rmse" if kind == "regression" else "log_loss", "greater": False},
        "score": {"value": 0.3127, "low": 0.29, "high": 0.33},
        "metrics": {"accuracy": 0.91},
        "baselines": [{"name": "linear", "value": 0.4, "low": 0.37, "high": 0.44}],
        "data": {"rows": 1000, "columns": 2, "fingerprint": "abc123"},
        "columns": [
            {
                "name": "age",
                "kind": "number",
                "description": "as it is",
                "missing": 0.25,
                "importance": 0.1,
                "low": 0.05,
                "high": 0.15,
            },
            {
                "name": "city",
                "kind": "category",
                "description": "codes",
                "missing": 0.0,
                "importance": -0.01,
                "low": None,
                "high": None,
            },
        ],
        "findings": [
            {"check": "groups", "severity": "info", "message": "a hint", "column": None, "cure": "none"},
            {
                "check": "leak",
                "severity": "serious",
                "message": "it leaks",
                "column": "age",
                "cure": "drop it",
            },
        ],
        "budget": {
            "seconds": 60,
            "work": None,
            "threads": 2,
            "memory": 2**33,
            "elapsed": 59.2,
            "phases": [{"name": "fit", "seconds": 50.0}, {"name": "blend", "seconds": 2.0}],
            "fits": 12,
            "failed": [{"name": "catboost-1", "reason": "out of memory"}],
        },
        "leaderboard": [
            {
                "name": "lightgbm-1",
                "learner": "lightgbm",
                "score": 0.32,
                "low": 0.3,
                "high": 0.34,
                "weight": 0.7,
                "folds": 8,
                "fit_seconds": 3.2,
                "predict_microseconds": 5.0,
                "settings": {"leaves": 31},
            },
            {"name": "linear-1", "learner": "linear", "score": 0.4},
        ],
        "timeline": [
            {"seconds": 1.0, "score": 0.5, "name": "linear-1"},
            {"seconds": 4.0, "score": 0.32, "name": "lightgbm-1"},
        ],
        "validation": {"scheme": "8 folds", "folds": 8, "repeats": 2, "rows": 1000},
        "calibration": {"temperature": 1.1, "error_before": 0.04, "error_after": 0.02},
        "thresholds": {"no": 0.0, "yes": 0.5} if kind == "binary" else None,
        "seed": 42,
        "reproduce": {"python": "AutoML(seconds=60)", "command": "autoglm fit"},
        "environment": {"python": "3.11.2", "platform": "Linux", "cpu": "some", "versions": {"numpy": "2.4"}},
        "created": "2026-01-02T03:04:05+00:00",
    }


def check(page: str) -> Balanced:
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert not re.search(r'(?:src|href)\s*=\s*"(?!#)|url\(|@import|https?://', page)  # nothing from outside
    assert len(page) < 500_000
    assert not re.search(r'(?:[cx-y]|width|height|d)="[^"]*(?:nan|inf)', page)
    return parser


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_a_whole_page(kind):
    page = report.render(summary(kind), *answers(kind, 1000))
    parser = check(page)
    assert parser.tags.count("svg") >= 6
    for part in (
        "Predicting answer",
        "0.3127",
        "0.2900 to 0.3300",
        "It leaks",
        "out of memory",
        "lightgbm-1",
        "abc123",
        "2 January 2026",
    ):
        assert part in page, part


def test_serious_findings_come_first():
    page = report.render(summary(), *answers("binary", 100))
    assert page.index("It leaks") < page.index("A hint")


@pytest.mark.parametrize("key", list(summary()))
def test_any_part_may_be_missing(key):
    for value in ("absent", None):
        some = summary()
        if value is None:
            some[key] = None
        else:
            del some[key]
        check(report.render(some, *answers("binary", 60)))


def test_an_empty_summary():
    check(report.render({}, np.zeros(0), np.zeros(0)))
    check(report.render({"task": {"kind": "binary"}}, *answers("binary", 30)))


def test_text_is_escaped():
    nasty = '<script>alert("x")</script>\'&'
    some = summary()
    some["name"] = some["task"]["target"] = nasty
    some["task"]["classes"] = [nasty, "<b>"]
    for part in ("columns", "baselines", "leaderboard", "timeline"):
        some[part][0]["name"] = nasty
    some["findings"][0]["message"] = some["columns"][0]["description"] = nasty
    some["budget"]["failed"][0]["reason"] = some["budget"]["phases"][0]["name"] = nasty
    some["reproduce"] = {"python": nasty, "command": nasty}
    some["environment"]["versions"] = {nasty: nasty}
    page = report.render(some, *answers("binary", 200))
    assert "<script>alert" not in page and "<b>" not in page.replace("<b>0", "")
    check(page)


def test_numbers_that_are_none():
    some = summary()
    some["score"] = {"value": float("nan"), "low": None, "high": None}
    some["leaderboard"][0] |= {"score": float("nan"), "weight": None, "fit_seconds": float("inf")}
    some["columns"][0] |= {"importance": float("nan"), "missing": None}
    truth, probability = answers("binary", 100)
    probability[3] = np.nan
    check(report.render(some, truth, probability))


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("rows", [1, 2, 7])
def test_a_few_rows(kind, rows):
    check(report.render(summary(kind), *answers(kind, rows)))


def test_one_class_in_the_truth_and_equal_answers():
    check(report.render(summary(), np.zeros(50, dtype=int), np.full((50, 2), 0.5)))
    check(report.render(summary("regression"), np.ones(50), np.ones(50)))


@pytest.mark.parametrize("classes", [10, 20, 21, 300])
def test_many_classes(classes):
    page = report.render(summary("multiclass", classes), *answers("multiclass", 4000, classes))
    check(page)
    assert ("Confusion matrix" in page) == (classes <= 20)


def test_thousands_of_columns_models_and_fits():
    some = summary()
    some["columns"] = [some["columns"][0] | {"name": f"column {i}", "importance": i / 1e4} for i in range(10_000)]
    some["leaderboard"] = [some["leaderboard"][0] | {"name": f"model {i}"} for i in range(2000)]
    some["timeline"] = [{"seconds": i / 10, "score": 1 / (i + 1), "name": f"m{i}"} for i in range(5000)]
    some["findings"] *= 500
    page = report.render(some, *answers("binary", 100))
    check(page)
    assert "column 9999" in page and "column 3<" not in page and "of 10,000 columns" in page


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_it_is_fast(kind):
    truth, predicted = answers(kind, 100_000, 10)
    some = summary(kind, 10)
    report.render(some, truth[:10], predicted[:10])
    start = time.process_time()
    page = report.render(some, truth, predicted)
    assert time.process_time() - start < 2.1  # three times the promise: the machine may be busy
    check(page)


def test_decision_offsets_move_the_confusion():
    task = {"kind": "binary", "classes": ["no", "yes"]}
    truth, probability = np.array([0, 1]), np.array([[0.6, 0.4], [0.6, 0.4]])
    assert [c["recall"] for c in report.per_class(task, truth, probability)] == [1.0, 0.0]
    moved = report.per_class(task, truth, probability, {"no": 0.0, "yes": 1.0})
    assert {c["name"]: c["recall"] for c in moved} == {"no": 0.0, "yes": 1.0}


def test_calibration_error_is_zero_for_honest_answers():
    said = np.repeat([0.2, 0.8], 500)
    right = np.r_[np.arange(500) % 5 == 0, np.arange(500) % 5 != 0]
    assert report.calibration_error(said, right) < 0.01
    assert report.calibration_error(np.ones(100), np.zeros(100)) == 1.0


def test_importing_it_is_light():
    heavy = "('sklearn', 'matplotlib', 'jinja2')"
    code = f"import sys, autoglm.report; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
