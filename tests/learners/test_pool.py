"""A pool of experts: noise weighs nothing, what is missing is left out, each set of modalities has its own weights."""

import numpy as np
import pytest

from autoglm.core.features import Features, Output
from autoglm.core.seed import Seed
from autoglm.core.task import Task
from autoglm.learners import Limits, Sample
from autoglm.learners.pool import Learner

DRAW = np.random.default_rng(3)
BINARY, VALUE = Task("binary", "y", (0, 1)), Task("regression", "y")


def _sample(rows: int, task: Task) -> Sample:
    """Two telling embeddings, one of them twice as telling, and one of noise."""
    hidden = DRAW.normal(size=rows)
    blocks = [hidden[:, None] * strength + DRAW.normal(size=(rows, 5)) for strength in (1.0, 0.5, 0.0)]
    names = ("clear", "faint", "noise")
    outputs = tuple(Output(f"{n}.{i}", n, modality="embedding", embedded=True) for n in names for i in range(5))
    target = (hidden > 0).astype(np.int64) if task is BINARY else 10 + 3 * hidden
    return Sample(Features(np.hstack(blocks).astype(np.float32), outputs), target)


@pytest.mark.parametrize("task", [BINARY, VALUE])
def test_noise_weighs_nothing_and_what_is_missing_is_left_out(task: Task) -> None:
    train, valid = _sample(500, task), _sample(800, task)
    model = Learner().fit(train, valid, task, Limits(seed=Seed(1)))
    assert model.shares["noise"] < 0.05 < model.shares["faint"] < model.shares["clear"]
    assert sum(model.shares.values()) == pytest.approx(1)

    def right(features: Features) -> float:
        margins = model.predict(features)[:, 0]
        if task is BINARY:
            return float(np.mean((margins > 0) == valid.target))
        return 1 - float(np.mean(np.square(margins - valid.target)) / valid.target.var())

    whole = right(valid.features)
    assert whole > 0.75
    assert abs(right(valid.features.without("noise")) - whole) < 0.02
    alone = Learner().fit(Sample(train.features.without("clear"), train.target), valid, task, Limits(seed=Seed(1)))
    lacking = valid.features.without("clear")
    never = float(np.mean((alone.predict(lacking)[:, 0] > 0) == valid.target)) if task is BINARY else 0.0
    assert right(lacking) > never - 0.02


def test_a_row_without_anything_gets_the_shares_of_the_classes() -> None:
    train = _sample(300, BINARY)
    model = Learner().fit(train, train, BINARY, Limits(seed=Seed(1)))
    nothing = train.features
    for name in train.features.modalities:
        nothing = nothing.without(name)
    share = train.target.mean()
    assert model.predict(nothing)[:, 0] == pytest.approx(np.log(share / (1 - share)), abs=0.02)
