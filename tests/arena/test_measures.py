"""Measures against values worked out by hand, and answers that cannot be judged."""

import math

import numpy as np
import pandas as pd
import pytest

from autoglm_arena import measures

TWO = pd.DataFrame({"no": [0.9, 0.6, 0.4, 0.2], "yes": [0.1, 0.4, 0.6, 0.8]})
TRUTH = pd.Series(["no", "yes", "no", "yes"])


def test_binary() -> None:
    found = measures.measures(TWO, TRUTH, "binary")
    # positives at 0.4 and 0.8, negatives at 0.1 and 0.6: three of four pairs are in order
    assert found["roc_auc"] == pytest.approx(0.75)
    assert found["accuracy"] == found["balanced_accuracy"] == found["f1_macro"] == found["f1_weighted"] == 0.5
    assert found["log_loss"] == pytest.approx(-(math.log(0.9) + 2 * math.log(0.4) + math.log(0.8)) / 4)
    # 0.9 right, 0.6 wrong twice (one bin), 0.8 right: (0.1 + 1.2 + 0.2) / 4
    assert found["calibration_error"] == pytest.approx(1.5 / 4)


def test_the_positive_class_is_the_last_in_sorted_order() -> None:
    assert measures.score(TWO[["yes", "no"]], TRUTH, "binary", "roc_auc") == pytest.approx(0.75)
    swapped = TWO.rename(columns={"yes": "a", "no": "b"})
    truth = TRUTH.map({"yes": "a", "no": "b"})
    assert measures.score(swapped, truth, "binary", "roc_auc") == pytest.approx(0.75)


def test_multiclass() -> None:
    answers = pd.DataFrame({"a": [0.8, 0.1, 0.3], "b": [0.1, 0.7, 0.4], "c": [0.1, 0.2, 0.3]})
    found = measures.measures(answers, pd.Series(["a", "b", "c"]), "multiclass")
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["balanced_accuracy"] == pytest.approx(2 / 3)
    assert found["f1_macro"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert found["roc_auc"] == pytest.approx(1.0)
    assert found["log_loss"] == pytest.approx(-(math.log(0.8) + math.log(0.7) + math.log(0.3)) / 3)


def test_a_class_without_a_column_has_probability_zero() -> None:
    answers = pd.DataFrame({"a": [1.0, 0.5], "b": [0.0, 0.5]})
    found = measures.measures(answers, pd.Series(["a", "c"]), "multiclass")
    eps = np.finfo("float64").eps
    assert found["log_loss"] == pytest.approx(-math.log(eps) / 2, rel=1e-6)
    assert "roc_auc" not in found  # b is not in the truth


def test_numbers_as_classes_and_rows_that_nearly_sum_to_one() -> None:
    answers = pd.DataFrame({"0": [0.7004, 0.2], "1": [0.3, 0.8]})
    found = measures.measures(answers, pd.Series([0, 1]), "binary")
    assert found["accuracy"] == 1
    assert found["log_loss"] == pytest.approx(-(math.log(0.7004 / 1.0004) + math.log(0.8)) / 2)


def test_regression() -> None:
    answers = pd.DataFrame({"value": [1.0, 2.0, 6.0]})
    found = measures.measures(answers, pd.Series([1.0, 2.0, 3.0]), "regression")
    assert found == pytest.approx({"mae": 1.0, "rmse": math.sqrt(3), "r2": 1 - 9 / 2})


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        (TWO.head(3), "3 rows of answers for 4"),
        (TWO.rename(columns={"no": "x", "yes": "y"}), "no column is named by a class"),
        (TWO.assign(yes=[0.1, np.nan, 0.6, 0.8]), "1 rows hold NaN"),
        (TWO.assign(yes=[0.1, np.inf, 0.6, 0.8]), "1 rows hold NaN"),
        (TWO.assign(no=[1.2, 0.6, 0.4, 0.2], yes=[-0.2, 0.4, 0.6, 0.8]), "not within 0 and 1"),
        (TWO.assign(yes=[0.2, 0.4, 0.6, 0.8]), "sum to 1 but to 1.1"),
        (TWO * 0.0, "sum to 1 but to 0"),
        (TWO.assign(yes=["a", "b", "c", "d"]), "not numbers"),
        (TWO.set_axis(["no", "no"], axis=1), "two columns have one name"),
    ],
)
def test_answers_that_cannot_be_judged(answers: pd.DataFrame, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        measures.measures(answers, TRUTH, "binary")


def test_a_regression_without_values() -> None:
    with pytest.raises(ValueError, match="'value' is missing"):
        measures.measures(TWO, pd.Series([1.0] * 4), "regression")


def test_one_class_has_no_curve() -> None:
    with pytest.raises(ValueError, match="roc_auc is not defined"):
        measures.score(TWO, pd.Series(["no"] * 4), "binary", "roc_auc")


def test_errors() -> None:
    assert measures.error(0.75, "roc_auc") == 0.25
    assert measures.error(0.4, "log_loss") == 0.4
    assert measures.error(3.0, "rmse") == 3.0


def test_constant_errors() -> None:
    train = pd.Series(["a", "a", "a", "b"])
    assert measures.constant_error(train, pd.Series(["a", "a"]), "binary", "roc_auc") == 0.5
    found = measures.constant_error(train, pd.Series(["a", "b"]), "multiclass", "log_loss")
    assert found == pytest.approx(-(math.log(0.75) + math.log(0.25)) / 2)
    assert measures.constant_error(pd.Series([1, 3]), pd.Series([2.0, 4.0]), "regression", "rmse") == math.sqrt(2)
