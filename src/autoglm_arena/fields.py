"""What stands in one table: the rows of one track, scenario, budget, processor and number of cores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from autoglm_arena import cells
from autoglm_arena.blocks import Environment, environment_of
from autoglm_arena.book import Row
from autoglm_arena.cells import Comparison

TRACKS = {"raw": "Raw columns", "features": "The same features for everyone"}


@dataclass(frozen=True, eq=False)
class Field:
    """The rows of one track, scenario, budget, processor and number of cores, and what may be compared of them.

    Parameters
    ----------
    title
        Track, scenario and `limits` in words.
    limits
        The budget in words, and processor and cores where a report holds several.
    track, scenario
        As in the plan.
    rows
        All rows, played or not.
    found
        The comparison; None where no cell was played by two contestants.
    labels
        Of all environments of the report.
    """

    title: str
    limits: str
    track: str
    scenario: str
    rows: tuple[Row, ...]
    found: Comparison | None
    labels: Mapping[Environment, str]

    def by_environment(self, rows: Iterable[Row]) -> dict[str, list[Row]]:
        """Return played rows by the label of their environment."""
        found = cells.grouped(rows, lambda row: self.labels[environment_of(row)])
        return {label: found[label] for label in self.labels.values() if label in found}


def fields(rows: Sequence[Row], labels: Mapping[Environment, str]) -> list[Field]:
    """Return the fields of a book: raw columns as they are first, then the features, then imbalanced classes."""
    several = len({cells.hardware(row) for row in rows}) > 1
    groups = cells.grouped(rows, lambda row: (row["scenario"], row["track"], cells.budget(row), cells.hardware(row)))
    order = sorted(groups, key=lambda key: (key[0] != "as is", key[1] != "raw", key[2:]))
    return [
        Field(
            title=f"{TRACKS.get(track, track)}, {scenario} · {limits}",
            limits=limits,
            track=track,
            scenario=scenario,
            rows=tuple(groups[key]),
            found=cells.compare(groups[key]),
            labels=labels,
        )
        for key in order
        for scenario, track, budget, hardware in [key]
        for limits in [_limits(budget, hardware if several else None)]
    ]


def _limits(budget: tuple[float, int, int], hardware: tuple[str, int] | None) -> str:
    """Write a budget, and where it is given the hardware, in words."""
    seconds, threads, memory = budget
    words = f"{seconds:g} s, {threads} threads, {memory:,} MB"
    return words if hardware is None else f"{words} · {hardware[0] or 'unknown processor'}, {hardware[1] or '?'} cores"
