"""scikit-learn facades over `AutoML`: for pipelines, cross-validation and all that speaks that protocol.

They hold a `Predictor` and nothing else that was learned. A fitted estimator is copied and sent around with
the bytes of the predictor's folder in it, so it works where that folder does not exist.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    assert_all_finite,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from autoglm.automl import AutoML
from autoglm.bundle import MANIFEST
from autoglm.core import frames
from autoglm.core.columns import cell_text
from autoglm.predictor import Predictor

Score = Callable[[NDArray[Any], NDArray[Any]], float]


class _Facade(BaseEstimator):
    """What both facades share: settings as in `AutoML`, input checks, copying."""

    predictor_: Predictor

    def __init__(
        self,
        *,
        seconds: float = 60.0,
        threads: int = 2,
        seed: int = 42,
        metric: str | Score = "auto",
        work: int | None = None,
        memory: int | None = None,
        learners: Sequence[str] | None = None,
        search: str = "tpe",
        kinds: Mapping[str, str] | None = None,
    ) -> None:
        self.seconds = seconds
        self.threads = threads
        self.seed = seed
        self.metric = metric
        self.work = work
        self.memory = memory
        self.learners = learners
        self.search = search
        self.kinds = kinds

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.non_deterministic = self.work is None  # seconds buy more on a fast day
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "predictor_" in state:
            state["predictor_"] = _packed(state["predictor_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        packed = state.get("predictor_")
        if isinstance(packed, bytes):
            self.predictor_ = _unpacked(packed)

    def _learn(self, rows: Any, target: pd.Series[Any], task: str) -> Self:
        """Fit the engine on checked rows and a target of whatever name is free."""
        frame = frames.to_pandas(rows)
        while target.name in frame.columns:
            target = target.rename(f"{target.name}_")
        recipe = AutoML(
            seconds=self.seconds,
            threads=self.threads,
            seed=self.seed,
            metric=self.metric,
            task=task,
            kinds=self.kinds or {},
            work=self.work,
            memory=self.memory,
            learners=self.learners,
            search=self.search,
        )
        joined = frame.assign(**{str(target.name): target.to_numpy()})
        self.predictor_ = recipe.fit(joined, str(target.name))
        return self

    def _checked(self, X: Any, y: Any, numeric: bool) -> tuple[Any, NDArray[Any]]:
        """Check rows and target as scikit-learn wants it; frames stay frames."""
        if not _is_frame(X):
            return tuple(
                validate_data(
                    self,
                    X,
                    y,
                    dtype=None,
                    ensure_all_finite="allow-nan",
                    ensure_min_samples=2,
                    y_numeric=numeric,
                )
            )
        validate_data(self, X, y, skip_check_array=True)
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y", estimator_name=type(self).__name__)
        check_consistent_length(X, y)
        return X, y

    def _rows(self, X: Any) -> Any:
        """Check the rows to answer."""
        check_is_fitted(self)
        if _is_frame(X):
            return validate_data(self, X, reset=False, skip_check_array=True)
        return validate_data(self, X, reset=False, dtype=None, ensure_all_finite="allow-nan")


class AutoGLMClassifier(ClassifierMixin, _Facade):
    """A classifier that finds its own model inside the seconds you give it.

    Parameters
    ----------
    seconds
        Wall-clock seconds of a fit.
    threads
        Processor threads.
    seed
        All randomness comes from it.
    metric
        What counts as good: ``"auto"``, a metric's name or a function (truth, answers) -> score.
    work
        Fold fits instead of seconds: the same seed then gives the same estimator.
    memory
        Bytes that workers may hold together; None: three quarters of what is free.
    learners
        Names of the learners to use; None: all that are installed.
    search
        ``"tpe"``, ``"ppo"``, ``"pool"``, ``"random"`` or ``"none"``.
    kinds
        Column name → kind, where you know better. Columns of an array are named x0, x1, ...

    Attributes
    ----------
    classes_
        The classes, sorted, shape (n_classes,).
    n_features_in_
        Number of columns.
    feature_names_in_
        Their names, when all are text; shape (n_features,).
    predictor_
        The `Predictor`: leaderboard, importance, report, save.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Learn to predict classes.

        Parameters
        ----------
        X
            Frame or array of any column types, shape (n_samples, n_features); missing values are welcome.
        y
            Class labels, shape (n_samples,).
        """
        X, y = self._checked(X, y, numeric=False)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has only one class, {self.classes_[0]!r}: a classifier needs at least two")
        labels = self.classes_[codes] if _kept(self.classes_) else codes
        return self._learn(X, pd.Series(labels, name="y"), "binary" if len(self.classes_) == 2 else "multiclass")

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class of each row, shape (n_samples,)."""
        rows = self._rows(X)
        found = np.asarray(self.predictor_.predict(frames.to_pandas(rows)))
        return found.astype(self.classes_.dtype) if _kept(self.classes_) else self.classes_[found]

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class (columns as in `classes_`), shape (n_samples, n_classes)."""
        rows = self._rows(X)
        return np.asarray(self.predictor_.predict_proba(frames.to_pandas(rows)), dtype=np.float64)


class AutoGLMRegressor(RegressorMixin, _Facade):
    """A regressor that finds its own model inside the seconds you give it.

    Parameters
    ----------
    seconds
        Wall-clock seconds of a fit.
    threads
        Processor threads.
    seed
        All randomness comes from it.
    metric
        What counts as good: ``"auto"``, a metric's name or a function (truth, answers) -> score.
    work
        Fold fits instead of seconds: the same seed then gives the same estimator.
    memory
        Bytes that workers may hold together; None: three quarters of what is free.
    learners
        Names of the learners to use; None: all that are installed.
    search
        ``"tpe"``, ``"ppo"``, ``"pool"``, ``"random"`` or ``"none"``.
    kinds
        Column name → kind, where you know better. Columns of an array are named x0, x1, ...

    Attributes
    ----------
    n_features_in_
        Number of columns.
    feature_names_in_
        Their names, when all are text; shape (n_features,).
    predictor_
        The `Predictor`: leaderboard, importance, report, save.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Learn to predict values.

        Parameters
        ----------
        X
            Frame or array of any column types, shape (n_samples, n_features); missing values are welcome.
        y
            Values, shape (n_samples,).
        """
        X, y = self._checked(X, y, numeric=True)
        return self._learn(X, pd.Series(np.asarray(y, dtype=np.float64), name="y"), "regression")

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the value of each row, shape (n_samples,)."""
        rows = self._rows(X)
        return np.asarray(self.predictor_.predict(frames.to_pandas(rows)), dtype=np.float64)


def _is_frame(X: Any) -> bool:
    """Whether the columns carry names and types of their own (pandas, polars, pyarrow)."""
    return hasattr(X, "columns") and hasattr(X, "shape")


def _kept(classes: NDArray[Any]) -> bool:
    """Whether the engine gives these labels back as they are; others go in as codes."""
    if classes.dtype.kind in "biu":
        return True
    return all(isinstance(c, str) and c == cell_text(c) for c in classes.tolist())


def _packed(predictor: Predictor) -> bytes:
    """Return a predictor's folder as the bytes of a zip archive, the same ones each time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in [*sorted(predictor.about["files"]), MANIFEST]:
            path = predictor.folder / name
            if path.is_file():
                archive.writestr(zipfile.ZipInfo(name), path.read_bytes())
    return buffer.getvalue()


def _unpacked(packed: bytes) -> Predictor:
    """Unpack what `_packed` made into a temporary folder that lives as long as the predictor."""
    home = tempfile.TemporaryDirectory(prefix="autoglm-")
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        archive.extractall(home.name)
    return Predictor.load(Path(home.name), home)
