"""scikit-learn's own contract for estimators in full, and what it does not ask."""

import copy
import pickle
import selectors
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

import autoglm.automl
from autoglm.engine.pool import Pool, _Worker
from autoglm.sklearn import AutoGLMClassifier, AutoGLMRegressor

SMALL: dict[str, Any] = {"work": 3, "learners": ["linear"], "search": "none", "threads": 1}


class WarmPool(Pool):
    """Hands idle workers on to the next fit: a hundred fits here would start a hundred Pythons."""

    spare: ClassVar[list[_Worker]] = []

    def _start(self) -> _Worker:
        while WarmPool.spare:
            worker = WarmPool.spare.pop()
            if worker.process.poll() is None:
                assert worker.process.stdout is not None
                self.selector.register(worker.process.stdout, selectors.EVENT_READ, worker)
                return worker
        return super()._start()

    def close(self) -> None:
        for worker in [w for w in self.workers if w.job is None]:
            assert worker.process.stdout is not None
            self.selector.unregister(worker.process.stdout)
            self.workers.remove(worker)
            WarmPool.spare.append(worker)
        super().close()


@pytest.fixture(autouse=True)
def warm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autoglm.automl, "Pool", WarmPool)


@pytest.fixture(scope="module", autouse=True)
def tidy() -> Any:
    yield
    for worker in WarmPool.spare:
        worker.process.kill()
        worker.process.wait()
        for pipe in (worker.process.stdin, worker.process.stdout, worker.log):
            assert pipe is not None
            pipe.close()
    WarmPool.spare.clear()


@parametrize_with_checks([AutoGLMClassifier(**SMALL), AutoGLMRegressor(**SMALL)])
def test_contract(estimator: Any, check: Any) -> None:
    check(estimator)


def people(rows: int = 60) -> pd.DataFrame:
    draw = np.random.default_rng(3)
    frame = pd.DataFrame({"age": draw.integers(18, 80, rows).astype(float), "plan": draw.choice(["a", "b"], rows)})
    frame.loc[::7, "age"] = np.nan
    return frame


@pytest.fixture
def labelled() -> tuple[pd.DataFrame, np.ndarray[Any, Any]]:
    frame = people()
    return frame, np.where((frame["plan"] == "a") | (frame["age"] > 60), "stays", "goes")


def test_frames_of_any_column_types(labelled: tuple[pd.DataFrame, Any]) -> None:
    frame, target = labelled
    model = AutoGLMClassifier(**SMALL).fit(frame, target)
    assert model.feature_names_in_.tolist() == ["age", "plan"]
    assert model.classes_.tolist() == ["goes", "stays"]
    assert model.score(frame, target) > 0.8
    assert model.predictor_.columns == ["age", "plan"]


def test_polars_frames(labelled: tuple[pd.DataFrame, Any]) -> None:
    polars = pytest.importorskip("polars")
    frame, target = labelled
    model = AutoGLMClassifier(**SMALL).fit(polars.from_pandas(frame), target)
    assert isinstance(model.predict(polars.from_pandas(frame)), np.ndarray)


@pytest.mark.parametrize(
    "classes",
    [
        np.array([0, 1]),
        np.array([2, 10]),
        np.array([False, True]),
        np.array([1.0, 2.0]),
        np.array(["", " b"]),
    ],
    ids=str,
)
def test_labels_come_back_as_they_were(classes: np.ndarray[Any, Any]) -> None:
    X, codes = make_blobs(60, centers=2, random_state=0, cluster_std=0.3)
    model = AutoGLMClassifier(**SMALL).fit(X, classes[codes])
    found = model.predict(X)
    assert found.dtype == classes.dtype
    assert (found == classes[codes]).all()
    assert (model.predict_proba(X).argmax(axis=1) == codes).all()


def test_a_column_may_have_the_name_of_the_target(labelled: tuple[pd.DataFrame, Any]) -> None:
    frame, target = labelled
    renamed = frame.rename(columns={"age": "y", "plan": "y_"})
    assert AutoGLMClassifier(**SMALL).fit(renamed, target).predictor_.columns == ["y", "y_"]


def test_copies_answer_the_same_when_the_first_is_gone(labelled: tuple[pd.DataFrame, Any]) -> None:
    frame, target = labelled
    model = AutoGLMClassifier(**SMALL).fit(frame, target)
    expected = model.predict_proba(frame)
    packed = pickle.dumps(model)
    restored = pickle.loads(packed)  # noqa: S301 (made two lines above)
    assert pickle.dumps(restored) == packed
    copied, folder = copy.deepcopy(model), model.predictor_.folder
    del model
    assert not folder.exists()
    for other in (copied, restored):
        np.testing.assert_array_equal(other.predict_proba(frame), expected)
    with pytest.raises(NotFittedError):
        clone(copied).predict(frame)


def test_missing_labels_are_refused(labelled: tuple[pd.DataFrame, Any]) -> None:
    frame, _ = labelled
    target = np.linspace(0, 1, len(frame))
    target[3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        AutoGLMRegressor(**SMALL).fit(frame, target)


def test_cross_validation() -> None:
    X, y = make_blobs(90, centers=3, random_state=0)
    scores = cross_val_score(AutoGLMClassifier(**SMALL), X, y, cv=3)
    assert scores.mean() > 0.8
