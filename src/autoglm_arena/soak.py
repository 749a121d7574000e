"""Endurance: a fitted contestant answers for hours; faults and the drift of memory and latency are counted."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm_arena import data, machine, match, venvs, watch
from autoglm_arena.contestants import Contestant
from autoglm_arena.errors import ArenaError
from autoglm_arena.plan import Match

READINGS = 60  # of latency and memory over the whole time
WORDS = 400  # characters of the last ones


@dataclass(frozen=True)
class Endurance:
    """What hours of answering showed.

    Parameters
    ----------
    contestant, data
        Who answered on what.
    hours
        How long it answered.
    calls, faults
        Calls, and those that failed or gave another answer than the first time for the same row.
    last_fault
        What the last fault said.
    seconds, latency_ms, memory_mb
        Readings, shape (n,) each: when, the median latency since the reading before, the memory of all processes.
    """

    contestant: str
    data: str
    hours: float
    calls: int
    faults: int
    last_fault: str
    seconds: list[float]
    latency_ms: list[float]
    memory_mb: list[float]

    @property
    def latency_drift(self) -> float:
        """Relative change of the latency from the first fifth of the time to the last."""
        return _drift(np.array(self.latency_ms))

    @property
    def memory_drift(self) -> float:
        """The same for the memory."""
        return _drift(np.array(self.memory_mb))


def _drift(values: NDArray[np.float64]) -> float:
    fifth = max(1, len(values) // 5)
    if not len(values):
        return 0.0
    first, last = np.median(values[:fifth]), np.median(values[-fifth:])
    return float(last / first - 1) if first else 0.0


def soak(game: Match, contestant: Contestant, hours: float, tell: Callable[[dict[str, Any]], None]) -> Endurance:
    """Fit once, then ask for single rows until the time is up.

    Raises
    ------
    ArenaError
        The contestant could not be installed or fitted, it died while answering, or it fell silent.
    """
    machine.adopt_orphans()
    found = data.get(game.data, features=game.track == "features")
    train, test = match.rows_of(game, found)
    with tempfile.TemporaryDirectory(prefix="soak-") as place:
        folder = Path(place)
        job = match.job(game, found, folder, train, test) | {"soak_seconds": hours * 3600}
        (folder / "job.json").write_text(json.dumps(job))
        process = subprocess.Popen(
            [venvs.get(contestant.script).python, "-P", contestant.script, folder / "job.json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=watch.environment(game.threads, folder) | match.lobby(),
            start_new_session=True,
        )
        try:
            return _listen(process, folder / "soak.jsonl", game, hours, tell)
        finally:
            machine.end_all()


def _listen(
    process: subprocess.Popen[bytes], diary: Path, game: Match, hours: float, tell: Callable[[dict[str, Any]], None]
) -> Endurance:
    """Take the readings that the contestant's process writes, and add the memory of all its processes."""
    assert process.stdout is not None
    words = watch.Tail(process.stdout)
    said: list[dict[str, Any]] = []
    memory: list[float] = []
    ended, heard = False, time.monotonic()
    while not ended:
        patience = hours * 3600 / READINGS + match.GRACE + 2 * game.seconds * (not said)
        if time.monotonic() - heard > patience:
            machine.end_all()
            after = f"was silent for {patience:.0f} s after {len(said)} readings"
            raise ArenaError(f"{game.contestant} {after}: {words.text()[-WORDS:]}")
        ended = process.poll() is not None
        lines = diary.read_text(encoding="utf-8").splitlines() if diary.exists() else []
        for line in lines[len(said) :]:
            said.append(json.loads(line))
            heard = time.monotonic()
            memory.append(sum(machine.descendants().values()) / 2**20)
            tell(said[-1] | {"memory_mb": round(memory[-1], 1)})
        time.sleep(0.2)
    if process.returncode:
        machine.end_all()
        died = f"died after {len(said)} readings with {process.returncode}"
        raise ArenaError(f"{game.contestant} {died}: {words.text()[-WORDS:]}")
    if not said:
        raise ArenaError(f"{game.contestant} was never ready to answer")
    return Endurance(
        contestant=game.contestant,
        data=game.data,
        hours=hours,
        calls=sum(s["calls"] for s in said),
        faults=sum(s["faults"] for s in said),
        last_fault=next((s["last_fault"] for s in reversed(said) if s["last_fault"]), ""),
        seconds=[s["seconds"] for s in said],
        latency_ms=[s["latency_ms"] for s in said],
        memory_mb=memory,
    )
