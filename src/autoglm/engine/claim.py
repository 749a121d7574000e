"""A folder that a fit may write to: nothing of somebody else's is lost there, and no other fit writes there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from autoglm import bundle
from autoglm.core.errors import AutoGLMError, FolderError
from autoglm.core.files import read_json

NAMES = (
    *bundle.PARTS,
    bundle.NEXT,
    bundle.LAST,
    *(f"run/{name}" for name in bundle.RUN),
)  # what a fit writes and removes


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep a folder to one fit; the lock ends with the process, however that ends.

    What was made for the lock goes with it where no run has begun: a table that cannot be learned from leaves nothing.

    Raises
    ------
    FolderError
        The folder holds something else, another fit writes there, or it cannot be written.
    """
    path = folder / "run" / "lock"
    with writing(folder):
        check(folder)
        made = [place for place in (path, path.parent, folder) if not place.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = open(path, "ab")  # noqa: SIM115  (closed below)
    with lock:
        if not _locked(lock):
            raise FolderError(
                f"another fit is writing to folder {str(folder)!r}: wait until it has ended, or choose another folder"
            )
        try:
            yield
        finally:
            if not _begun(folder):
                _remove(made)


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say which folder could not be written, and why.

    Raises
    ------
    FolderError
        In place of whatever the system says.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, AutoGLMError):
            raise
        raise FolderError(f"cannot write to folder {str(folder)!r}: {error.strerror or error}") from error


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


def _locked(lock: IO[bytes]) -> bool:
    """Lock an open file, unless another fit has it or has just removed it."""
    try:
        import fcntl
    except ImportError:  # Windows: fits are not kept apart
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return os.fstat(lock.fileno()).st_nlink > 0


def _remove(made: list[Path]) -> None:
    """Remove an empty file and the folders around it, innermost first; what is not empty stays."""
    with contextlib.suppress(OSError):
        for place in made:
            place.rmdir() if place.is_dir() else place.unlink()


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
