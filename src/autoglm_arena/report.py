"""The report of what was played: one HTML page that needs nothing else, and the same as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autoglm_arena import cells, chapters, facts, page
from autoglm_arena.book import Row
from autoglm_arena.errors import ArenaError
from autoglm_arena.page import Chapter


@dataclass(frozen=True)
class Report:
    """What is written: ``html`` is a whole page, ``markdown`` the same without pictures."""

    html: str
    markdown: str


def report(rows: Sequence[Row], *, ours: str, title: str) -> Report:
    """Write the report of a book.

    Parameters
    ----------
    rows
        One per match, as `run.counted` returns them.
    ours
        The contestant whose defeats come first.
    title
        Of the page.

    Raises
    ------
    ArenaError
        There are no rows, or rows of one budget differ in the machine, the data or a contestant's environment.
    """
    if not rows:
        raise ArenaError("the book has no row of this plan: play first (arena run PLAN)")
    refuse_mixed(rows)
    fields = chapters.fields(rows)
    every: list[Chapter | None] = [
        facts.environment(rows, ours),
        chapters.defeats(rows, ours),
        chapters.league(fields, ours),
        chapters.data(fields),
        chapters.pictures(fields, ours),
        chapters.classes(fields),
        chapters.domains(fields),
        facts.efficiency(fields),
        facts.failures(rows),
        facts.miniatures(rows),
        facts.reproduce(rows, ours),
    ]
    found = [chapter for chapter in every if chapter is not None]
    return Report(html=page.html(title, found), markdown=page.markdown(title, found))


def refuse_mixed(rows: Sequence[Row]) -> None:
    """Refuse rows that may not be compared; budgets may differ, because every table is of one budget.

    Raises
    ------
    ArenaError
        It names every controlled variable that differs, with what was found.
    """
    differing = [said for group in cells.grouped(rows, cells.budget).values() for said in cells.mixed(group)]
    if differing:
        raise ArenaError(
            f"rows that differ in a controlled variable are not compared: {'; '.join(dict.fromkeys(differing))}; "
            "report each kind from a book of its own"
        )
