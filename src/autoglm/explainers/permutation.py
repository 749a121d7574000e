"""Permutation importance: how much worse held-out answers get when one input column is shuffled (Breiman 2001).

Measured with the fold models on the rows that they have not seen, so nothing is flattered by training.
All features that come from a column are shuffled together, so the answer is about the column.
"""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from autoglm.core.features import Features
from autoglm.core.metrics import METRICS, softmax
from autoglm.core.seed import Seed
from autoglm.core.shelf import plugin

MOST_ROWS = 600  # judged rows of one fold that take part


def job(data: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Measure columns until the time is up.

    Parameters
    ----------
    data
        The run's features, target, splits and task.
    asked
        ``members``: [{learner, weight, fits: {fold: folder}}]; ``columns``; ``metric``; ``seconds``; ``seed``.

    Returns
    -------
    dict
        ``drops``: column → falls of the score, one a fold and shuffle.
    """
    end = time.monotonic() + asked["seconds"]
    metric, task = METRICS[asked["metric"]], data.task
    drops: dict[str, list[float]] = defaultdict(list)
    for fold in sorted({int(f) for m in asked["members"] for f in m["fits"]}):
        if time.monotonic() > end:
            break
        members = [
            (m["weight"], plugin("learners", m["learner"]).Model.load(Path(m["fits"][str(fold)])))
            for m in asked["members"]
            if str(fold) in m["fits"]
        ]
        seed = Seed(asked["seed"]).child("permutation", fold)
        rows = data.splits.rows(0, fold)[1]
        rows = np.sort(seed.generator().permutation(rows)[:MOST_ROWS])
        features, target = data.features.take(rows), data.target[rows]

        def error(changed: Features, members: Any = members, target: Any = target) -> float:
            margins = sum(w * m.predict(changed, 1) for w, m in members) / sum(w for w, _ in members)
            if metric.needs == "value":
                return metric.error(target, margins[:, 0])
            return metric.error(target, softmax(margins, task))

        whole = error(features)
        for name in asked["columns"]:
            if time.monotonic() > end:
                break
            order = seed.child(name).generator().permutation(len(rows))  # columns may be shared out to workers
            drops[name].append(error(features.shuffled(name, order)) - whole)
    return {"drops": dict(drops)}
