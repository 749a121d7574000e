"""Which rows count: the last plays of each match, and within a cell only those of one environment, which is a block."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from autoglm_arena import cells
from autoglm_arena.book import Row
from autoglm_arena.plan import Match

MACHINE = ("cpu", "cores", "memory_mb", "os", "kernel", "python")  # what is equal in one environment
ABSENT = ("unsupported", "unreachable")  # states that are the same in every environment
NOT_INSTALLED = "not installed"  # settles nothing: the next run tries again
PLAYS = 3  # a disturbed match is played again; after this many the calmest counts

Environment = tuple[object, ...]


@dataclass(frozen=True)
class Choice:
    """What a report compares, and what it does not.

    Parameters
    ----------
    rows
        One per match; all that were played of a cell stem from one environment.
    aside
        Played rows of the same cells in other environments.
    """

    rows: tuple[Row, ...]
    aside: tuple[Row, ...]


def choose(rows: Iterable[Row], matches: Iterable[Match] | None = None) -> Choice:
    """Return the rows that count, in the order of the book.

    Parameters
    ----------
    rows
        Of a book.
    matches
        Of the plan; rows of others are left out.

    Notes
    -----
    Of a cell that was played in several environments the one counts in which most contestants have played it, on ties
    the one that was played last.
    """
    wanted = None if matches is None else set(matches)
    rows = [row for row in rows if wanted is None or key(row) in wanted]
    places = {id(row): i for i, row in enumerate(rows)}
    kept: list[Row] = []
    aside: list[Row] = []
    for group in cells.grouped(rows, place).values():
        blocks = cells.grouped(group, environment_of)
        stands = {env: [standing(plays) for plays in cells.grouped(of, key).values()] for env, of in blocks.items()}
        last = {env: (sum(map(_played, stands[env])), places[id(of[-1])]) for env, of in blocks.items()}
        best = max(last, key=lambda env: last[env])
        absent = {key(row): row for env in stands for row in stands[env] if not _played(row)}
        kept += (absent | {key(row): row for row in stands[best]}).values()
        aside += (row for env in stands if env != best for row in stands[env] if _played(row))
    kept, aside = (sorted(part, key=lambda row: places[id(row)]) for part in (kept, aside))
    return Choice(tuple(kept), tuple(aside))


def _played(row: Row) -> bool:
    return row["state"] in cells.PLAYED


def standing(plays: Sequence[Row]) -> Row:
    """Return the row that counts of the plays of one match in one environment: of the last ones the calmest."""
    calm = [(bool(row.get("disturbed")), row.get("foreign_cpu") or 0.0, -i) for i, row in enumerate(last(plays))]
    return last(plays)[calm.index(min(calm))]


def last(plays: Sequence[Row]) -> list[Row]:
    """Return what was played of a match since it was asked for anew: of one commit, none after it was settled."""
    found: list[Row] = []
    for row in [row for row in plays if row["state"] != NOT_INSTALLED]:
        anew = settled(found) or any(before.get("commit") != row.get("commit") for before in found)
        found = [row] if anew else [*found, row]
    return found or list(plays[-1:])


def settled(plays: Sequence[Row]) -> bool:
    """Whether the plays of a match are enough: one was not disturbed, or there are `PLAYS`."""
    played = [row for row in plays if row["state"] != NOT_INSTALLED]
    return len(played) >= PLAYS or any(not row.get("disturbed") for row in played)


def environment_of(row: Row) -> Environment:
    """Return what must be equal within a cell, in the order of `MACHINE`; empty strings where nothing is written."""
    return of_machine(row.get("machine") or {})


def of_machine(card: Mapping[str, Any]) -> Environment:
    """Return the environment that a machine's card tells of."""
    return tuple(card.get(name, "") for name in MACHINE)


def labels(rows: Iterable[Row]) -> dict[Environment, str]:
    """Name every environment in which rows were played E1, E2 ..., the earliest first."""
    rows = list(rows)
    rows = [row for row in rows if _played(row)] or rows
    found = dict.fromkeys(environment_of(row) for row in sorted(rows, key=lambda row: row.get("time") or ""))
    return {env: f"E{i}" for i, env in enumerate(found, start=1)}


def differing(there: Environment, here: Environment) -> str:
    """Say in what two environments differ, as in ``kernel 6.1 there, 6.2 here``."""
    pairs = zip(MACHINE, there, here, strict=True)
    return ", ".join(f"{name} {a or 'not recorded'} there, {b} here" for name, a, b in pairs if a != b)


def place(row: Row) -> tuple[Any, ...]:
    """Return cell and budget of a row, or of a match's fields: what contestants are compared within."""
    return cells.cell(row), cells.budget(row)


def key(row: Row) -> Match:
    """Return the match that a row tells of."""
    return Match(**{field.name: row[field.name] for field in fields(Match)})
