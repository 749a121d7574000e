"""One match played again and held against its row."""

from __future__ import annotations

from statistics import stdev

from autoglm_arena.blocks import key
from autoglm_arena.book import Row
from autoglm_arena.contestants import Contestant
from autoglm_arena.match import play
from autoglm_arena.run import our_commit, same
from autoglm_arena.turns import turn

NOISE = 0.03  # relative difference of error that a time budget on a shared machine explains; see the report's stability


def replay(rows: list[Row], contestant: Contestant) -> str:
    """Play the match of `rows` (all the book has of it) again; return what is equal and what is not, for people."""
    old = rows[-1]
    with turn():
        new = play(key(old), contestant, our_commit() if old["commit"] else "")
    lines = [f"{'':16} {'book':>12} {'again':>12}"]
    for name in ("state", "score", "error", "fit_seconds", "wall", "cpu_seconds", "peak_mb"):
        lines.append(f"{name:16} {_short(old.get(name)):>12} {_short(new.get(name)):>12}")
    for name, (before, after) in same(old, new).items():
        lines.append(f"differs: {name}: {before} before, {after} now")
    if old.get("environment") != new.get("environment"):
        lines.append("differs: the versions of installed packages")
    lines.append(_verdict(rows, new))
    return "\n".join(lines)


def _verdict(rows: list[Row], new: Row) -> str:
    """Whether the error is the book's, within the spread of the book's own plays of this match or `NOISE`."""
    errors = [row["error"] for row in rows if row.get("error") is not None]
    if not errors or new.get("error") is None:
        return "no errors to compare"
    gap = abs(new["error"] - errors[-1])
    noise = max(NOISE * abs(errors[-1]), 2 * stdev(errors) if len(errors) > 2 else 0.0)
    return (
        f"difference of error {gap:.4g}, noise {noise:.4g}: {'equal within the noise' if gap <= noise else 'NOT equal'}"
    )


def _short(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
