"""A worker process: reads jobs as JSON lines, fits, keeps the fit in the journal, answers with one JSON line.

Run as ``python -m autoglm.engine.worker``. It never imports the caller's script, and nothing but JSON and
files crosses the border, so it can be killed at any moment.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
import traceback
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm.core.features import Features
from autoglm.core.files import plain, read_json, write_array, write_json
from autoglm.core.memory import give_back
from autoglm.core.seed import Seed
from autoglm.core.shelf import plugin
from autoglm.core.task import Task
from autoglm.engine.journal import Candidate, commit
from autoglm.engine.splits import Splits
from autoglm.learners import Limits, Sample

PROBE_ROWS, PROBE_CELLS = 2000, 200_000  # on which the time of a prediction is measured


@dataclass(frozen=True)
class Data:
    """A run's data, mapped into memory."""

    features: Features
    target: NDArray[Any]
    splits: Splits
    task: Task


@lru_cache(maxsize=1)
def data(folder: str) -> Data:
    """Map the data that `Journal.put` wrote."""
    place = Path(folder)
    about = read_json(place / "task.json")
    task = Task(about["kind"], about["target"], tuple(about["classes"]))
    groups = np.load(place / "groups.npy") if about["grouped"] else None
    splits = Splits(np.load(place / "parts.npy"), about["count"], about["ordered"], "", groups)
    return Data(Features.load(place), np.load(place / "target.npy"), splits, task)


def fit(job: dict[str, Any]) -> dict[str, Any]:
    """Fit one candidate on one fold and keep the result."""
    run, candidate, place = data(job["data"]), Candidate(**job["candidate"]), Path(job["place"])
    learner = plugin("learners", candidate.learner).Learner(**candidate.settings)
    started = time.monotonic()
    train, judging = run.splits.rows(job["repeat"], job["fold"])
    seed = Seed(job["seed"]).child(candidate.name, job["repeat"], job["fold"])
    if candidate.rows:
        train = seed.child("sample").sample(train, candidate.rows)
    limits = Limits(job["seconds"] or float("inf"), job["threads"], seed, job["loss"], started)
    whole = Sample(run.features, run.target, run.splits.groups)
    held = whole.take(judging)
    model = learner.fit(whole.take(train), held, run.task, limits)
    fitted = time.monotonic()
    margins = model.predict(held.features, job["threads"])
    if not np.isfinite(margins).all():
        raise ValueError(f"{int((~np.isfinite(margins)).sum())} margins are not finite")
    aside = place.with_name(f".{place.name}.{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    model.save(aside)
    write_array(aside / "oof.npy", margins.astype(np.float32))
    if (judged := getattr(model, "judged", None)) is not None:
        write_array(aside / "judged.npy", judged.astype(np.float32))
    record = {
        "candidate": {"learner": candidate.learner, "settings": candidate.settings, "rows": candidate.rows},
        "seconds": time.monotonic() - started,
        "microseconds": _microseconds(model, held.features),
        "elapsed": job["elapsed"] + time.monotonic() - started,
        "train_rows": len(train),
    }
    write_json(aside / "fit.json", record)
    commit(aside, place)
    return {"seconds": time.monotonic() - started, "fit": fitted - started}


def _microseconds(model: Any, features: Features) -> float:
    """Time one row among many; wide rows are timed on fewer."""
    count = min(PROBE_ROWS, max(50, PROBE_CELLS // max(1, features.dense.shape[1])))
    batch = features.take(np.resize(np.arange(len(features)), count))
    started = time.perf_counter()
    model.predict(batch, 1)
    return float((time.perf_counter() - started) / count * 1e6)


def importance(job: dict[str, Any]) -> dict[str, Any]:
    """Measure how much worse fold models answer when a column is shuffled; see `explainers.permutation`."""
    from autoglm.explainers import permutation

    return permutation.job(data(job["data"]), job)


def robustness(job: dict[str, Any]) -> dict[str, Any]:
    """Measure the score without each modality, and with noise in its place; see `engine.robustness`."""
    from autoglm.engine import robustness

    return robustness.job(data(job["data"]), job)


def ask(job: dict[str, Any]) -> dict[str, Any]:
    """Let the sampler draw the next candidates; every earlier one is told to it first."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = plugin("samplers", job["sampler"]).sampler(Seed(job["seed"]).child("search", job["number"]))
    study = optuna.create_study(sampler=sampler)
    learners = {name: plugin("learners", name).Learner for name in job["learners"]}
    for trial in job["trials"]:
        if trial["learner"] in learners and np.isfinite(trial["error"]):
            study.enqueue_trial({"learner": trial["learner"]} | _prefixed(trial))
            study.tell(_drawn(study, learners)[0], trial["error"])
    drawn = [_drawn(study, learners) for _ in range(job["count"])]
    return {"candidates": [{"learner": type(x).name, "settings": asdict(x)} for _, x in drawn]}


def _prefixed(trial: dict[str, Any]) -> dict[str, Any]:
    return {f"{trial['learner']}.{key}": value for key, value in trial["settings"].items()}


def _drawn(study: Any, learners: dict[str, Any]) -> tuple[Any, Any]:
    trial = study.ask()
    name = trial.suggest_categorical("learner", sorted(learners))
    return trial, learners[name].suggest(trial)


VERBS = {"ask": ask, "fit": fit, "importance": importance, "robustness": robustness}


def answer(line: str) -> dict[str, Any]:
    """Do one job; whatever goes wrong becomes part of the answer."""
    job = json.loads(line)
    try:
        return {"ok": True, **VERBS[job["verb"]](job)}
    except MemoryError:
        return {"ok": False, "reason": "out of memory"}
    except Exception as error:
        traceback.print_exc()
        return {"ok": False, "reason": f"{type(error).__name__}: {error}".splitlines()[0][:300]}


def main() -> None:
    """Serve jobs until the input ends (the parent closed it or died)."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    threading.Thread(target=_follow, args=(os.getppid(),), daemon=True).start()
    os.dup2(2, 1)  # whatever a library prints goes to the log, not among the answers
    for line in sys.stdin:
        reply = answer(line)
        give_back()
        replies.write(json.dumps(plain(reply)) + "\n")
        replies.flush()


def _follow(parent: int) -> None:
    """End when the parent has been killed: a fit in hand would steal time from the call that continues."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    main()
