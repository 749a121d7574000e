import numpy as np
import pytest

from autoglm.core.metrics import METRICS
from autoglm.core.seed import Seed
from autoglm.ensembles.thresholds import offsets


def drawn(shares: list[float], rows: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    target = generator.choice(len(shares), rows, p=shares)
    logs = np.log(shares) + generator.normal(size=(rows, len(shares)))
    logs[np.arange(rows), target] += 1.2
    probability = np.exp(logs)
    return probability / probability.sum(axis=1, keepdims=True), target


@pytest.mark.parametrize("name", ["f1", "balanced_accuracy", "f1_macro"])
def test_binary_cut_off_helps_on_unequal_classes(name: str) -> None:
    probability, target = drawn([0.93, 0.07])
    metric = METRICS[name]
    tuned = np.log(probability) + offsets(probability, target, metric, Seed(1))
    assert metric.function(target, tuned.argmax(axis=1)) > metric.function(target, probability.argmax(axis=1)) + 0.02


@pytest.mark.parametrize("name", ["balanced_accuracy", "f1_macro"])
def test_class_offsets_help_on_unequal_classes(name: str) -> None:
    probability, target = drawn([0.8, 0.15, 0.05])
    metric = METRICS[name]
    tuned = np.log(probability) + offsets(probability, target, metric, Seed(1))
    assert metric.function(target, tuned.argmax(axis=1)) > metric.function(target, probability.argmax(axis=1)) + 0.02


@pytest.mark.parametrize("name", ["roc_auc", "log_loss"])
def test_metrics_of_probabilities_need_no_line(name: str) -> None:
    probability, target = drawn([0.8, 0.2])
    assert not offsets(probability, target, METRICS[name], Seed(1)).any()
