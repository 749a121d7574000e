"""A page made of chapters, written as HTML and as Markdown by the templates beside this file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import jinja2
from markupsafe import Markup

MISSING = "–"
DIGITS = 3  # significant ones of every measured number


@dataclass(frozen=True)
class Entry:
    """A cell of a table.

    Parameters
    ----------
    text
        What it says.
    right
        Whether it is a number, which stands at the right.
    best, bad
        Whether it is printed bold, or in the colour of failures.
    """

    text: str
    right: bool = False
    best: bool = False
    bad: bool = False


@dataclass(frozen=True)
class Words:
    """A paragraph."""

    text: str
    kind: str = "words"


@dataclass(frozen=True)
class Heading:
    """A heading within a chapter."""

    text: str
    kind: str = "heading"


@dataclass(frozen=True)
class Code:
    """Commands to copy."""

    text: str
    kind: str = "code"


@dataclass(frozen=True)
class Picture:
    """SVG text that this package drew, with a caption; Markdown leaves it out."""

    caption: str
    svg: str
    kind: str = "picture"

    @property
    def markup(self) -> Markup:
        """The drawing, as text that is not escaped again."""
        return Markup(self.svg)


@dataclass(frozen=True)
class Table:
    """Lines under a head; a column of numbers stands at the right."""

    head: tuple[str, ...]
    lines: tuple[tuple[Entry, ...], ...]
    kind: str = "table"


Block = Words | Heading | Code | Picture | Table


@dataclass(frozen=True)
class Chapter:
    """A part of the page; `key` is what links point to."""

    key: str
    title: str
    blocks: tuple[Block, ...]


def table(head: Sequence[str], lines: Iterable[Sequence[Entry | str | float | None]]) -> Table:
    """Return a table; bare numbers get three digits, None a dash."""
    return Table(tuple(head), tuple(tuple(map(_entry, line)) for line in lines))


def _entry(value: Entry | str | float | None) -> Entry:
    if isinstance(value, Entry):
        return value
    return Entry(value) if isinstance(value, str) else Entry(number(value), right=True)


def number(value: float | None) -> str:
    """Write a number with three significant digits, a whole one as it is; a dash for what was not measured."""
    if value is None or not math.isfinite(value):
        return MISSING
    if isinstance(value, int):
        return f"{value:,}"
    value = float(f"{value:.{DIGITS}g}")
    size = abs(value)
    if size >= 1e7 or 0 < size < 1e-4:
        return f"{value:.{DIGITS - 1}e}"
    digits = 0 if size == 0 else max(0, DIGITS - 1 - math.floor(math.log10(size)))
    return f"{value:,.{digits}f}"


def share(value: float | None) -> str:
    """Write a share in percent."""
    return MISSING if value is None or not math.isfinite(value) else f"{100 * value:.1f} %"


def html(title: str, chapters: Sequence[Chapter]) -> str:
    """Return one self-contained HTML page."""
    return _environment(True).get_template("report.html.jinja").render(title=title, chapters=chapters)


def markdown(title: str, chapters: Sequence[Chapter]) -> str:
    """Return the same page as Markdown, without pictures."""
    return _environment(False).get_template("report.md.jinja").render(title=title, chapters=chapters)


@cache
def _environment(escaped: bool) -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("autoglm_arena", "templates"),
        autoescape=escaped,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    found.filters["plain"] = _plain
    return found


def _plain(words: str) -> str:
    """Write words so that Markdown takes them as they are, within a table too."""
    for sign, safe in (("\\", "\\\\"), ("|", "\\|"), ("<", "&lt;"), ("*", "\\*"), ("_", "\\_"), ("`", "\\`")):
        words = words.replace(sign, safe)
    return " ".join(words.split())
