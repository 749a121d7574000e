"""How good answers are: every measure of a match, computed by the referee from the answers themselves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import metrics

Array = NDArray[np.float64]

BINS = 15  # of the calibration error, as in Guo et al. (2017), "On Calibration of Modern Neural Networks"
TOLERANCE = 1e-3  # by which probabilities may miss [0, 1] and a row's sum may miss 1; they are put right
CHANCE = 0.5  # area under the curve of a constant answer


def measures(answers: pd.DataFrame, truth: pd.Series[Any], task: str) -> dict[str, float]:
    """Return every measure by name; one that the rows do not define is left out.

    Parameters
    ----------
    answers
        One column of probabilities per class, named by the class, or one column ``value``; shape (n_rows, n_columns).
    truth
        Classes or values, shape (n_rows,).
    task
        ``"binary"``, ``"multiclass"`` or ``"regression"``.

    Raises
    ------
    ValueError
        The answers cannot be judged; the message says why.
    """
    if task == "regression":
        found = _of_values(*_values(answers, truth))
    else:
        found = _of_classes(*_probabilities(answers, truth), task)
    return {name: float(value) for name, value in found.items() if math.isfinite(value)}


def score(answers: pd.DataFrame, truth: pd.Series[Any], task: str, metric: str) -> float:
    """Return the value of one measure.

    Raises
    ------
    ValueError
        The answers cannot be judged, or the rows do not define the metric.
    """
    found = measures(answers, truth, task)
    if metric not in found:
        raise ValueError(f"{metric} is not defined for these rows (defined: {', '.join(found)})")
    return found[metric]


def error(score: float, metric: str) -> float:
    """Return the error that belongs to a score: smaller is better, 0 is perfect."""
    return 1.0 - score if metric == "roc_auc" else score


def constant_error(train_target: pd.Series[Any], test_target: pd.Series[Any], task: str, metric: str) -> float:
    """Return the error of a constant answer: the shares of the classes, or the mean, of the rows to learn from."""
    if metric == "roc_auc":
        return error(CHANCE, metric)  # also where the test rows hold one class, which has no curve
    if task == "regression":
        answer = {"value": float(train_target.astype("float64").mean())}
    else:
        shares = train_target.astype(str).value_counts(normalize=True)
        answer = {str(name): float(share) for name, share in shares.items()}
    return error(score(pd.DataFrame([answer] * len(test_target)), test_target, task, metric), metric)


def _values(answers: pd.DataFrame, truth: pd.Series[Any]) -> tuple[Array, Array]:
    """Check the answers of a regression; return truth and answers, shape (n_rows,) each."""
    if "value" not in answers:
        raise ValueError(f"the column 'value' is missing; the answers have {_names(answers)}")
    return truth.to_numpy("float64"), _numbers(answers[["value"]], truth)[:, 0]


def _probabilities(answers: pd.DataFrame, truth: pd.Series[Any]) -> tuple[NDArray[Any], Array, list[str]]:
    """Check the answers of a classification; a class that has no column has probability 0.

    Returns
    -------
    tuple
        Truth, shape (n_rows,); probabilities, shape (n_rows, n_classes); the classes in sorted order.
    """
    names = [str(name) for name in answers.columns]
    if len(set(names)) < len(names):
        raise ValueError(f"two columns have one name: {_names(answers)}")
    labels = truth.astype(str).to_numpy(dtype=object)
    if not set(names) & set(labels):
        raise ValueError(f"no column is named by a class of the target; the answers have {_names(answers)}")
    found = _numbers(answers, truth)
    if found.min() < -TOLERANCE or found.max() > 1 + TOLERANCE:
        raise ValueError(f"probabilities are not within 0 and 1: from {found.min():g} to {found.max():g}")
    sums = found.sum(axis=1)
    worst = float(sums[np.abs(sums - 1).argmax()])
    if abs(worst - 1) > TOLERANCE:
        raise ValueError(f"the probabilities of a row do not sum to 1 but to {worst:g}")
    found = found.clip(0, 1)
    classes = sorted(set(names) | set(labels))
    whole = np.zeros((len(found), len(classes)))
    whole[:, [classes.index(name) for name in names]] = found / found.sum(axis=1, keepdims=True)
    return labels, whole, classes


def _numbers(answers: pd.DataFrame, truth: pd.Series[Any]) -> Array:
    """Return the answers as finite numbers, a row for every row of the truth."""
    if len(answers) != len(truth):
        raise ValueError(f"{len(answers)} rows of answers for {len(truth)} rows of the test table")
    if not len(truth):
        raise ValueError("there are no rows to judge")
    try:
        found = answers.to_numpy(dtype="float64", na_value=np.nan)
    except (TypeError, ValueError) as problem:
        raise ValueError(f"the answers are not numbers: {problem}") from problem
    if not np.isfinite(found).all():
        raise ValueError(f"{int((~np.isfinite(found)).any(axis=1).sum())} rows hold NaN or infinite answers")
    return found


def _of_values(truth: Array, answers: Array) -> dict[str, float]:
    return {
        "mae": metrics.mean_absolute_error(truth, answers),
        "rmse": metrics.root_mean_squared_error(truth, answers),
        "r2": metrics.r2_score(truth, answers) if len(truth) > 1 else math.nan,
    }


def _of_classes(truth: NDArray[Any], found: Array, classes: list[str], task: str) -> dict[str, float]:
    top = np.array(classes, dtype=object)[found.argmax(axis=1)]
    recalls = [float((top[truth == name] == name).mean()) for name in sorted(set(truth))]
    return {
        "accuracy": metrics.accuracy_score(truth, top),
        "f1_macro": metrics.f1_score(truth, top, average="macro", zero_division=0),
        "f1_weighted": metrics.f1_score(truth, top, average="weighted", zero_division=0),
        # By hand: scikit-learn warns where a class is answered that the truth lacks, which is no fault of these rows.
        "balanced_accuracy": float(np.mean(recalls)),
        "log_loss": metrics.log_loss(truth, found, labels=classes) if len(classes) > 1 else 0.0,
        "roc_auc": _area(truth, found, classes, task),
        "calibration_error": calibration_error(found.max(axis=1), top == truth),
    }


def _area(truth: NDArray[Any], found: Array, classes: list[str], task: str) -> float:
    """Area under the ROC curve: of the last class in sorted order, or one class against the rest, macro."""
    present = sorted(set(truth))
    if task == "binary":
        if len(present) != 2:
            return math.nan
        return float(metrics.roc_auc_score(truth == present[1], found[:, classes.index(present[1])]))
    if present != classes or len(classes) < 3:
        return math.nan
    return float(metrics.roc_auc_score(truth, found, multi_class="ovr", average="macro", labels=classes))


def calibration_error(confidence: Array, right: NDArray[np.bool_]) -> float:
    """Return the expected calibration error: how far confidence and accuracy are apart, over bins of equal width.

    Parameters
    ----------
    confidence
        Probability of the class that was answered, shape (n_rows,).
    right
        Whether it was the true one, shape (n_rows,).
    """
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    apart = np.bincount(bins, confidence - right, BINS)
    return float(np.abs(apart).sum() / len(confidence))


def _names(answers: pd.DataFrame) -> str:
    names = [str(name) for name in answers.columns]
    return ", ".join(names[:8]) + ", …" * (len(names) > 8)
