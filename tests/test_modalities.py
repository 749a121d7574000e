"""Several modalities in one table: weights, rows that lack one, noise in the place of one, shares of an answer."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

import autoglm
from autoglm import AutoML, Predictor
from autoglm.core.errors import DataError

QUICK = {"work": 14, "threads": 2, "learners": ["linear", "lightgbm", "pool"], "search": "none"}


def _frame(rows: int, seed: int) -> pd.DataFrame:
    """Real digits as four modalities: the upper half, the lower half, some words, and noise."""
    images, labels = load_digits(n_class=4, return_X_y=True)
    draw = np.random.default_rng(seed)
    some = draw.permutation(len(labels))[:rows]
    images, labels = images[some] + draw.normal(0, 3, (rows, 64)), labels[some]
    words = [" ".join(f"w{k if draw.random() < 0.4 else draw.integers(0, 4)}" for _ in range(8)) for k in labels]
    return pd.DataFrame(
        {
            "upper": list(images[:, :32]),
            "lower": [row.round(3).tolist() for row in images[:, 32:]],
            "words": words,
            "noise": list(draw.normal(size=(rows, 20))),
            "digit": [f"d{k}" for k in labels],
        }
    )


TRAIN, TEST = _frame(360, 0), _frame(300, 1)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return AutoML(**QUICK).fit(TRAIN, "digit")


def _right(predictor: Predictor, frame: pd.DataFrame) -> float:
    return float(np.mean(predictor.predict(frame) == TEST["digit"]))


def test_each_is_found_and_noise_weighs_nothing(predictor: Predictor) -> None:
    told = predictor.modalities.set_index("name")
    assert told["kind"].to_dict() == {"upper": "embedding", "lower": "embedding", "words": "text", "noise": "embedding"}
    assert told["weight"]["noise"] < 0.05 < told["weight"].drop("noise").min()
    assert told["missing"]["noise"] < told["missing"].drop("noise").min()
    assert told["low"]["upper"] <= told["missing"]["upper"] <= told["high"]["upper"]


def test_what_is_prepared_needs_its_folder_no_more(predictor: Predictor, tmp_path: Path) -> None:
    again = Predictor.load(predictor.save(tmp_path / "saved"))
    again.prepare()
    shutil.rmtree(tmp_path / "saved")  # as when another model takes its place
    some = TEST.head(3).assign(upper=None)
    assert again.predict_proba(some).equals(predictor.predict_proba(some))
    assert np.array_equal(again.explain(some).values, predictor.explain(some).values)


def test_a_row_that_lacks_one_is_answered_by_the_others(predictor: Predictor) -> None:
    whole = _right(predictor, TEST)
    assert whole > 0.93
    for name in ("upper", "lower", "words"):
        assert _right(predictor, TEST.assign(**{name: None})) > whole - 0.15
    assert predictor.about["substitute"]["modalities"] == ["upper", "lower", "words"], "noise is not missed"
    assert _right(predictor, TEST.assign(noise=None)) > whole - 0.03
    nothing = predictor.predict(TEST.assign(upper=None, lower=None, words=None, noise=None))
    assert nothing.nunique() == 1


def test_noise_in_the_place_of_one_counts_as_missing(predictor: Predictor) -> None:
    draw = np.random.default_rng(5)
    spoilt = TEST.assign(upper=list(draw.normal(0, 60, (len(TEST), 32))))
    missing = TEST.assign(upper=None)
    assert np.mean(predictor.predict(spoilt) == predictor.predict(missing)) > 0.98


def test_the_shares_of_an_answer_add_up(predictor: Predictor) -> None:
    some = TEST.head(8)
    shares = predictor.explain_modalities(some)
    assert list(shares.columns) == ["upper", "lower", "words", "noise"]
    nothing = some.assign(upper=None, lower=None, words=None, noise=None)
    answered = predictor.predict_proba(some).to_numpy().argmax(axis=1)
    rows = np.arange(len(some))
    gained = np.log(predictor.predict_proba(some).to_numpy()[rows, answered]) - np.log(
        predictor.predict_proba(nothing).to_numpy()[rows, answered]
    )
    assert shares.sum(axis=1).to_numpy() == pytest.approx(gained, abs=1e-6)
    assert shares["noise"].abs().max() < 0.2


def test_a_saved_predictor_does_the_same(predictor: Predictor, tmp_path) -> None:
    back = autoglm.load(predictor.save(tmp_path / "saved"))
    spoilt = TEST.assign(upper=None)
    assert np.array_equal(back.predict_proba(spoilt), predictor.predict_proba(spoilt))


def test_report_and_card_tell_of_them(predictor: Predictor) -> None:
    page, card = predictor.report().read_text(), (predictor.folder / "MODEL_CARD.md").read_text()
    assert "The modalities" in page and "Rows to look at" in page and "## Modalities" in card


def test_one_modality_has_no_shares() -> None:
    a = np.random.default_rng(0).normal(size=80)
    frame = pd.DataFrame({"a": a, "y": a > 0})
    alone = AutoML(work=2, threads=1, learners=["linear"], search="none").fit(frame, "y")
    assert alone.modalities.empty and "The modalities" not in alone.report().read_text()
    with pytest.raises(DataError, match="1 modalities"):
        alone.explain_modalities(frame)
