"""Dates and times written as text: which format a column has, and reading it fast, one row or a million."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ISO = "ISO8601"
MIXED = "mixed"

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?"
_LOOKS = re.compile(
    rf"\s*(?:[a-z]{{3,9}},?\s+)?(?:\d{{1,4}}([-/.])\d{{1,2}}\1\d{{1,4}}|\d{{4}}-\d{{2}}|\d{{1,2}}[-\s]{_MONTH}[-\s,]+\d{{2,4}}"
    rf"|{_MONTH}\s+\d{{1,2}},?\s+\d{{4}})"
    rf"(?:[T\s]+{_CLOCK}\s*(?:[ap]m)?\s*(?:z|utc|gmt|[-+]\d{{2}}:?(?:\d{{2}})?)?)?\s*|\s*\d{{1,2}}:\d{{2}}(?::\d{{2}})?\s*",
    re.IGNORECASE,
)
_PLAIN_ISO = re.compile(r"(?!0000)\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[-+]\d\d:\d\d)?)?")

_DAYS = (
    *("%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%m.%d.%Y", "%d-%m-%Y", "%m-%d-%Y"),
    *(
        "%m/%d/%y",
        "%d/%m/%y",
        "%d.%m.%y",
        "%d-%m-%y",
        "%d-%b-%Y",
        "%d-%b-%y",
        "%d %b %Y",
        "%d %B %Y",
        "%d-%B-%Y",
    ),
    *("%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%a, %d %b %Y", "%A, %d %B %Y", "%a %d %b %Y"),
)
"""Where two formats read a column equally well (no day above 12), the earlier one is taken."""


def looks_dated(texts: NDArray[Any]) -> bool:
    """Whether nine in ten texts have the shape of a date or a time (plain numbers and years have not)."""
    return len(texts) > 0 and sum(1 for t in texts if len(t) < 48 and _LOOKS.fullmatch(t)) >= 0.9 * len(texts)


def find_format(texts: NDArray[Any]) -> tuple[str, float]:
    """Find the format that reads most of the texts; returns it and the share it reads, in 0..1."""
    best, share = ISO, _share(texts, ISO)
    if share >= 0.999:
        return best, share
    for form in (*(day + clock for clock in _clocks(texts) for day in _DAYS), "%H:%M:%S", "%H:%M"):
        this = _share(texts, form)
        if this > share:
            best, share = form, this
        if share == 1.0:
            break
    return best, share


def read(texts: NDArray[Any], form: str) -> NDArray[np.datetime64]:
    """Read texts (None where missing) as naive UTC moments; datetime64[us], NaT where a text is no date."""
    if len(texts) <= 16:
        quick = [_quick(t, form) for t in texts]
        if all(q is not None for q in quick):
            return np.array(quick, dtype="datetime64[us]")
    moments = pd.to_datetime(pd.Series(texts, dtype=object), format=form, errors="coerce", utc=True)
    return moments.dt.tz_localize(None).to_numpy(dtype="datetime64[us]")


def _quick(text: str | None, form: str) -> datetime | np.datetime64 | None:
    """Read one text without pandas (100 times faster); None where only pandas can say what it is."""
    if text is None:
        return np.datetime64("NaT")
    try:
        if form == ISO:
            moment = datetime.fromisoformat(text) if _PLAIN_ISO.fullmatch(text) else None
        else:
            moment = datetime.strptime(text, form) if form != MIXED and "%z" not in form else None
    except ValueError:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment is not None and moment.tzinfo else moment


def _share(texts: NDArray[Any], form: str) -> float:
    return float((~np.isnat(read(texts, form))).mean()) if len(texts) else 0.0


def _clocks(texts: NDArray[Any]) -> list[str]:
    """Formats of the time of day that at least some of the texts end in."""
    endings = {_clock(t) for t in texts[:200]}
    return sorted(endings, key=len)


def _clock(text: str) -> str:
    found = re.search(
        rf"([T\s]+)({_CLOCK})(\s*)([ap]m)?(\s*)(z|utc|gmt|[-+]\d{{2}}:?(?:\d{{2}})?)?\s*$",
        text,
        re.IGNORECASE,
    )
    if not found:
        return ""
    gap, clock, before, half, between, zone = found.groups()
    seconds = ("", ":%S")[clock.count(":") - 1] + (".%f" if "." in clock else "")
    return f"{gap}{'%I' if half else '%H'}:%M{seconds}{before if half else ''}{'%p' if half else ''}" + (
        f"{between if half else before}%z" if zone else ""
    )
