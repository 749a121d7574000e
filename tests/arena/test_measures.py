"""Measures against numbers worked out by hand and against scikit-learn."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from autoglm_arena.measures import constant_error, error, measures

TRUTH = pd.Series(["no", "yes", "yes", "no"])
ANSWERS = pd.DataFrame({"yes": [0.2, 0.9, 0.4, 0.1], "no": [0.8, 0.1, 0.6, 0.9]})


def test_two_classes():
    found = measures(ANSWERS, TRUTH, "binary")
    assert found["accuracy"] == 0.75
    assert found["balanced_accuracy"] == 0.75
    assert found["f1_macro"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert found["roc_auc"] == roc_auc_score(TRUTH == "yes", ANSWERS["yes"]) == 1.0
    assert found["log_loss"] == pytest.approx(log_loss(TRUTH, ANSWERS[["no", "yes"]]))
    # Confidence .8, .9, .6 and .9 in bins of their own: |.8-1| + |.6-0| + |1.8-2|, over 4 rows.
    assert found["calibration_error"] == pytest.approx(0.25)


def test_a_class_without_a_column_is_held_impossible():
    truth = pd.Series(["a", "b", "c"])
    answers = pd.DataFrame({"a": [1.0, 0.0, 0.5], "b": [0.0, 1.0, 0.5]})
    found = measures(answers, truth, "multiclass")
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["log_loss"] == pytest.approx(-math.log(1e-15) / 3)


def test_a_class_without_a_row_leaves_no_area():
    answers = pd.DataFrame({"a": [0.6, 0.3], "b": [0.3, 0.6], "c": [0.1, 0.1]})
    assert math.isnan(measures(answers, pd.Series(["a", "b"]), "multiclass")["roc_auc"])


def test_many_classes_as_scikit_learn_has_them():
    generator = np.random.default_rng(0)
    truth = pd.Series(generator.choice(list("abc"), 60))
    answers = pd.DataFrame(generator.dirichlet([1, 1, 1], 60), columns=list("abc"))
    expected = roc_auc_score(truth, answers, multi_class="ovr")
    assert measures(answers, truth, "multiclass")["roc_auc"] == pytest.approx(expected)


def test_numbers():
    found = measures(pd.DataFrame({"value": [1.0, 2.0, 6.0]}), pd.Series([1.0, 4.0, 4.0]), "regression")
    assert found["mae"] == pytest.approx(4 / 3)
    assert found["rmse"] == pytest.approx(math.sqrt(8 / 3))
    assert found["r2"] == pytest.approx(1 - 8 / 6)


def test_the_constant_is_half_an_area_and_the_entropy():
    train = pd.Series(["no", "no", "yes", "yes"])
    assert constant_error(train, TRUTH, "binary", "roc_auc") == 0.5
    assert constant_error(train, TRUTH, "multiclass", "log_loss") == pytest.approx(math.log(2))
    assert constant_error(pd.Series([1.0, 3.0]), pd.Series([2.0, 5.0]), "regression", "rmse") == math.sqrt(4.5)


def test_an_error_is_to_be_small():
    assert error(0.75, "roc_auc") == 0.25
    assert error(0.75, "rmse") == 0.75


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        (ANSWERS[:3], "3 answers for 4 rows"),
        (ANSWERS.assign(yes=np.nan), "4 answers are not finite"),
        (ANSWERS * 2, "expected 0 to 1"),
        (ANSWERS / 2, "4 rows do not sum to 1, the first to 0.5"),
        (ANSWERS.rename(columns={"yes": "1", "no": "0"}), "expected classes: 'no', 'yes'"),
        (ANSWERS.astype(str) + "x", "no numbers"),
        (pd.concat([ANSWERS, ANSWERS], axis=1), "columns twice: 'no', 'yes'"),
    ],
)
def test_unusable_answers_are_named(answers: pd.DataFrame, says: str):
    with pytest.raises(ValueError, match=says):
        measures(answers, TRUTH, "binary")


def test_a_regression_has_one_column():
    with pytest.raises(ValueError, match="expected the one column 'value'"):
        measures(pd.DataFrame({"x": [1.0]}), pd.Series([1.0]), "regression")
