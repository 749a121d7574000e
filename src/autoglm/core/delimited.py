"""Delimited text (CSV, TSV and relatives): delimiter, header, decimal mark and types are found out."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv

from autoglm.core.errors import DataError

DELIMITERS = (",", ";", "\t", "|", " ")
NONE = "\x1f"
"""Stands for "one column": a character that texts do not hold."""

_NULLS = ["", "NA", "N/A", "n/a", "#N/A", "NULL", "null", "None", "NaN", "nan", "-NaN", "-nan", "#NA", "<NA>"]
_COMMA_NUMBER = re.compile(r"[-+]?\d+,\d+")
_POINT_NUMBER = re.compile(r"[-+]?\d+\.\d+")


def read_delimited(data: bytes, name: str) -> tuple[pd.DataFrame, list[str]]:
    """Read UTF-8 text with one row a line.

    Parameters
    ----------
    data
        The file's content.
    name
        What to call it in errors.

    Returns
    -------
    tuple
        The frame, and notes about what had to be guessed or repaired.

    Raises
    ------
    DataError
        No line with text, or lines that cannot be split into rows and columns.
    """
    csv.field_size_limit(2**31 - 1)
    data, told = _without_declaration(data)
    data, notes = _closed_quotes(data)
    head = _head(data)
    delimiter = told or find_delimiter(head)
    rows = [row for row in _rows(head, delimiter) if row]
    if not rows:
        raise DataError(f"{name}: no line with text in it; expected a header and rows")
    names, headed = _header(rows)
    if not headed:
        notes.append(f"the first line holds numbers only: read as a row; columns named {names[0]} to {names[-1]}")
    mark = "." if delimiter == "," else _decimal_mark(rows[headed:])
    try:
        if delimiter == " " or len(names) != len(rows[0]):
            raise pa.ArrowInvalid("runs of spaces, or row names without a name")
        table = _parse(data, delimiter, mark, headed=headed)
    except pa.ArrowInvalid:  # lines of different lengths, too
        delimiter = "," if delimiter == " " else delimiter
        data, ragged = _repaired(data, told or find_delimiter(head), names, delimiter, headed=headed)
        notes += ragged
        try:
            table = _parse(data, delimiter, mark, headed=True)
        except pa.ArrowInvalid as error:
            raise DataError(f"{name}: cannot be split into rows and columns ({error}); write the file again") from error
    frame: pd.DataFrame = table.rename_columns(names).to_pandas(
        date_as_object=False, split_blocks=True, self_destruct=True
    )
    return frame, notes


def _without_declaration(data: bytes) -> tuple[bytes, str]:
    """Take away the first line "sep=;" that Excel reads and writes, and return its delimiter, or an empty string."""
    found = re.match(rb'"?sep=([,;|\t ])"?\r?\n', data, re.IGNORECASE)
    return (data[found.end() :], found[1].decode()) if found else (data, "")


def _closed_quotes(data: bytes) -> tuple[bytes, list[str]]:
    """Leave quotation marks out where one is never closed: it would swallow every line after it."""
    if data.count(b'"') % 2 == 0:
        return data, []
    return data.replace(b'"', b""), ["a quotation mark is never closed: all quotation marks left out"]


def find_delimiter(head: str) -> str:
    """Find the delimiter that splits most lines into as many fields as the first line has (at least two)."""
    best, most = NONE, 0.0
    for delimiter in DELIMITERS:
        widths = Counter(len(row) for row in _rows(head, delimiter)[:200] if row)
        first = next((len(row) for row in _rows(head, delimiter) if row), 0)
        alike = (widths[first] + widths[first + 1]) / max(1, widths.total())  # row names may lack a header
        score = alike * (1 if first > 1 else 0) * (0.5 if delimiter == " " else 1) + min(first, 500) * 1e-4
        if first > 1 and score > most:
            best, most = delimiter, score
    return best


def _head(data: bytes) -> str:
    """First lines as text, cut at the end of a line."""
    head = data[: 2**18]
    if len(data) > len(head):
        head = head[: head.rfind(b"\n") + 1] or head
    return head.decode("utf-8", "replace")


def _rows(text: str, delimiter: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=delimiter == " ")
    rows = []
    try:
        for row in reader:
            rows.append([cell for cell in row if cell] if delimiter == " " else row)
            if len(rows) >= 1000:
                break
    except csv.Error:  # a stray carriage return; the lines so far are enough to judge by
        return rows
    return rows


def _header(rows: list[list[str]]) -> tuple[list[str], bool]:
    """Take the names from the first row; make them, and return False, where it holds numbers only."""
    first = [cell.strip().lstrip("\ufeff") for cell in rows[0]]
    if len(rows) > 1 and any(first) and all(_is_number(cell) or not cell for cell in first):
        return [f"x{i}" for i in range(len(first))], False
    widths = Counter(len(row) for row in rows[1:])
    if len(first) > 1 and widths[len(first) + 1] >= 0.9 * widths.total() > 0:
        first = ["", *first]  # R leaves the name of the row names out
    return [cell or f"Unnamed: {i}" for i, cell in enumerate(first)], True


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return "_" not in cell


def _parse(data: bytes, delimiter: str, mark: str, *, headed: bool) -> pa.Table:
    """Parse with Arrow; where a late value contradicts the type of the first block, look at all of them."""
    try:
        return _parse_blocks(data, delimiter, mark, min(len(data) + 1, 2**24), headed=headed)
    except pa.ArrowInvalid as error:
        if "conversion error" not in str(error):
            raise
        return _parse_blocks(data, delimiter, mark, min(len(data) + 1, 2**31 - 1), headed=headed)


def _parse_blocks(data: bytes, delimiter: str, mark: str, size: int, *, headed: bool) -> pa.Table:
    return pacsv.read_csv(
        pa.BufferReader(data),
        pacsv.ReadOptions(block_size=size, autogenerate_column_names=not headed),
        pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=b'"' in data),
        pacsv.ConvertOptions(null_values=_NULLS, strings_can_be_null=True, decimal_point=mark),
    )


def _decimal_mark(rows: list[list[str]]) -> str:
    cells = [cell.strip() for row in rows[:200] for cell in row]
    comma = sum(1 for cell in cells if _COMMA_NUMBER.fullmatch(cell))
    return "," if comma and not any(_POINT_NUMBER.fullmatch(cell) for cell in cells) else "."


def _repaired(
    data: bytes, delimiter: str, names: list[str], new_delimiter: str, *, headed: bool
) -> tuple[bytes, list[str]]:
    """Write the lines anew with as many cells as there are names: short ones filled up, long ones cut."""
    out, ragged, width = io.StringIO(newline=""), [], len(names)
    writer = csv.writer(out, delimiter=new_delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(names)
    for number, row in _all_rows(data, delimiter):
        if number == 1 and headed:
            continue
        if len(row) < width or any(cell.strip() for cell in row[width:]):
            ragged.append(number)
        writer.writerow((row + [""] * (width - len(row)))[:width])
    if not ragged:
        return out.getvalue().encode(), []
    where = ", ".join(map(str, ragged[:5])) + (", …" if len(ragged) > 5 else "")
    return out.getvalue().encode(), [
        f"{len(ragged)} ragged lines did not have {width} cells and were filled up or cut (lines {where})"
    ]


def _all_rows(data: bytes, delimiter: str) -> Any:
    """Yield (number from 1, cells) of each line with text, never failing on stray quotes."""
    lines = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", errors="replace", newline="")
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter == " ")
    number = 0
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            continue
        if row:
            number += 1
            yield number, [cell for cell in row if cell] if delimiter == " " else row
