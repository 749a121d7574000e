"""A folder that a fit may write to: nothing of somebody else's is lost there."""

from __future__ import annotations

import os
from pathlib import Path

from autoglm import bundle
from autoglm.core.errors import FolderError
from autoglm.core.files import read_json

NAMES = (*bundle.PARTS, *(f"run/{name}" for name in bundle.RUN))  # what a fit writes and removes


def check(folder: Path) -> None:
    """Refuse a folder where a fit would write over what no fit has written.

    Raises
    ------
    FolderError
        The folder holds one of the names of a fit, and neither a run nor a predictor of ours.
    """
    alien = next((name for name in NAMES if _filled(folder / name)), None)
    if alien and not _begun(folder) and not bundle.sealed(folder):
        raise FolderError(
            f"folder {str(folder)!r} holds {alien!r} and neither a run nor a predictor of ours: fitting there would "
            "write over it; choose another folder"
        )


def _filled(path: Path) -> bool:
    """Whether there is something to lose; a fit of an earlier version that was killed at once left an empty folder."""
    if path.is_dir() and not path.is_symlink():
        return any(path.iterdir())
    return os.path.lexists(path)


def _begun(folder: Path) -> bool:
    """Whether a run of ours is there."""
    try:
        return {"identity", "spent"} <= dict(read_json(folder / "run" / "run.json")).keys()
    except (OSError, ValueError, TypeError):
        return False
