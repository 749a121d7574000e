"""Which rows of the book may be compared: a cell is (data, track, scenario, seed), and who compares has played it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from autoglm_arena.book import Row

Array = NDArray[np.float64]
Thing = TypeVar("Thing")
Cell = tuple[str, str, str, int]

PLAYED = ("ok", "failed")  # the states of rows that compare
CROWDED = 1.0  # busy cores when a match started, above which its row is marked
FEWEST = 0.5  # share of the cells that a contestant must have played to be compared unless it is asked for


@dataclass(frozen=True, eq=False)
class Comparison:
    """Contestants on the cells that all of them have played, averaged over seeds.

    Parameters
    ----------
    contestants, data
        Names, in the order of the axes of `errors`.
    errors
        Mean error, shape (n_data, n_contestants); a failed match counts as the constant answer.
    constants
        Mean error of the constant answer, shape (n_data,).
    rows
        The rows behind it.
    left_out
        Contestant → how many of the cells it has played, of those that are not compared.
    cells, cells_left_out
        How many cells are compared and how many are not, because somebody has not played them.
    """

    contestants: tuple[str, ...]
    data: tuple[str, ...]
    errors: Array
    constants: Array
    rows: tuple[Row, ...]
    left_out: dict[str, int]
    cells: int
    cells_left_out: int

    def of(self, contestant: str) -> list[Row]:
        """Return the rows of one contestant."""
        return [row for row in self.rows if row["contestant"] == contestant]


@dataclass(frozen=True)
class Defeat:
    """A cell in which a contestant was beaten; `gap` is the share of its error by which the winner is better."""

    cell: Cell
    winner: str
    error: float
    winner_error: float
    gap: float
    failed: bool
    row: Row


def cell(row: Row) -> Cell:
    """Return the cell of a row."""
    return row["data"], row["track"], row["scenario"], row["seed"]


def budget(row: Row) -> tuple[float, int, int]:
    """Return the seconds, threads and memory in MB of a row."""
    return row["seconds"], row["threads"], row["memory_mb"]


def grouped(rows: Iterable[Thing], by: Callable[[Thing], Any]) -> dict[Any, list[Thing]]:
    """Return rows, or anything else, by a key, in order of appearance."""
    groups: dict[Any, list[Thing]] = defaultdict(list)
    for row in rows:
        groups[by(row)].append(row)
    return dict(groups)


def count(rows: Iterable[Row]) -> int:
    """Return how many cells rows are from, of each budget."""
    return len({(cell(row), budget(row)) for row in rows})


def marked(row: Row) -> bool:
    """Whether others used the machine before or during the match, so that its times are doubtful."""
    return bool(row.get("disturbed")) or (row.get("load_before") or 0.0) > CROWDED


def failed(row: Row) -> bool:
    """Whether a match that was played gave no error."""
    return row["state"] == "failed" or row.get("error") is None


def imputed(row: Row, peers: Iterable[Row]) -> float:
    """Return the error of a played row: where it failed, that of a constant answer, known from any row of its cell."""
    if not failed(row):
        return float(row["error"])
    known = [r["constant_error"] for r in [row, *peers] if r.get("constant_error") is not None]
    return float(known[0]) if known else max((r["error"] for r in peers if not failed(r)), default=math.nan)


def hardware(row: Row) -> tuple[str, int]:
    """Return processor and cores of a row: times on two of them are not compared."""
    card = row.get("machine") or {}
    return str(card.get("cpu") or ""), int(card.get("cores") or 0)


def mixed(rows: Sequence[Row]) -> list[str]:
    """Name every data set (per track) whose rows differ between matches, with both hashes; empty when none does."""
    found = []
    for (data, track), group in grouped(rows, lambda row: (row["data"], row["track"])).items():
        found += _differing(f"rows of {data} ({track})", (row.get("data_hash") for row in group))
    return found


def _differing(name: str, values: Iterable[object]) -> list[str]:
    found = dict.fromkeys(str(value) for value in values if value not in (None, ""))
    return [f"{name}: {', '.join(found)}"] if len(found) > 1 else []


def compare(rows: Sequence[Row], contestants: Sequence[str] | None = None) -> Comparison | None:
    """Compare contestants on the cells that all of them have played; None when there is none, or only one contestant.

    Parameters
    ----------
    rows
        Of one track, scenario and budget.
    contestants
        Who is compared; by default who has played at least half of the cells.
    """
    cells = {key: _by_name(group) for key, group in grouped(rows, cell).items()}
    cells = {key: group for key, group in cells.items() if group}
    counts = {name: sum(name in group for group in cells.values()) for group in cells.values() for name in group}
    names = sorted(counts) if contestants is None else list(contestants)
    if contestants is None:
        names = [name for name in names if counts[name] >= FEWEST * len(cells)]
    shared = {key: [group[n] for n in names] for key, group in cells.items() if all(n in group for n in names)}
    errors: dict[str, list[list[float]]] = defaultdict(list)
    for (data, *_), group in shared.items():
        constant = next((r["constant_error"] for r in group if r.get("constant_error") is not None), math.nan)
        errors[data].append([*(imputed(row, group) for row in group), constant])
    if len(names) < 2 or not errors:
        return None
    means = np.array([np.mean(values, axis=0) for values in errors.values()])
    return Comparison(
        contestants=tuple(names),
        data=tuple(errors),
        errors=means[:, :-1],
        constants=means[:, -1],
        rows=tuple(row for group in shared.values() for row in group),
        left_out={name: count for name, count in counts.items() if name not in names},
        cells=len(shared),
        cells_left_out=len(cells) - len(shared),
    )


def _by_name(rows: Sequence[Row]) -> dict[str, Row]:
    """Return the rows of a cell that compare, by contestant."""
    return {row["contestant"]: row for row in rows if row["state"] in PLAYED and math.isfinite(imputed(row, rows))}


def defeats(rows: Sequence[Row], ours: str) -> list[Defeat]:
    """Return every cell in which somebody has a smaller error than `ours` within the same budget, the worst first."""
    found = []
    for (key, _), group in grouped(rows, lambda row: (cell(row), budget(row))).items():
        played = _by_name(group)
        if ours not in played:
            continue
        errors = {name: imputed(row, group) for name, row in played.items()}
        winner = min(errors, key=lambda name: errors[name])
        if errors[winner] < errors[ours]:
            gap = 1 - errors[winner] / errors[ours]
            row = played[ours]
            found.append(Defeat(key, winner, errors[ours], errors[winner], gap, failed(row), row))
    return sorted(found, key=lambda defeat: -defeat.gap)
