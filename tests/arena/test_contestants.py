"""Contestants are read without being run."""

from pathlib import Path

import pytest

from autoglm_arena import contestants
from autoglm_arena.errors import ArenaError

HEADER = "# /// script\n# dependencies = []\n# ///\n"


def test_a_script_is_read_and_not_run(tmp_path: Path):
    path = tmp_path / "loud.py"
    path.write_text(HEADER + '"""Reads sounds.\n\nMore."""\nREADS = ("audio",)\nraise SystemExit("was run")\n')
    found = contestants.get("loud.py", tmp_path)
    assert (found.name, found.about, found.reads, found.unreachable) == ("loud", "Reads sounds.", ("audio",), "")


def test_errors_name_the_script(tmp_path: Path):
    with pytest.raises(ArenaError, match=r"no contestant's script at .*absent\.py"):
        contestants.get("absent.py", tmp_path)
    (tmp_path / "broken.py").write_text("def (")
    with pytest.raises(ArenaError, match=r"broken\.py is not Python"):
        contestants.get("broken.py", tmp_path)
    with pytest.raises(ArenaError, match="did you mean 'forest'"):
        contestants.get("forrest")
