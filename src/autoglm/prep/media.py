"""Columns of images or sounds: cells are found inside their folder and turned into numbers, each content once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm.core import media
from autoglm.core.columns import Column
from autoglm.core.errors import DataError, MissingExtraError
from autoglm.core.seed import Seed
from autoglm.prep import directions
from autoglm.prep.directions import Directions
from autoglm.prep.store import store

LOOKED = 40  # cells by which a column is judged
PROBED = 16  # cells by which the time that a network takes is judged
LOADING, LEAST = 3.5, 0.002  # seconds that importing PyTorch takes, and that no network looks at a cell in fewer
NO_TIME = "no time for a pre-trained network"  # how the note begins by which `found` knows
STRETCH = 0.5  # time beyond its own that a network may take
TOGETHER, BATCH = 64, 16  # rows that are kept at once, which a kill can lose, and what a thread makes of them at once


def located(place: media.Place, cell: str | bytes) -> tuple[bytes, Path | bytes]:
    """Find the file that a path leads to, or take bytes as they are; return its digest and where it is."""
    source = place.locate(cell)
    return media.digest(source), source


def written(place: media.Place, cell: str) -> tuple[bytes, str]:
    """Take a text as it is; return its digest and itself."""
    return media.digest(cell.encode()), cell


@dataclass(frozen=True)
class Summary:
    """How the numbers of one sort of media are made.

    Parameters
    ----------
    sort
        ``"image"``, ``"audio"`` or ``"text"``.
    version
        Changes whenever the numbers do.
    names
        One a number.
    make
        From what `find` found to float32, shape (n_names,); raises DataError. If `together`, from many of them to
        float32, shape (n, n_names).
    start
        What each thread that makes numbers does first.
    find
        From a place and a cell to a digest and what to make the numbers from; raises DataError.
    together
        Whether several are made at once.
    """

    sort: str
    version: str
    names: tuple[str, ...]
    make: Callable[[Any], NDArray[np.float32]]
    start: Callable[[], None] = lambda: None
    find: Callable[[media.Place, Any], tuple[bytes, Any]] = located
    together: bool = False

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


def within(column: Column, summary: Summary, until: float, threads: int, seed: Seed) -> Column:
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
    unread: list[str] = []
    done = 0
    with ThreadPoolExecutor(threads, initializer=summary.start) as pool:
        while done < len(order) and monotonic() <= until:
            some = order[done : done + TOGETHER]
            found = list(pool.map(partial(_found, summary, place), column.values[some]))
            new = {key: source for key, source in (f for f in found if not isinstance(f, DataError)) if key not in kept}
            made = _all_made(summary, new, pool)
            kept.put({key: row for key, row in made.items() if not isinstance(row, DataError)})
            for row, one in zip(some, found, strict=True):
                error = one if isinstance(one, DataError) else made.get(one[0])
                if isinstance(error, DataError):
                    unread.append(str(error))
                else:
                    values[row] = column.values[row]
            done += len(some)
    notes = []
    if unread:
        notes.append(f"{len(unread)} of {len(order)} could not be read and count as missing ({unread[0]})")
    if late := len(order) - done:
        notes.append(f"no time for {late} of {len(order)}, which count as missing: more seconds would help")
    return replace(column, values=values, notes=(*column.notes, *notes))


def rows(column: Column, summary: Summary) -> NDArray[np.float32]:
    """Return the numbers of each row, shape (n_rows, n_names); NaN where a cell is missing or cannot be read."""
    out = np.full((len(column), len(summary.names)), np.nan, dtype=np.float32)
    if column.storage not in ("bytes", "text"):
        return out
    kept, place = store(summary.key, len(summary.names)), media.Place(column.folder)
    here = np.flatnonzero(~column.missing)
    with ThreadPoolExecutor(1, initializer=summary.start) as pool:
        for some in (here[at : at + TOGETHER] for at in range(0, len(here), TOGETHER)):
            found = [(row, _found(summary, place, column.values[row])) for row in some]
            read = [(row, one) for row, one in found if not isinstance(one, DataError)]
            made = _all_made(summary, {key: source for _, (key, source) in read if key not in kept}, pool)
            for row, (key, _) in read:
                one = made[key] if key in made else kept[key]
                if not isinstance(one, DataError):
                    out[row] = one
    return out


def looked(
    column: Column, network: Callable[[], Summary], until: float, threads: int, seed: Seed, *, hint: bool = True
) -> Column:
    """Let a pre-trained network look at a column, where it can look at all of it before `until`.

    Parameters
    ----------
    column
        Training rows, without what could not be read.
    network
        Its summary; raises MissingExtraError where it is not installed.
    hint
        Whether to say so then.

    Returns
    -------
    Column
        As it was; its notes say why the network did not look.
    """
    here = np.flatnonzero(~column.missing)
    least = _least(len(here), threads)
    if least > until - monotonic():
        return replace(column, notes=(*column.notes, _no_time(least, until)))
    try:
        summary = network()
    except MissingExtraError as missing:
        hints = (f"no pre-trained network looked at it: {missing}",) if hint else ()
        return replace(column, notes=(*column.notes, *hints))
    if not len(here):
        return column
    probed = TOGETHER if summary.together else PROBED
    some = column.take(here[np.linspace(0, len(here) - 1, min(4 * probed, len(here))).astype(np.intp)])
    kept = store(summary.key, len(summary.names))
    new = np.flatnonzero([key is not None and key not in kept for key in _keys(some, summary)])
    probe = some.take(new[np.linspace(0, len(new) - 1, min(probed, len(new))).astype(np.intp)])
    within(probe.take(np.arange(min(1, len(probe)))), summary, until, threads, seed)  # loads the network
    began = monotonic()
    within(probe, summary, until, threads, seed)
    needed = (monotonic() - began) / max(1, len(probe)) * len(here) * len(new) / len(some)
    if needed > until - monotonic():
        return replace(column, notes=(*column.notes, _no_time(needed, until)))
    within(column, summary, until, threads, seed)
    return column


def longer(until: float) -> float:
    """Return until when a network may look, listen or read, of the time that is left until `until`.

    What it sees is worth more than the fits that it costs: 2,000 images of CIFAR-10 are told apart at .53 without it,
    and at .78 with it; on a busy machine it would have needed half a minute more than it was given. Of 4,000
    descriptions of diseases .75 are told apart by their words in a minute, .81 by a language model, too.
    """
    return until + STRETCH * max(0.0, until - monotonic())


def _least(cells: int, threads: int) -> float:
    """Seconds that a network takes at least, so that PyTorch is not imported in vain; 0 where it is not installed."""
    if not cells or not find_spec("torch"):
        return 0.0
    return LEAST * cells / threads + (0.0 if "torch" in sys.modules else LOADING)


def _no_time(needed: float, until: float) -> str:
    left = max(0.0, until - monotonic())
    return f"{NO_TIME} ({needed:.0f} s needed, {left:.0f} s left): give more seconds"


def found(column: Column, network: Callable[[], Summary], seed: Seed) -> Directions:
    """Find the directions of what a network sees; none where it is not installed or has not seen every row."""
    if any(note.startswith(NO_TIME) for note in column.notes):
        return Directions.none()
    try:
        summary = network()
    except MissingExtraError:
        return Directions.none()
    if not kept_all(column, summary):
        return Directions.none()
    here = np.flatnonzero(~column.missing)
    return Directions.fit(rows(column.take(here[directions.some(len(here), seed)]), summary))


def kept_all(column: Column, summary: Summary) -> bool:
    """Whether the numbers of every row that can be found are kept already."""
    kept = store(summary.key, len(summary.names))
    keys = [key for key in _keys(column, summary) if key is not None]
    return bool(keys) and all(key in kept for key in keys)


def _keys(column: Column, summary: Summary) -> list[bytes | None]:
    """Return under which key the numbers of each cell that is there are kept, None where it cannot be found."""
    place = media.Place(column.folder)
    found = (_found(summary, place, cell) for cell in column.present)
    return [None if isinstance(one, DataError) else one[0] for one in found]


def any_read(column: Column, summary: Summary) -> bool:
    """Whether a single row can be read."""
    return any(not np.isnan(rows(column.take(np.array([i])), summary)).any() for i in np.flatnonzero(~column.missing))


def _found(summary: Summary, place: media.Place, cell: str | bytes) -> tuple[bytes, Any] | DataError:
    try:
        return summary.find(place, cell)
    except DataError as error:
        return error


def _made(summary: Summary, source: Any) -> NDArray[np.float32] | DataError:
    try:
        return summary.make(source)
    except DataError as error:
        return error


def _all_made(summary: Summary, new: dict[bytes, Any], pool: Executor) -> dict[bytes, NDArray[np.float32] | DataError]:
    """Make the numbers of all new contents; of those that are made together, the shortest first, `BATCH` at once."""
    if not summary.together:
        return dict(zip(new, pool.map(partial(_made, summary), new.values()), strict=True))
    keys = sorted(new, key=lambda key: (len(new[key]), key))
    batches = [keys[at : at + BATCH] for at in range(0, len(keys), BATCH)]
    made = pool.map(lambda batch: summary.make([new[key] for key in batch]), batches)
    return {key: row for batch, rows in zip(batches, made, strict=True) for key, row in zip(batch, rows, strict=True)}


def _leads_to(cell: str, place: media.Place) -> str | None:
    with suppress(DataError, OSError):
        found = place.locate(cell)
        if isinstance(found, Path):
            with open(found, "rb") as file:
                return media.looks(file.read(16))
    return None
