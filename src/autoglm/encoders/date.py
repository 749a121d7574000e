"""Dates and times, also written as text: how long ago, and the parts of the calendar that vary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from autoglm.core import moments
from autoglm.core.columns import Column
from autoglm.core.features import Block, Output
from autoglm.core.seed import Seed
from autoglm.encoders import State

Moments = NDArray[np.datetime64]

DAY = 86_400_000_000
"""Microseconds."""

PARTS = ("year", "month", "day", "weekday", "season_sin", "season_cos", "hour")
"""Parts of the calendar; weekday 0 is Monday, season the day's angle in the year, hour has a fraction."""


@dataclass(frozen=True)
class Date:
    """A fitted date column.

    Parameters
    ----------
    name
        The column.
    form
        Format of dates written as text.
    origin
        Training median, microseconds since 1970; days are counted from it.
    parts
        The parts of `PARTS` that vary in training.
    unread
        How many training values were no date.
    """

    kind: ClassVar[str] = "date"

    name: str
    form: str
    origin: int
    parts: tuple[str, ...]
    unread: int = 0

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        """Days since the training median, and the parts that vary."""
        return tuple(Output(f"{self.name}.{part}", self.name) for part in ("days", *self.parts))

    @property
    def terms(self) -> int:
        """No sparse columns."""
        return 0

    def transform(self, column: Column) -> Block:
        """Encode rows; broken dates become missing."""
        found = _moments(column, self.form)
        gone = np.isnat(found)
        dense = np.empty((len(found), 1 + len(self.parts)), dtype=np.float32)
        dense[:, 0] = (found.astype(np.int64) - self.origin) / DAY
        for i, values in enumerate(_calendar(found, self.parts), 1):
            dense[:, i] = values
        dense[gone] = np.nan
        return Block(dense)

    def describe(self) -> str:
        """Say what is done."""
        origin = np.datetime_as_string(np.datetime64(self.origin, "us"), unit="D")
        broken = f"; {self.unread} values that are no date read as missing" if self.unread else ""
        return f"date: days since {origin}{''.join(f', {p}' for p in self.parts)}{broken}"

    def state(self) -> State:
        """Return what `restore` needs."""
        about = {"name": self.name, "form": self.form, "origin": self.origin}
        return State(about | {"parts": list(self.parts), "unread": self.unread}, {})

    @classmethod
    def restore(cls, state: State) -> Self:
        """Rebuild the encoding."""
        return cls(**(state.json | {"parts": tuple(state.json["parts"])}))


def claims(column: Column) -> float:
    """Claim stored dates, and text of which at least 90 % reads as dates of one format."""
    if column.storage == "date":
        return 0.97
    if column.storage != "text" or not moments.looks_dated(column.sample):
        return 0.02
    return 0.97 if moments.find_format(column.sample[:: max(1, len(column.sample) // 200)])[1] >= 0.9 else 0.02


def fit(column: Column, seed: Seed) -> Date:
    """Find the format, the median and the parts that vary."""
    form = moments.ISO
    if column.storage == "text" and len(column.sample):
        form, share = moments.find_format(column.sample)
        form = form if share >= 0.5 else moments.MIXED
    found = _moments(column, form)
    present = found[~np.isnat(found)]
    unread = int(np.isnat(found).sum() - column.missing.sum())
    origin = int(np.median(present.astype(np.int64))) if len(present) else 0
    calendar = zip(PARTS, _calendar(present, PARTS), strict=True)
    parts = tuple(part for part, values in calendar if len(present) and np.ptp(values) > 1e-6)
    return Date(column.name, form, origin, parts, unread)


def _moments(column: Column, form: str) -> Moments:
    if column.storage == "date":
        return column.values
    if column.storage == "text":
        return moments.read(column.values, form)
    return _counted(column.values)


def _counted(values: NDArray[np.float64]) -> Moments:
    """Read numbers as years, as Unix seconds or milliseconds, by their size."""
    values = np.clip(values, -1e18, 1e18)
    years = (values > 1000) & (values < 3000)
    seconds = np.where(np.abs(values) < 1e11, values, values / 1000)
    micros = np.where(years, (values - 1970) * 365.2425 * DAY, seconds * 1e6)
    known = np.abs(micros) < 2.5e17  # year 9,900; NaN compares as unknown
    found = np.where(known, micros, 0).astype(np.int64).astype("datetime64[us]")
    found[~known] = np.datetime64("NaT")
    return found


def _calendar(found: Moments, parts: tuple[str, ...]) -> list[NDArray[Any]]:
    """Compute the given parts, each of shape (n_rows,)."""
    days, years = found.astype("datetime64[D]"), found.astype("datetime64[Y]")
    angle = (days - years).astype(np.int64) * (2 * np.pi / 365.25)
    makers: dict[str, Callable[[], NDArray[Any]]] = {
        "year": lambda: years.astype(np.int64) + 1970,
        "month": lambda: found.astype("datetime64[M]").astype(np.int64) % 12 + 1,
        "day": lambda: (days - found.astype("datetime64[M]")).astype(np.int64) + 1,
        "weekday": lambda: (days.astype(np.int64) + 3) % 7,
        "season_sin": lambda: np.sin(angle),
        "season_cos": lambda: np.cos(angle),
        "hour": lambda: found.astype(np.int64) % DAY / 3_600_000_000,
    }
    return [makers[part]() for part in parts]
