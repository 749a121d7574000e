"""Gradient boosting on histograms (LightGBM): the fastest strong learner for tables of mixed columns.

Ke et al. 2017, "LightGBM: A Highly Efficient Gradient Boosting Decision Tree". Missing values and
categories are taken as they are; categories of many values also as out-of-fold target means when
``means`` is on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import lightgbm as lgb
import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from autoglm.core.features import Features
from autoglm.core.files import read_json, write_json
from autoglm.core.task import Task
from autoglm.learners import Limits, Sample, haste
from autoglm.prep import flat_trees, grove, stopping
from autoglm.prep.trees import TreeInputs

if TYPE_CHECKING:
    import optuna

OBJECTIVES = {"binary": "binary", "multiclass": "multiclass", "regression": "regression"}
LOSSES = {"binary": "binary_logloss", "multiclass": "multi_logloss", "squared": "l2", "absolute": "l1"}


@dataclass(frozen=True)
class Learner:
    """Settings of LightGBM; the names are the library's own.

    ``means`` adds target means of categories and ``crosses`` the products and differences of the most
    telling number pairs, both learned inside the fold.
    """

    name: ClassVar[str] = "lightgbm"

    learning_rate: float = 0.05
    num_leaves: int = 31
    min_data_in_leaf: int = 10
    feature_fraction: float = 0.8
    bagging_fraction: float = 0.8
    lambda_l2: float = 0.5
    cat_smooth: float = 10.0
    extra_trees: bool = False
    rounds: int = 2000
    patience: int = 60
    means: bool = False
    crosses: int = 0

    def fit(self, train: Sample, valid: Sample, task: Task, limits: Limits) -> Model:
        """Boost until the loss on `valid` has not fallen for `patience` rounds, or the time is up."""
        inputs, matrix = TreeInputs.fit(train.features, train.target, task, limits.seed, self.means, self.crosses)
        data = lgb.Dataset(
            matrix,
            train.target,
            categorical_feature=list(inputs.categories),
            params={"min_data_in_bin": 3 if len(train) > 1000 else 1, "verbose": -1, "feature_pre_filter": False},
            free_raw_data=True,
        )
        rows = inputs.transform(valid.features)
        held = lgb.Dataset(rows, valid.target, reference=data, free_raw_data=True)
        stop = _Stop(self._patience(task), limits, 0.85 if task.scores < 20 else 0.5)
        booster = lgb.train(self._parameters(train, task, limits), data, self.rounds, [held], callbacks=[stop])
        best = stop.best_round + 1
        text = booster.model_to_string(num_iteration=best)
        flat = flat_trees.booster(flat_trees.from_lightgbm(text), matrix.shape[1], task.scores)

        def staged(ends: range) -> NDArray[np.float64]:
            steps: list[Any] = [
                booster.predict(rows, raw_score=True, start_iteration=end - ends.step, num_iteration=ends.step)
                for end in ends
            ]
            return np.cumsum(steps, axis=0)

        judged = stopping.honest(booster.current_iteration(), staged, valid.target, task, limits.loss)
        return Model(text, flat, inputs, task.scores, judged)

    def _patience(self, task: Task) -> int:
        return max(20, int(self.patience * 0.05 / (self.learning_rate * haste(task))))

    def _parameters(self, train: Sample, task: Task, limits: Limits) -> dict[str, Any]:
        loss = limits.loss if task.kind == "regression" else task.kind
        rows = len(train)
        return {
            "objective": "regression_l1" if loss == "absolute" else OBJECTIVES[task.kind],
            "metric": LOSSES[loss],
            "num_class": task.scores,
            "learning_rate": self.learning_rate * haste(task),
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": max(1, min(self.min_data_in_leaf, rows // 20)),
            "feature_fraction": self.feature_fraction,
            "bagging_fraction": self.bagging_fraction,
            "bagging_freq": 1 if self.bagging_fraction < 1 else 0,
            "lambda_l2": self.lambda_l2,
            "cat_smooth": self.cat_smooth,
            "min_data_per_group": max(5, min(100, rows // 50)),
            "max_cat_to_onehot": 8,
            "extra_trees": self.extra_trees,
            "num_threads": limits.threads,
            "seed": limits.seed.integer,
            "deterministic": True,
            "force_col_wise": True,
            "verbose": -1,
        }

    @classmethod
    def suggest(cls, trial: optuna.Trial) -> Self:
        """Draw settings around what TabArena's best configurations use."""
        return cls(
            learning_rate=trial.suggest_float("lightgbm.learning_rate", 0.015, 0.12, log=True),
            num_leaves=trial.suggest_int("lightgbm.num_leaves", 4, 127, log=True),
            min_data_in_leaf=trial.suggest_int("lightgbm.min_data_in_leaf", 2, 60, log=True),
            feature_fraction=trial.suggest_float("lightgbm.feature_fraction", 0.3, 1.0),
            bagging_fraction=trial.suggest_float("lightgbm.bagging_fraction", 0.5, 1.0),
            lambda_l2=trial.suggest_float("lightgbm.lambda_l2", 1e-3, 30.0, log=True),
            cat_smooth=trial.suggest_float("lightgbm.cat_smooth", 1.0, 100.0, log=True),
            extra_trees=trial.suggest_categorical("lightgbm.extra_trees", [False, True]),
            means=trial.suggest_categorical("lightgbm.means", [False, True]),
            crosses=trial.suggest_categorical("lightgbm.crosses", [0, 12]),
        )


class _Stop:
    """Ends boosting when the held-out loss has stopped falling or the fit's time is up."""

    before_iteration = False
    order = 30

    def __init__(self, patience: int, limits: Limits, share: float) -> None:
        self.patience, self.limits, self.share = patience, limits, share  # many trees take time to write, too
        self.best_round, self.best = 0, float("inf")

    def __call__(self, env: Any) -> None:
        loss = env.evaluation_result_list[0][2]
        if loss < self.best - 1e-7 * abs(self.best if np.isfinite(self.best) else 0.0):
            self.best_round, self.best = env.iteration, loss
        if env.iteration - self.best_round >= self.patience or self.limits.over(self.share):
            raise lgb.callback.EarlyStopException(env.iteration, [])


@dataclass(frozen=True)
class Model:
    """A LightGBM model with what it wants as input.

    Parameters
    ----------
    text
        LightGBM's own format, kept for other tools.
    booster
        The same trees as an XGBoost booster, which answers several times faster.
    """

    text: str
    booster: xgb.Booster
    inputs: TreeInputs
    scores: int
    judged: NDArray[np.float64] | None = None

    def predict(self, features: Features, threads: int = 1) -> NDArray[np.float64]:
        """Return raw scores, shape (n, scores)."""
        return grove.alone(self, features, threads)

    @property
    def additive(self) -> bool:
        """Whether margins are sums over trees."""
        return True

    def link(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sums over trees: they are the margins."""
        return sums

    def save(self, folder: Path) -> None:
        """Write LightGBM's text format and XGBoost's UBJSON."""
        (folder / "model.txt").write_text(self.text, encoding="utf-8")
        (folder / "model.ubj").write_bytes(bytes(self.booster.save_raw("ubj")))
        self.inputs.save(folder)
        write_json(folder / "model.json", {"scores": self.scores})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        text = (folder / "model.txt").read_text(encoding="utf-8")
        flat = flat_trees.load((folder / "model.ubj").read_bytes())
        return cls(text, flat, TreeInputs.load(folder), read_json(folder / "model.json")["scores"])
