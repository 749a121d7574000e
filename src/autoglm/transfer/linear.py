"""Two logistic regressions, on words and on what a language model reads, whose log-odds are added: takes seconds.

Every view of a row (terms, embeddings, plain columns) has a regression of its own: joined in one, the many terms of a
domain crowd out the few directions that carry over to others. Rare classes weigh more, by the root of what would level
all classes, since their shares differ between domains: halfway between those of the lesson and equal ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm import encoders
from autoglm.core.features import Features
from autoglm.core.metrics import softmax
from autoglm.core.seed import Seed
from autoglm.core.task import Task
from autoglm.ensembles import calibration
from autoglm.prep import tabular
from autoglm.transfer.method import Answers, Lesson, columns_of, look

FOLDS = 5
TERMS = 0.5
"""Weight of the log-odds of terms where embeddings stand beside them."""

STRENGTHS = {"terms": 3.0, "embedded": 2.0, "plain": 1.0}
"""C of scikit-learn by view: larger trusts the training rows more."""

ABSENT = -10.0
"""Log-probability of a class that the lesson lacks."""

Array = NDArray[Any]


@dataclass(frozen=True)
class View:
    """One look at the rows: its weight in the sum, and what makes its matrix, dense or CSR, shape (n_rows, ...)."""

    name: str
    weight: float
    matrix: Callable[[Features], Any]


@dataclass(frozen=True)
class Linear:
    """Settings of the sum of logistic regressions.

    Parameters
    ----------
    kinds
        Column name → kind, where you know better.
    threads
        Of the language model.
    """

    kinds: Mapping[str, str] = field(default_factory=dict)
    threads: int = 1

    @property
    def name(self) -> str:
        """What it is called in reports."""
        return "linear"

    def look(self, rows: pd.DataFrame, seed: Seed) -> None:
        """Let language models and the like look at all rows, once."""
        look(rows, self.kinds, self.threads, seed)

    def fit(self, lesson: Lesson, seed: Seed) -> Callable[[pd.DataFrame], Answers]:
        """Learn; margins are scaled so that probabilities are honest on rows held out, best of other domains."""
        columns = columns_of(lesson.rows)
        kinds = [encoders.choose(c, self.kinds) for c in columns]
        fitted = encoders.encode(columns, kinds, seed)
        features = encoders.assemble(columns, fitted)
        views = list(_views(features, lesson, seed))
        margins = _learn(features, views, lesson)
        temperature = _temperature(features, views, lesson, seed)

        def answers(rows: pd.DataFrame) -> Answers:
            seen = encoders.assemble(columns_of(rows), fitted)
            probability = softmax(margins(seen) / temperature, lesson.task)
            return Answers(probability, probability.argmax(axis=1))

        return answers


def _views(features: Features, lesson: Lesson, seed: Seed) -> Iterator[View]:
    """Give the views that there are; measures and themes of texts follow from their terms."""
    outputs = features.outputs
    embedded = np.array([i for i, o in enumerate(outputs) if o.embedded], dtype=np.intp)
    plain = np.array([i for i, o in enumerate(outputs) if not o.embedded and o.modality != "text"], dtype=np.intp)
    if features.sparse is not None:
        yield View("terms", TERMS if len(embedded) else 1.0, lambda rows: rows.sparse)
    if len(embedded):
        yield View("embedded", 1.0, lambda rows: np.nan_to_num(rows.dense[:, embedded]))
    if len(plain):
        scaled, _ = tabular.fit(_only(features, plain), lesson.target, lesson.task, seed)
        yield View("plain", 1.0, lambda rows: scaled.transform(_only(rows, plain)))


def _learn(features: Features, views: Sequence[View], lesson: Lesson) -> Callable[[Features], Array]:
    """Return what gives margins, shape (n_rows, task.scores)."""
    models = [(view, _regression(view, features, lesson)) for view in views]

    def margins(rows: Features) -> Array:
        each = [view.weight * _margins(model, view.matrix(rows), lesson.task) for view, model in models]
        return np.sum(each, axis=0) if each else np.zeros((len(rows), lesson.task.scores))

    return margins


def _regression(view: View, features: Features, lesson: Lesson) -> Any:
    from sklearn.linear_model import LogisticRegression

    rows = np.bincount(lesson.target)
    share = np.sqrt(len(lesson.target) / (np.count_nonzero(rows) * np.maximum(rows, 1)))[lesson.target]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an unconverged regression is a more cautious one
        recipe = LogisticRegression(C=STRENGTHS[view.name], max_iter=500)
        return recipe.fit(view.matrix(features), lesson.target, sample_weight=share * lesson.counts)


def _temperature(features: Features, views: Sequence[View], lesson: Lesson, seed: Seed) -> float:
    """Return what margins are divided by so that probabilities are honest on rows held out."""
    held, truth = [], []
    for train, test in _folds(lesson, seed):
        held.append(_learn(features.take(train), views, lesson.take(train))(features.take(test)))
        truth.append(lesson.target[test])
    return calibration.temperature(np.concatenate(held), np.concatenate(truth), lesson.task) if held else 1.0


def _only(features: Features, at: NDArray[np.intp]) -> Features:
    return Features(features.dense[:, at], tuple(features.outputs[i] for i in at))


def _margins(model: Any, matrix: Any, task: Task) -> Array:
    """Return margins of all classes of the task from those that the regression knows."""
    logs = np.full((matrix.shape[0], len(task.classes)), ABSENT)
    logs[:, model.classes_] = np.maximum(model.predict_log_proba(matrix), ABSENT)
    return logs[:, 1:] - logs[:, :1] if task.kind == "binary" else logs


def _folds(lesson: Lesson, seed: Seed) -> Iterator[tuple[Array, Array]]:
    """Deal out rows, or what must stay together, and give (train, test) of each fold that can be learned from."""
    rows = len(lesson.rows)
    codes = np.arange(rows) if lesson.together is None else pd.factorize(lesson.together)[0]
    size = int(codes.max()) + 1
    fold = (seed.child("folds").generator().permutation(size) % min(FOLDS, size))[codes]
    for i in range(int(fold.max()) + 1):
        train, test = np.flatnonzero(fold != i), np.flatnonzero(fold == i)
        if len(test) and len(np.unique(lesson.target[train])) > 1:
            yield train, test
