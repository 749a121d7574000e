"""How well texts of medicine, law and social networks are told apart: macro F1 with intervals, beside TF-IDF.

``AUTOGLM_DATA=... python benchmarks/subjects.py [SUBJECT ...] [--seconds 120] [--rows 4000] [--threads 2]`` fits the
engine and a logistic regression on words on the same rows; tested are 2,000 rows of categories, licences or documents
that nobody has learned from. Intervals (95 %) draw these anew, not rows. Wanted: .74 medical, .70 legal, .65 social.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline

from autoglm import AutoML, datasets
from autoglm.core.dataset import PART

TEST_ROWS = 2_000
RESAMPLES = 1_000


@dataclass(frozen=True)
class Subject:
    """A data set and the macro F1 that is wanted."""

    data: str
    wanted: float


SUBJECTS = {
    "medical": Subject("icd10cm", 0.74),
    "legal": Subject("licences", 0.70),
    "social": Subject("domains/clear", 0.65),
}


def parts(subject: Subject, rows: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, str, str]:
    """Return training rows, test rows, the target and the column whose values belong together."""
    found = datasets.load(subject.data)
    frame, target, groups = found.frame, found.card.target, found.card.groups
    if "domain" in frame:
        frame = frame[frame["domain"] == "tweets"]
    drawn = frame.sample(frac=1, random_state=seed)
    columns = ["text", groups, target]
    train, test = (drawn.loc[drawn[PART] == part, columns] for part in ("train", "test"))
    return train[:rows].reset_index(drop=True), test[:TEST_ROWS].reset_index(drop=True), target, groups


def interval(truth: Any, said: Any, groups: Any) -> tuple[float, float]:
    """Return the 95 % interval of macro F1 over draws of groups."""
    codes = pd.factorize(groups)[0]
    members = [np.flatnonzero(codes == g) for g in range(codes.max() + 1)]
    draw = np.random.default_rng(0)
    scores = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([members[g] for g in draw.integers(0, len(members), len(members))])
        scores.append(f1_score(truth[rows], said[rows], average="macro", zero_division=0))
    low, high = np.quantile(scores, [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"of {', '.join(SUBJECTS)}; all by default")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--rows", type=int, default=4_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if unknown := set(given.subjects) - set(SUBJECTS):
        parser.error(f"no subject named {min(unknown)!r}; expected {', '.join(SUBJECTS)}")
    for name in given.subjects or SUBJECTS:
        subject = SUBJECTS[name]
        train, test, target, groups = parts(subject, given.rows, given.seed)
        print(f"{name}: {subject.data}, {len(train)} rows, {train[target].nunique()} classes, {len(test)} test rows")
        for who in ("ours", "TF-IDF + logistic"):
            began = time.monotonic()
            if who == "ours":
                recipe = AutoML(seconds=given.seconds, threads=given.threads, metric="f1_macro", kinds={"text": "text"})
                predictor = recipe.fit(train, target, groups=groups)
                said = np.asarray(predictor.predict(test[["text"]]), dtype=str)
            else:
                words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
                plain = make_pipeline(words, LogisticRegression(C=10, max_iter=1000, class_weight="balanced"))
                said = plain.fit(train["text"], train[target]).predict(test["text"]).astype(str)
            took = time.monotonic() - began
            truth = test[target].to_numpy(dtype=str)
            score = f1_score(truth, said, average="macro", zero_division=0)
            low, high = interval(truth, said, test[groups])
            verdict = (
                f"  {'reached' if score >= subject.wanted else 'MISSED'} ({subject.wanted})" if who == "ours" else ""
            )
            print(f"    {score:.3f} [{low:.3f}, {high:.3f}]  {took:.0f} s  {who}{verdict}", flush=True)


if __name__ == "__main__":
    main()
