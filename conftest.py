"""Run the Python examples of the README and the docs, each page in a folder of its own with a small table."""

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser
from sybil.region import Lexeme

SECONDS = "seconds=4"  # what an example gets instead of the minute a reader would give it


class Examples(CodeBlockParser):
    """The ```python blocks, with a small budget."""

    language = "python"

    def __init__(self) -> None:
        super().__init__()
        self.python = PythonEvaluator()

    def evaluate(self, example: Example) -> str | None:
        code: Lexeme = example.parsed
        example.parsed = Lexeme(re.sub(r"\bseconds=\d+", SECONDS, code), code.offset, code.line_offset)
        return self.python(example)


def customers(rows: int = 300) -> pd.DataFrame:
    """A table with each kind of column, and a target that depends on them."""
    draw = np.random.default_rng(42)
    age = draw.integers(18, 80, rows).astype(float)
    plan = draw.choice(["basic", "plus", "family"], rows)
    note = draw.choice(["called about a late invoice", "happy with the service", "asked how to cancel"], rows)
    leaves = 1.0 * (age < 35) + (plan == "basic") + 2 * (note == "asked how to cancel")
    leaves += draw.normal(0, 0.7, rows)
    return pd.DataFrame(
        {
            "age": np.where(draw.random(rows) < 0.1, np.nan, age),
            "plan": plan,
            "joined": pd.Timestamp("2021-01-01") + pd.to_timedelta(draw.integers(0, 1500, rows), unit="D"),
            "note": note,
            "churn": np.where(leaves > 1.5, "yes", "no"),
        }
    )


def _enter(namespace: dict[str, Any]) -> None:
    namespace["_home"], namespace["_folder"] = Path.cwd(), tempfile.TemporaryDirectory()
    os.chdir(namespace["_folder"].name)
    table = customers()
    table.iloc[:240].to_csv("train.csv", index=False)
    table.iloc[240:].to_csv("new.csv", index=False)


def pytest_configure(config: pytest.Config) -> None:
    """Keep the miniatures of data sets out of the user's cache, and the user's data sets out of the tests."""
    folder = tempfile.TemporaryDirectory(prefix="autoglm-cache-")
    os.environ["AUTOGLM_CACHE"] = folder.name
    os.environ.pop("AUTOGLM_DATA", None)
    config.add_cleanup(folder.cleanup)


def _leave(namespace: dict[str, Any]) -> None:
    os.chdir(namespace["_home"])
    namespace["_folder"].cleanup()


pytest_collect_file = Sybil(
    parsers=[Examples()],
    patterns=["README.md", "docs/*.md", "docs/guide/*.md"],
    setup=_enter,
    teardown=_leave,
).pytest()
