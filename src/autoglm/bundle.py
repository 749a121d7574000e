"""A predictor as a folder of safe files: a manifest with hashes, native model files, JSON and npz; no pickle.

``manifest.json`` is written last, by one rename: a folder without it was never finished, a file that does
not have the hash it names is refused before anything is parsed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path, PurePath
from typing import Any

from autoglm import __version__
from autoglm.core.errors import FolderError
from autoglm.core.files import plain, read_json, sha256, write_json

FORMAT = 1
MANIFEST = "manifest.json"
BACKGROUND = "background"  # features of a few training rows, which explanations compare with
OPTIONAL = ("report.html", "MODEL_CARD.md")  # for people; a predictor works without them
NEEDED = ("encodings.json", "encodings.npz", "summary.json")
FILES = (*NEEDED, "oof.npy", "profile.json", *OPTIONAL)
PARTS = (MANIFEST, *FILES, "members", BACKGROUND)
NEXT, LAST = ".predictor.next", ".predictor.last"  # below a fit's folder: the bundle being written, the one replaced
RUN = ("run.json", "data", "encodings", "fits")  # what a fit keeps below run/, beside its lock
ABOUT = {"task": dict, "columns": list, "members": list, "temperature": float, "threads": int}  # read at load


def keep(source: Path, place: Path) -> None:
    """Put a finished fit's files into the bundle: as links where the disk can, else as copies."""
    place.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        target = place / path.name
        if path.name in ("oof.npy", "judged.npy", "fit.json") or target.exists():
            continue
        try:
            os.link(path, target)
        except OSError:
            shutil.copyfile(path, target)


def seal(folder: Path, about: dict[str, Any], files: list[Path]) -> None:
    """Write the manifest over `files` (below `folder`)."""
    listed = {p.relative_to(folder).as_posix(): {"sha256": sha256(p), "bytes": p.stat().st_size} for p in sorted(files)}
    whole = {"format": FORMAT, "version": __version__, **about, "files": listed}
    write_json(folder / MANIFEST, whole | {"sha256": _digest(whole)})


def take(new: Path, folder: Path) -> None:
    """Put a sealed bundle in place of the one in a folder, by renames; while they last there is no manifest.

    Raises
    ------
    OSError
        A rename failed: the earlier bundle is there again.
    """
    last = folder / LAST
    shutil.rmtree(last, ignore_errors=True)
    last.mkdir()
    try:
        for name in PARTS:
            if (folder / name).exists():
                os.rename(folder / name, last / name)
        for name in reversed(PARTS):  # the manifest last
            os.rename(new / name, folder / name)
    except BaseException:  # Ctrl-C, too
        for name in reversed(PARTS):
            if (last / name).exists():
                if (folder / name).exists():
                    os.rename(folder / name, new / name)
                os.rename(last / name, folder / name)
        last.rmdir()
        raise
    for place in (new, last):
        shutil.rmtree(place, ignore_errors=True)


def _digest(about: dict[str, Any]) -> str:
    """Hash what a manifest says, in whatever order."""
    return hashlib.sha256(json.dumps(plain(about), sort_keys=True).encode()).hexdigest()


def holds(folder: Path, identity: dict[str, Any]) -> bool:
    """Whether an undamaged predictor of this very run is there."""
    try:
        return bool(unseal(folder).get("identity") == plain(identity))
    except FolderError:
        return False


def unseal(folder: Path) -> dict[str, Any]:
    """Check a folder against its manifest and return the manifest.

    Raises
    ------
    FolderError
        No predictor there, a newer format, or a file that is missing or changed.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise FolderError(_absent(folder))
    try:
        about = read_json(path)
        version, files = int(about["format"]), dict(about["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise FolderError(_damaged(path, str(error))) from error
    if version > FORMAT:
        raise FolderError(
            f"folder {str(folder)!r} has format {version}, written by open-autoglm {about.get('version')}; this is "
            f"{__version__}, which reads up to format {FORMAT}: pip install -U open-autoglm"
        )
    wrong = [k for k, kind in ABOUT.items() if not isinstance(about.get(k), kind)]
    wrong += [n for n in NEEDED if n not in files]
    if wrong:
        raise FolderError(_damaged(path, f"without {', '.join(wrong)}"))
    for name, expected in files.items():
        if not isinstance(expected, dict) or {"sha256", "bytes"} - expected.keys():
            raise FolderError(_damaged(path, f"no hash of {name!r}"))
        _check(folder, name, expected)
    _check_members(path, about["members"], files)
    if "sha256" in about and about.pop("sha256") != _digest(about):  # folders of earlier versions do without
        raise FolderError(_damaged(path, "it does not have its own hash: it was changed"))
    return dict(about)


def version_of(folder: Path) -> str:
    """Return a folder's version, from its manifest; "" where there is none, for instance while it is written."""
    try:
        return sha256(folder / MANIFEST)[:12]
    except OSError:
        return ""


def sealed(folder: Path) -> dict[str, Any]:
    """Return the manifest that a fit or `copy` left in a folder, its files unchecked; empty where none of ours is."""
    try:
        about = dict(read_json(folder / MANIFEST))
        known = about.pop("sha256") == _digest(about) and "format" in about and isinstance(about["files"], dict)
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return about if known else {}


def copy(folder: Path, target: Path, files: list[str]) -> None:
    """Copy a sealed bundle to a new or empty folder, or in place of another bundle, by renames.

    Raises
    ------
    FolderError
        The target holds something else or cannot be written.
    """
    place = target.resolve()
    if place == folder.resolve():
        return
    if alien := _alien(place):
        raise FolderError(
            f"cannot save to {str(target)!r}: it holds {alien!r}, which is no part of a finished predictor, and saving "
            "would remove it; choose another folder"
        )
    kept = ""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        room = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
        new, old = room / "new", room / "old"
        try:
            for name in [*files, MANIFEST]:
                (new / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / name, new / name)
            _swap(new, place, old)
        finally:
            if old.exists() and not place.exists():
                kept = f"; what was there is in {str(old)!r}"
            else:
                shutil.rmtree(room, ignore_errors=True)
    except OSError as error:
        raise FolderError(f"cannot save to {str(target)!r}: {error.strerror or error}{kept}") from error


def _swap(new: Path, place: Path, old: Path) -> None:
    """Rename a folder into a place and what is there out of it, or leave all as it is."""
    if not place.exists():
        os.rename(new, place)
        return
    os.rename(place, old)
    try:
        os.rename(new, place)
    except OSError:
        os.rename(old, place)
        raise


def _alien(place: Path) -> str | None:
    """Name the first file in a place that neither the manifest there lists nor a run has made."""
    if not place.is_dir():
        return place.name if place.exists() else None
    files = sealed(place).get("files", {})
    known = {*files, MANIFEST, *OPTIONAL} if files else set()
    found = (p.relative_to(place) for p in sorted(place.rglob("*")) if p.is_symlink() or not p.is_dir())
    return next((path.as_posix() for path in found if not _ours(path, known)), None)


def _ours(path: PurePath, known: Collection[str]) -> bool:
    """Whether a file is one of the known ones, or what a fit keeps beside them."""
    if known and len(path.parts) > 1 and path.parts[0] == "run":
        return path.parts[1] in (*RUN, "lock") or path.parts[1].startswith(".")
    return path.as_posix() in known or bool(known and path.parts[0] in (NEXT, LAST))


def _check(folder: Path, name: str, expected: dict[str, Any]) -> None:
    path = folder / name
    if "\x00" in name or not path.resolve().is_relative_to(folder.resolve()):
        raise FolderError(f"the manifest of {str(folder)!r} names {name!r}, which lies outside the folder: refused")
    if not path.is_file():
        if name in OPTIONAL:
            return
        raise FolderError(f"{str(path)!r} is missing: restore the folder from a copy, or fit again")
    size = path.stat().st_size
    if size != expected["bytes"]:
        raise FolderError(
            f"{str(path)!r} has {size} bytes, expected {expected['bytes']}: it is truncated or was changed"
        )
    if sha256(path) != expected["sha256"]:
        raise FolderError(f"{str(path)!r} does not have the hash that the manifest names: it was changed; refused")


def _check_members(path: Path, members: list[Any], files: dict[str, Any]) -> None:
    """Refuse models that no hash vouches for."""
    known = {name.rpartition("/")[0] for name in files}
    try:
        fits = [fit for member in members for fit in member["fits"]]
    except (KeyError, TypeError) as error:
        raise FolderError(_damaged(path, f"a member without {error}")) from error
    alien = [fit for fit in fits if fit not in known]
    if alien or not fits:
        raise FolderError(_damaged(path, f"model {alien[0]!r} is not among its files" if alien else "no models"))


def _damaged(path: Path, reason: str) -> str:
    return f"{str(path)!r} is damaged ({reason}): restore the folder from a copy, or fit again"


def _absent(folder: Path) -> str:
    if not folder.exists():
        near = [p.parent.name for p in folder.parent.glob(f"*/{MANIFEST}")] if folder.parent.is_dir() else []
        hint = f"; predictors beside it: {', '.join(near)}" if near else ""
        return f"no folder {str(folder)!r}{hint}"
    if (folder / "run").is_dir():
        return f"folder {str(folder)!r} holds a run that was not finished: repeat the same fit to continue it"
    return f"folder {str(folder)!r} holds no predictor (no {MANIFEST}); expected what fit or save wrote"
