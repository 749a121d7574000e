"""What a score is without a modality, and with noise or another row's in its place.

Measured with fold models on rows that they have not seen. The weights of an attention layer are no such measure: on
four modalities, one of them noise, they gave the noise a fair share (.21).
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm import encoders
from autoglm.core.features import Features
from autoglm.core.metrics import METRICS, Metric, softmax
from autoglm.core.seed import Seed
from autoglm.core.shelf import plugin
from autoglm.core.task import Task
from autoglm.ensembles import substitutes
from autoglm.explainers.modalities import MOST, shapley
from autoglm.prep.gate import Gate, closed

PROBED, SHARE = 30, 0.6  # rows by which the time is judged; share of it for the first fold
SHOWN, WORST = 6, 2  # examples, and how many of them are the worst answered
MOST_ROWS = 600  # judged rows of one fold that take part


def job(data: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Measure fold by fold until the time is up.

    Parameters
    ----------
    data
        The run's features, target, splits and task.
    asked
        ``members``: [{learner, weight, fits: {fold: folder}}]; ``substitute``: the same with ``modalities``; ``gates``:
        their folder; ``metric``; ``seconds``; ``seed``.

    Returns
    -------
    dict
        ``falls``: [modality, condition, rise of the error], one a fold; ``examples``: ``row``, ``truth``, ``answer``
        and ``values`` (modality → Shapley value) of some rows of the first fold.
    """
    end = time.monotonic() + asked["seconds"]
    gates = encoders.read(Path(asked["gates"]))[1]
    falls: list[tuple[str, str, float]] = []
    shown: list[dict[str, Any]] = []
    for fold in sorted({int(f) for m in asked["members"] for f in m["fits"]}):
        said = _said(_answers(asked, str(fold)), gates, data.task)
        seed = Seed(asked["seed"]).child("modalities", fold)
        rows = seed.generator().permutation(data.splits.rows(0, fold)[1])[:MOST_ROWS]
        if not falls:
            rows = rows[: _affordable(said, data.features.take(rows[:PROBED]), SHARE * (end - time.monotonic()))]
        features, target = data.features.take(rows), data.target[rows]
        error = _judge(METRICS[asked["metric"]], target, data.task)
        whole = error(said(features))
        for modality, condition, changed in _changes(features, seed):
            if time.monotonic() > end:
                break
            falls.append((modality, condition, error(said(changed)) - whole))
        if not shown and len(features.modalities) <= MOST and time.monotonic() < end:
            shown = [one | {"row": int(rows[one["row"]])} for one in _examples(features, target, said)]
    return {"falls": falls, "examples": shown}


def _affordable(said: Callable[[Features], Any], probe: Features, seconds: float) -> int:
    """Return how many rows can be answered in time, once for each change."""
    said(probe)  # whatever is loaded at the first answer
    began = time.monotonic()
    said(probe)
    each = max((time.monotonic() - began) / len(probe), 1e-7)
    return max(PROBED, int(seconds / each / (1 + 3 * len(probe.modalities))))


def _judge(metric: Metric, target: NDArray[Any], task: Task) -> Callable[[NDArray[np.float64]], float]:
    """Return what gives the error of values, or of log-probabilities."""
    if task.kind == "regression":
        return lambda said: metric.error(target, said[:, 0])
    return lambda said: metric.error(target, np.exp(said))


def _said(
    answer: Callable[[Features], NDArray[np.float64]], gates: Sequence[Gate], task: Task
) -> Callable[[Features], NDArray[np.float64]]:
    """Return what gives values, or log-probabilities, of rows that came through the gates."""

    def said(features: Features) -> NDArray[np.float64]:
        margins = answer(closed(gates, features))
        return margins if task.kind == "regression" else np.log(np.maximum(softmax(margins, task), 1e-12))

    return said


def _examples(
    features: Features, target: NDArray[Any], said: Callable[[Features], NDArray[np.float64]]
) -> list[dict[str, Any]]:
    """Choose the worst answered rows and some others, and say what each modality added to their answers."""
    answers = said(features)
    classes = answers.shape[1] > 1
    answered = answers.argmax(axis=1) if classes else answers[:, 0]
    errors = -answers[np.arange(len(target)), target] if classes else np.abs(answers[:, 0] - target)
    worst = np.argsort(-errors, kind="stable")[:WORST]
    others = np.setdiff1d(np.arange(len(target)), worst)[: SHOWN - WORST]
    rows = np.concatenate([others, worst])
    values = shapley(features.take(rows), said)
    return [
        {
            "row": int(row),
            "truth": float(target[row]),
            "answer": float(answered[row]),
            "values": {name: float(value[i]) for name, value in values.items()},
        }
        for i, row in enumerate(rows)
    ]


def _answers(asked: dict[str, Any], fold: str) -> Callable[[Features], NDArray[np.float64]]:
    """Return what the predictor would answer, with the models of one fold."""
    entries = [m for m in asked["members"] if fold in m["fits"]]
    members = [(m["weight"], _model(m, fold)) for m in entries]
    substitute = _model(asked["substitute"], fold) if fold in asked["substitute"].get("fits", ()) else None

    def answer(features: Features) -> NDArray[np.float64]:
        margins = sum(w * m.predict(features, 1) for w, m in members) / sum(w for w, _ in members)
        lacking = substitutes.lacking(features, asked["substitute"])
        if substitute is not None and lacking.any():
            margins[lacking] = substitute.predict(features.take(np.flatnonzero(lacking)), 1)
        return np.asarray(margins)

    return answer


def _model(entry: dict[str, Any], fold: str) -> Any:
    return plugin("learners", entry["learner"]).Model.load(Path(entry["fits"][fold]))


def _changes(features: Features, seed: Seed) -> Iterator[tuple[str, str, Features]]:
    """Yield the rows with each modality missing, each of its columns shuffled by itself (noise), or swapped whole."""
    for name in features.modalities:
        yield name, "missing", features.without(name)
    for name, at in features.modalities.items():
        generator, without = seed.child(name).generator(), features.without(name)
        noise = without.dense.copy()
        noise[:, at] = generator.permuted(features.dense[:, at], axis=0)
        yield name, "noise", replace(without, dense=noise)
        order, swapped = generator.permutation(len(features)), features
        for source in {features.outputs[i].source for i in at}:
            swapped = swapped.shuffled(source, order)
        yield name, "swapped", swapped


def table(falls: Sequence[tuple[str, str, float]]) -> dict[str, dict[str, float | None]]:
    """Return by modality the mean fall in each condition, and the 95 % interval of "missing" over folds."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for modality, condition, fall in falls:
        found[modality][condition].append(fall)
    rows: dict[str, dict[str, float | None]] = {}
    for modality, conditions in found.items():
        missing = conditions["missing"]
        spread = 1.96 * float(np.std(missing, ddof=1)) / len(missing) ** 0.5 if len(missing) > 1 else None
        middle = float(np.mean(missing))
        rows[modality] = {name: float(np.mean(values)) for name, values in conditions.items()}
        rows[modality] |= {
            "low": None if spread is None else middle - spread,
            "high": None if spread is None else middle + spread,
        }
    return rows
