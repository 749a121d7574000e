"""Explanations of whole predictors: they add up, name the columns of the input, and are the same from disk."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.test_predictor import customers

from autoglm import AutoML, Predictor
from autoglm.core.errors import DataError, FolderError, OptionError, SchemaError


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    draw = np.random.default_rng(3)
    told = draw.choice(["called about a late invoice", "happy with all of it", "asked how to cancel it"], 160)
    return customers(160).assign(note=told)


@pytest.fixture(scope="module")
def predictor(frame: pd.DataFrame) -> Predictor:
    return AutoML(work=9, threads=1, learners=["linear", "lightgbm", "catboost", "forest"]).fit(frame, "churn")


def test_values_and_base_are_the_answer(predictor: Predictor, frame: pd.DataFrame) -> None:
    rows = frame.drop(columns="churn").iloc[:12]
    found = predictor.explain(rows)
    assert found.columns == tuple(predictor.columns)
    assert set(found.columns) <= set(rows.columns) and "customer_id" not in found.columns
    assert found.values.shape == (12, len(found.columns), 1)
    assert (found.names, found.unit) == (("yes",), "log-odds")
    assert found.gap.max() < 1e-5
    share = predictor.predict_proba(rows)["yes"].to_numpy()
    assert 1 / (1 + np.exp(-(found.base + found.values.sum(axis=1))[:, 0])) == pytest.approx(share, abs=1e-6)
    assert set(found.importance.index[:2]) == {"age", "plan"}


def test_forms(predictor: Predictor, frame: pd.DataFrame) -> None:
    found = predictor.explain(frame.iloc[:3])
    lines = found.frame()
    assert list(lines.columns) == ["row", "of", "column", "value", "error"]
    assert len(lines) == found.values.size
    second = lines[(lines["row"] == 1) & (lines["column"] == "age")]["value"].item()
    assert second == found.values[1, found.columns.index("age"), 0]
    said = found.json()
    assert said["rows"][1]["values"] == found.values[1].tolist() and said["columns"] == list(found.columns)
    assert found.take([2]).margins == pytest.approx(found.margins[2:])
    assert len(predictor.explain(frame.iloc[:0])) == 0


def test_interactions_add_up_to_the_explanation(frame: pd.DataFrame) -> None:
    told = frame.assign(churn=np.where((frame["age"] > 50) == (frame["plan"] == "basic"), "yes", "no"))
    predictor = AutoML(work=4, threads=1, learners=["lightgbm"], search="none").fit(told, "churn")
    rows = frame.drop(columns="churn").iloc[:12]
    found, expected = predictor.interactions(rows), predictor.explain(rows)
    assert (found.exact, found.columns, found.names) == (1.0, expected.columns, expected.names)
    assert np.abs(found.values.sum(axis=2) - expected.values).max() < 1e-6
    assert set(found.pairs.iloc[0][["a", "b"]]) == {"age", "plan"}
    assert len(predictor.interactions(rows.iloc[:0])) == 0


def test_interactions_of_what_cannot_tell_are_left_out(predictor: Predictor, frame: pd.DataFrame) -> None:
    assert predictor.interactions(frame.iloc[:3]).exact == 1.0  # linear, boosting
    mixed = AutoML(work=8, threads=1, learners=["linear", "mlp"], search="none").fit(frame, "churn")
    assert any(member.learner == "mlp" for member in mixed.members)
    found = mixed.interactions(frame.iloc[:3])
    assert 0 < found.exact < 1 and np.isfinite(found.values).all()


def test_seeds_and_folders_do_not_matter(predictor: Predictor, frame: pd.DataFrame, tmp_path: Path) -> None:
    again = Predictor.load(predictor.save(tmp_path / "saved"))
    some = frame.iloc[[3, 1]]
    first, second = predictor.explain(some), again.explain(some)
    assert np.array_equal(first.values, second.values) and np.array_equal(first.errors, second.errors)
    other = predictor.explain(some, draws=4, seed=5)
    assert np.abs(other.values - first.values).max() <= 5 * max(first.errors.max(), 1e-9)


def test_all_is_exact_without_what_must_be_sampled(frame: pd.DataFrame) -> None:
    exact = AutoML(work=3, threads=1, learners=["linear"], search="none").fit(frame, "churn").explain(frame.iloc[:5])
    assert exact.exact == 1.0 and not exact.errors.any() and exact.gap.max() < 1e-9


def test_probabilities(predictor: Predictor, frame: pd.DataFrame) -> None:
    found = predictor.explain(frame.iloc[:6], probability=True)
    assert found.names == ("no", "yes") and found.unit == "probability" and found.exact == 0.0
    assert found.margins == pytest.approx(predictor.predict_proba(frame.iloc[:6]).to_numpy(), abs=1e-6)
    assert found.gap.max() < 1e-6
    assert found.values.sum(axis=2) == pytest.approx(0.0, abs=1e-9)  # what one class gets the other loses


def test_several_classes_and_values() -> None:
    draw = np.random.default_rng(1)
    x = pd.DataFrame({"a": draw.normal(size=150), "b": draw.normal(size=150)})
    classes = x.assign(y=np.digitize(x["a"], [-0.4, 0.4]).astype(str))
    found = AutoML(work=3, threads=1, learners=["lightgbm"], search="none").fit(classes, "y").explain(x.iloc[:9])
    assert found.names == ("0", "1", "2") and found.unit == "log-probability" and found.gap.max() < 1e-4
    values = AutoML(work=3, threads=1, learners=["lightgbm"], search="none").fit(x.assign(y=3 * x["a"]), "y")
    told = values.explain(x.iloc[:9])
    with pytest.raises(DataError, match="no class probabilities"):
        values.explain(x.iloc[:9], probability=True)
    assert told.names == ("y",) and told.unit == "target"
    assert (told.base + told.values.sum(axis=1))[:, 0] == pytest.approx(values.predict(x.iloc[:9]), abs=1e-4)


def test_what_is_wrong_is_said(predictor: Predictor, frame: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="age"):
        predictor.explain(frame.drop(columns="age"))
    with pytest.raises(OptionError, match="draws=0"):
        predictor.explain(frame.iloc[:2], draws=0)
    old = Predictor.load(predictor.save(tmp_path / "old"))
    (tmp_path / "old" / "background" / "features.json").unlink()
    with pytest.raises(FolderError, match="fit again"):
        old.explain(frame.iloc[:2])


def test_a_flip_flips(frame: pd.DataFrame) -> None:
    told = frame.assign(churn=np.where((frame["age"] > 50) & (frame["plan"] != "basic"), "yes", "no"))
    predictor = AutoML(work=6, threads=1, learners=["lightgbm", "forest"]).fit(told, "churn")
    rows = frame.drop(columns="churn").iloc[:12]
    before = predictor.predict(rows)
    assert before.nunique() == 2
    found = predictor.flips(rows)
    assert all(change is not None and set(change) <= {"age", "plan"} for change in found)
    for i, change in enumerate(found):
        flipped = rows.iloc[[i]].astype(object)
        for name, (old, new) in (change or {}).items():
            assert old == rows.iloc[i][name]
            flipped[name] = [new]
        assert predictor.predict(flipped).iloc[0] != before.iloc[i]
    kept = predictor.flips(rows, fixed=["age"])
    assert all(change is None or "age" not in change for change in kept) and kept != found
    assert [c is None for c in predictor.flips(rows, to="yes")] == [answer == "yes" for answer in before]


def test_flips_that_cannot_be_are_refused(predictor: Predictor, frame: pd.DataFrame) -> None:
    for options, said in (
        ({"to": "maybe"}, "expected one of"),
        ({"fixed": ["agee"]}, "'age'"),
        ({"most": 0}, "most=0"),
    ):
        with pytest.raises(OptionError, match=said):
            predictor.flips(frame.iloc[:1], **options)  # type: ignore[arg-type]
