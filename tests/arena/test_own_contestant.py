"""The contestant of the guide, as somebody outside the package would enter it."""

import re
from pathlib import Path
from typing import Any

import pytest

from autoglm_arena import book
from autoglm_arena.commands import main

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "comparison.md"
PLAN = """
seconds = 5
threads = 1
seeds = [1]
[[play]]
data = ["small"]
contestants = ["neighbours.py"]
"""


def test_an_own_contestant_plays_in_25_lines(write_data: Any, arena: Path, capsys: pytest.CaptureFixture[str]):
    found = re.search(r"<!-- contestant: neighbours.py -->\n```text\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found and found[1].count("\n") <= 25
    write_data()
    (arena / "neighbours.py").write_text(found[1])
    (arena / "plan.toml").write_text(PLAN)
    assert main(["run", str(arena / "plan.toml")]) == 0, capsys.readouterr().err
    (row,) = book.read(arena / "book.jsonl")
    assert row["state"] == "ok" and row["contestant"] == "neighbours", row["last_words"]
    assert row["score"] > 0.9, "the first column tells the class"
