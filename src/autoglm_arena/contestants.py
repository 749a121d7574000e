"""The contestants: one script each, in ``peers/`` or anywhere else."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from autoglm_arena import venvs
from autoglm_arena.errors import ArenaError, known

PEERS = Path(__file__).parent / "peers"
OURS = "autoglm"


@dataclass(frozen=True)
class Contestant:
    """A script that can be fitted.

    Parameters
    ----------
    name
        The script's name without ``.py``.
    script
        Where it is.
    about
        First line of its docstring.
    reads
        The modalities that it takes by itself: table, text, image, audio.
    unreachable
        Why it cannot be played by anyone here, such as weights that must be fetched; empty when it can.
    """

    name: str
    script: Path
    about: str
    reads: tuple[str, ...]
    unreachable: str


def shipped() -> dict[str, Path]:
    """Map the name of each contestant that comes with the arena to its script."""
    return {path.stem: path for path in sorted(PEERS.glob("*.py"))}


def get(name: str, beside: Path | None = None) -> Contestant:
    """Return a contestant by its name, or by the path of its script (relative to the plan, `beside`).

    Raises
    ------
    ArenaError
        There is no such script, or it lacks a header, a docstring or READS.
    """
    if name.endswith(".py"):
        script = ((beside or Path()) / Path(name).expanduser()).resolve()
        if not script.is_file():
            raise ArenaError(f"no contestant's script at {script}")
    else:
        script = shipped()[known("contestant", name, shipped())]
    return _read(script)


def _read(script: Path) -> Contestant:
    """Read what a script says of itself, without running it."""
    try:
        tree = ast.parse(script.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise ArenaError(f"{script} is not Python: {error}") from None
    said = {
        getattr(node.targets[0], "id", ""): ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in {"READS", "UNREACHABLE"}
    }
    venvs.dependencies(script)
    about = (ast.get_docstring(tree) or "").partition("\n")[0]
    return Contestant(script.stem, script, about, tuple(said.get("READS", ("table",))), said.get("UNREACHABLE", ""))
