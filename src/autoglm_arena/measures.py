"""What answers are worth: every measure of a match, computed by scikit-learn from answers and truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import metrics

BINS = 15  # of confidence, for the calibration error
LOOSE = 1e-3  # by how much probabilities of a row may miss a sum of one
SMALLEST = 1e-15  # probability below which the log-loss counts no more


def measures(answers: pd.DataFrame, truth: pd.Series[Any], task: str) -> dict[str, float]:
    """Return every measure of a task.

    Parameters
    ----------
    answers
        A column of probabilities per class, named by the class; for regression the one column ``value``.
    truth
        The true targets, in the order of the answers.
    task
        ``"binary"``, ``"multiclass"`` or ``"regression"``.

    Raises
    ------
    ValueError
        The answers cannot be used: other rows, columns or numbers than asked for.
    """
    if task == "regression":
        values, numbers = _values(answers, truth), truth.to_numpy(float)
        return {
            "mae": float(metrics.mean_absolute_error(numbers, values)),
            "rmse": float(metrics.root_mean_squared_error(numbers, values)),
            "r2": float(metrics.r2_score(numbers, values)) if len(numbers) > 1 else float("nan"),
        }
    labels, shares, codes = _probabilities(answers, truth)
    said = shares.argmax(axis=1)
    names = np.unique(codes)
    return {
        "accuracy": float((said == codes).mean()),
        "f1_macro": float(metrics.f1_score(codes, said, average="macro", labels=names)),
        "f1_weighted": float(metrics.f1_score(codes, said, average="weighted", labels=names)),
        "balanced_accuracy": float(np.mean([(said[codes == name] == name).mean() for name in names])),
        "log_loss": _log_loss(shares, codes),
        "roc_auc": _roc_auc(shares, codes, len(labels)),
        "calibration_error": _calibration_error(shares, said == codes),
    }


def error(score: float, metric: str) -> float:
    """Return what is to be small: one minus the area under the curve, the log-loss, the root mean squared error."""
    return 1.0 - score if metric == "roc_auc" else score


def constant_error(train: pd.Series[Any], test: pd.Series[Any], task: str, metric: str) -> float:
    """Return the error of answering the mean, or the shares of the classes, whatever the row."""
    if task == "regression":
        answers = pd.DataFrame({"value": np.full(len(test), float(train.mean()))})
    else:
        shares = train.value_counts(normalize=True)
        answers = pd.DataFrame({str(name): np.full(len(test), share) for name, share in shares.items()})
    return error(measures(answers, test, task)[metric], metric)


def _values(answers: pd.DataFrame, truth: pd.Series[Any]) -> NDArray[np.float64]:
    if list(answers.columns) != ["value"]:
        raise ValueError(f"the answers have the columns {_few(answers.columns)}, expected the one column 'value'")
    return _numbers(answers, truth)[:, 0]


def _probabilities(
    answers: pd.DataFrame, truth: pd.Series[Any]
) -> tuple[list[str], NDArray[np.float64], NDArray[np.intp]]:
    """Return the classes in order, probabilities of shape (n, classes), and the true class of each row."""
    answers = answers.rename(columns=str)
    if twice := sorted(set(answers.columns[answers.columns.duplicated()])):
        raise ValueError(f"the answers have columns twice: {_few(twice)}")
    true = truth.astype(str)
    if not set(answers.columns) & set(true):
        raise ValueError(f"the answers have the columns {_few(answers.columns)}, expected classes: {_few(set(true))}")
    values = _numbers(answers, truth)
    if values.min() < -LOOSE or values.max() > 1 + LOOSE:
        raise ValueError(f"probabilities reach from {values.min():.4g} to {values.max():.4g}, expected 0 to 1")
    sums = values.sum(axis=1)
    if (off := np.abs(sums - 1) > LOOSE).any():
        raise ValueError(f"probabilities of {off.sum()} rows do not sum to 1, the first to {sums[off.argmax()]:.4g}")
    labels = sorted(set(answers.columns) | set(true))
    shares = pd.DataFrame(values.clip(0, 1), columns=answers.columns).reindex(columns=labels, fill_value=0.0)
    whole = shares.to_numpy() / shares.to_numpy().sum(axis=1, keepdims=True)
    return labels, whole, np.searchsorted(labels, true.to_numpy(str))


def _numbers(answers: pd.DataFrame, truth: pd.Series[Any]) -> NDArray[np.float64]:
    if len(answers) != len(truth):
        raise ValueError(f"{len(answers)} answers for {len(truth)} rows")
    try:
        values = answers.to_numpy(dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"answers that are no numbers, such as {answers.iloc[0, 0]!r}") from None
    if not np.isfinite(values).all():
        raise ValueError(f"{(~np.isfinite(values)).sum()} answers are not finite")
    return values


def _log_loss(shares: NDArray[np.float64], codes: NDArray[np.intp]) -> float:
    """As scikit-learn's, of a test part that may lack classes, with a bound of its own for a zero."""
    return float(-np.log(shares[np.arange(len(codes)), codes].clip(SMALLEST)).mean())


def _roc_auc(shares: NDArray[np.float64], codes: NDArray[np.intp], classes: int) -> float:
    """Of the last class, or the mean over classes against the rest; not a number where a class has no row."""
    if len(np.unique(codes)) < max(classes, 2):
        return float("nan")
    if classes == 2:
        return float(metrics.roc_auc_score(codes, shares[:, 1]))
    return float(np.mean([metrics.roc_auc_score(codes == k, shares[:, k]) for k in range(classes)]))


def _calibration_error(shares: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Mean gap between confidence and accuracy over bins of confidence, weighted by their rows (Guo et al. 2017)."""
    sure = shares.max(axis=1)
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = [abs(sure[bins == b].sum() - right[bins == b].sum()) for b in np.unique(bins)]
    return float(sum(gaps) / len(sure))


def _few(names: Any) -> str:
    shown = sorted(map(str, names))
    return ", ".join(map(repr, shown[:6])) + (f" and {len(shown) - 6} more" if len(shown) > 6 else "")
