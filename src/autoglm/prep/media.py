"""Columns of images or sounds: cells are found inside their folder and turned into numbers, each content once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from autoglm.core import media
from autoglm.core.columns import Column
from autoglm.core.errors import DataError
from autoglm.core.seed import Seed
from autoglm.prep.store import store

LOOKED = 40  # cells by which a column is judged
TOGETHER = 64  # rows that are kept at once: what a kill can lose


@dataclass(frozen=True)
class Summary:
    """How the numbers of one sort of media are made.

    Parameters
    ----------
    sort
        ``"image"`` or ``"audio"``.
    version
        Changes whenever the numbers do.
    names
        One a number.
    make
        From a file or bytes to float32, shape (n_names,); raises DataError.
    """

    sort: str
    version: str
    names: tuple[str, ...]
    make: Callable[[Path | bytes], NDArray[np.float32]]

    @property
    def key(self) -> str:
        """The name of its store."""
        return f"{self.sort}-{self.version}"


def claims(column: Column, sort: str) -> float:
    """Claim bytes that start like the sort's files, and paths that end like them or lead to such a file."""
    cells = column.sample[:: max(1, len(column.sample) // LOOKED)]
    if column.storage not in ("bytes", "text") or not len(cells):
        return 0.0
    if column.storage == "bytes":
        return 0.99 if np.mean([media.looks(cell[:16]) == sort for cell in cells]) >= 0.5 else 0.0
    place = media.Place(column.folder)
    if np.mean([media.named(cell) == sort and len(cell.split()) < 12 for cell in cells]) >= 0.9:
        return 0.99
    return 0.99 if np.mean([_leads_to(cell, place) == sort for cell in cells]) >= 0.5 else 0.0


def within(column: Column, summary: Summary, until: float, seed: Seed) -> Column:
    """Make and keep the numbers of a column as far as the time goes.

    Parameters
    ----------
    column
        Training rows.
    until
        `time.monotonic()` at which to stop. Rows are taken in a drawn order: what is left out is left out evenly.

    Returns
    -------
    Column
        With what could not be read, or not in time, as missing; its notes say how much and why.
    """
    kept, place = store(summary.key, len(summary.names)), media.Place(column.folder)
    values: NDArray[np.object_] = np.full(len(column), None, dtype=object)
    order = seed.child("media", column.name).generator().permutation(np.flatnonzero(~column.missing))
    fresh: dict[bytes, NDArray[np.float32]] = {}
    unread, late = [], 0
    for done, row in enumerate(order):
        if monotonic() > until:
            late = len(order) - done
            break
        try:
            source = place.locate(column.values[row])
            key = media.digest(source)
            if key not in kept and key not in fresh:
                fresh[key] = summary.make(source)
        except DataError as error:
            unread.append(str(error))
            continue
        values[row] = column.values[row]
        if len(fresh) >= TOGETHER:
            kept.put(fresh)
            fresh = {}
    kept.put(fresh)
    notes = []
    if unread:
        notes.append(f"{len(unread)} of {len(order)} could not be read and count as missing ({unread[0]})")
    if late:
        notes.append(f"no time for {late} of {len(order)}, which count as missing: more seconds would help")
    return replace(column, values=values, notes=(*column.notes, *notes))


def rows(column: Column, summary: Summary) -> NDArray[np.float32]:
    """Return the numbers of each row, shape (n_rows, n_names); NaN where a cell is missing or cannot be read."""
    kept, place = store(summary.key, len(summary.names)), media.Place(column.folder)
    out = np.full((len(column), len(summary.names)), np.nan, dtype=np.float32)
    if column.storage not in ("bytes", "text"):
        return out
    for row in np.flatnonzero(~column.missing):
        with suppress(DataError):
            source = place.locate(column.values[row])
            key = media.digest(source)
            out[row] = kept[key] if key in kept else summary.make(source)
    return out


def any_read(column: Column, summary: Summary) -> bool:
    """Whether a single row can be read."""
    return any(not np.isnan(rows(column.take(np.array([i])), summary)).any() for i in np.flatnonzero(~column.missing))


def _leads_to(cell: str, place: media.Place) -> str | None:
    with suppress(DataError, OSError):
        found = place.locate(cell)
        if isinstance(found, Path):
            with open(found, "rb") as file:
                return media.looks(file.read(16))
    return None
