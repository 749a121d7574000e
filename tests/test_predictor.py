"""Predictor: the same kind of frame back, whatever stands in it; errors that say what is missing."""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from autoglm import AutoML, Predictor
from autoglm.core.errors import DataError, DataWarning, SchemaError
from autoglm.predictor import decide


def customers(rows: int = 120) -> pd.DataFrame:
    draw = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "age": draw.integers(18, 80, rows),
            "plan": draw.choice(["basic", "plus", "extra"], rows),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(draw.integers(0, 900, rows), unit="D"),
            "always": 1,
            "customer_id": np.arange(rows),
        }
    )
    leaves = (frame["age"] < 40) + (frame["plan"] == "basic") + draw.normal(0, 0.4, rows)
    return frame.assign(churn=np.where(leaves > 1, "yes", "no"))


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return customers()


@pytest.fixture(scope="module")
def predictor(frame: pd.DataFrame) -> Predictor:
    return AutoML(work=4, threads=1, learners=["linear"], search="none").fit(frame, "churn")


@pytest.fixture(scope="module")
def valuer() -> Predictor:
    draw = np.random.default_rng(1)
    x = draw.normal(size=60)
    return AutoML(work=3, threads=1, learners=["constant"], search="none").fit(pd.DataFrame({"x": x, "y": 2 * x}), "y")


def test_answers_and_probabilities_agree(predictor: Predictor, frame: pd.DataFrame) -> None:
    share = predictor.predict_proba(frame)
    assert list(share.columns) == ["no", "yes"]
    assert share.sum(axis=1).to_numpy() == pytest.approx(1.0)
    assert (predictor.predict(frame) == share.idxmax(axis=1)).all()
    assert predictor.evaluate(frame)["roc_auc"] > 0.8


def test_the_same_kind_of_frame_comes_back(predictor: Predictor, frame: pd.DataFrame) -> None:
    expected = predictor.predict(frame).tolist()
    polars, arrow = pl.from_pandas(frame), pa.Table.from_pandas(frame)
    assert isinstance(found := predictor.predict(polars), pl.Series) and found.to_list() == expected
    assert isinstance(found := predictor.predict(arrow), pa.Array | pa.ChunkedArray) and found.to_pylist() == expected
    assert isinstance(predictor.predict_proba(polars), pl.DataFrame)
    assert isinstance(predictor.predict_proba(arrow), pa.Table)
    assert predictor.predict(frame.to_dict("list")) == expected


@pytest.mark.parametrize("dtypes", ["numpy_nullable", "pyarrow"])
def test_nullable_and_arrow_types_answer_the_same(predictor: Predictor, frame: pd.DataFrame, dtypes: Any) -> None:
    found = predictor.predict_proba(frame.convert_dtypes(dtype_backend=dtypes))
    assert np.array_equal(found, predictor.predict_proba(frame))


def test_the_index_is_kept(predictor: Predictor, frame: pd.DataFrame) -> None:
    some = frame.iloc[[5, 3, 3]].set_axis(["b", "a", "a"])
    assert predictor.predict(some).index.tolist() == ["b", "a", "a"]
    assert predictor.predict_proba(some).index.tolist() == ["b", "a", "a"]
    assert predictor.predict(some).name == "churn"


def test_a_row_alone_is_answered_as_in_the_batch(predictor: Predictor, frame: pd.DataFrame) -> None:
    whole = predictor.predict_proba(frame)
    for row in (0, 17, 119):
        assert predictor.predict_proba(frame.iloc[[row]]).to_numpy() == pytest.approx(whole.iloc[[row]].to_numpy())


def test_no_rows_no_answers(predictor: Predictor, valuer: Predictor, frame: pd.DataFrame) -> None:
    none = frame.iloc[:0]
    assert predictor.predict(none).tolist() == []
    assert predictor.predict_proba(none).shape == (0, 2)
    assert predictor.predict(pl.from_pandas(none)).to_list() == []
    assert valuer.predict(pd.DataFrame({"x": []})).dtype == np.float64


def test_columns_in_any_order_with_more_beside_them(predictor: Predictor, frame: pd.DataFrame) -> None:
    other = frame[frame.columns[::-1]].assign(more=1, **{"class": 2})
    assert np.array_equal(predictor.predict_proba(other), predictor.predict_proba(frame))


def test_columns_that_are_not_used_may_be_missing(predictor: Predictor, frame: pd.DataFrame) -> None:
    assert predictor.columns == ["age", "plan", "since"]
    assert len(predictor.predict(frame[predictor.columns])) == 120


def test_a_missing_column_is_named_with_the_nearest(predictor: Predictor, frame: pd.DataFrame) -> None:
    with pytest.raises(SchemaError, match=r"1 of 3 columns are missing: 'plan'; did you mean 'plans'\?"):
        predictor.predict(frame.rename(columns={"plan": "plans"}))
    with pytest.raises(SchemaError, match="2 of 3 columns are missing"):
        predictor.predict(frame[["age"]].iloc[:0])


def test_unseen_values_and_other_types_get_an_answer(predictor: Predictor, frame: pd.DataFrame) -> None:
    odd = frame.head(6).astype(object)
    odd["plan"] = ["never seen", None, 5, "", "basic\x00", "x" * 5000]
    odd["age"] = ["old", np.inf, -np.inf, "41", None, 1e300]
    odd["since"] = ["2020-02-30", "soon", None, pd.Timestamp("2021-05-05", tz="Asia/Tokyo"), 7, "2021-05-05"]
    share = predictor.predict_proba(odd)
    assert np.isfinite(share.to_numpy()).all() and share.shape == (6, 2)
    assert set(predictor.predict(odd)) <= {"yes", "no"}


def test_a_value_has_no_probabilities(valuer: Predictor) -> None:
    with pytest.raises(DataError, match="is a quantity, it has no class probabilities"):
        valuer.predict_proba(pd.DataFrame({"x": [1.0]}))


def test_evaluation_needs_the_target(predictor: Predictor, frame: pd.DataFrame) -> None:
    with pytest.raises(SchemaError, match=r"target 'churn' is not among the columns; did you mean 'churns'"):
        predictor.evaluate(frame.rename(columns={"churn": "churns"}))
    with pytest.raises(DataError, match="holds 'maybe', not one of the classes"):
        predictor.evaluate(frame.assign(churn="maybe"))


def test_what_people_read(predictor: Predictor, tmp_path: Path) -> None:
    board = predictor.leaderboard()
    assert {"name", "learner", "score", "weight", "folds"} <= set(board.columns)
    assert board["weight"].sum() == pytest.approx(1.0)
    explained = predictor.explain_global()
    assert set(explained["name"]) == {"age", "plan", "since"}
    assert explained["name"].iloc[0] in ("age", "plan")
    assert "<html" in predictor.report(tmp_path / "report.html").read_text()[:200]


def test_decisions_follow_the_offsets() -> None:
    probability = np.array([[0.6, 0.4], [0.9, 0.1]])
    assert decide(probability, np.zeros(2)).tolist() == [0, 0]
    assert decide(probability, np.array([0.0, 1.0])).tolist() == [1, 0]
    assert decide(probability[:0], np.zeros(2)).tolist() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"x": "0,5"}, r"column 'x': 60 of 60 values are no number as in training \(for instance '0,5'\)"),
        ({"day": "2021-13-45"}, r"column 'day': 60 of 60 values are no date"),
        ({"x": "?"}, ""),
        ({"x": None, "day": None}, ""),
    ],
    ids=str,
)
def test_values_that_cannot_be_read_as_in_training_are_told(change: dict[str, Any], said: str) -> None:
    draw = np.random.default_rng(8)
    days = pd.date_range("2020-01-01", periods=60).astype(str)
    rows = pd.DataFrame({"x": draw.normal(size=60), "day": days, "y": draw.integers(0, 2, 60)})
    predictor = AutoML(work=2, learners=["constant"], search="none").fit(rows, "y")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", DataWarning)
        predictor.predict(rows.assign(**change))
    found = [str(w.message) for w in seen if issubclass(w.category, DataWarning)]
    assert len(found) == bool(said) and (not said or re.match(said, found[0]))
