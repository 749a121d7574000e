"""How a match is split and scored: every number of the book comes from these few functions."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split

METRICS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}


def split(frame: pd.DataFrame, target: str, task: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Three quarters to learn from and one to test on, stratified for classes, fixed by the seed."""
    classes = None if task == "regression" else frame[target]
    train, test = train_test_split(frame, test_size=0.25, random_state=seed, stratify=classes)
    return train.reset_index(drop=True), test.reset_index(drop=True)


def score(answers: pd.DataFrame, truth: pd.Series, task: str) -> float:
    """The task's metric; raises ValueError for answers that cannot be scored.

    Parameters
    ----------
    answers : DataFrame of shape (n_rows, n_classes), or (n_rows, 1) with the column ``value``
        A class without a column has probability 0.
    truth : Series of shape (n_rows,)
    """
    if len(answers) != len(truth):
        raise ValueError(f"{len(answers)} answers for {len(truth)} rows")
    if not np.isfinite(answers.to_numpy(float)).all():
        raise ValueError("some answers are missing or infinite")
    if task == "regression":
        return float(np.sqrt(np.mean((answers["value"].to_numpy(float) - truth.to_numpy(float)) ** 2)))
    if task == "binary":
        positive = sorted(truth.unique())[-1]
        return float(roc_auc_score(truth == positive, answers[positive]))
    classes = sorted(truth.unique())
    chances = answers.reindex(columns=sorted({*answers.columns, *classes}), fill_value=0.0)
    total = chances.sum(axis=1).to_numpy(float)
    if (total <= 0).any():
        raise ValueError("some rows have no probability at all")
    return float(log_loss(truth, chances.to_numpy(float) / total[:, None], labels=list(chances.columns)))


def error(value: float, task: str) -> float:
    """The metric turned so that less is better and 0 is perfect."""
    return 1.0 - value if task == "binary" else value


def constant_error(train: pd.Series, test: pd.Series, task: str) -> float:
    """The error of always answering the training table's mean, or its shares of the classes."""
    if task == "regression":
        answers = pd.DataFrame({"value": np.full(len(test), train.mean())})
    else:
        shares = train.value_counts(normalize=True)
        answers = pd.DataFrame(np.tile(shares.to_numpy(), (len(test), 1)), columns=shares.index)
    return error(score(answers, test, task), task)


def normalised(value: float, constant: float) -> float:
    """An error as a share of the constant predictor's: 0 is perfect, 1 has learnt nothing."""
    return value / constant


def average_ranks(errors: pd.DataFrame) -> pd.Series:
    """The mean rank of each contestant (columns) over tables (rows); equal errors share their ranks."""
    return errors.rank(axis=1, method="average").mean()


def win_rate(ours: pd.Series, theirs: pd.Series) -> float:
    """The share of tables on which we err less; a tie counts half."""
    return float(((ours < theirs) + 0.5 * (ours == theirs)).mean())
