"""What workers measure of a finished choice of members: what columns and modalities are worth."""

from __future__ import annotations

import time
from typing import Any

from autoglm.core.features import Features
from autoglm.engine.run import Run

WRITING = 0.00015  # seconds that each column takes in the report and the other files, of which the slack has 1.5
LATE = 0.5  # seconds after the budget at which measuring is given up: the rest of the slack is for writing


def longer(seconds: float, features: Features) -> float:
    """Return the seconds, of those of the whole call, that it takes to see what each of several modalities is worth."""
    return min(max(0.06 * seconds, 0.5), 8.0) if len(features.modalities) > 1 else 0.0


def ask(run: Run, asked: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Share the questions out to idle workers and wait for the answers.

    Parameters
    ----------
    asked
        ``members``, ``substitute``, ``columns``, ``modalities`` and ``metric``, as `explainers.permutation` and
        `engine.robustness` take them; the gates are in the run's data.
    seconds
        For all of it.

    Returns
    -------
    dict
        ``drops``: falls of the score by column; ``falls`` and ``examples`` of modalities, where there are several.
    """
    jobs = _jobs(run, asked, max(1, run.pool.idle))
    together = max(1, run.pool.idle)
    share = seconds / -(-len(jobs) // together)
    drops: dict[str, list[float]] = {}
    found: dict[str, Any] = {"drops": drops, "falls": [], "examples": []}
    late = LATE - WRITING * len(asked["columns"])
    end = time.monotonic() + max(0.3, run.budget.left() + late)  # a worker that had to be replaced may not come back
    while time.monotonic() < end and (jobs or any(j["verb"] in ("importance", "robustness") for j in run.pool.busy)):
        while jobs and run.pool.idle:
            run.pool.send(jobs.pop() | {"seconds": share}, time.monotonic() + share * 1.4 + 0.4)
        for answer in run.pool.answers():
            drops |= answer.reply.get("drops", {})
            found |= {name: answer.reply[name] for name in ("falls", "examples") if name in answer.reply}
    return found


def _jobs(run: Run, asked: dict[str, Any], workers: int) -> list[dict[str, Any]]:
    """One question about modalities, where there are several, and the columns in as many parts as workers are left."""
    about = {"data": str(run.journal.data), "seed": run.race.seed.value, **asked}
    several = len(asked["modalities"]) > 1
    parts = max(1, workers - several)
    jobs = [about | {"verb": "importance", "columns": asked["columns"][part::parts]} for part in range(parts)]
    gates = str(run.journal.data / "gates")
    return [*jobs, about | {"verb": "robustness", "gates": gates}] if several else jobs
