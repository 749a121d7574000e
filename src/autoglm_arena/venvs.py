"""One environment per script: what its PEP 723 header asks for, installed on first use, with a lock of what came."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoglm_arena.errors import ArenaError
from autoglm_arena.home import home, write_json

OURS = "open-autoglm"  # where the referee runs from the repository, its working tree is what runs
ROOT = Path(__file__).parents[2]  # of the repository, if this is one
PACKAGE = Path(__file__).parents[1] / "autoglm"
HEADER = re.compile(r"^# /// script\n(.*?)^# ///$", re.MULTILINE | re.DOTALL)
SECONDS = 1800  # for an install


@dataclass(frozen=True)
class Venv:
    """An installed environment.

    Parameters
    ----------
    python
        Its interpreter.
    lock
        SHA-256 of the sorted list of installed versions.
    versions
        Version of each installed package.
    seconds, mb
        What the install took.
    """

    python: Path
    lock: str
    versions: dict[str, str]
    seconds: float
    mb: float


def dependencies(script: Path) -> list[str]:
    """Return the requirements in the header of a script.

    Raises
    ------
    ArenaError
        It has no such header, or it is no TOML.
    """
    header = HEADER.search(script.read_text(encoding="utf-8"))
    if header is None:
        raise ArenaError(f"{script} has no '# /// script' header that lists its dependencies (PEP 723)")
    try:
        return list(tomllib.loads(re.sub(r"^# ?", "", header[1], flags=re.MULTILINE)).get("dependencies", []))
    except tomllib.TOMLDecodeError as error:
        raise ArenaError(f"{script}: its header is not TOML: {error}") from None


def python(script: Path) -> Path:
    """Return the interpreter for a script, installed on first use."""
    return get(script).python


def get(script: Path) -> Venv:
    """Return the environment of a script; scripts that ask for the same share one.

    Raises
    ------
    ArenaError
        The install failed; pip's last words are in the message.
    """
    folder = place(script)
    if not (folder / "lock.json").exists():
        install(script)
    about = json.loads((folder / "lock.json").read_text(encoding="utf-8"))
    return Venv(Path(about["python"]), about["lock"], about["versions"], about["seconds"], about["mb"])


def place(script: Path) -> Path:
    """Return the folder of a script's environment, installed or not."""
    needs = "\n".join([sys.version.split()[0], *dependencies(script), _own() if ours(script) else ""])
    return home("venvs", hashlib.sha256(needs.encode()).hexdigest()[:10])


def _own() -> str:
    """Which interpreter or repository this project comes from, and what decides what is installed with it."""
    if "AUTOGLM_PYTHON" in os.environ:
        return os.environ["AUTOGLM_PYTHON"]
    files = [ROOT / "pyproject.toml", ROOT / "constraints.txt"]
    return "\n".join([str(ROOT), *(path.read_text(encoding="utf-8") for path in files if path.exists())])


def package() -> str:
    """Return a digest of this project's code: what it makes is made anew when it changes."""
    found = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            found.update(f"{path.relative_to(PACKAGE)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return found.hexdigest()


def ours(script: Path) -> bool:
    """Whether a script needs this project itself."""
    return any(re.split(r"[\[<>=!~ ]", need)[0] == OURS for need in dependencies(script))


def install(script: Path) -> None:
    """Make the environment anew; whatever was there is removed.

    ``$AUTOGLM_PYTHON`` names an interpreter that has this project installed already.
    """
    folder = place(script)
    started = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    interpreter = folder / "bin" / "python"
    if ours(script) and "AUTOGLM_PYTHON" in os.environ:
        interpreter = Path(os.environ["AUTOGLM_PYTHON"])
    else:
        _call([sys.executable, "-m", "venv", folder], script)
        if wanted := _wanted(script):
            _call([interpreter, "-m", "pip", "install", "-q", "--disable-pip-version-check", *wanted], script)
    versions = installed(interpreter)
    lock = hashlib.sha256("\n".join(f"{k}=={v}" for k, v in sorted(versions.items())).encode()).hexdigest()
    about: dict[str, Any] = {"python": str(interpreter), "lock": lock, "versions": versions}
    size = sum(f.stat().st_size for f in interpreter.parent.parent.rglob("*") if f.is_file() and not f.is_symlink())
    write_json(folder / "lock.json", about | {"seconds": time.monotonic() - started, "mb": round(size / 2**20, 1)})


def _wanted(script: Path) -> list[str]:
    """What pip is asked for: this project is run in its repository where the referee runs from one, not copied."""
    needs = dependencies(script)
    if not (ROOT / "pyproject.toml").exists():
        return needs
    wanted = ["-c", str(ROOT / "constraints.txt")] if ours(script) else []
    for need in needs:
        wanted += ["-e", need.replace(OURS, str(ROOT), 1)] if need.startswith(OURS) else [need]
    return wanted


def _call(command: list[Any], script: Path) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ArenaError(f"installing {script.stem} took longer than {SECONDS} s") from None
    if done.returncode:
        raise ArenaError(f"installing {script.stem} failed: {(done.stderr or done.stdout).strip()[-600:]}")


def installed(interpreter: Path) -> dict[str, str]:
    """Return the version of every package of an interpreter."""
    code = (
        "import json,importlib.metadata as m;print(json.dumps({d.name.lower(): d.version for d in m.distributions()}))"
    )
    done = subprocess.run([interpreter, "-P", "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ArenaError(f"{interpreter} does not run: {done.stderr.strip()[-400:]}")
    return dict(json.loads(done.stdout))
