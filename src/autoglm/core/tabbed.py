"""Tab-separated lines without quoting: a quotation mark is a character like any other, a line is a row."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from autoglm.core.errors import DataError, listing

MOST_MALFORMED = 1000
"""One malformed line in so many is left out with a warning (GLUE's own QQP file has some); more is an error."""


def read_tabbed(path: Path, names: Sequence[str] | None = None, encoding: str = "utf-8-sig") -> pd.DataFrame:
    """Read a file; see `parse_tabbed`.

    Raises
    ------
    DataError
        The file is missing, cannot be decoded, or is malformed.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; expected the official layout, unpacked and not renamed")
    return parse_tabbed(path.read_bytes(), str(path), names, encoding)


def parse_tabbed(
    data: bytes, name: str, names: Sequence[str] | None = None, encoding: str = "utf-8-sig"
) -> pd.DataFrame:
    """Split bytes into rows and cells.

    Parameters
    ----------
    data
        The content.
    name
        What to call it in errors.
    names
        The columns; those of the first line where not given.
    encoding
        How text was written; a byte order mark is left out.

    Returns
    -------
    DataFrame
        Text in every column; the index holds the number of the line, from 1.

    Raises
    ------
    DataError
        No row, an undecodable byte, or too many lines with another number of cells.
    """
    lines = _lines(data, name, encoding)
    first = 1
    if names is None:
        names, lines, first = (lines[0].split("\t") if lines else []), lines[1:], 2
    rows = [(number, line.split("\t")) for number, line in enumerate(lines, first) if line]
    if not rows:
        raise DataError(f"{name}: no row; expected tab-separated lines. Was the download cut off?")
    good = [(number, cells) for number, cells in rows if len(cells) == len(names)]
    if len(good) < len(rows):
        _report([number for number, cells in rows if len(cells) != len(names)], len(rows), len(names), name)
    frame = pd.DataFrame([cells for _, cells in good], columns=list(names), dtype=str)
    return frame.set_index(pd.Index([number for number, _ in good], name="line"))


def _lines(data: bytes, name: str, encoding: str) -> list[str]:
    """Split at line feeds only: a text may hold other characters that Python takes for the end of a line."""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{name}, line {line}: not {encoding} text ({error.reason}); download the file anew") from None
    return [line.rstrip("\r") for line in text.split("\n")]


def _report(malformed: list[int], rows: int, width: int, name: str) -> None:
    what = f"{name}: {len(malformed)} of {rows} lines do not have {width} cells (lines {listing(malformed)})"
    if len(malformed) * MOST_MALFORMED > rows:
        raise DataError(f"{what}; expected tab-separated lines. Was the file cut off or saved by another program?")
    warnings.warn(f"{what}; they are left out", stacklevel=4)
