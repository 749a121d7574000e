"""Linear models: with rows of one group on both sides the penalty is chosen by groups."""

import numpy as np

from autoglm.core.features import Features, Output
from autoglm.core.metrics import log_loss, softmax
from autoglm.core.seed import Seed
from autoglm.core.task import Task
from autoglm.learners import Limits, Sample
from autoglm.learners.linear import Learner

BINARY = Task("binary", "y", (0, 1))


def _rows(groups: int, draw: np.random.Generator) -> Sample:
    """A hint of the target in one number, and thirty that tell the group, each of which leans to one class."""
    group = np.repeat(np.arange(groups), 40)
    lean = np.arange(groups) % 2
    target = np.where(draw.random(len(group)) < 0.85, lean[group], 1 - lean[group])
    mark = 2.0 * draw.normal(size=(groups, 30))[group] + 0.3 * draw.normal(size=(len(group), 30))
    hint = target + 0.6 * draw.normal(size=len(group))
    outputs = tuple(Output(f"n{i}", f"n{i}") for i in range(31))
    return Sample(Features(np.column_stack([hint, mark]).astype(np.float32), outputs), target, group)


def test_the_penalty_is_chosen_by_groups_where_random_rows_judge() -> None:
    draw = np.random.default_rng(4)
    whole, new = _rows(10, draw), _rows(60, draw)
    random = draw.permutation(len(whole))
    train, valid = whole.take(np.sort(random[80:])), whole.take(np.sort(random[:80]))
    assert train.meets(valid) and not train.meets(new.take(np.flatnonzero(new.groups >= 10)))

    def error(learned: Sample, judged: Sample) -> float:
        margins = Learner().fit(learned, judged, BINARY, Limits(seed=Seed(1))).predict(new.features)
        return log_loss(new.target, softmax(margins, BINARY))

    alone = error(Sample(train.features, train.target), Sample(valid.features, valid.target))
    assert error(train, valid) < 0.9 * alone


def test_a_group_of_one_class_or_no_time_is_no_failure() -> None:
    sample = _rows(2, np.random.default_rng(0))
    pure = Sample(sample.features, sample.groups, sample.groups)
    for limits in (Limits(seed=Seed(1)), Limits(seconds=0.001, seed=Seed(1))):
        assert np.isfinite(Learner().fit(pure, pure, BINARY, limits).predict(pure.features)).all()
