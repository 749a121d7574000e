"""The engine itself: one `AutoML.fit` a lesson, so what is tested is what a user gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from autoglm.automl import AutoML
from autoglm.core.seed import Seed
from autoglm.predictor import decide
from autoglm.transfer.method import Answers, Lesson, look

TARGET = "class"


@dataclass(frozen=True)
class Engine:
    """Fit with a recipe.

    Rows that count several times are repeated. Where a lesson has several domains, the engine compares its models on
    whole domains that they have not learned.
    """

    recipe: AutoML

    @property
    def name(self) -> str:
        """What it is called in reports."""
        return "engine"

    def look(self, rows: pd.DataFrame, seed: Seed) -> None:
        """Let pre-trained networks look at all rows, once, outside of the seconds."""
        look(rows, self.recipe.kinds, self.recipe.threads, seed)

    def fit(self, lesson: Lesson, seed: Seed) -> Callable[[pd.DataFrame], Answers]:
        """Learn within the recipe's seconds."""
        again = np.repeat(np.arange(len(lesson.rows)), lesson.counts)
        target = next(n for n in (TARGET, *map("class {}".format, range(9))) if n not in lesson.rows.columns)
        frame = lesson.rows.iloc[again].assign(**{target: lesson.target[again]})
        frame.attrs.update(lesson.rows.attrs)
        groups = None if lesson.together is None else pd.factorize(lesson.together[again])[0]
        kind = "binary" if len(np.unique(lesson.target)) == 2 else "multiclass"
        predictor = replace(self.recipe, task=kind, seed=seed.integer).fit(frame, target, groups=groups)
        known, width = np.array(predictor.task.classes, dtype=np.intp), len(lesson.task.classes)

        def answers(rows: pd.DataFrame) -> Answers:
            found = np.asarray(predictor.predict_proba(rows), dtype=np.float64)
            probability = np.zeros((len(rows), width))
            probability[:, known] = found
            return Answers(probability, known[decide(found, predictor.offsets)])

        return answers
