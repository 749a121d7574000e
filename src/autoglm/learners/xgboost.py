"""Gradient boosting with second-order steps (XGBoost): a second opinion beside LightGBM, quick to answer.

Chen and Guestrin 2016. Categories enter as codes ordered by frequency and as out-of-fold target means.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from autoglm.core.features import Features
from autoglm.core.files import read_json, write_json
from autoglm.core.task import Task
from autoglm.learners import Limits, Sample, haste
from autoglm.prep import flat_trees, grove, stopping
from autoglm.prep.trees import TreeInputs, finite

if TYPE_CHECKING:
    import optuna

OBJECTIVES = {
    "binary": ("binary:logistic", "logloss"),
    "multiclass": ("multi:softprob", "mlogloss"),
    "squared": ("reg:squarederror", "rmse"),
    "absolute": ("reg:absoluteerror", "mae"),
}


@dataclass(frozen=True)
class Learner:
    """Settings of XGBoost; defaults after pytabkit's tuned ones (classification)."""

    name: ClassVar[str] = "xgboost"

    eta: float = 0.06
    max_depth: int = 6
    min_child_weight: float = 1.0
    subsample: float = 0.7
    colsample: float = 0.8
    reg_lambda: float = 1.0
    rounds: int = 1500
    patience: int = 50

    def fit(self, train: Sample, valid: Sample, task: Task, limits: Limits) -> Model:
        """Boost until the loss on `valid` has not fallen for `patience` rounds, or the time is up."""
        inputs, matrix = TreeInputs.fit(train.features, train.target, task, limits.seed, True, 0)
        data = xgb.QuantileDMatrix(finite(matrix), train.target, nthread=limits.threads)
        rows = finite(inputs.transform(valid.features))
        held = xgb.QuantileDMatrix(rows, valid.target, ref=data, nthread=limits.threads)
        stop = _Stop(self.patience, limits)
        booster = xgb.train(
            self._parameters(task, limits),
            data,
            self.rounds,
            evals=[(held, "held")],
            callbacks=[stop],
            verbose_eval=False,
        )

        def staged(ends: range) -> NDArray[np.float64]:
            steps = [
                booster.inplace_predict(rows, iteration_range=(e - ends.step, e), predict_type="margin") for e in ends
            ]
            sums = np.cumsum(steps, axis=0, dtype=np.float64)  # each step begins at the base score
            if len(ends) > 1:
                last = booster.inplace_predict(rows, iteration_range=(0, ends[-1]), predict_type="margin")
                base = (sums[-1] - last) / (len(ends) - 1)
                sums -= np.arange(len(ends)).reshape(-1, *[1] * base.ndim) * base
            return sums

        judged = stopping.honest(booster.num_boosted_rounds(), staged, valid.target, task, limits.loss)
        return Model(booster[: stop.best_round + 1], inputs, task.scores, judged)

    def _parameters(self, task: Task, limits: Limits) -> dict[str, Any]:
        objective, metric = OBJECTIVES[limits.loss if task.kind == "regression" else task.kind]
        parameters = {
            "objective": objective,
            "eval_metric": metric,
            "tree_method": "hist",
            "eta": self.eta * haste(task),
            "max_depth": self.max_depth,
            "min_child_weight": self.min_child_weight,
            "subsample": self.subsample,
            "colsample_bylevel": self.colsample,
            "lambda": self.reg_lambda,
            "nthread": limits.threads,
            "seed": limits.seed.integer,
            "verbosity": 0,
        }
        return parameters | ({"num_class": task.scores} if task.kind == "multiclass" else {})

    @classmethod
    def suggest(cls, trial: optuna.Trial) -> Self:
        """Draw settings."""
        return cls(
            eta=trial.suggest_float("xgboost.eta", 0.02, 0.15, log=True),
            max_depth=trial.suggest_int("xgboost.max_depth", 3, 10),
            min_child_weight=trial.suggest_float("xgboost.min_child_weight", 0.1, 20.0, log=True),
            subsample=trial.suggest_float("xgboost.subsample", 0.5, 1.0),
            colsample=trial.suggest_float("xgboost.colsample", 0.4, 1.0),
            reg_lambda=trial.suggest_float("xgboost.reg_lambda", 1e-2, 20.0, log=True),
        )


class _Stop(xgb.callback.TrainingCallback):
    """Ends boosting when the held-out loss has stopped falling or the fit's time is up."""

    def __init__(self, patience: int, limits: Limits) -> None:
        super().__init__()
        self.patience, self.limits = patience, limits
        self.best_round, self.best = 0, float("inf")

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        loss = next(iter(evals_log["held"].values()))[-1]
        if loss < self.best - 1e-7 * abs(self.best if np.isfinite(self.best) else 0.0):
            self.best_round, self.best = epoch, loss
        return epoch - self.best_round >= self.patience or self.limits.over()


@dataclass(frozen=True)
class Model:
    """An XGBoost booster with what it wants as input."""

    booster: xgb.Booster
    inputs: TreeInputs
    scores: int
    judged: NDArray[np.float64] | None = None

    def predict(self, features: Features, threads: int = 1) -> NDArray[np.float64]:
        """Return margins, shape (n, scores)."""
        return grove.alone(self, features, threads)

    @property
    def additive(self) -> bool:
        """Whether margins are sums over trees."""
        return True

    def link(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sums over trees: they are the margins."""
        return sums

    def save(self, folder: Path) -> None:
        """Write XGBoost's UBJSON."""
        (folder / "model.ubj").write_bytes(bytes(self.booster.save_raw("ubj")))
        self.inputs.save(folder)
        write_json(folder / "model.json", {"scores": self.scores})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        booster = flat_trees.load((folder / "model.ubj").read_bytes())
        return cls(booster, TreeInputs.load(folder), read_json(folder / "model.json")["scores"])
