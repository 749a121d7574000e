"""A pool of experts: noise weighs nothing, what is missing is left out, each set of modalities has its own weights."""

import numpy as np
import pytest

from autoglm.core.features import Features, Output
from autoglm.core.seed import Seed
from autoglm.core.task import Task
from autoglm.learners import Limits, Sample
from autoglm.learners.pool import Learner

BINARY, VALUE = Task("binary", "y", (0, 1)), Task("regression", "y")


def _sample(rows: int, task: Task) -> Sample:
    """Two telling embeddings, one of them twice as telling, and one of noise."""
    draw = np.random.default_rng(rows)
    hidden = draw.normal(size=rows)
    blocks = [hidden[:, None] * strength + draw.normal(size=(rows, 5)) for strength in (1.0, 0.5, 0.0)]
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


@pytest.mark.parametrize("task", [BINARY, VALUE])
def test_an_expert_bends_where_no_line_tells(task: Task) -> None:
    """How far a row is from the middle: a linear model knows nothing of it."""
    draw = np.random.default_rng(5)
    dense = draw.normal(size=(700, 4)).astype(np.float32)
    far = np.square(dense).sum(axis=1)
    target = (far > np.median(far)).astype(np.int64) if task is BINARY else far.astype(np.float64)
    outputs = tuple(Output(f"x.{i}", "x", modality="embedding", embedded=True) for i in range(4))
    train, test = (Sample(Features(dense[at], outputs), target[at]) for at in (slice(400), slice(400, None)))
    model = Learner().fit(train, train, task, Limits(seed=Seed(1)))
    margins = model.predict(test.features)[:, 0]
    if task is BINARY:
        assert np.mean((margins > 0) == test.target) > 0.85
    else:
        assert np.corrcoef(margins, test.target)[0, 1] > 0.9


def test_experts_are_judged_on_groups_that_they_have_not_seen() -> None:
    """What tells a group alone is worthless in new ones: with groups it weighs less than by random parts."""
    draw = np.random.default_rng(8)
    group = np.arange(600) % 12
    target = draw.integers(0, 2, 12)[group]  # each group has one target: whoever knows the group knows the answer
    target = np.where(draw.random(600) < 0.1, 1 - target, target)
    mark = 3.0 * draw.normal(size=(12, 8))[group] + 0.1 * draw.normal(size=(600, 8))
    hint = (2 * target - 1)[:, None] + 2.0 * draw.normal(size=(600, 2))
    outputs = (
        *(Output(f"mark.{i}", "mark", modality="embedding", embedded=True) for i in range(8)),
        *(Output(f"hint.{i}", "hint", modality="embedding", embedded=True) for i in range(2)),
    )
    features = Features(np.hstack([mark, hint]).astype(np.float32), outputs)
    shares = {}
    for name, groups in (("random", None), ("whole", group)):
        sample = Sample(features, target, groups)
        shares[name] = Learner().fit(sample, sample, BINARY, Limits(seed=Seed(1))).shares
    assert shares["random"]["mark"] > 0.5 > shares["whole"]["mark"]
    assert shares["whole"]["hint"] > 0.6


@pytest.mark.parametrize("task", [BINARY, VALUE])
def test_a_table_that_is_the_same_in_all_rows_of_a_group_is_no_failure(task: Task) -> None:
    sample = _sample(200, task)
    group = np.arange(200) % 2
    dense = np.column_stack([sample.features.dense, group]).astype(np.float32)
    features = Features(dense, (*sample.features.outputs, Output("who", "who", cardinality=2)))
    grouped = Sample(features, sample.target, group)
    model = Learner().fit(grouped, grouped, task, Limits(seed=Seed(1)))
    assert model.shares["table"] < 0.05 and model.shares["clear"] > 0.5
