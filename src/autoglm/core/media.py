"""Files of images and sounds: how they are known, where they may lie, what tells one from another."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any

from autoglm.core.errors import DataError

ENDINGS = {
    "image": (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"),
    "audio": (".wav", ".flac", ".ogg", ".oga", ".mp3", ".aif", ".aiff"),
}

DIGEST = 16
"""Bytes of `digest`."""

_STARTS = {
    "image": (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*"),
    "audio": (b"fLaC", b"OggS", b"ID3", b"\xff\xfb", b"\xff\xf3"),
}
_WITHIN = {b"WEBP": "image", b"WAVE": "audio", b"AIFF": "audio", b"AIFC": "audio"}  # bytes 8 to 12 of RIFF and FORM
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_FRESH = 0.1  # seconds: a file that has just been written may change again without another time
_HASHED = 64 * 2**20  # bytes of a file that are hashed, with its size: an hour of sound is not read twice


def named(path: str) -> str | None:
    """Tell the sort of a file, ``"image"`` or ``"audio"``, by the ending of its name."""
    ending = PurePath(path).suffix.lower()
    return next((sort for sort, endings in ENDINGS.items() if ending in endings), None)


def looks(start: bytes) -> str | None:
    """Tell the sort of a file by its first bytes (at least 12)."""
    if start[:4] in (b"RIFF", b"FORM"):
        return _WITHIN.get(start[8:12])
    return next((sort for sort, starts in _STARTS.items() if start.startswith(starts)), None)


class Place:
    """A folder that paths start from and must not leave, not even through a link.

    Parameters
    ----------
    folder
        None: the working directory.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = os.path.realpath(folder or ".")
        self._within = os.path.join(self.folder, "")
        self._real: dict[str, str] = {}  # folders already looked at, without links

    def locate(self, cell: str | bytes) -> Path | bytes:
        """Find what a cell holds: its bytes, or the file that it names.

        Raises
        ------
        DataError
            An address, a path that leaves the folder, no such file, or a number.
        """
        if isinstance(cell, bytes):
            return cell
        if not isinstance(cell, str):
            raise DataError(f"{cell}: neither a path nor bytes")
        if _ADDRESS.match(cell):
            raise DataError(f"{cell[:200]}: an address; nothing is fetched: download the files and name their paths")
        try:
            path = self._without_links(cell)
            inside = path.startswith(self._within)
            ordinary = inside and stat.S_ISREG(os.lstat(path).st_mode)
        except (OSError, ValueError):  # no such file; a name too long or with a NUL byte
            cure = "say with files= where the paths start"
            raise DataError(f"{cell[:200]}: no such file in {self.folder}; {cure}") from None
        if not inside:
            raise DataError(f"{cell[:200]}: outside of {self.folder}; allow it with files=, a folder that holds it")
        if not ordinary:
            raise DataError(f"{cell[:200]}: not a file")
        return Path(path)

    def _without_links(self, cell: str) -> str:
        """Return where a path really leads; what `os.path.realpath` does, but each folder is looked at once."""
        parent, name = os.path.split(os.path.join(self.folder, cell))
        if name in ("", ".", ".."):
            return os.path.realpath(os.path.join(parent, name))
        if parent not in self._real:
            self._real[parent] = os.path.realpath(parent)
        path = os.path.join(self._real[parent], name)
        return os.path.realpath(path) if stat.S_ISLNK(os.lstat(path).st_mode) else path


def digest(source: Path | bytes) -> bytes:
    """Hash what is in a file or in bytes: equal content, equal digest.

    Raises
    ------
    DataError
        The file cannot be read.
    """
    if isinstance(source, bytes):
        return hashlib.blake2b(source, digest_size=DIGEST).digest()
    try:
        about = source.stat()
        if time.time() - max(about.st_mtime, about.st_ctime) < _FRESH:
            return _read(source)
        return _read_once(source, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)
    except OSError as error:
        raise DataError(f"{source}: cannot be read ({error.strerror or error})") from error


@lru_cache(maxsize=100_000)
def _read_once(source: Path, *about: int) -> bytes:
    """Hash a file that is asked for at every step of a fit; `about` changes when it does."""
    return _read(source)


def _read(source: Path) -> bytes:
    found = hashlib.blake2b(digest_size=DIGEST)
    with open(source, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        found.update(file.read(min(size, _HASHED)))
        if size > _HASHED:
            found.update(str(size).encode())
    return found.digest()


def binary(values: Any) -> bool:
    """Whether any of some cells of bytes is no text."""
    for value in values:
        try:
            if b"\0" in value or not value.decode():
                return True
        except UnicodeDecodeError:
            return True
    return False
