"""Random forests and extremely randomised trees (scikit-learn): hard to break, good on small and noisy tables.

Breiman 2001; Geurts, Ernst and Wehenkel 2006 (``splits="random"``). Stored and evaluated as an XGBoost
booster, row for row the same answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from autoglm.core.features import Features
from autoglm.core.files import read_json, write_json
from autoglm.core.task import Task
from autoglm.learners import Limits, Sample
from autoglm.prep import flat_trees, grove
from autoglm.prep.trees import TreeInputs, finite

if TYPE_CHECKING:
    import optuna

MOST_NODES = 200_000  # of all trees and classes of one fit: bounds file size, memory and latency
STEP = 10  # trees grown between two looks at the clock


@dataclass(frozen=True)
class Learner:
    """Settings of a forest; `features` is the share of columns tried at a split."""

    name: ClassVar[str] = "forest"

    splits: str = "random"
    trees: int = 100
    min_leaf: int = 1
    features: float = 0.5
    rows: int = 100_000
    means: bool = True

    def fit(self, train: Sample, valid: Sample, task: Task, limits: Limits) -> Model:
        """Grow trees until there are `trees` of them or the time is up; `valid` is not used."""
        train = train.thinned(self.rows, limits.seed.child("rows"))
        inputs, matrix = TreeInputs.fit(train.features, train.target, task, limits.seed, self.means, 0)
        matrix = finite(matrix)
        forest = self._recipe(len(train), matrix.shape[1], task, limits)
        most = max(STEP, self._most_trees(task))
        while True:  # the first trees are grown however late it is
            forest.set_params(n_estimators=min(most, forest.n_estimators + STEP))
            forest.fit(matrix, train.target)
            nodes = sum(t.tree_.node_count for t in forest.estimators_) * task.scores
            if forest.n_estimators >= most or nodes > MOST_NODES or limits.over(0.6):
                break
        trees = _trees(forest.estimators_, task, [int(c) for c in getattr(forest, "classes_", ())])
        return Model(flat_trees.booster(list(trees), matrix.shape[1], task.scores), inputs, task.kind, task.scores)

    def _most_trees(self, task: Task) -> int:
        return self.trees if task.kind != "multiclass" else max(10, min(self.trees, 1000 // task.scores))

    def _recipe(self, rows: int, columns: int, task: Task, limits: Limits) -> Any:
        from sklearn import ensemble

        kind = "Classifier" if task.kind != "regression" else "Regressor"
        make = getattr(ensemble, ("ExtraTrees" if self.splits == "random" else "RandomForest") + kind)
        settings: dict[str, Any] = {"bootstrap": self.splits != "random"}
        leaves = int(max(64, MOST_NODES / (2 * task.scores * self._most_trees(task))))
        share = min(1.0, max(self.features, 1 / columns)) if columns <= 300 else "sqrt"
        return make(
            n_estimators=0,
            warm_start=True,
            min_samples_leaf=self.min_leaf,
            max_features=share,
            max_leaf_nodes=leaves if rows > leaves else None,
            n_jobs=limits.threads,
            random_state=limits.seed.integer,
            **settings,
        )

    @classmethod
    def suggest(cls, trial: optuna.Trial) -> Self:
        """Draw settings."""
        return cls(
            splits=trial.suggest_categorical("forest.splits", ["random", "best"]),
            min_leaf=trial.suggest_int("forest.min_leaf", 1, 20, log=True),
            features=trial.suggest_float("forest.features", 0.2, 1.0),
            means=trial.suggest_categorical("forest.means", [False, True]),
        )


def _trees(estimators: list[Any], task: Task, classes: list[int]) -> Iterator[flat_trees.Tree]:
    """Yield one tree an estimator and output: leaf values, or leaf shares of each class (of the second of two)."""
    for estimator in estimators:
        tree = estimator.tree_
        value = tree.value[:, 0, :]
        outputs = [(0, value[:, 0])]
        if task.kind != "regression":
            share = value / value.sum(axis=1, keepdims=True)
            outputs = [(c, share[:, i]) for i, c in enumerate(classes)]
            if task.kind == "binary":
                outputs = [(0, share[:, classes.index(1)] if 1 in classes else np.zeros(len(share)))]
        for output, leaves in outputs:
            yield flat_trees.Tree(
                tree.children_left.astype(np.int32),
                tree.children_right.astype(np.int32),
                tree.feature.astype(np.int32),
                tree.threshold,
                tree.missing_go_to_left.astype(bool),
                leaves / len(estimators),
                output,
                cover=tree.weighted_n_node_samples,
            )


@dataclass(frozen=True)
class Model:
    """A forest as one booster; class probabilities are averaged over trees, then turned into margins."""

    booster: xgb.Booster
    inputs: TreeInputs
    kind: str
    scores: int
    floor: float = field(default=1e-3)

    def predict(self, features: Features, threads: int = 1) -> NDArray[np.float64]:
        """Return log-odds, log-probabilities or values, shape (n, scores)."""
        return grove.alone(self, features, threads)

    @property
    def additive(self) -> bool:
        """Whether margins are sums over trees; those of classes are logarithms of them."""
        return self.kind == "regression"

    def link(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn mean shares of classes into log-odds or log-probabilities; values stay."""
        if self.kind == "regression":
            return sums
        share = np.clip(sums, self.floor, 1 - self.floor)
        return np.log(share / (1 - share)) if self.kind == "binary" else np.log(share)

    def save(self, folder: Path) -> None:
        """Write XGBoost's UBJSON."""
        (folder / "model.ubj").write_bytes(bytes(self.booster.save_raw("ubj")))
        self.inputs.save(folder)
        write_json(folder / "model.json", {"kind": self.kind, "scores": self.scores, "floor": self.floor})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        about = read_json(folder / "model.json")
        booster = flat_trees.load((folder / "model.ubj").read_bytes())
        return cls(booster, TreeInputs.load(folder), about["kind"], about["scores"], about["floor"])
