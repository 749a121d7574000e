"""The documentation says what the code says."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_help_texts_in_the_docs_are_what_the_commands_print():
    done = subprocess.run(
        [sys.executable, "docs/tools/paste_help.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_every_room_has_its_row_in_the_picture(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "tools")
    import draw_architecture

    rooms = draw_architecture.imports()
    placed = {room for row in draw_architecture.layers(ROOT / "pyproject.toml", rooms) for room in row}
    assert placed == set(rooms), "a room is in no layer of the import-linter contract in pyproject.toml"
