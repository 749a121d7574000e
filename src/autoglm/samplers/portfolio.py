"""The fixed first candidates, in order of gain per second on two cores."""

from __future__ import annotations

from typing import Any, cast

from autoglm.core import shelf
from autoglm.core.features import Features
from autoglm.core.task import Task

Entry = tuple[str, dict[str, Any], int]  # learner, settings, rows at most (0: all)

LONGEST_CROSSED = 200_000  # rows above which crosses of numbers cost more memory than they are worth
FEWEST_READ = 500  # rows below which fine-tuning has too little to learn from
LONG = 30_000  # rows above which the first fits are made on a sample


def safety_net(rows: int, features: Features, task: Task) -> list[Entry]:
    """Return the members that everything else must beat: linear, small boosting, forest."""
    forest: dict[str, Any] = {"trees": 50, "splits": "best", "means": False, "min_leaf": 2}
    if task.kind == "regression":  # as scikit-learn sets it: small leaves and all columns suit heavy tails
        forest |= {"trees": 100, "min_leaf": 1, "features": 1.0}
    sample = 10_000 if rows > LONG or rows * len(features.outputs) > 4_000_000 else 0
    net: list[Entry] = [
        ("constant", {}, 0),
        ("lightgbm", {"learning_rate": 0.12, "num_leaves": 15, "rounds": 150, "patience": 20}, sample),
        ("linear", {}, sample),
        ("forest", forest, sample),
    ]
    return [*net, ("pool", {}, sample)] if len(features.modalities) > 1 else net


def portfolio(rows: int, features: Features, task: Task) -> list[Entry]:
    """Return the candidates that are always tried, best value first."""
    categories = len(features.categories) > 0
    crosses = 12 if rows <= LONGEST_CROSSED else 0
    entries: list[Entry] = [
        ("lightgbm", {}, 0),
        ("catboost", {}, 0),
        ("linear", {"knots": 6}, 0),
        ("mlp", {}, 0),
        ("forest", {}, 0),
        ("lightgbm", {"means": categories, "crosses": crosses, "extra_trees": True, "num_leaves": 24}, 0),
        ("xgboost", {}, 0),
        ("lightgbm", {"learning_rate": 0.03, "num_leaves": 12, "feature_fraction": 0.5, "extra_trees": True}, 0),
        ("catboost", {"depth": 4, "learning_rate": 0.07, "l2_leaf_reg": 6.0}, 0),
    ]
    idle = unasked(features)
    if "kernel" not in idle:
        narrow = len(features.outputs) <= cast(int, shelf.literal("learners", "kernel", "MOST_LEARNED"))
        entries[1:1] = [("kernel", {}, 0)] * narrow + [("kernel", {"rounds": 0}, 0)]
    if "pool" not in idle and any(o.modality for o in features.outputs):
        entries.insert(1, ("pool", {}, 0))
    if features.tokens and rows >= FEWEST_READ:
        entries.insert(3, ("reader", {}, 0))
    if len(features.modalities) > 1:
        entries.insert(3, ("fusion", {}, 0))
    if rows > LONG:  # the full linear model and the full small booster follow their samples
        entries.insert(2, ("linear", {}, 0))
    if features.sparse is not None:
        entries = [e for e in entries if e != ("linear", {"knots": 6}, 0)]
    return entries


def unasked(features: Features) -> frozenset[str]:
    """Return the learners that others make needless on such features."""
    embedded = any(o.embedded for o in features.outputs)
    words = features.sparse is not None and not embedded  # distances know nothing of words
    alone = list(features.modalities) == [source for source, _ in features.terms]  # the linear model is its only expert
    return frozenset(["kernel"] * words + ["pool"] * alone)
