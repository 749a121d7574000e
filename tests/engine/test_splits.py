import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoglm.core.errors import DataError
from autoglm.core.seed import Seed
from autoglm.core.task import Task
from autoglm.engine import splits

BINARY, VALUE = Task("binary", "y", (0, 1)), Task("regression", "y")


@given(st.integers(10, 400), st.integers(0, 5))
def test_every_row_is_judged_once_and_never_by_itself(rows: int, seed: int) -> None:
    target = np.arange(rows) % 2
    made = splits.make(target, BINARY, Seed(seed))
    for repeat in range(len(made.parts)):
        judged = np.concatenate([made.rows(repeat, k)[1] for k in range(made.count)])
        assert sorted(judged) == list(range(rows))
        for fold in range(made.count):
            train, held = made.rows(repeat, fold)
            assert not set(train) & set(held)


def test_classes_are_spread_evenly() -> None:
    target = (np.arange(800) % 10 == 0).astype(int)
    made = splits.make(target, BINARY, Seed(1))
    counts = [int(target[made.rows(0, k)[1]].sum()) for k in range(made.count)]
    assert max(counts) - min(counts) <= 1


def test_values_are_spread_evenly() -> None:
    target = np.random.default_rng(0).lognormal(size=800)
    made = splits.make(target, VALUE, Seed(1))
    means = [np.median(target[made.rows(0, k)[1]]) for k in range(made.count)]
    assert max(means) / min(means) < 1.4


def test_groups_stay_together() -> None:
    groups = np.random.default_rng(0).integers(0, 40, 500)
    made = splits.make(np.arange(500) % 2, BINARY, Seed(1), groups=groups)
    for fold in range(made.count):
        train, held = made.rows(0, fold)
        assert not set(groups[train]) & set(groups[held])


def test_one_group_is_refused() -> None:
    with pytest.raises(DataError, match="single value"):
        splits.make(np.arange(50) % 2, BINARY, Seed(1), groups=np.zeros(50, dtype=int))


def test_time_looks_forward_only() -> None:
    time = np.random.default_rng(0).permutation(300)
    made = splits.make(np.arange(300) % 2, BINARY, Seed(1), time=time)
    for fold in range(made.count):
        train, held = made.rows(0, fold)
        assert time[train].max() < time[held].min()


def test_in_time_order_the_models_that_answer_learn_from_the_newest_rows() -> None:
    time = np.arange(300)
    made = splits.make(np.arange(300) % 2, BINARY, Seed(1), time=time)
    assert made.teaching and made.judging == 1
    learned = [made.rows(1, fold)[0] for fold in range(made.count)]
    assert all(len(rows) > 250 for rows in learned) and set(np.concatenate(learned)) == set(range(300))


def test_folds_grow_fewer_and_then_smaller_with_rows() -> None:
    counts = [splits.make(np.arange(n) % 2, BINARY, Seed(1)).count for n in (200, 20_000, 600_000)]
    assert counts == [8, 5, 20]


def test_few_moments_make_few_folds_none_of_them_empty() -> None:
    time = np.repeat([1, 2, 3], 30)
    made = splits.make(np.arange(90) % 2, BINARY, Seed(1), time=time)
    assert made.count == 2
    for fold in range(made.count):
        train, held = made.rows(0, fold)
        assert len(held) == 30 and time[train].max() < time[held].min()
    with pytest.raises(DataError, match="too few different moments"):
        splits.make(np.arange(90) % 2, BINARY, Seed(1), time=np.ones(90))


def test_with_few_groups_the_models_that_answer_learn_from_all() -> None:
    groups, target = np.arange(240) % 3, np.arange(240) // 3 % 2
    made = splits.make(target, BINARY, Seed(1), groups=groups)
    assert made.teaching and made.judging == 1 and len(made.parts) == 2
    for fold in range(made.count):
        train, held = made.rows(1, fold)
        assert set(groups[train]) == {0, 1, 2} and len(train) == 210 and len(held) == 30
        assert not set(train) & set(held)
        train, held = made.rows(0, fold)
        assert not set(groups[train]) & set(groups[held])
    many = splits.make(target, BINARY, Seed(1), groups=np.arange(240) % 8)
    assert not many.teaching and many.judging == len(many.parts)
