"""Metrics: how good predictions are, on probabilities, on labels or on values; always computed the same way.

They are written in NumPy because the ensemble evaluates them thousands of times and because importing
scikit-learn costs more than a second; the tests hold each against scikit-learn's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from autoglm.core.errors import OptionError, nearest
from autoglm.core.task import Task

Needs = Literal["probability", "label", "value"]
Array = NDArray[Any]


@dataclass(frozen=True)
class Metric:
    """A way to score predictions.

    Parameters
    ----------
    name
        What it is called.
    needs
        ``"probability"``: the function gets (codes (n,), probabilities (n, k)); ``"label"``: (codes (n,),
        predicted codes (n,)); ``"value"``: (values (n,), predicted values (n,)).
    function
        Returns the score.
    greater
        Whether a larger score is better.
    best
        The score of perfect predictions.
    """

    name: str
    needs: Needs
    function: Callable[[Array, Array], float]
    greater: bool = True
    best: float = 1.0

    def error(self, truth: Array, predicted: Array) -> float:
        """Return the score turned so that 0 is perfect and larger is worse."""
        score = float(self.function(truth, predicted))
        return self.best - score if self.greater else score - self.best

    def score(self, error: float) -> float:
        """Turn an error back into the score that people know."""
        return self.best - error if self.greater else self.best + error


def roc_auc(truth: Array, probability: Array) -> float:
    """Area under the ROC curve; for more than two classes the mean of one class against the rest."""
    if probability.shape[1] == 2:
        return _auc(truth == 1, probability[:, 1])
    here = [c for c in range(probability.shape[1]) if 0 < np.count_nonzero(truth == c) < len(truth)]
    return float(np.mean([_auc(truth == c, probability[:, c]) for c in here])) if here else 0.5


def _auc(positive: NDArray[np.bool_], score: Array) -> float:
    count = int(positive.sum())
    if not 0 < count < len(positive):
        return 0.5
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    sizes = np.diff(np.r_[starts, len(ordered)])
    ranks = np.repeat(starts + (sizes + 1) / 2, sizes)
    above = ranks[positive[order]].sum() - count * (count + 1) / 2
    return float(above / (count * (len(positive) - count)))


def log_loss(truth: Array, probability: Array) -> float:
    """Mean negative log-probability of the true class (natural logarithm)."""
    chosen = probability[np.arange(len(truth)), truth]
    return float(-np.mean(np.log(np.clip(chosen, 1e-15, 1.0))))


def accuracy(truth: Array, label: Array) -> float:
    """Share of right labels."""
    return float(np.mean(truth == label))


def balanced_accuracy(truth: Array, label: Array) -> float:
    """Mean recall over the classes that occur."""
    right = np.bincount(truth[truth == label], minlength=int(truth.max()) + 1)
    total = np.bincount(truth)
    return float(np.mean((right / np.maximum(total, 1))[total > 0]))


def f1(truth: Array, label: Array) -> float:
    """F1 of the positive (second) class."""
    hits = np.count_nonzero((truth == 1) & (label == 1))
    both = np.count_nonzero(truth == 1) + np.count_nonzero(label == 1)
    return 2 * hits / both if both else 0.0


def mcc(truth: Array, label: Array) -> float:
    """Matthews correlation coefficient: -1 to 1, 0 for an answer that knows nothing (Matthews 1975; Gorodkin 2004)."""
    classes = np.unique(np.concatenate([truth, label]))
    true, said = (np.array([np.count_nonzero(of == c) for c in classes], dtype=np.float64) for of in (truth, label))
    rows = float(len(truth))
    spread = (rows**2 - np.square(true).sum()) * (rows**2 - np.square(said).sum())
    hits = float(np.count_nonzero(truth == label))
    return float((hits * rows - true @ said) / np.sqrt(spread)) if spread > 0 else 0.0


def f1_macro(truth: Array, label: Array) -> float:
    """Mean F1 over the classes that occur in truth or answer."""
    size = int(max(truth.max(), label.max())) + 1
    hits = np.bincount(truth[truth == label], minlength=size)
    both = np.bincount(truth, minlength=size) + np.bincount(label, minlength=size)
    return float(np.mean((2 * hits / np.maximum(both, 1))[both > 0]))


def average_precision(truth: Array, probability: Array) -> float:
    """Area under the precision-recall steps; for more than two classes the mean over classes."""
    if probability.shape[1] == 2:
        return _average_precision(truth == 1, probability[:, 1])
    classes = [c for c in range(probability.shape[1]) if np.any(truth == c)]
    return float(np.mean([_average_precision(truth == c, probability[:, c]) for c in classes]))


def _average_precision(positive: NDArray[np.bool_], score: Array) -> float:
    if not positive.any():
        return 0.0
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(positive[order])
    last = np.flatnonzero(np.r_[np.diff(score[order]) != 0, True])
    precision, recall = hits[last] / (last + 1), hits[last] / hits[-1]
    return float(np.sum(np.diff(np.r_[0.0, recall]) * precision))


def rmse(truth: Array, value: Array) -> float:
    """Root of the mean squared error, in the unit of the target."""
    return float(np.sqrt(np.mean((truth - value) ** 2)))


def mae(truth: Array, value: Array) -> float:
    """Mean absolute error, in the unit of the target."""
    return float(np.mean(np.abs(truth - value)))


def r2(truth: Array, value: Array) -> float:
    """Share of the target's variance that is explained."""
    spread = float(np.sum((truth - truth.mean()) ** 2))
    return 1.0 - float(np.sum((truth - value) ** 2)) / spread if spread > 0 else 0.0


METRICS: dict[str, Metric] = {
    m.name: m
    for m in (
        Metric("roc_auc", "probability", roc_auc),
        Metric("log_loss", "probability", log_loss, greater=False, best=0.0),
        Metric("average_precision", "probability", average_precision),
        Metric("accuracy", "label", accuracy),
        Metric("balanced_accuracy", "label", balanced_accuracy),
        Metric("f1", "label", f1),
        Metric("f1_macro", "label", f1_macro),
        Metric("mcc", "label", mcc),
        Metric("rmse", "value", rmse, greater=False, best=0.0),
        Metric("mae", "value", mae, greater=False, best=0.0),
        Metric("r2", "value", r2),
    )
}
ANSWERS = {"label": "codes, too", "probability": "probabilities (n, k)", "value": "values, too"}
AUTO = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}


def metric_for(task: Task, choice: str | Metric | Callable[[Array, Array], float] = "auto") -> Metric:
    """Return the metric by name, a `Metric`, or a user's own function (greater is better).

    A plain function gets (truth, answers) as class codes (0, 1, ... in the order of `task.classes`) or values and
    returns a score where greater is better; wrap it in `Metric` to say otherwise or to ask for probabilities.

    Raises
    ------
    OptionError
        Unknown name, or a metric that does not go with the task.
    """
    if isinstance(choice, Metric):
        chosen = choice
    elif callable(choice):
        needs: Needs = "value" if task.kind == "regression" else "label"
        chosen = Metric(getattr(choice, "__name__", "custom"), needs, choice)
    else:
        name = AUTO[task.kind] if choice == "auto" else choice
        if name not in METRICS:
            raise OptionError(
                f"metric={choice!r}: expected auto, {', '.join(METRICS)} or a function{nearest(name, METRICS)}"
            )
        chosen = METRICS[name]
    if (chosen.needs == "value") != (task.kind == "regression"):
        fits = [m.name for m in METRICS.values() if (m.needs == "value") == (task.kind == "regression")]
        raise OptionError(
            f"metric={chosen.name!r} does not go with a {task.kind} target; expected one of {', '.join(fits)}"
        )
    if chosen.name == "f1" and task.kind == "multiclass":
        raise OptionError("metric='f1' needs two classes; use 'f1_macro' for more")
    return chosen


def tried(metric: Metric, target: Array, task: Task) -> Metric:
    """Return the metric, a user's own after it has scored a constant answer: what fails must not fail at the end.

    Raises
    ------
    OptionError
        The function fails, or what it returns is no number.
    """
    if known(metric):
        return metric
    if metric.needs == "value":
        answers = np.full(len(target), np.mean(target))
    else:
        shares = np.bincount(target, minlength=len(task.classes)) / len(target)
        labels = metric.needs == "label"
        answers = np.full(len(target), shares.argmax()) if labels else np.tile(shares, (len(target), 1))
    try:
        float(metric.function(target, answers))
    except Exception as error:
        codes = ", ".join(f"{code} is {name!r}" for code, name in enumerate(task.classes[:3]))
        given = f"class codes ({codes})" if task.classes else "values"
        raise OptionError(
            f"metric {metric.name!r} fails on a constant answer ({type(error).__name__}: {error}); it gets the "
            f"truth as {given} and as answers {ANSWERS[metric.needs]}, and must return a number"
        ) from error
    return metric


def known(metric: Metric) -> bool:
    """Whether a metric is one of ours."""
    return METRICS.get(metric.name) is metric


def identity_of(metric: Metric) -> str:
    """Return the name of a metric of ours; of a user's own also what tells its function from others of that name."""
    if known(metric):
        return metric.name
    function: Any = metric.function
    code = getattr(function, "__code__", None)
    about = _told(code) if code else f"{type(function).__module__}.{type(function).__qualname__}"
    return f"{metric.name} {metric.needs} {hashlib.blake2b(about.encode(), digest_size=8).hexdigest()}"


def _told(code: CodeType) -> str:
    """Say what a function does, the same in every process."""
    constants = [_told(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return repr((code.co_code.hex(), constants, code.co_names, code.co_varnames))


def softmax(margins: Array, task: Task) -> NDArray[np.float64]:
    """Turn margins (n, scores) into class probabilities (n, n_classes)."""
    if task.kind == "binary":
        both = np.zeros((len(margins), 2))
        both[:, 1] = margins[:, 0]
        margins = both
    shifted = np.exp(margins - np.maximum.reduce(margins, axis=1, keepdims=True))
    return np.asarray(shifted / np.add.reduce(shifted, axis=1, keepdims=True), dtype=np.float64)
