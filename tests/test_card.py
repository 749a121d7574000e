"""The model card: the headings people expect, and no Markdown or HTML from the data."""

from __future__ import annotations

import copy

import pytest

from autoglm.card import card

SUMMARY = {
    "name": "patients",
    "task": {"kind": "binary", "target": "ill", "classes": ["no", "yes"]},
    "metric": {"name": "roc_auc", "greater": True},
    "score": {"value": 0.9, "low": 0.88, "high": 0.92},
    "metrics": {"accuracy": 0.8},
    "baselines": [{"name": "linear", "value": 0.85, "low": 0.83, "high": 0.87}],
    "data": {"rows": 500, "columns": 2, "fingerprint": "abc123"},
    "columns": [{"name": "age", "kind": "number", "description": "as it is", "missing": 0.5, "importance": 0.1}],
    "findings": [{"check": "leak", "severity": "serious", "message": "it leaks", "column": "age", "cure": "drop it"}],
    "budget": {"elapsed": 59.0, "threads": 2, "fits": 12},
    "leaderboard": [{"name": "lightgbm-1", "learner": "lightgbm", "weight": 1.0, "folds": 8}],
    "validation": {"scheme": "8 folds"},
    "classes": [{"name": "yes", "rows": 50, "precision": 0.5, "recall": 0.25, "f1": 0.3333}],
    "seed": 42,
    "reproduce": {"python": "AutoML(seconds=60)", "command": "autoglm fit"},
    "environment": {"python": "3.11.2", "platform": "Linux", "cpu": None, "versions": {"numpy": "2.4.0"}},
    "created": "2026-01-02T03:04:05+00:00",
}


def test_a_whole_card():
    text = card(SUMMARY)
    for heading in (
        "Intended use",
        "Data",
        "Performance",
        "Checks",
        "Limits",
        "How it was made",
        "Parts and their licences",
    ):
        assert f"## {heading}\n" in text
    for part in (
        "0.9000 (95 % interval 0.8800 to 0.9200)",
        "| yes | 50 |",
        "it leaks",
        "Cure: drop it",
        "| numpy | 2.4.0 | BSD-3-Clause |",
    ):
        assert part in text, part
    assert text.startswith("# Model card: patients\n") and text.endswith("\n") and "\n\n\n" not in text


@pytest.mark.parametrize("key", list(SUMMARY))
def test_any_part_may_be_missing(key):
    for some in ({k: v for k, v in SUMMARY.items() if k != key}, SUMMARY | {key: None}):
        assert "None" not in card(some)


def test_an_empty_summary():
    assert card({}).startswith("# Model card: a predictor")


def test_markup_in_the_data_stays_text():
    some = copy.deepcopy(SUMMARY)
    some["columns"][0]["name"] = "<script>|a\n# b"
    some["task"]["classes"] = ["**no**", "[x](y)"]
    text = card(some)
    assert "<script>" not in text and "\n# b" not in text and "**no**" not in text and "[x](y)" not in text
    assert "&lt;script&gt;\\|a \\# b" in text


def test_not_a_number():
    some = SUMMARY | {
        "score": {"value": 0.9, "low": float("nan"), "high": float("nan")},
        "metrics": {"f1": float("nan")},
    }
    assert "nan" not in card(some)


def test_long_lists_are_cut():
    columns = [{"name": f"c{i}", "kind": "number"} for i in range(10_000)]
    classes = [{"name": f"k{i}", "rows": 1, "precision": 0.0, "recall": 0.0, "f1": 0.0} for i in range(300)]
    some = SUMMARY | {
        "columns": columns,
        "classes": classes,
        "task": {**SUMMARY["task"], "classes": list(range(300))},
    }
    text = card(some)
    assert len(text) < 20_000 and "9,980 less important columns" in text and "and 280 more" in text
