"""Playing a plan: what the book lacks, a seed at a time; a kill loses the match in hand and nothing else."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path

from autoglm_arena import book, machine
from autoglm_arena.book import Row
from autoglm_arena.contestants import OURS, Contestant
from autoglm_arena.match import NOT_INSTALLED, play
from autoglm_arena.plan import Match

PLAYS = 3  # a disturbed match is played again; after this many the calmest counts


def run(
    matches: list[Match], scripts: dict[str, Contestant], path: Path, tell: Callable[[Row, int, int], None]
) -> None:
    """Play every match that the book at `path` lacks, and write each row at once.

    Parameters
    ----------
    matches
        In the order in which they are played.
    scripts
        Contestant by name.
    path
        The book.
    tell
        Called after each match with its row, how many are settled and how many there are.
    """
    machine.adopt_orphans()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the match that is being played ends too
    commit = our_commit()
    broken: set[str] = set()  # contestants whose install failed in this run: not tried again for every match
    with book.writing(path):
        for seed in sorted({match.seed for match in matches}):
            for _ in range(PLAYS):
                for match in (m for m in matches if m.seed == seed and m.contestant not in broken):
                    commits = commit if match.contestant == OURS else ""
                    if settled(match, book.read(path), commits):
                        continue
                    row = play(match, scripts[match.contestant], commits)
                    book.append(path, row)
                    if row["state"] == NOT_INSTALLED:
                        broken.add(match.contestant)
                    rows = book.read(path)
                    done = sum(settled(m, rows, commit if m.contestant == OURS else "") for m in matches)
                    tell(row, done, len(matches))


def settled(match: Match, rows: list[Row], commit: str) -> bool:
    """Whether the book has an undisturbed row for the match, or enough disturbed ones; "not installed" settles none."""
    played = [r for r in rows if key(r) == match and r["commit"] == commit and r["state"] != NOT_INSTALLED]
    return len(played) >= PLAYS or any(not row.get("disturbed") for row in played)


def key(row: Row) -> Match:
    """Return the match that a row tells of."""
    return Match(**{field.name: row[field.name] for field in fields(Match)})


def counted(rows: list[Row], matches: list[Match] | None = None) -> list[Row]:
    """Return one row per match: the calmest, and of ours only those of the commit played last."""
    wanted = None if matches is None else set(matches)
    rows = [row for row in rows if wanted is None or key(row) in wanted]
    latest = next((row["commit"] for row in reversed(rows) if row["contestant"] == OURS), "")
    chosen: dict[Match, Row] = {}
    for row in sorted(rows, key=lambda r: (bool(r.get("disturbed")), r.get("foreign_cpu") or 0.0), reverse=True):
        if row["contestant"] != OURS or row["commit"] == latest:
            chosen[key(row)] = row
    order = {row["id"]: i for i, row in enumerate(rows)}
    return sorted(chosen.values(), key=lambda row: order[row["id"]])


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
    names = [*asdict(key(first)), "data_hash", "commit", "machine", "state", "rows_train", "rows_test"]
    return {n: (first.get(n), second.get(n)) for n in names if first.get(n) != second.get(n)}
