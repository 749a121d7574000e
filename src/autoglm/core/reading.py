"""Table files: CSV and relatives, Parquet, Arrow, Feather, JSON; packing, encoding, types are found out."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import json
import lzma
import os
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from autoglm.core.errors import DataError, FolderError, listing, nearest
from autoglm.core.files import write_bytes
from autoglm.core.media import named

KNOWN = (".csv", ".tsv", ".txt", ".parquet", ".feather", ".arrow", ".jsonl", ".ndjson", ".json")
PACKED = (".gz", ".bz2", ".xz", ".zip")
NOTES = "autoglm.notes"
"""Where the notes of `read` are in a frame's attributes; "notes" may be the user's own."""


def read(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a table file; what had to be guessed or repaired stands in ``frame.attrs[NOTES]``.

    ``frame.attrs["folder"]`` is what paths of images and sounds in it start from.

    Parameters
    ----------
    path
        CSV or TSV (any delimiter and encoding), Parquet, Arrow, Feather, JSON or JSON lines, also packed as
        .gz, .bz2, .xz or .zip; or a folder of images or sounds, in which each folder is a class: the columns are
        then ``file`` and ``class`` (the first alone where the files are not in folders).

    Raises
    ------
    DataError
        No such file, or not a table.
    """
    if (folder := Path(path).expanduser()).is_dir() and (files := _media_in(folder)) is not None:
        return files
    file = _found(path)
    try:
        frame, notes = _read(file)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise DataError(f"{file}: cannot be read ({error}); is the file complete?") from error
    frame.attrs |= {NOTES: tuple(notes), "folder": str(file.parent)}
    return frame


def write(frame: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a frame, in the format that the file's name ends in; a reader never sees half a file.

    Raises
    ------
    DataError
        The ending is not known, or a column's values cannot stand in one column of such a file.
    FolderError
        The folder does not exist or cannot be written to.
    """
    file = Path(path)
    which, packing = ending(file)
    data = _WRITERS[which](frame)
    try:
        write_bytes(file, packing(data) if packing else data)
    except OSError as error:
        raise FolderError(
            f"cannot write {file} ({error.strerror or error}); choose a folder you may write to"
        ) from error


def ending(file: Path) -> tuple[str, Callable[[bytes], bytes] | None]:
    """Return the format that a file's name asks for, and how it is packed.

    Raises
    ------
    DataError
        The ending is not known.
    """
    endings = [s.lower() for s in file.suffixes]
    packing = _PACKERS.get(endings[-1]) if endings else None
    found = "".join(endings[-2:-1] if packing else endings[-1:])
    if found not in _WRITERS:
        raise DataError(f"{file.name!r}: no format for the ending {found!r}; expected one of {', '.join(_WRITERS)}")
    return found, packing


def _media_in(folder: Path) -> pd.DataFrame | None:
    """List the images or sounds of a folder, or of its folders, one a class; None where there are none."""
    classes = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    found = [(p.relative_to(folder).as_posix(), c.name) for c in classes for p in sorted(c.rglob("*")) if named(p.name)]
    if found:
        frame = pd.DataFrame(found, columns=["file", "class"])
    else:
        frame = pd.DataFrame({"file": sorted(p.name for p in folder.iterdir() if named(p.name))})
    frame.attrs |= {NOTES: (), "folder": str(folder)}
    return frame if len(frame) else None


def _found(path: str | os.PathLike[str]) -> Path:
    """Check that the path is a readable, non-empty file."""
    if re.match(r"[a-z][a-z0-9+.-]+://", str(path), re.IGNORECASE):
        raise DataError(f"{path}: is an address, not a file; download it first and give the file's path")
    file = Path(path).expanduser()
    if file.is_dir():
        inside = sorted(f.name for f in file.iterdir() if set(f.suffixes) & {*KNOWN, *PACKED})
        raise DataError(f"{file}: is a folder; name one file in it" + (f": {listing(inside)}" if inside else ""))
    if not file.exists():
        beside = [f.name for f in file.parent.iterdir() if f.is_file()] if file.parent.is_dir() else []
        raise DataError(f"{file}: no such file{nearest(file.name, beside)}")
    if file.stat().st_size == 0:
        raise DataError(f"{file}: the file is empty; expected a header and rows")
    return file


def _read(file: Path) -> tuple[pd.DataFrame, list[str]]:
    with open(file, "rb") as handle:
        start = handle.read(8)
    if start.startswith(b"PAR1"):
        return _parquet(file), []
    if start.startswith((b"ARROW1", b"FEA1")):
        return _arrow(file), []
    data, ending = _unpacked(file.read_bytes(), start, file)
    if data.startswith((b"PAR1", b"ARROW1", b"FEA1")):
        return (_parquet if data.startswith(b"PAR1") else _arrow)(io.BytesIO(data), file.name), []
    data, notes = _as_utf8(data, file)
    if not data.strip():
        raise DataError(f"{file}: holds only blank space; expected a header and rows")
    if ending in (".json", ".jsonl", ".ndjson") or (
        ending not in (".csv", ".tsv") and data.lstrip()[:2] in (b'{"', b"[{")
    ):
        return _json(data, file), notes
    from autoglm.core.delimited import read_delimited

    frame, more = read_delimited(data, str(file))
    return frame, notes + more


def _unpacked(data: bytes, start: bytes, file: Path) -> tuple[bytes, str]:
    """Return the unpacked content and the ending of the name of what was packed."""
    endings = [s.lower() for s in file.suffixes]
    inner = "".join(endings[-2:-1] if endings and endings[-1] in PACKED else endings[-1:])
    if start.startswith(b"\x1f\x8b"):
        return gzip.decompress(data), inner
    if start.startswith(b"BZh"):
        return bz2.decompress(data), inner
    if start.startswith(b"\xfd7zXZ"):
        return lzma.decompress(data), inner
    if start.startswith(b"PK\x03\x04"):
        return _unzipped(data, file)
    return data, inner


def _unzipped(data: bytes, file: Path) -> tuple[bytes, str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [n for n in archive.namelist() if not n.endswith("/") and not n.startswith("__MACOSX")]
        if "[Content_Types].xml" in names or "content.xml" in names:
            raise DataError(f"{file}: is a spreadsheet; save the sheet as CSV first")
        if len(names) != 1:
            raise DataError(f"{file}: holds {len(names)} files ({listing(names)}); unpack it and name one of them")
        try:
            return archive.read(names[0]), Path(names[0]).suffix.lower()
        except RuntimeError as error:  # protected by a password
            raise DataError(f"{file}: cannot be unpacked ({error}); unpack it first") from error


def _as_utf8(data: bytes, file: Path) -> tuple[bytes, list[str]]:
    """Bring text of any common encoding to UTF-8 without NUL bytes."""
    if data.startswith(codecs.BOM_UTF8):
        data = data[3:]
    elif data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace").encode("utf-8", "replace"), ["read as UTF-16"]
    elif len(data) > 3 and (
        data[:4000:2].count(0) > 0.4 * len(data[:4000:2]) or data[1:4000:2].count(0) > 0.4 * len(data[1:4000:2])
    ):
        codec = "utf-16-be" if data[0] == 0 else "utf-16-le"
        return data.decode(codec, "replace").encode("utf-8", "replace"), ["read as UTF-16"]
    _refuse_binary(data, file)
    notes = []
    if b"\x00" in data:
        notes.append(f"{data.count(0)} NUL bytes left out")
        data = data.replace(b"\x00", b"")
    if _is_utf8(data):
        return data, notes
    try:
        return data.decode("cp1252").encode(), [*notes, "read as Windows-1252, because it is not UTF-8"]
    except UnicodeDecodeError:
        return data.decode("latin-1").encode(), [*notes, "read as Latin-1, because it is not UTF-8"]


def _refuse_binary(data: bytes, file: Path) -> None:
    head = data[:65536]
    odd = len(head) - len(head.translate(None, bytes([*range(9), 11, 12, *range(14, 32), 127])))
    if odd > 0.1 * len(head) or (odd > 0.02 * len(head) and not _is_utf8(head[:60000].rsplit(b"\n", 1)[0])):
        raise DataError(f"{file}: is a binary file of no known kind; expected one of {', '.join(KNOWN)}")


def _is_utf8(data: bytes) -> bool:
    """Check piece by piece: the decoded text of a large file would need several times its memory."""
    decoder, view = codecs.getincrementaldecoder("utf-8")(), memoryview(data)
    try:
        for at in range(0, len(view), 2**20):
            decoder.decode(bytes(view[at : at + 2**20]))
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _parquet(source: Path | io.BytesIO, name: str = "") -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        frame: pd.DataFrame = _plain(pq.ParquetFile(source).read())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{name or source}: damaged Parquet file ({error}); write it again") from error
    return frame


def _arrow(source: Path | io.BytesIO, name: str = "") -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.feather as feather

    try:
        frame: pd.DataFrame = _plain(feather.read_table(source, memory_map=False))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{name or source}: damaged Arrow file ({error}); write it again") from error
    return frame


def _plain(table: Any) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(date_as_object=False, split_blocks=True, self_destruct=True)
    return (
        frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index(drop=frame.index.name in frame.columns)
    )


def _json(data: bytes, file: Path) -> pd.DataFrame:
    """Read one JSON value (rows, or columns) or one object a line; nested objects become columns "a.b"."""
    try:
        value = _loaded(data)
    except ValueError:
        value = [_object(line, number, file) for number, line in enumerate(data.splitlines(), 1) if line.strip()]
    if isinstance(value, dict) and all(isinstance(v, list | dict) for v in value.values()) and value:
        columns = {k: list(v.values()) if isinstance(v, dict) else v for k, v in value.items()}
        if len({len(v) for v in columns.values()}) == 1:
            return pd.DataFrame(columns)
    rows = [value] if isinstance(value, dict) else value
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(
            f"{file}: JSON without rows; expected a list of objects, one object a line, or an object of lists"
        )
    return (
        pd.json_normalize(rows)
        if any(isinstance(v, dict) for row in rows for v in row.values())
        else pd.DataFrame(rows)
    )


def _object(line: bytes, number: int, file: Path) -> Any:
    try:
        return _loaded(line)
    except ValueError as error:
        raise DataError(f"{file}, line {number}: no JSON ({error}); expected one object a line") from error


def _loaded(data: bytes) -> Any:
    value = json.loads(data)
    return _whole(value) if b"\\ud" in data.lower() else value


def _whole(value: Any) -> Any:
    """Put question marks for halves of characters ("\\ud83d" of an emoji that was cut), which no frame can hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return {_whole(k): _whole(v) for k, v in value.items()} if isinstance(value, dict) else value


def _columnar(frame: pd.DataFrame, method: str) -> bytes:
    import pyarrow as pa

    buffer = io.BytesIO()
    try:
        if method == "parquet":
            frame.to_parquet(buffer, index=False)
        else:
            frame.reset_index(drop=True).to_feather(buffer)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as error:
        for name in frame.columns if len(frame.columns) > 1 else ():
            _columnar(frame[[name]], method)  # fails for the column that is to be named
        raise DataError(
            f"column {frame.columns[0]!r} cannot be written as {method} ({error.args[0]}): expected one type; "
            "name a file that ends in .csv or .jsonl, or make the column text"
        ) from error
    return buffer.getvalue()


def _lines(frame: pd.DataFrame) -> bytes:
    return frame.to_json(orient="records", lines=True, date_format="iso", force_ascii=False).encode()


_WRITERS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    ".csv": lambda f: f.to_csv(index=False).encode(),
    ".tsv": lambda f: f.to_csv(index=False, sep="\t").encode(),
    ".txt": lambda f: f.to_csv(index=False, sep="\t").encode(),
    ".parquet": lambda f: _columnar(f, "parquet"),
    ".feather": lambda f: _columnar(f, "feather"),
    ".arrow": lambda f: _columnar(f, "feather"),
    ".jsonl": _lines,
    ".ndjson": _lines,
    ".json": lambda f: f.to_json(orient="records", date_format="iso", force_ascii=False).encode(),
}
_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda data: gzip.compress(data, mtime=0),
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}
