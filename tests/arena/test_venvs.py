"""One environment per script, with a lock of what came; a failed install says pip's last words."""

import subprocess
import sys
from pathlib import Path

import pytest

from autoglm_arena import venvs
from autoglm_arena.errors import ArenaError

GET = venvs.get  # before the fixture of conftest.py replaces it
HEADER = '# /// script\n# requires-python = ">=3.11"\n# dependencies = {needs}\n# ///\n"""A script."""\n'


def script(folder: Path, dependencies: str, name: str = "own") -> Path:
    path = folder / f"{name}.py"
    path.write_text(HEADER.format(needs=dependencies))
    return path


def test_an_environment_is_made_once_and_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    first, second = script(tmp_path, "[]"), script(tmp_path, "[]", "other")
    found = GET(first)
    assert "pip" in found.versions and len(found.lock) == 64 and found.mb > 1
    said = subprocess.run([found.python, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True)
    assert Path(said.stdout.strip()).resolve() == found.python.parent.parent.resolve()
    monkeypatch.setattr(venvs, "install", lambda _: pytest.fail("installed twice"))
    assert GET(second) == found


def test_a_failed_install_says_why_and_leaves_nothing_that_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    path = script(tmp_path, '["no-such-package-of-ours==1.0"]')
    with pytest.raises(ArenaError, match=r"installing own failed: (.|\n)*no-such-package-of-ours"):
        GET(path)
    assert not (venvs.place(path) / "lock.json").exists()


def test_our_own_interpreter_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AUTOGLM_PYTHON", sys.executable)
    assert GET(script(tmp_path, '["open-autoglm[audio]"]')).python == Path(sys.executable)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('"""No header."""', r"no '# /// script' header"),
        ("# /// script\n# dependencies = [\n# ///\n", "its header is not TOML"),
    ],
)
def test_a_bad_header_is_named(tmp_path: Path, text: str, says: str):
    path = tmp_path / "bad.py"
    path.write_text(text)
    with pytest.raises(ArenaError, match=says):
        venvs.dependencies(path)


def test_our_own_environment_runs_what_the_repository_holds_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = script(tmp_path, '["open-autoglm[audio]", "pandas"]')
    wanted = venvs._wanted(path)
    assert f"--editable={venvs.ROOT}[audio]" in wanted and wanted[-1] == "pandas"
    here = venvs.place(path)
    monkeypatch.setattr(venvs, "ROOT", tmp_path)
    assert venvs.place(path) != here  # another clone is another environment
