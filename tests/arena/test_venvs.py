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


def test_ours_runs_the_working_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AUTOGLM_PYTHON", raising=False)
    project = tmp_path / "project"
    code = project / "src" / "autoglm" / "__init__.py"
    code.parent.mkdir(parents=True)
    code.write_text("SAYS = 'old'")
    (project / "constraints.txt").write_text("")
    (project / "pyproject.toml").write_text('[project]\nname = "open-autoglm"\nversion = "1"\n')
    monkeypatch.setattr(venvs, "ROOT", project)
    monkeypatch.setattr(venvs, "PACKAGE", code.parent)
    path, other = script(tmp_path, '["open-autoglm"]'), script(tmp_path, '["pandas"]', "other")
    asked: list[list[str]] = []
    monkeypatch.setattr(venvs, "_call", lambda command, _: asked.append([str(word) for word in command]))
    monkeypatch.setattr(venvs, "installed", lambda _: {})
    GET(path)
    assert asked[-1][-2:] == ["-e", str(project)], "a copy would be of the first commit"
    places, digest = (venvs.place(path), venvs.place(other)), venvs.package()
    code.write_text("SAYS = 'new'")
    assert venvs.place(path) == places[0] and venvs.package() != digest
    (project / "pyproject.toml").write_text('[project]\nname = "open-autoglm"\nversion = "2"\n')
    assert venvs.place(path) != places[0] and venvs.place(other) == places[1]
