"""Is a difference more than luck? A paired bootstrap over the rows that both contestants have answered.

Every split of a table is another draw of test rows; within each, rows are drawn again and both are scored on
the same ones (Efron and Tibshirani 1993, chapter 16). Answers are kept beside the book where the matches are played.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scoring
import tables

DRAWS = 200
LEVEL = 0.95


@dataclass(frozen=True)
class Gap:
    """How much more one contestant errs than another: mean over splits, and an interval."""

    mean: float
    low: float
    high: float


def gap(ours: list[pd.DataFrame], theirs: list[pd.DataFrame], truths: list[pd.Series], task: str) -> Gap:
    """The difference of errors, ours less theirs.

    Parameters
    ----------
    ours, theirs : lists of DataFrame of shape (n_rows, n_classes) or (n_rows, 1)
        Answers to the test rows of each split.
    truths : list of Series of shape (n_rows,)
    """
    random = np.random.default_rng(0)
    drawn = np.zeros(DRAWS)
    whole = 0.0
    for our, their, truth in zip(ours, theirs, truths, strict=True):
        whole += _difference(our, their, truth, task) / len(truths)
        for i in range(DRAWS):
            rows = _drawn(truth, task, random)
            drawn[i] += _difference(our.iloc[rows], their.iloc[rows], truth.iloc[rows], task) / len(truths)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Gap(whole, float(low), float(high))


def _difference(ours: pd.DataFrame, theirs: pd.DataFrame, truth: pd.Series, task: str) -> float:
    return scoring.error(scoring.score(ours, truth, task), task) - scoring.error(
        scoring.score(theirs, truth, task), task
    )


def _drawn(truth: pd.Series, task: str, random: np.random.Generator) -> np.ndarray:
    """Positions with replacement; of classes, as many of each as there are, so that none is lost."""
    if task == "regression":
        return random.integers(0, len(truth), len(truth))
    codes = pd.factorize(truth)[0]
    return np.concatenate(
        [random.choice(rows := np.flatnonzero(codes == c), len(rows)) for c in range(codes.max() + 1)]
    )


def kept(table: str, player: str, seed: int, commit: str = "") -> Path:
    """Where the answers of a match are kept."""
    name = "-".join(filter(None, [table, str(seed), player, commit]))
    return tables.cache() / "predictions" / f"{name}.parquet"


def of(table: str, ours: str, commit: str, rival: str, seeds: Iterable[int]) -> Gap | None:
    """The gap between two contestants on a table; None where not all answers have been kept here."""
    pairs = [(kept(table, ours, seed, commit), kept(table, rival, seed)) for seed in seeds]
    if not pairs or not all(path.exists() for pair in pairs for path in pair):
        return None
    frame, target, task = tables.load(table)
    truths = [scoring.split(frame, target, task, seed)[1][target] for seed in seeds]
    read = [[pd.read_parquet(path) for path in side] for side in zip(*pairs, strict=True)]
    return gap(read[0], read[1], truths, task)
