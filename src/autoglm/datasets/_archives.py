"""Download published files: resumed after a break, checked, unpacked without leaving the folder."""

from __future__ import annotations

import errno
import hashlib
import http.client
import lzma
import os
import shutil
import stat
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from autoglm.core.dataset import Archive
from autoglm.core.errors import DataError
from autoglm.core.files import read_json, write_json

DONE = ".fetched.json"  # which archives are unpacked in a folder already
STAGE = ".unpacking"
PACKED = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")  # a plain .gz is left as it is
TRIES = 5
PAUSE = 1.0  # seconds before the second try, doubled for each one after
PATIENCE = 60  # seconds without a byte
CHUNK = 1 << 20
_DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
    *(EOFError, NotImplementedError, RuntimeError, ValueError, OSError),
)
_PASSING = (408, 425, 429, 500, 502, 503, 504)  # answers that another try may change


def fetch(archives: Sequence[Archive], folder: Path, say: Callable[[str], None]) -> None:
    """Bring all archives into `folder`, unpacked; those of an earlier call are left out.

    Raises
    ------
    DataError
        A server does not give a file, a checksum differs, or an archive is damaged or names paths outside.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = dict(read_json(folder / DONE)) if (folder / DONE).exists() else {}
    for archive in archives:
        if done.get(archive.url) == archive.checksum:
            say(f"{archive.url}: is there already")
            continue
        say(f"{archive.url}: downloading")
        path = download(archive, folder)
        if path.name.lower().endswith(PACKED):
            say(f"{path.name}: unpacking")
            unpack(path, folder)
            path.unlink()
        done[archive.url] = archive.checksum
        write_json(folder / DONE, done)


def download(archive: Archive, folder: Path) -> Path:
    """Download one file, by way of ``NAME.part``, and check it.

    Raises
    ------
    DataError
        No file to be had, or not the one that the checksum stands for.
    """
    url = urllib.parse.urlsplit(archive.url)
    name = PurePosixPath(urllib.parse.unquote(url.path)).name
    if url.scheme not in ("http", "https") or not name:
        raise DataError(f"{archive.url!r}: expected an http(s) address that ends in the name of a file")
    path, part = folder / name, folder / f"{name}.part"
    for tried in range(TRIES):
        try:
            _receive(archive.url, part)
            break
        except urllib.error.HTTPError as error:
            if error.code not in _PASSING or tried == TRIES - 1:
                raise DataError(f"{archive.url}: {error.code} {error.reason}; {_instead(folder)}") from None
        except (OSError, http.client.HTTPException) as error:  # URLError and timeouts are OSErrors
            disk = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or getattr(error, "filename", None)
            if disk or tried == TRIES - 1:
                kept = part.stat().st_size if part.exists() else 0
                raise DataError(
                    f"{archive.url}: {error}; {kept} bytes are kept in {part}: call again, or {_instead(folder)}"
                ) from None
        time.sleep(PAUSE * 2**tried)
    _check(part, archive)
    os.replace(part, path)
    return path


def unpack(path: Path, folder: Path) -> None:
    """Unpack a zip or tar archive into `folder`; a top folder of the same name as `folder` is not doubled.

    Raises
    ------
    DataError
        The archive is damaged, or holds a link, a device or a path that leads outside.
    """
    stage = folder / STAGE
    shutil.rmtree(stage, ignore_errors=True)
    try:
        for name, source in _members(path):
            target = stage / _inside(name, path, folder.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with source, open(target, "wb") as file:
                shutil.copyfileobj(source, file, CHUNK)
        for file_path in [p for p in stage.rglob("*") if p.is_file()]:
            target = folder / file_path.relative_to(stage)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file_path, target)
    except DataError:
        raise
    except _DAMAGE as error:
        # A number is of the disk; gzip and bz2 give none, and a damaged zip leads before its own start (EINVAL).
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise DataError(f"{path}: a damaged archive ({error}); delete it and fetch again") from None
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _receive(url: str, part: Path) -> None:
    """Append what is missing to `part`; a server that cannot resume sends the whole anew."""
    start = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "open-autoglm", "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, headers=headers | ({"Range": f"bytes={start}-"} if start else {}))
    try:
        answer = urllib.request.urlopen(request, timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not start:
            raise
        if error.headers.get("Content-Range", "") == f"bytes */{start}":
            return  # nothing is missing
        part.unlink()
        raise ConnectionError("the server's file is shorter than what was kept; starting anew") from None
    with answer:
        if answer.headers.get_content_type() == "text/html" and not url.endswith((".html", ".htm")):
            raise DataError(f"{url}: the server answered with a page, not a file; the publisher may want a login")
        resumed = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        if start and answer.status == 206 and not resumed:
            part.unlink()
            raise ConnectionError("the server resumed at another byte than asked; starting anew")
        with open(part, "ab" if resumed else "wb") as file:
            shutil.copyfileobj(answer, file, CHUNK)
        stated = answer.headers.get("Content-Length")
        got = part.stat().st_size - (start if resumed else 0)
        if stated is not None and got < int(stated):
            raise ConnectionError(f"the connection ended after {got} of {stated} bytes")


def _check(part: Path, archive: Archive) -> None:
    kind, _, expected = archive.checksum.partition(":")
    if not expected:
        return
    with open(part, "rb") as file:
        found = hashlib.file_digest(file, kind).hexdigest()
    if found != expected:
        part.unlink()
        raise DataError(
            f"{archive.url}: its {kind} is {found}, expected {expected} (stated by {archive.stated_by}); "
            "what was downloaded is deleted: try again, or the publisher has changed the file"
        )


def _members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield name and content of each regular file; links and devices are refused."""
    if path.name.lower().endswith(".zip"):
        with zipfile.ZipFile(path) as packed:
            for info in packed.infolist():
                if stat.S_ISLNK(info.external_attr >> 16):
                    raise DataError(f"{path}: {info.filename!r} is a link; expected files and folders only")
                if not info.is_dir() and not info.filename.startswith("__MACOSX/"):
                    yield info.filename, packed.open(info)
        return
    with tarfile.open(path) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            if content is not None:
                yield member.name, content
            elif not member.isdir():
                raise DataError(f"{path}: {member.name!r} is a link or a device; expected files and folders only")


def _inside(name: str, path: Path, top: str) -> PurePosixPath:
    parts = [p for p in name.replace("\\", "/").split("/") if p not in ("", ".")]
    if name.startswith(("/", "\\")) or ".." in parts or not parts or ":" in parts[0] or "\0" in name:
        raise DataError(f"{path}: {name!r} leads out of the folder; the archive is not to be trusted")
    return PurePosixPath(*(parts[1:] if parts[0] == top and len(parts) > 1 else parts))


def _instead(folder: Path) -> str:
    return f"get the file by other means and unpack it in {folder}"
