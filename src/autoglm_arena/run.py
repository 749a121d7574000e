"""Playing a plan: what the book lacks, a cell at a time; a kill loses the match in hand and nothing else."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from autoglm_arena import blocks, book, due, machine
from autoglm_arena.blocks import NOT_INSTALLED, PLAYS
from autoglm_arena.book import Row
from autoglm_arena.contestants import OURS, Contestant
from autoglm_arena.due import State
from autoglm_arena.match import play
from autoglm_arena.plan import Match
from autoglm_arena.turns import Late, turn

Tell = Callable[[Row, int, int], None]


@dataclass(frozen=True)
class Summary:
    """What a run has done and where the plan stands.

    Parameters
    ----------
    played
        Matches that this run played.
    settled, matches
        How many matches need no play, of how many.
    whole, cells
        How many cells are finished, of how many.
    late
        Whether the run ended because its time was up.
    """

    played: int
    settled: int
    matches: int
    whole: int
    cells: int
    late: bool


def run(
    matches: Sequence[Match],
    scripts: dict[str, Contestant],
    path: Path,
    tell: Tell,
    *,
    again: Container[str] = (),
    minutes: float = math.inf,
) -> Summary:
    """Play every match that the book at `path` lacks, and write each row at once.

    Parameters
    ----------
    matches
        In the order in which their cells are played.
    scripts
        Contestant by name.
    path
        The book.
    tell
        Called after each match with its row, how many are settled and how many there are.
    again
        What is played though it was played before; see `due.valid`.
    minutes
        After these no match is begun.
    """
    machine.adopt_orphans()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the match that is being played ends too
    until, commit, here = time.monotonic() + 60 * minutes, our_commit(), blocks.of_machine(machine.card())
    broken: set[str] = set()  # contestants whose install failed in this run: not tried again for every match
    with book.writing(path):
        rows = due.valid(book.read(path), again, commit)
        before, late = len(rows), False

        def states() -> list[list[State]]:
            return due.states(matches, rows, here)

        try:
            for match in _missing(states):
                if match.contestant in broken:
                    continue
                with turn(until):
                    row = play(match, scripts[match.contestant], commit if match.contestant == OURS else "")
                book.append(path, row)
                rows.append(row)
                broken |= {match.contestant} if row["state"] == NOT_INSTALLED else set()
                tell(row, sum(state.settled for cell in states() for state in cell), len(matches))
        except Late:
            late = True
    return _summary(states(), len(rows) - before, late)


def _missing(states: Callable[[], list[list[State]]]) -> Iterator[Match]:
    """Yield what is to be played next, one cell after the other; what was disturbed comes again when its cell ends."""
    for i in range(len(states())):
        for _ in range(PLAYS):
            yield from (state.match for state in states()[i] if not state.settled)


def _summary(states: Sequence[Sequence[State]], played: int, late: bool) -> Summary:
    return Summary(
        played=played,
        settled=sum(state.settled for cell in states for state in cell),
        matches=sum(map(len, states)),
        whole=sum(all(state.settled for state in cell) for cell in states),
        cells=len(states),
        late=late,
    )


def our_commit() -> str:
    """Return the commit that changed our system last, marked when the working tree differs from it.

    Later commits that leave ``src/autoglm`` alone settle no match anew.
    """
    root = Path(__file__).parents[2]
    if not (root / "pyproject.toml").exists():
        return "released"
    commit = _git(root, "log", "-1", "--abbrev=10", "--format=%h", "--", "src/autoglm")
    changed = _git(root, "status", "--porcelain", "--", "src/autoglm")
    return (commit or "uncommitted") + "-dirty" * bool(changed)


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def same(first: Row, second: Row) -> dict[str, tuple[object, object]]:
    """Return what differs between two rows of one match, by name; times and loads are left to `replay`."""
    names = [*asdict(blocks.key(first)), "data_hash", "commit", "machine", "state", "rows_train", "rows_test"]
    return {n: (first.get(n), second.get(n)) for n in names if first.get(n) != second.get(n)}
