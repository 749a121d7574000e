"""Two logistic regressions, on words and on what a language model reads, whose log-odds are added: takes seconds.

Every view of a row (terms, embeddings, plain columns) has a regression of its own: joined in one, the many terms of a domain
crowd out the few directions that carry over to others. Classes weigh the same, since their shares differ between domains.
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
from autoglm.core.columns import Column, column
from autoglm.core.features import Features
from autoglm.core.metrics import softmax
from autoglm.core.seed import Seed
from autoglm.core.task import Task
from autoglm.ensembles import calibration
from autoglm.prep import tabular
from autoglm.transfer.method import Answers, Lesson

FOLDS = 5
TERMS = 0.5
"""Weight of the log-odds of terms, where embeddings stand beside them; without, terms are all there is."""

ABSENT = -10.0
"""Log-probability of a class that the lesson lacks."""

Array = NDArray[Any]
View = Callable[[Features], Any]


@dataclass(frozen=True)
class Linear:
    """Settings of the sum of logistic regressions.

    Parameters
    ----------
    kinds
        Column name → kind, where you know better.
    strength
        C of scikit-learn: larger trusts the training rows more.
    threads
        Of the language model.
    """

    kinds: Mapping[str, str] = field(default_factory=dict)
    strength: float = 1.0
    threads: int = 1

    @property
    def name(self) -> str:
        """What it is called in reports."""
        return "linear"

    def fit(self, lesson: Lesson, seed: Seed) -> Callable[[pd.DataFrame], Answers]:
        """Learn; margins are scaled so that probabilities are honest on rows held out: of other domains, if it can be."""
        kinds = [encoders.choose(c, self.kinds) for c in _columns(lesson.rows)]
        columns = encoders.within(_columns(lesson.rows), kinds, float("inf"), self.threads, seed)
        fitted = encoders.encode(columns, kinds, seed)
        features = encoders.assemble(columns, fitted)
        views = list(_views(features, lesson, seed))
        margins = self._learn(features, views, lesson)
        temperature = self._temperature(features, views, lesson, seed)

        def answers(rows: pd.DataFrame) -> Answers:
            read = encoders.within(_columns(rows), kinds, float("inf"), self.threads, seed)
            probability = softmax(margins(encoders.assemble(read, fitted)) / temperature, lesson.task)
            return Answers(probability, probability.argmax(axis=1))

        return answers

    def _learn(self, features: Features, views: Sequence[tuple[float, View]], lesson: Lesson) -> Callable[..., Array]:
        """Return what gives margins, shape (n_rows, task.scores)."""
        models = [(w, view, self._regression(view(features), lesson)) for w, view in views]
        return lambda rows: sum((w * _margins(model, view(rows), lesson.task) for w, view, model in models), np.zeros(1))

    def _regression(self, matrix: Any, lesson: Lesson) -> Any:
        from sklearn.linear_model import LogisticRegression

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an unconverged regression is a more cautious one
            recipe = LogisticRegression(C=self.strength, class_weight="balanced", max_iter=500)
            return recipe.fit(matrix, lesson.target, sample_weight=lesson.counts.astype(np.float64))

    def _temperature(
        self, features: Features, views: Sequence[tuple[float, View]], lesson: Lesson, seed: Seed
    ) -> float:
        held, truth = [], []
        for train, test in _folds(lesson, seed):
            part = Lesson(
                lesson.rows.iloc[train], lesson.target[train], lesson.task, lesson.domains[train], lesson.counts[train], None
            )
            held.append(self._learn(features.take(train), views, part)(features.take(test)))
            truth.append(lesson.target[test])
        if not held:
            return 1.0
        return calibration.temperature(np.concatenate(held), np.concatenate(truth), lesson.task)


def _columns(rows: pd.DataFrame) -> list[Column]:
    return [column(rows[name], rows.attrs.get("folder")) for name in rows.columns]


def _views(features: Features, lesson: Lesson, seed: Seed) -> Iterator[tuple[float, View]]:
    """Give each view of the features with its weight: a function to a matrix, dense or CSR, shape (n_rows, ...)."""
    embedded = np.array([i for i, o in enumerate(features.outputs) if o.embedded], dtype=np.intp)
    plain = np.array([i for i, o in enumerate(features.outputs) if not o.embedded and o.modality != "text"], dtype=np.intp)
    if features.sparse is not None:
        yield (TERMS if len(embedded) else 1.0), lambda rows: rows.sparse
    if len(embedded):
        yield 1.0, lambda rows: np.nan_to_num(rows.dense[:, embedded])
    if len(plain):
        scaled, _ = tabular.fit(_only(features, plain), lesson.target, lesson.task, seed)
        yield 1.0, lambda rows: scaled.transform(_only(rows, plain))


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
