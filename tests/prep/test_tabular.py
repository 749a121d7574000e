"""The dense preparation: what becomes of numbers, gaps and categories, and what may not leak."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from autoglm.core.features import Features, Output
from autoglm.core.seed import Seed
from autoglm.core.task import Task
from autoglm.prep import tabular
from autoglm.prep.views import WORDS

BINARY = Task("binary", "y", (0, 1))
VALUES = Task("regression", "y")


def features(*columns: Any, cardinality: dict[int, int] | None = None, sparse: Any = None) -> Features:
    dense = np.stack([np.asarray(c, dtype=np.float32) for c in columns], axis=1)
    outputs = tuple(Output(f"c{i}", f"c{i}", (cardinality or {}).get(i, 0)) for i in range(dense.shape[1]))
    return Features(dense, outputs, sparse)


def prepared(
    given: Features, target: NDArray[Any] | None = None, task: Task = BINARY, **options: Any
) -> tuple[tabular.Dense, Any]:
    if target is None:
        target = np.arange(len(given)) % 2
    return tabular.fit(given, target, task, Seed(1), **options)


def test_numbers_are_robustly_scaled_and_softly_clipped() -> None:
    values = np.r_[np.linspace(-1, 1, 99), 1e30]
    _, matrix = prepared(features(values))
    quartiles = np.quantile(values, [0.25, 0.75])
    expected = (values[10] - np.median(values)) / (quartiles[1] - quartiles[0])
    assert matrix[10, 0] == pytest.approx(expected / np.sqrt(1 + (expected / 3) ** 2), abs=0.02)
    assert abs(matrix[99, 0]) <= 3.0
    assert matrix.dtype == np.float32


def test_missing_numbers_become_the_median_and_an_indicator() -> None:
    dense, matrix = prepared(features([1, 2, np.nan, 3, 4, 5], [1, 2, 3, 4, 5, 6]))
    assert matrix.shape == (6, 3)
    assert matrix[:, 2].tolist() == [0, 0, 1, 0, 0, 0]
    assert matrix[2, 0] == 0.0
    assert dense.origin.tolist() == [0, 1, 0]
    late = dense.transform(features([3.0], [np.nan]))  # never missing in training: the median, no indicator
    assert late[0].tolist() == [0.0, 0.0, 0.0]


def test_constant_and_empty_columns_are_dropped() -> None:
    dense, matrix = prepared(features([7, 7, 7, 7], [np.nan] * 4, [1, 2, 3, 4]))
    assert dense.numbers.tolist() == [2]
    assert np.isfinite(matrix).all()


def test_rare_numbers_are_scaled_by_their_own_distance() -> None:
    counts = np.zeros(1000)
    counts[:20] = np.linspace(50, 150, 20)
    _, matrix = prepared(features(counts))
    assert matrix[10, 0] == pytest.approx(1 / np.sqrt(1 + 1 / 9), abs=0.1)
    assert matrix[500, 0] == 0.0


def test_heavy_tails_keep_their_order_far_out() -> None:
    values = np.exp(2 * np.random.default_rng(0).normal(size=2000))
    dense, matrix = prepared(features(values))
    assert dense.heavy.tolist() == [True]
    order = np.argsort(values)
    assert np.all(np.diff(matrix[order, 0]) >= 0)
    assert matrix[order[-1], 0] - matrix[order[-100], 0] > 0.1


def test_few_categories_become_one_hot_and_unknown_joins_missing() -> None:
    dense, matrix = prepared(features([0, 1, 2, np.nan, 0, 1], cardinality={0: 4}))
    assert matrix.tolist() == [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
        [1, 0, 0, 0],
        [0, 1, 0, 0],
    ]
    rows = dense.transform(features([3, 9, -1, np.nan], cardinality={0: 4}))  # 3 was declared but never seen
    assert rows.tolist() == [[0, 0, 0, 1]] * 4


def test_unknown_category_is_all_zeros_when_training_had_no_rest() -> None:
    dense, _ = prepared(features([0, 1, 0, 1], cardinality={0: 2}))
    assert dense.transform(features([np.nan, 5], cardinality={0: 2})).tolist() == [[0, 0], [0, 0]]


def test_target_means_do_not_leak() -> None:
    rng = np.random.default_rng(0)
    n = 2000
    category = rng.integers(0, 1000, n)  # pure noise, two rows a category
    target = rng.integers(0, 2, n)
    dense, matrix = prepared(features(category, cardinality={0: 1000}), target)
    full = dense.transform(features(category, cardinality={0: 1000}))
    assert abs(np.corrcoef(matrix[:, 0], target)[0, 1]) < 0.1
    assert np.corrcoef(full[:, 0], target)[0, 1] > 0.3  # what would have leaked


def test_target_means_find_the_signal_and_pull_rare_categories_to_the_mean() -> None:
    rng = np.random.default_rng(0)
    category = rng.integers(0, 50, 5000)
    effect = rng.normal(size=51)
    category[0] = 50
    target = effect[category] + 0.1 * rng.normal(size=5000)
    dense, matrix = prepared(features(category, cardinality={0: 51}), target, VALUES)
    assert np.corrcoef(matrix[1:, 0], effect[category[1:]])[0, 1] > 0.95
    assert dense.table[50, 0] == pytest.approx((target[0] - target.mean()) / target.std() / 11, rel=1e-3)


@pytest.mark.parametrize(("classes", "means"), [(3, 3), (10, 10), (11, 0)])
def test_one_mean_a_class_up_to_ten(classes: int, means: int) -> None:
    task = Task("multiclass", "y", tuple(range(classes)))
    target = np.arange(600) % classes
    dense, matrix = prepared(features(np.arange(600) % 40, cardinality={0: 40}), target, task)
    assert dense.table.shape[1] == means + 1
    one_hot = 0 if means else tabular.ONE_HOT + 1
    assert matrix.shape == (600, means + 1 + one_hot)


def test_each_part_of_a_text_has_its_length_beside_plain_numbers() -> None:
    rng = np.random.default_rng(0)
    terms = sp.csr_matrix(np.eye(300, dtype=np.float32)[:, :100])
    outputs = (
        Output("a", "a"),
        *(Output(f"t.theme{i}", "t", modality="text") for i in range(3)),
        *(Output(f"t.reading{i}", "t", modality="text", embedded=True) for i in range(2)),
    )
    rows = rng.normal(size=(300, 6)).astype(np.float32) * np.array([1, 1, 9, 9, 4, 1], dtype=np.float32)
    dense, matrix = prepared(Features(rows, outputs, terms, (("t", 100),)), sparse=True)
    spread = np.sqrt(np.asarray(matrix[:, :6].toarray().var(axis=0)))
    assert 0.5 < spread[0] < 2.0
    assert np.linalg.norm(spread[1:4]) == pytest.approx(1, rel=1e-3)
    assert np.linalg.norm(spread[4:6]) == pytest.approx(1, rel=1e-3)
    assert spread[4] / spread[5] == pytest.approx(4.0, rel=0.15)  # directions keep their ratios
    assert matrix[0, 6] == pytest.approx(WORDS)
    again = tabular.Dense.restore(dense.arrays())
    assert (again.transform(Features(rows, outputs, terms, (("t", 100),))) != matrix).nnz == 0


def test_sparse_has_every_category_and_the_terms() -> None:
    terms = sp.csr_matrix(np.eye(100, dtype=np.float32))
    given = features(np.arange(100.0), np.arange(100) % 50, cardinality={1: 50}, sparse=terms)
    dense, matrix = prepared(given, sparse=True)
    assert sp.issparse(matrix)
    assert matrix.shape == (100, 1 + 50 + 100)
    assert (dense.transform(given) != matrix).nnz == 0
    assert dense.origin.tolist() == [0] + [1] * 50


def test_restores_what_it_stored() -> None:
    rng = np.random.default_rng(0)
    given = features(rng.normal(size=300), rng.integers(0, 5, 300), rng.integers(0, 90, 300), cardinality={1: 5, 2: 90})
    dense, _ = prepared(given)
    again = tabular.Dense.restore(dense.arrays())
    assert np.array_equal(again.transform(given), dense.transform(given))


def test_seed_decides() -> None:
    given = features(np.arange(200) % 50, cardinality={0: 50})
    target = np.random.default_rng(0).integers(0, 2, 200)
    first, second, other = (tabular.fit(given, target, BINARY, Seed(s))[1] for s in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


@settings(max_examples=50, deadline=None)
@given(arrays(np.float32, (12, 3)), arrays(np.float32, (5, 3)))
def test_any_numbers_become_finite_ones(train: NDArray[np.float32], late: NDArray[np.float32]) -> None:
    outputs = tuple(Output(str(i), str(i), c) for i, c in enumerate((0, 3, 40)))
    dense, matrix = prepared(Features(train, outputs))
    assert np.isfinite(matrix).all()
    out = dense.transform(Features(late, outputs))
    assert np.isfinite(out).all()
    assert out.shape == (5, dense.width) == (5, len(dense.origin))
    assert dense.transform(Features(late[:0], outputs)).shape == (0, dense.width)


@pytest.mark.clock
def test_one_row_is_fast() -> None:
    rng = np.random.default_rng(0)
    given = features(
        *rng.normal(size=(20, 500)),
        rng.integers(0, 5, 500),
        rng.integers(0, 90, 500),
        cardinality={20: 5, 21: 90},
    )
    dense, _ = prepared(given)
    row = given.take(np.array([0]))
    times = []
    for _ in range(200):
        start = time.perf_counter()
        dense.transform(row)
        times.append(time.perf_counter() - start)
    assert np.median(times) < 5e-4  # 100 microseconds on an idle core; room for a busy one
    print(f"one row: {1e6 * np.median(times):.0f} microseconds")


def test_directions_of_a_sound_keep_their_scale_and_plain_numbers_beside_them_are_short() -> None:
    draw = np.random.default_rng(0)
    sizes = np.array([1.0, 10.0, 8.0, 1.0, 0.1])
    outputs = tuple(Output(f"a{i}", "a", modality="audio", embedded=i > 1) for i in range(5))
    rows = Features((draw.normal(size=(400, 5)) * sizes).astype(np.float32), outputs)
    _, matrix = prepared(rows)
    spread = matrix.std(axis=0)
    assert spread[2:] / spread[2] == pytest.approx(sizes[2:] / 8, rel=0.15)
    assert spread[:2] == pytest.approx(np.full(2, 0.25 * spread[2] / np.sqrt(2)), rel=0.2)
