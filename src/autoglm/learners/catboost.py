"""Gradient boosting on oblivious trees with ordered target statistics (CatBoost): the best single default.

Prokhorenkova et al. 2018. Categories are given as such; one-hot below 12 values, else ordered target
statistics of single categories (no combinations: they cost more seconds than they earn on two cores).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import catboost as cb
import numpy as np
from numpy.typing import NDArray

from autoglm.core.features import Features
from autoglm.core.files import read_json, write_json
from autoglm.core.task import Task
from autoglm.learners import Limits, Sample
from autoglm.prep import oblivious, stopping
from autoglm.prep.players import Attribution, Players

if TYPE_CHECKING:
    import optuna

MOST_CELLS = 8_000_000  # of the training rows; on longer tables a sample is used, for CatBoost holds 25 bytes a cell
ABSENT = 3.0  # how far below the least likely class one that the fold lacks is put
OBJECTIVES = {"binary": "Logloss", "multiclass": "MultiClass", "squared": "RMSE", "absolute": "MAE"}


@dataclass(frozen=True)
class Learner:
    """Settings of CatBoost; ``learning_rate=0`` means: by rows and by the time there is."""

    name: ClassVar[str] = "catboost"

    learning_rate: float = 0.0
    depth: int = 6
    l2_leaf_reg: float = 3.0
    random_strength: float = 1.0
    bagging_temperature: float = 1.0
    rounds: int = 1500
    patience: int = 50
    combinations: int = 1

    def fit(self, train: Sample, valid: Sample, task: Task, limits: Limits) -> Model:
        """Boost until the loss on `valid` has not fallen for `patience` rounds, or the time is up."""
        train = train.thinned(MOST_CELLS // max(1, train.features.dense.shape[1]), limits.seed.child("rows"))
        present = np.unique(train.target) if task.kind == "multiclass" else np.zeros(0, dtype=np.int64)
        if len(present) == task.scores:
            present = present[:0]
        data, held = _labelled(train, present), _labelled(valid, present)
        rate = self.learning_rate or _rate(len(train))
        stop = _Clock(limits)
        booster = cb.CatBoost(self._parameters(task, limits, rate))
        booster.fit(data, eval_set=held, callbacks=[stop] if np.isfinite(limits.seconds) else None)
        judged = None
        if not len(present):

            def staged(ends: range) -> Any:
                return list(booster.staged_predict(held, "RawFormulaVal", 0, 0, ends.step, 1))[: len(ends)]

            judged = stopping.honest(booster.tree_count_, staged, valid.target, task, limits.loss)
        booster.shrink(max(1, (booster.get_best_iteration() or 0) + 1))
        return Model(booster, task.scores, tuple(int(c) for c in present), judged)

    def _parameters(self, task: Task, limits: Limits, rate: float) -> dict[str, Any]:
        return {
            "loss_function": OBJECTIVES[limits.loss if task.kind == "regression" else task.kind],
            "iterations": self.rounds,
            "learning_rate": rate,
            "depth": self.depth,
            "l2_leaf_reg": self.l2_leaf_reg,
            "random_strength": self.random_strength,
            "bagging_temperature": self.bagging_temperature,
            "one_hot_max_size": 12,
            "max_ctr_complexity": self.combinations,
            "od_type": "Iter",
            "od_wait": self.patience,
            "use_best_model": False,
            "thread_count": limits.threads,
            "random_seed": limits.seed.integer,
            "allow_writing_files": False,
            "verbose": False,
        }

    @classmethod
    def suggest(cls, trial: optuna.Trial) -> Self:
        """Draw settings."""
        return cls(
            learning_rate=trial.suggest_float("catboost.learning_rate", 0.03, 0.15, log=True),
            depth=trial.suggest_int("catboost.depth", 4, 8),
            l2_leaf_reg=trial.suggest_float("catboost.l2_leaf_reg", 0.5, 30.0, log=True),
            random_strength=trial.suggest_float("catboost.random_strength", 0.1, 5.0, log=True),
            bagging_temperature=trial.suggest_float("catboost.bagging_temperature", 0.0, 1.0),
        )


class _Clock:
    """Ends boosting when the fit's time is up."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.started = time.monotonic()

    def after_iteration(self, info: Any) -> bool:
        return not self.limits.over()


def _rate(rows: int) -> float:
    """Step size that lets early stopping end after about 150-500 rounds."""
    return float(np.clip(0.02 * rows**0.15, 0.04, 0.12))


def _labelled(sample: Sample, present: NDArray[np.int64]) -> cb.Pool:
    """Return rows with their target; where a fold lacks classes, only those `present`, numbered anew."""
    if not len(present):
        return _pool(sample.features, sample.target)
    rows = np.flatnonzero(np.isin(sample.target, present))
    return _pool(sample.features.take(rows), np.searchsorted(present, sample.target[rows]))


def _pool(features: Features, target: NDArray[Any] | None = None) -> cb.Pool:
    categories, numbers = features.categories, features.numbers
    if not len(categories):
        return cb.Pool(np.ascontiguousarray(features.dense, dtype=np.float32), target, thread_count=1)
    codes = np.nan_to_num(features.dense[:, categories], nan=-1.0).astype(np.int64)
    texts = np.array([b"%d" % i for i in range(-1, int(codes.max(initial=0)) + 1)], dtype=object)
    data = cb.FeaturesData(
        num_feature_data=np.ascontiguousarray(features.dense[:, numbers], dtype=np.float32) if len(numbers) else None,
        cat_feature_data=texts[codes + 1],
    )
    return cb.Pool(data, target, thread_count=1)


@dataclass(frozen=True)
class Model:
    """A CatBoost model.

    Parameters
    ----------
    present
        Codes of the classes that it knows; empty: all.
    """

    booster: cb.CatBoost
    scores: int
    present: tuple[int, ...] = ()
    judged: NDArray[np.float64] | None = None

    def predict(self, features: Features, threads: int = 1) -> NDArray[np.float64]:
        """Return raw formula values, shape (n, scores)."""
        rows: Any = _pool(features) if len(features.categories) else np.asarray(features.dense)
        raw = self.booster.predict(rows, prediction_type="RawFormulaVal", thread_count=threads)
        if not self.present:
            return np.asarray(raw, dtype=np.float64).reshape(len(features), self.scores)
        margins = np.full((len(features), self.scores), raw.min(axis=1, keepdims=True) - ABSENT)
        margins[:, list(self.present)] = raw
        return margins

    @classmethod
    def merged(cls, models: Sequence[Self]) -> Self | None:
        """Return one model with the mean of the models' margins; None where CatBoost cannot add them up exactly."""
        if any(m.present or m.booster.get_cat_feature_indices() for m in models):
            return None
        total = cb.sum_models([m.booster for m in models], weights=[1 / len(models)] * len(models))
        return cls(total, models[0].scores)

    def attribution(self, players: Players) -> Attribution:
        """Say what each player adds; see `learners`."""
        if self.present:
            raise ValueError("classes that the model does not know have no share in its sums")
        numbers, categories = (
            np.array([i for i, o in enumerate(players.outputs) if bool(o.cardinality) is whether], dtype=np.intp)
            for whether in (False, True)
        )
        owners, count = players.dense[np.r_[numbers, categories]], len(players)
        tables = oblivious.Tables.of(self.booster, owners, self.scores)

        def values(features: Features) -> NDArray[np.float64]:
            return tables.values(self.booster.calc_leaf_indexes(_pool(features), thread_count=1), count)

        @cache
        def paired() -> oblivious.Tables:
            return oblivious.Tables.of(self.booster, owners, self.scores, count)

        def interactions(features: Features) -> NDArray[np.float64]:
            leaves = self.booster.calc_leaf_indexes(_pool(features), thread_count=1)
            return paired().values(leaves, count**2).reshape(len(features), count, count, self.scores)

        return Attribution(tables.base, values, interactions if tables.pairable else None)

    def save(self, folder: Path) -> None:
        """Write CatBoost's own binary format."""
        self.booster.save_model(str(folder / "model.cbm"))
        write_json(folder / "model.json", {"scores": self.scores, "present": self.present})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        booster = cb.CatBoost()
        booster.load_model(str(folder / "model.cbm"))
        about = read_json(folder / "model.json")
        return cls(booster, about["scores"], tuple(about["present"]))
