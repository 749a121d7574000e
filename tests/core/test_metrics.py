from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as reference

from autoglm.core.errors import OptionError
from autoglm.core.metrics import METRICS, Metric, identity_of, metric_for, softmax, tried
from autoglm.core.task import Task

BINARY = Task("binary", "y", (0, 1))
MANY = Task("multiclass", "y", (0, 1, 2, 3))
VALUE = Task("regression", "y")


def drawn(seed: int, classes: int) -> tuple[Any, Any]:
    generator = np.random.default_rng(seed)
    truth = np.r_[np.arange(classes), generator.integers(0, classes, 200)]
    probability = generator.dirichlet(np.ones(classes), len(truth)).round(2) + 1e-3  # rounding makes ties
    return truth, probability / probability.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(5))
def test_binary_metrics_agree_with_scikit_learn(seed: int) -> None:
    truth, probability = drawn(seed, 2)
    score, label = probability[:, 1], probability.argmax(axis=1)
    expected = {
        "roc_auc": reference.roc_auc_score(truth, score),
        "average_precision": reference.average_precision_score(truth, score),
        "log_loss": reference.log_loss(truth, probability),
        "accuracy": reference.accuracy_score(truth, label),
        "balanced_accuracy": reference.balanced_accuracy_score(truth, label),
        "f1": reference.f1_score(truth, label),
        "f1_macro": reference.f1_score(truth, label, average="macro"),
    }
    check(expected, truth, probability, label)


@pytest.mark.parametrize("seed", range(5))
def test_multiclass_metrics_agree_with_scikit_learn(seed: int) -> None:
    truth, probability = drawn(seed, 4)
    label = probability.argmax(axis=1)
    expected = {
        "roc_auc": reference.roc_auc_score(truth, probability, multi_class="ovr"),
        "log_loss": reference.log_loss(truth, probability),
        "accuracy": reference.accuracy_score(truth, label),
        "balanced_accuracy": reference.balanced_accuracy_score(truth, label),
        "f1_macro": reference.f1_score(truth, label, average="macro"),
    }
    check(expected, truth, probability, label)


def check(expected: dict[str, float], truth: Any, probability: Any, label: Any) -> None:
    for name, value in expected.items():
        metric = METRICS[name]
        found = metric.function(truth, label if metric.needs == "label" else probability)
        assert found == pytest.approx(value, abs=1e-12), name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rmse", reference.root_mean_squared_error),
        ("mae", reference.mean_absolute_error),
        ("r2", reference.r2_score),
    ],
)
def test_value_metrics_agree_with_scikit_learn(name: str, expected: Callable[..., float]) -> None:
    generator = np.random.default_rng(0)
    truth, value = generator.normal(size=100), generator.normal(size=100)
    assert METRICS[name].function(truth, value) == pytest.approx(expected(truth, value))


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_error_turns_back_into_score(metric: Metric) -> None:
    assert metric.score(0.25) == pytest.approx(0.75 if metric.greater else 0.25)


@pytest.mark.parametrize(("task", "name"), [(BINARY, "roc_auc"), (MANY, "log_loss"), (VALUE, "rmse")])
def test_auto_goes_by_task(task: Task, name: str) -> None:
    assert metric_for(task).name == name


def test_unknown_metric_offers_the_nearest() -> None:
    with pytest.raises(OptionError, match="did you mean 'roc_auc'"):
        metric_for(BINARY, "roc_acu")


@pytest.mark.parametrize(("task", "name"), [(BINARY, "rmse"), (VALUE, "accuracy"), (MANY, "f1")])
def test_a_metric_that_does_not_fit_is_refused(task: Task, name: str) -> None:
    with pytest.raises(OptionError):
        metric_for(task, name)


def test_own_function_is_greater_is_better() -> None:
    def cost(truth: Any, answer: Any) -> float:
        return -float(np.sum(truth != answer))

    metric = metric_for(BINARY, cost)
    assert metric.name == "cost"
    assert metric.error(np.array([0, 1]), np.array([0, 1])) < metric.error(np.array([0, 1]), np.array([1, 1]))


def test_own_function_that_fails_is_told_at_once() -> None:
    def picky(truth: Any, answer: Any) -> float:
        raise ValueError("pos_label=yes is not a valid label")

    task = Task("binary", "y", ("no", "yes"))
    with pytest.raises(OptionError, match=r"'picky' fails .*pos_label=yes.*class codes \(0 is 'no', 1 is 'yes'\)"):
        tried(metric_for(task, picky), np.array([0, 1, 1]), task)
    worded = Metric("worded", "value", lambda truth, answer: "good")  # type: ignore[arg-type,return-value]
    with pytest.raises(OptionError, match="must return a number"):
        tried(worded, np.array([0.5, 1.0]), VALUE)


def test_functions_of_one_name_are_told_apart() -> None:
    one, same, other = (Metric("own", "value", f) for f in (lambda t, a: 1.0, lambda t, a: 1.0, lambda t, a: 7.0))
    assert identity_of(one) == identity_of(same) != identity_of(other)
    assert identity_of(METRICS["rmse"]) == "rmse"


def test_softmax_of_log_odds() -> None:
    assert softmax(np.array([[0.0], [50.0]]), BINARY) == pytest.approx(np.array([[0.5, 0.5], [0.0, 1.0]]))
