"""One match: split the rows, let the contestant play in processes of its own, score what it answers."""

from __future__ import annotations

import json
import os
import tempfile
import time
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from autoglm_arena import data, machine, measures, venvs, watch
from autoglm_arena.blocks import ABSENT, NOT_INSTALLED
from autoglm_arena.book import Row
from autoglm_arena.contestants import Contestant
from autoglm_arena.errors import ArenaError
from autoglm_arena.home import home
from autoglm_arena.plan import Match

GRACE = 60.0  # seconds beyond twice the budget for starting, answering and the measuring of latency
QUIET = 0.3  # cores that others may use when a match starts
PATIENCE = 30.0  # seconds to wait for that
DISTURBED = 0.05  # share of the cores that others may use during a match
CALM = 1.0  # CPU seconds that others may use in any match: the kernel's own share of a short one
FILES = ("image", "audio")  # modalities whose rows name files
UNSUPPORTED, UNREACHABLE = ABSENT


def play(match: Match, contestant: Contestant, commit: str = "") -> Row:
    """Play a match and return its row; whatever the contestant does, there is one."""
    row: Row = {"id": match.id, **asdict(match), "commit": commit, "time": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
    row |= {"machine": machine.card(), "fold": ""}
    if contestant.unreachable:
        return row | _absent(UNREACHABLE, contestant.unreachable)
    try:
        found = data.get(match.data, features=match.track == "features")
    except ArenaError as problem:
        return row | _absent(UNSUPPORTED, str(problem))
    card = found.card
    row |= {key: card.get(key, "") for key in ("list", "modality", "task", "domain")} | {
        "own_metric": card.get("metric")
    }
    row |= {"metric": data.METRICS[card["task"]], "miniature": bool(card.get("miniature")), "data_hash": found.hash}
    if match.track == "raw" and card["modality"] not in contestant.reads:
        return row | _absent(UNSUPPORTED, f"reads {', '.join(contestant.reads)}; the data hold {card['modality']}")
    try:
        venv = venvs.get(contestant.script)
    except ArenaError as problem:
        return row | _absent(NOT_INSTALLED, str(problem))
    row |= {"install_mb": venv.mb, "install_seconds": round(venv.seconds, 1)}
    row["environment"] = {"lock": venv.lock, "packages": len(venv.versions), "versions": _required(contestant, venv)}
    try:
        train, test = rows_of(match, found)
        learned, asked = train[card["target"]], test[card["target"]]
        row["constant_error"] = measures.constant_error(learned, asked, card["task"], row["metric"])
    except (ArenaError, ValueError) as problem:
        return row | _absent(UNSUPPORTED, str(problem))
    return row | _played(match, contestant, venv, found, train, test)


def rows_of(match: Match, found: data.Data) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows to learn from and to test on, the same for every contestant.

    Raises
    ------
    ArenaError, ValueError
        They cannot be split, or the training rows have none of the classes that are tested.
    """
    rows = found.rows()
    if found.card["task"] != "regression":
        rows[found.card["target"]] = rows[found.card["target"]].astype(str)
    if match.scenario == "imbalanced":
        rows = data.imbalanced(rows, found.card, match.seed)
    train, test = data.split(rows, found.card, match.seed)
    if found.card["task"] != "regression" and not test[found.card["target"]].isin(train[found.card["target"]]).any():
        raise ArenaError("no class of the test rows is among the training rows")
    return train, test


def _absent(state: str, why: str) -> Row:
    """What a row says of a match that was not played."""
    return {"state": state, "exit": "", "last_words": why, "score": None, "error": None}


def _required(contestant: Contestant, venv: venvs.Venv) -> dict[str, str]:
    """Return the versions of what the script's header names."""
    wanted = {
        need.split("[")[0].split("=")[0].split(">")[0].strip().lower() for need in venvs.dependencies(contestant.script)
    }
    return {name: version for name, version in venv.versions.items() if name in wanted}


def _played(
    match: Match, contestant: Contestant, venv: venvs.Venv, found: data.Data, train: pd.DataFrame, test: pd.DataFrame
) -> Row:
    """Let the contestant play; it never sees the targets of the test rows."""
    task, target = found.card["task"], found.card["target"]
    groups = test[by] if (by := found.card.get("by")) else None
    if by:
        train, test = train.drop(columns=by), test.drop(columns=by)
    row: Row = {"rows_train": len(train), "rows_test": len(test), "features": train.shape[1] - 1}
    with tempfile.TemporaryDirectory(prefix="match-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        (folder / "job.json").write_text(json.dumps(job(match, found, folder, train, test)))
        row["load_before"] = _quiet()
        seen = watch.run(
            [venv.python, "-P", contestant.script, folder / "job.json"],
            folder,
            seconds=2 * match.seconds + GRACE,
            memory_mb=match.memory_mb,
            threads=match.threads,
            extra=lobby(),
        )
        row |= asdict(seen) | {"load_after": round(machine.load(0.5), 2)}
        row["disturbed"] = seen.foreign_cpu > max(CALM, DISTURBED * match.threads * seen.wall)
        return row | _scored(match, folder / "out.parquet", test[target], task, groups, row)


def job(match: Match, found: data.Data, folder: Path, train: pd.DataFrame, test: pd.DataFrame) -> dict[str, Any]:
    """Write the rows that a contestant gets into a folder, and return what it is told; test rows have no target.

    The data set's own folder holds the targets too, so only who needs its images or sounds is told where it is.
    """
    (folder / "work").mkdir()
    (folder / "media").mkdir()
    files = match.track == "raw" and found.card["modality"] in FILES
    train.to_parquet(folder / "train.parquet")
    test.drop(columns=found.card["target"]).to_parquet(folder / "test.parquet")
    return {
        "train": str(folder / "train.parquet"),
        "test": str(folder / "test.parquet"),
        "out": str(folder / "out.parquet"),
        "folder": str(folder / "work"),
        "media": str(found.card.get("folder", folder / "media") if files else folder / "media"),
        "target": found.card["target"],
        "task": found.card["task"],
        "metric": data.METRICS[found.card["task"]],
        **{key: getattr(match, key) for key in ("seconds", "threads", "memory_mb", "seed")},
    }


def lobby() -> dict[str, str]:
    """The path on which a contestant's script finds `job.py`, and nothing else of the arena."""
    folder = str(Path(__file__).parent / "lobby")
    return {"PYTHONPATH": os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))}


def _quiet() -> float:
    """Wait for a quiet machine and return how many cores are busy when the match starts."""
    until = time.monotonic() + PATIENCE
    while (busy := machine.load()) > QUIET and time.monotonic() < until:
        pass
    return round(busy, 2)


def _scored(match: Match, out: Path, truth: pd.Series[Any], task: str, groups: pd.Series[Any] | None, row: Row) -> Row:
    """Score the answers, of each group of rows too where there are groups, and keep them; a failure is a row too."""
    failed = {"state": "failed", "score": None, "error": None, "fit_seconds": None}
    report, metric = out.with_suffix(".json"), data.METRICS[task]
    if not report.exists():
        return failed if row["exit"] != "ok" else failed | {"exit": "no answers"}
    said: Row = json.loads(report.read_text(encoding="utf-8"))
    said["overrun"] = round(max(0.0, said["fit_seconds"] - match.seconds), 2)
    try:
        answers = pd.read_parquet(out)
        found = measures.measures(answers, truth, task)
        by = {} if groups is None else {"by": _by(answers, truth, groups, task)}
    except (ValueError, KeyError, OSError) as problem:
        return failed | said | {"exit": "unusable answers", "last_words": str(problem)}
    said["answers"] = _keep(answers.assign(truth=truth.to_numpy()), match)
    late = {} if row["exit"] == "ok" else {"exit": f"answered, then {row['exit']}"}
    scores = {"score": found[metric], "error": measures.error(found[metric], metric), "measures": found}
    return said | {"state": "ok"} | scores | by | late


def _by(answers: pd.DataFrame, truth: pd.Series[Any], groups: pd.Series[Any], task: str) -> dict[str, dict[str, float]]:
    """Measure every group of rows by itself."""
    found = {}
    for name in sorted(groups.unique()):
        inside = (groups == name).to_numpy()
        found[str(name)] = measures.measures(answers[inside], truth[inside], task)
    return found


def _keep(answers: pd.DataFrame, match: Match) -> str:
    """Store answers and truth, so that every measure can be computed again; return the file's name, its row's own."""
    folder = home("predictions")
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{match.contestant}-{match.id}-{uuid.uuid4().hex[:8]}.parquet"
    aside = folder / f".{name}"
    answers.to_parquet(aside)
    os.replace(aside, folder / name)
    return name
