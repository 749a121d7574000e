"""The last seconds of a fit: choose the blend, calibrate, measure what matters, write the folder."""

from __future__ import annotations

import platform
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autoglm import bundle, card, checks, encoders, report
from autoglm.checks import profile
from autoglm.core.errors import FolderError
from autoglm.core.features import TABLE
from autoglm.core.files import plain, write_array, write_bytes, write_json
from autoglm.core.metrics import AUTO, METRICS, known, softmax
from autoglm.core.shelf import plugin
from autoglm.core.task import Task
from autoglm.engine import measures, robustness
from autoglm.engine.race import Race
from autoglm.engine.run import Run
from autoglm.ensembles import calibration, greedy, pruning, substitutes, thresholds
from autoglm.examples import examples
from autoglm.predictor import decide, scores

if TYPE_CHECKING:
    from autoglm.automl import Table

BOOTSTRAPS = 200
BAGS = 10  # repeated selections
BAGGED, LATE = 3.0, 1.0  # choices on all rows that take as long; seconds of the slack that it may use
FEWEST_BAGGED = 60
BOOTSTRAP_ROWS = 20_000
BACKGROUND = 32  # rows that explanations compare with; twice as many answers a column and row
SHARES = 5  # pools whose weights are averaged
LIBRARIES = ("numpy", "pandas", "pyarrow", "scipy", "scikit-learn", "lightgbm", "catboost", "xgboost-cpu", "optuna")


def finish(run: Run, table: Table, folder: Path, identity: dict[str, Any], found: list[checks.Finding]) -> None:
    """Turn a run into a sealed predictor folder; `found` is what the checks of the data say."""
    race = run.race
    run.pool.clear()  # what is not finished now does not count
    blend = _steady(run)
    microseconds = {n: _microseconds(race, n) for n in blend.weights} if run.budget.timed else {}
    limit = pruning.LIMIT * race.task.scores
    weights = pruning.prune(blend.weights, microseconds, _judge(race, blend.weights), limit)
    answering = {n: race.answering(n) for n in weights}
    counts = pruning.trim(weights, {n: len(fits) for n, fits in answering.items()}, microseconds, limit)
    kept = {n: answering[n][:count] for n, count in counts.items()}
    substitute = _substitute(run, table, kept)
    margins, here = race.honest(weights)
    temperature = calibration.temperature(margins[here], race.target[here], race.task)
    margins = margins / temperature
    offsets = _offsets(race, margins[here], race.target[here])
    measured = _measured(run, table, weights, substitute)
    importance = measured["drops"]
    summary = _summary(run, table, weights, margins[here], race.target[here], offsets, temperature, importance)
    summary["ranking"] = race.ranking.name
    summary["modalities"] = _modalities(run, table, measured["falls"])
    summary["examples"] = examples(measured["examples"], table.columns, table.kinds, race.task)
    summary["findings"] = [asdict(f) for f in found]
    aside = folder / bundle.NEXT
    try:
        files = _write(run, table, aside, kept, summary, margins[here], race.target[here])
        about = {
            "created": summary["created"],
            "name": summary["name"],
            "task": asdict(race.task),
            "metric": race.metric.name,
            "columns": [
                {"name": c.name, "kind": k, "used": bool(e.outputs or e.terms), "storage": c.storage}
                for c, k, e in zip(table.columns, table.kinds, table.encodings, strict=True)
            ],
            "members": _members(race, weights, kept),
            "substitute": substitute,
            "temperature": temperature,
            "offsets": offsets.tolist() if race.task.kind != "regression" else None,
            "score": summary["score"],
            "seed": summary["seed"],
            "threads": run.budget.threads,
            "budget": {k: summary["budget"][k] for k in ("seconds", "work", "threads", "elapsed", "fits")},
            "environment": summary["environment"],
            "identity": identity,
        }
        bundle.seal(aside, about, files)
        bundle.take(aside, folder)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise FolderError(f"cannot write the predictor to {str(folder)!r}: {error.strerror or error}") from error
    run.journal.spend(run.identity, run.budget.elapsed())


def _steady(run: Run) -> greedy.Blend:
    """Choose the blend on random halves of the rows, average, and pull it towards equal weights of the best.

    Where the clock rules, halves only if there is time for them: a machine that others use may be late already.
    """
    race, began = run.race, time.monotonic()
    whole = race.blend()
    needed = BAGGED * (time.monotonic() - began)
    late = len(race.target) < FEWEST_BAGGED or run.budget.left() + LATE - needed < run.reserve / 2
    bagged = whole if late else race.blend(steps=20, bags=BAGS)
    return race.safe([race.steadied(bagged), bagged, whole])


def _microseconds(race: Race, name: str) -> float:
    """Microseconds that one model of a member takes a row, one thread."""
    return float(np.median([f.microseconds for f in race.fits[name].values()]))


def _judge(race: Race, weights: dict[str, float]) -> Callable[[dict[str, float]], float]:
    """Return the out-of-fold error of a blend, on the rows that `weights` cover."""
    rows = np.flatnonzero(race.blended(weights)[1])
    judge = race.judge(rows)
    return lambda some: judge(race.blended(some, rows)[0])


def _offsets(race: Race, margins: NDArray[np.float64], target: NDArray[Any]) -> NDArray[np.float64]:
    if race.task.kind == "regression":
        return np.zeros(1)
    return thresholds.offsets(softmax(margins, race.task), target, race.metric, race.seed)


def _members(race: Race, weights: dict[str, float], kept: dict[str, list[tuple[int, int]]]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "learner": race.candidates[name].learner,
            "weight": weight,
            "fits": [f"members/{name}/{r}.{k}" for r, k in kept[name]],
        }
        for name, weight in sorted(weights.items(), key=lambda item: -item[1])
    ]


def _write(
    run: Run,
    table: Table,
    folder: Path,
    kept: dict[str, list[tuple[int, int]]],
    summary: dict[str, Any],
    margins: NDArray[np.float64],
    target: NDArray[Any],
) -> list[Path]:
    """Write everything but the manifest to a folder of its own and return the files."""
    shutil.rmtree(folder, ignore_errors=True)  # of a call that was killed here
    encoders.write(table.encodings, folder, table.gates)
    for name, keys in kept.items():
        for repeat, fold in keys:
            bundle.keep(run.race.fits[name][repeat, fold].folder, folder / "members" / name / f"{repeat}.{fold}")
    predicted = margins[:, 0] if run.race.task.kind == "regression" else softmax(margins, run.race.task)
    summary["classes"] = report.per_class(summary["task"], target, predicted, summary["thresholds"])
    write_json(folder / "summary.json", summary)
    write_array(folder / "oof.npy", np.column_stack([target, predicted]).astype(np.float32))
    write_bytes(folder / "report.html", report.render(plain(summary), target, predicted).encode())
    write_bytes(folder / "MODEL_CARD.md", card.card(plain(summary)).encode())
    write_json(folder / profile.FILE, _profile(table, predicted, run.race.task))
    models = [p for n in kept for p in (folder / "members" / n).glob("*/*") if p.is_file()]
    return [folder / n for n in bundle.FILES] + models + _background(run, table, folder / bundle.BACKGROUND)


def _profile(table: Table, predicted: NDArray[np.float64], task: Task) -> dict[str, Any]:
    """Say how the used columns and the out-of-fold answers are spread, which later rows are compared with."""
    each = zip(table.columns, table.kinds, table.encodings, strict=True)
    used = [(column, kind) for column, kind, encoding in each if encoding.outputs or encoding.terms]
    return profile.Profile.of([c for c, _ in used], [k for _, k in used], predicted, task).json()


def _background(run: Run, table: Table, folder: Path) -> list[Path]:
    """Write the features of some rows, which explanations compare with."""
    rows = run.race.seed.child("background").sample(np.arange(len(table.features)), BACKGROUND)
    table.features.take(rows).save(folder)
    return list(folder.iterdir())


def _substitute(run: Run, table: Table, kept: dict[str, list[tuple[int, int]]]) -> dict[str, Any] | None:
    """Name the member that answers rows which lack a modality, and have its fits kept."""
    race, modalities = run.race, substitutes.needed(table.features, _shares(run.race))
    names = [n for n in race.begun if race.candidates[n].learner == substitutes.LEARNER]
    if not modalities or not names:
        return None
    name = max(names, key=lambda n: (race.done(n), -race.error(n)))
    folds = kept.setdefault(name, race.answering(name)[: race.splits.count])
    fits = [f"members/{name}/{r}.{k}" for r, k in folds]
    return {"learner": substitutes.LEARNER, "fits": fits, "modalities": modalities, "name": name}


def _modalities(run: Run, table: Table, falls: list[Any]) -> list[dict[str, Any]]:
    """Return what is told of each modality; see `substitutes.COLUMNS`."""
    features = table.features
    if len(features.modalities) < 2:
        return []
    measured, shares = robustness.table(falls), _shares(run.race)
    rows = []
    for name, at in features.modalities.items():
        kind = features.outputs[at[0]].modality or TABLE
        absent = float(features.absent(name).mean())
        rows.append(
            {"name": name, "kind": kind, "weight": shares.get(name), **measured.get(name, {}), "absent": absent}
        )
    return rows


def _shares(race: Race) -> dict[str, float]:
    """Return the mean weight that the pools of experts have learned for each modality."""
    fits = [f for n in race.begun if race.candidates[n].learner == substitutes.LEARNER for f in race.fits[n].values()]
    found = [plugin("learners", substitutes.LEARNER).Model.load(f.folder).shares for f in fits[:SHARES]]
    return {name: float(np.mean([shares[name] for shares in found])) for name in found[0]} if found else {}


def _measured(run: Run, table: Table, weights: dict[str, float], substitute: dict[str, Any] | None) -> dict[str, Any]:
    """Let the workers measure the importance of columns and modalities in a part of the reserve."""
    race, ranking = run.race, run.race.ranking
    members = [_fits(race, n) | {"weight": w} for n, w in weights.items()]
    if not run.budget.timed:
        folds = list(members[0]["fits"])[:2]
        members = [m | {"fits": {k: v for k, v in m["fits"].items() if k in folds}} for m in members]
    asked = {
        "members": members,
        "substitute": (substitute | _fits(race, substitute["name"])) if substitute else {},
        "columns": [c.name for c, e in zip(table.columns, table.encodings, strict=True) if e.outputs or e.terms],
        "modalities": list(table.features.modalities),
        "metric": ranking.name if METRICS.get(ranking.name) is ranking else AUTO[race.task.kind],
    }
    encoders.write((), run.journal.data / "gates", table.gates)
    seconds = min(max(run.reserve * 0.4, 0.3), 2.5) + measures.longer(run.budget.seconds, table.features)
    return measures.ask(run, asked, seconds if run.budget.timed else 3600.0)


def _fits(race: Race, name: str) -> dict[str, Any]:
    """Return where the fold models of a member's first partition are."""
    fits = {str(k): str(f.folder) for (r, k), f in race.fits[name].items() if r == 0}
    return {"learner": race.candidates[name].learner, "fits": fits}


def _summary(
    run: Run,
    table: Table,
    weights: dict[str, float],
    margins: NDArray[np.float64],
    target: NDArray[Any],
    offsets: NDArray[np.float64],
    temperature: float,
    importance: dict[str, list[float]],
) -> dict[str, Any]:
    """Everything that the report, the card and the leaderboard show."""
    race, budget = run.race, run.budget
    elapsed = budget.elapsed()
    value, low, high = interval(race, margins, target, offsets)
    return {
        "name": f"{race.task.target}: {race.task.kind}",
        "task": asdict(race.task),
        "metric": {"name": race.metric.name, "greater": race.metric.greater},
        "score": {"value": value, "low": low, "high": high},
        "metrics": scores(target, margins, race.task, offsets),
        "baselines": _baselines(race),
        "data": {"rows": len(race.target), "columns": len(table.columns), "fingerprint": run.identity["data"]},
        "columns": [
            _column(*each, importance) for each in zip(table.columns, table.kinds, table.encodings, strict=True)
        ],
        "budget": {
            "seconds": budget.seconds if budget.timed else None,
            "work": budget.work,
            "threads": budget.threads,
            "memory": budget.memory,
            "elapsed": elapsed,
            "phases": [{"name": k, "seconds": v} for k, v in run.phases.items()],
            "fits": sum(len(f) for f in race.fits.values()),
            "failed": [{"name": n, "reason": r} for n, r in race.failed.items()],
        },
        "leaderboard": _leaderboard(race, weights),
        "timeline": race.timeline,
        "validation": {
            "scheme": race.splits.scheme,
            "folds": race.splits.count,
            "repeats": len(race.splits.parts),
            "rows": len(target),
        },
        "calibration": {"temperature": temperature},
        "thresholds": dict(zip(map(str, race.task.classes), offsets.tolist(), strict=True)) if offsets.any() else None,
        "seed": race.seed.value,
        "reproduce": {"python": _python(run, table), "command": _command(run, table)},
        "environment": environment(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def interval(
    race: Race, margins: NDArray[np.float64], target: NDArray[Any], offsets: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Return the out-of-fold score with a 95 % bootstrap interval."""
    answers = _answers(race, margins, offsets)
    generator = race.seed.child("bootstrap").generator()
    size = min(len(target), BOOTSTRAP_ROWS)
    found = []
    for _ in range(BOOTSTRAPS if size * race.task.scores <= 10_000 else 40):
        rows = generator.integers(0, len(target), size)
        try:
            found.append(race.metric.function(target[rows], answers[rows]))
        except Exception:
            if known(race.metric):
                raise  # a user's function may not be defined where a class is missing
    value = float(race.metric.function(target, answers))
    low, high = np.quantile(found or [value], [0.025, 0.975])
    return value, float(low), float(high)


def _answers(race: Race, margins: NDArray[np.float64], offsets: NDArray[np.float64]) -> NDArray[Any]:
    if race.task.kind == "regression":
        return margins[:, 0]
    probability = softmax(margins, race.task)
    return decide(probability, offsets) if race.metric.needs == "label" else probability


def _baselines(race: Race) -> list[dict[str, Any]]:
    """The safety net's members on the rows that each has judged."""
    found = []
    for name in race.net:
        if not race.fits.get(name):
            continue
        margins, rows = race.honest({name: 1.0})
        none = np.zeros(max(1, len(race.task.classes)))
        value, low, high = interval(race, margins[rows], race.target[rows], none)
        found.append({"name": race.candidates[name].learner, "value": value, "low": low, "high": high})
    return found


def _column(c: Any, kind: str, encoding: Any, importance: dict[str, list[float]]) -> dict[str, Any]:
    drops = importance.get(c.name, [])
    mean = float(np.mean(drops)) if drops else None
    spread = 1.96 * float(np.std(drops, ddof=1)) / len(drops) ** 0.5 if len(drops) > 1 else None
    return {
        "name": c.name,
        "kind": kind,
        "description": encoding.describe(),
        "missing": float(c.missing.mean()),
        "importance": mean,
        "low": mean - spread if mean is not None and spread is not None else None,
        "high": mean + spread if mean is not None and spread is not None else None,
    }


def findings(table: Table) -> list[checks.Finding]:
    """Return what the checks of the data say, and what was repaired on reading."""
    kinds = {c.name: k for c, k in zip(table.columns, table.kinds, strict=True)}
    found = checks.findings(table.columns, kinds, table.target, table.task, table.groups, table.time, table.dropped)
    if table.sources is not None:
        cure = "if new rows will be of these same sources, say groups=False (--no-groups)"
        found.append(checks.Finding("sources", "warning", table.sources.told, table.sources.column, cure))
    return [*found, *(checks.Finding("reading", "warning", n, None, "") for n in table.notes)]


def _leaderboard(race: Race, weights: dict[str, float]) -> list[dict[str, Any]]:
    rows = []
    for name, fits in race.fits.items():
        if not fits:
            continue
        margins, here = race.honest({name: 1.0})
        error = race.judge(here)(margins[here])
        rows.append(
            {
                "name": name,
                "learner": race.candidates[name].learner,
                "score": race.ranking.score(error),
                "error": error,
                "weight": weights.get(name, 0.0),
                "folds": len(fits),
                "fit_seconds": sum(f.seconds for f in fits.values()),
                "predict_microseconds": _microseconds(race, name) * min(len(fits), race.splits.count),
                "settings": race.candidates[name].settings,
            }
        )
    return sorted(rows, key=lambda r: r["error"])


def _python(run: Run, table: Table) -> str:
    """Write the call that fits once more, and say what it cannot hold."""
    seconds = f"{run.budget.seconds:g}" if np.isfinite(run.budget.seconds) else "float('inf')"
    settings = {
        "seconds" if run.budget.timed else "work": seconds if run.budget.timed else f"{run.budget.work}",
        "threads": f"{run.budget.threads}",
        "seed": f"{run.race.seed.value}",
        "metric": "..." if not known(table.metric) else repr(table.metric.name),
    }
    asked = {name: "..." if value is ... else repr(value) for name, value in table.asked.items()}
    data = {"target": repr(table.task.target)} | {name: asked.pop(name) for name in ("groups", "time") if name in asked}
    made, fitted = (", ".join(f"{k}={v}" for k, v in some.items()) for some in (settings | asked, data))
    lacking = [f"{name} was an array" for name, value in table.asked.items() if value is ...]
    lacking += [f"metric was your own {table.metric.name!r}"] if not known(table.metric) else []
    return f"autoglm.AutoML({made}).fit(frame, {fitted})" + _remark(lacking)


def _command(run: Run, table: Table) -> str:
    """Write the command that fits once more, and say what it cannot hold."""
    asked = table.asked
    given: list[tuple[str, Any]] = [
        ("--target", table.task.target),
        ("--seconds", f"{run.budget.seconds:g}") if run.budget.timed else ("--work", run.budget.work),
        ("--threads", run.budget.threads),
        ("--seed", run.race.seed.value),
        *([] if not known(table.metric) else [("--metric", table.metric.name)]),
        *((f"--{name}", asked[name]) for name in ("task", "files", "search") if name in asked),
        *(("--kind", f"{name}={kind}") for name, kind in asked.get("kinds", {}).items()),
        *(("--learner", name) for name in asked.get("learners", ())),
        *((f"--{name}", asked[name]) for name in ("groups", "time") if asked.get(name)),
    ]
    arrays = [name for name, value in asked.items() if value is ...]
    words = [f"{k} {k[2:].upper() if v is ... else shlex.quote(str(v))}" for k, v in given]
    words += ["--no-groups"] if asked.get("groups") is False else []
    lacking = [f"{name} was an array: write it to a column {name.upper()} of TRAIN" for name in arrays]
    lacking += (
        [f"metric was your own {table.metric.name!r}, which Python alone can be given"]
        if not known(table.metric)
        else []
    )
    return " ".join(["autoglm fit TRAIN", *words]) + _remark(lacking)


def _remark(lacking: Sequence[str]) -> str:
    return f"  # {'; '.join(lacking)}" if lacking else ""


def environment() -> dict[str, Any]:
    """Return what a result depends on besides data and seed."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {"python": sys.version.split()[0], "platform": platform.platform(), "cpu": _cpu(), "versions": versions}


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
