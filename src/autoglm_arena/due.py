"""What a plan still wants: cell by cell, each played in one environment, finished before the next is begun."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from autoglm_arena import blocks, cells
from autoglm_arena.blocks import Environment
from autoglm_arena.book import Row
from autoglm_arena.contestants import OURS
from autoglm_arena.plan import Match

OURS_AGAIN, FAILED_AGAIN = "ours", "failed"


@dataclass(frozen=True)
class State:
    """What is to be done about a match: nothing where it is settled; `why` explains what is not plain."""

    match: Match
    settled: bool
    why: str = ""


def valid(rows: Sequence[Row], again: Container[str], commit: str) -> list[Row]:
    """Return the rows that settle matches.

    Parameters
    ----------
    rows
        Of the book.
    again
        ``"ours"``: rows of our contestant count only at the present commit; ``"failed"``: failed ones, and those of
        what could not be installed, do not count.
    commit
        The present one of our system.
    """
    if OURS_AGAIN in again:
        rows = [row for row in rows if row["contestant"] != OURS or row["commit"] == commit]
    if FAILED_AGAIN in again:
        rows = [row for row in rows if row["state"] not in ("failed", blocks.NOT_INSTALLED)]
    return list(rows)


def states(matches: Sequence[Match], rows: Sequence[Row], here: Environment) -> list[list[State]]:
    """Return cell by cell, in the order in which the cells are first named, what is to be done about their matches.

    Parameters
    ----------
    matches
        Of the plan.
    rows
        That settle matches; see `valid`.
    here
        The present environment.

    Notes
    -----
    A cell that was finished in one environment is left alone. Any other is played to its end here, and nothing that
    was played of it elsewhere counts. Elsewhere a disturbed match and a failed install settle too: there nothing can be
    played again, and here it would cost the whole cell.
    """
    played = cells.grouped(rows, blocks.place)
    by_cell = cells.grouped(matches, lambda match: blocks.place(vars(match)))
    return [_states(group, played.get(place, []), here) for place, group in by_cell.items()]


def _states(matches: Sequence[Match], rows: Sequence[Row], here: Environment) -> list[State]:
    """Return what is to be done about the matches of one cell, from its rows."""
    plays = cells.grouped(rows, blocks.key)
    found = [row for match in matches for row in plays.get(match, [])]
    there = dict.fromkeys(blocks.environment_of(row) for row in found if row["state"] in cells.PLAYED)
    there.pop(here, None)
    for other in there:
        if all(_settled(plays.get(match, []), other, elsewhere=True) for match in matches):
            return [State(match, True, f"in another environment: {blocks.differing(other, here)}") for match in matches]
    begun = "; ".join(blocks.differing(other, here) for other in there)
    why = f"the whole cell anew, it was begun in another environment: {begun}" if begun else ""
    done = [_settled(plays.get(match, []), here) for match in matches]
    return [State(match, ok, "" if ok else why) for match, ok in zip(matches, done, strict=True)]


def _settled(plays: Sequence[Row], where: Environment, elsewhere: bool = False) -> bool:
    """Whether a match with these plays needs no other in an environment; elsewhere any row is enough."""
    inside = [row for row in plays if blocks.environment_of(row) == where or row["state"] in blocks.ABSENT]
    return bool(inside) if elsewhere else blocks.settled(blocks.last(inside))
