"""Checks before fitting: what in the data may make a score worse than it could be, or better than it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from autoglm.checks import inputs, targets
from autoglm.checks.finding import SEVERITIES, Data, Finding, Severity
from autoglm.checks.leakage import leakage
from autoglm.checks.rows import duplicates, overlap
from autoglm.core.columns import Column
from autoglm.core.task import Task

__all__ = ["SEVERITIES", "Finding", "Severity", "findings", "overlap"]

CHECKS: tuple[Callable[[Data], list[Finding]], ...] = (
    leakage,
    duplicates,
    inputs.dates,
    inputs.groups,
    inputs.identifiers,
    inputs.missing,
    inputs.repairs,
    inputs.shape,
    targets.classes,
    targets.values,
    targets.unlabelled,
)


def findings(
    columns: Sequence[Column],
    kinds: Mapping[str, str],
    target: NDArray[Any],
    task: Task,
    groups: NDArray[Any] | None = None,
    time: NDArray[Any] | None = None,
    dropped_rows: int = 0,
) -> list[Finding]:
    """Run every check, the most serious findings first.

    Large tables are sampled: 5,000 rows for leakage, 100,000 for duplicates.

    Parameters
    ----------
    columns
        All columns of the input but the target, of the rows that have a target.
    kinds
        Kind of each column by its name.
    target
        Class codes (int) or values (float), shape (n_rows,).
    task
        The task.
    groups, time
        What the caller gave to keep rows together or in order, shape (n_rows,), or None.
    dropped_rows
        Rows that were left out because they have no target.
    """
    data = Data(tuple(columns), kinds, target, task, groups, time, dropped_rows)
    found = [finding for check in CHECKS for finding in check(data)]
    return sorted(found, key=lambda f: SEVERITIES.index(f.severity))
