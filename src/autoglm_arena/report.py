"""The report of what was played: one HTML page that needs nothing else, and the same as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autoglm_arena import blocks, cells, chapters, facts, fields, page
from autoglm_arena.blocks import Choice
from autoglm_arena.book import Row
from autoglm_arena.errors import ArenaError
from autoglm_arena.page import Chapter


@dataclass(frozen=True)
class Report:
    """What is written: ``html`` is a whole page, ``markdown`` the same without pictures."""

    html: str
    markdown: str


def report(choice: Choice, *, ours: str, title: str) -> Report:
    """Write the report of a book.

    Parameters
    ----------
    choice
        The rows that count, and those set aside, as `blocks.choose` returns them.
    ours
        The contestant whose defeats come first.
    title
        Of the page.

    Raises
    ------
    ArenaError
        There are no rows, or matches of one budget on one data set had different rows of it.
    """
    rows = choice.rows
    if not rows:
        raise ArenaError("the book has no row of this plan: play first (arena run PLAN)")
    refuse_mixed(rows)
    found = fields.fields(rows, blocks.labels([*rows, *choice.aside]))
    every: list[Chapter | None] = [
        facts.environment(choice, ours),
        chapters.defeats(rows, ours),
        chapters.league(found, ours),
        chapters.data(found),
        chapters.pictures(found, ours),
        chapters.classes(found),
        chapters.domains(found),
        facts.efficiency(found),
        facts.failures(rows),
        facts.miniatures(rows),
        facts.reproduce(rows, ours),
    ]
    written = [chapter for chapter in every if chapter is not None]
    return Report(html=page.html(title, written), markdown=page.markdown(title, written))


def refuse_mixed(rows: Sequence[Row]) -> None:
    """Refuse matches that were played on different rows of one data set, as on a miniature and on the real one.

    Raises
    ------
    ArenaError
        It names every such data set with what was found.
    """
    differing = [said for group in cells.grouped(rows, cells.budget).values() for said in cells.mixed(group)]
    if differing:
        raise ArenaError(
            f"matches on different rows are not compared: {'; '.join(dict.fromkeys(differing))}; "
            "report each kind from a book of its own"
        )
