"""What noise, missing and broken modalities, and wrong labels cost: ours beside boosting and linear models.

``python benchmarks/robustness.py [--seconds 60] [--seeds 3] [--threads 2]``. Real digits (scikit-learn's) as four
modalities: the noisy upper half, the noisy lower half, a weak bag of words, and 64 numbers of pure noise; 700 rows to
learn from, 1,097 to answer. Wanted: noise weighs at most .05 and costs less than half a point; a missing modality costs
at most 60 % of what it costs boosting; half of the rows of one modality spoilt cost at most 5 points; a fifth of the
labels wrong costs less than it costs each of the others.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

NAMES = ("upper", "lower", "words", "noise")
Answer = Callable[[pd.DataFrame], Any]


def digits(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return rows to learn from and rows to answer."""
    images, labels = load_digits(return_X_y=True)
    draw, rows = np.random.default_rng(seed), len(labels)
    noisy = images + draw.normal(0, 4, images.shape)
    drawn = draw.integers(0, 10, (rows, 8))
    told = np.where(draw.random((rows, 8)) < 0.35, labels[:, None], drawn)
    frame = pd.DataFrame(
        {
            "upper": list(noisy[:, :32]),
            "lower": list(noisy[:, 32:]),
            "words": [" ".join(f"w{k}" for k in row) for row in told],
            "noise": list(draw.normal(size=(rows, 64))),
            "digit": [f"d{k}" for k in labels],
        }
    )
    order = draw.permutation(rows)
    return frame.iloc[order[:700]].reset_index(drop=True), frame.iloc[order[700:]].reset_index(drop=True)


def ours(train: pd.DataFrame, seconds: float, threads: int) -> Answer:
    from autoglm import AutoML

    predictor = AutoML(seconds=seconds, threads=threads, metric="accuracy").fit(train, "digit")

    def answer(frame: pd.DataFrame) -> Any:
        return predictor.predict(frame).to_numpy()

    answer.weights = predictor.modalities.set_index("name")["weight"]  # type: ignore[attr-defined]
    return answer


def simple(train: pd.DataFrame, model: Any, impute: bool) -> Answer:
    """Fit a model on all modalities side by side; words as TF-IDF."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    words = TfidfVectorizer().fit(train["words"])

    def matrix(frame: pd.DataFrame) -> Any:
        blocks = []
        for name in NAMES:
            gone = frame[name].isna().to_numpy()
            if name == "words":
                block = words.transform(frame[name].fillna("")).toarray()
            else:
                nothing = np.full(len(train[name][0]), np.nan)
                block = np.stack([nothing if g else v for g, v in zip(gone, frame[name], strict=True)])
            block[gone] = np.nan
            blocks.append(block)
        return np.hstack(blocks)

    whole = make_pipeline(SimpleImputer(), StandardScaler(), model) if impute else model
    whole.fit(matrix(train), train["digit"])
    return lambda frame: whole.predict(matrix(frame))


def heads(seconds: float, threads: int) -> dict[str, Callable[[pd.DataFrame], Answer]]:
    """Return how each contestant is fitted."""
    from lightgbm import LGBMClassifier
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    shared: dict[str, Any] = {"n_jobs": threads, "random_state": 0}
    return {
        "ours": lambda train: ours(train, seconds, threads),
        "concat + LightGBM": lambda train: simple(
            train, LGBMClassifier(n_jobs=threads, verbose=-1, random_state=0), False
        ),
        "concat + logistic": lambda train: simple(train, LogisticRegression(C=0.02, max_iter=2000), True),
        "concat + forest": lambda train: simple(train, RandomForestClassifier(300, **shared), True),
    }


def spoilt(test: pd.DataFrame, name: str, draw: np.random.Generator, swap: bool) -> pd.DataFrame:
    """Return the rows with one modality broken in half of them: by noise, or by another row's."""
    half = draw.random(len(test)) < 0.5
    order = draw.permutation(len(test))
    other = [test[name][i] for i in order] if swap else list(draw.normal(0, 30, (len(test), len(test[name][0]))))
    return test.assign(**{name: [b if h else a for a, b, h in zip(test[name], other, half, strict=True)]})


def play(seed: int, seconds: float, threads: int, found: dict[str, dict[str, list[float]]]) -> None:
    """Fit all contestants on one draw and note how often they are right, in points."""
    train, test = digits(seed)
    draw = np.random.default_rng(seed + 100)
    wrong = train.assign(
        digit=np.where(draw.random(700) < 0.2, [f"d{k}" for k in draw.integers(0, 10, 700)], train.digit)
    )
    rows = {"clean": test} | {f"without {n}": test.assign(**{n: None}) for n in NAMES}
    rows |= {
        "half of upper noise": spoilt(test, "upper", draw, False),
        "half of upper swapped": spoilt(test, "upper", draw, True),
    }
    for name, fit in heads(seconds, threads).items():
        answer = fit(train)
        for case, frame in rows.items():
            found[name][case].append(100 * float(np.mean(answer(frame) == test["digit"])))
        if hasattr(answer, "weights"):
            found[name]["weight of noise"].append(float(answer.weights["noise"]))
        without = fit(train.assign(noise=[np.zeros(64)] * 700)) if name != "ours" else fit(train.drop(columns="noise"))
        clean = test.assign(noise=[np.zeros(64)] * len(test))
        found[name]["never any noise"].append(100 * float(np.mean(without(clean) == test["digit"])))
        found[name]["a fifth of labels wrong"].append(100 * float(np.mean(fit(wrong)(test) == test["digit"])))


def judged(name: str, value: float, limit: float) -> str:
    return f"{'kept  ' if value <= limit else 'MISSED'}  {name}: {value:.2f}, at most {limit:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    began = time.monotonic()
    for seed in range(given.seeds):
        play(seed, given.seconds, given.threads, found)
    table = pd.DataFrame({name: {case: np.mean(v) for case, v in cases.items()} for name, cases in found.items()})
    print(
        f"percent right, mean of {given.seeds} draws ({time.monotonic() - began:.0f} s)\n{table.round(2).to_string()}\n"
    )
    lost = table.loc["clean"] - table
    print(judged("weight of noise", max(found["ours"]["weight of noise"]), 0.05))
    print(judged("points that noise costs", table["ours"]["never any noise"] - table["ours"]["clean"], 0.5))
    for name in NAMES[:3]:
        case = f"without {name}"
        print(judged(f"points lost {case}", lost["ours"][case], 0.6 * lost["concat + LightGBM"][case]))
    print(judged("points lost, half of upper noise", lost["ours"]["half of upper noise"], 5.0))
    others = lost.loc["a fifth of labels wrong"].drop("ours")
    print(judged("points lost, wrong labels", lost["ours"]["a fifth of labels wrong"], float(others.min())))


if __name__ == "__main__":
    main()
