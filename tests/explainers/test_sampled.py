"""Shapley values by permutation: exact where they must be, near where they can only be."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from autoglm.core.features import Features, Output
from autoglm.core.ragged import Ragged
from autoglm.core.seed import Seed
from autoglm.explainers.sampled import shapley
from autoglm.prep.players import Players


def rows(count: int, seed: int) -> Features:
    draw = np.random.default_rng(seed)
    outputs = (Output("a", "a"), Output("b", "b"), Output("words.length", "words", modality="text"))
    words = sp.random(count, 5, 0.5, format="csr", dtype=np.float32, random_state=seed)
    tokens = Ragged.of(draw.integers(0, 9, int(size)) for size in draw.integers(0, 4, count))
    dense = draw.normal(size=(count, 3)).astype(np.float32)
    return Features(dense, outputs, words, (("words", 5),), (("words", tokens),))


def test_a_sum_is_told_without_error_and_a_product_is_shared() -> None:
    features, background = rows(3, 1), rows(8, 2)
    players = Players.of(features, ("a", "b", "words"))

    def answer(some: Features) -> NDArray[np.float64]:
        assert some.sparse is not None
        said = some.sparse.sum(axis=1).A1 + some.tokens[0][1].lengths + some.dense[:, 2]
        return np.column_stack([some.dense[:, 0] + said, some.dense[:, 0] * some.dense[:, 1]]).astype(np.float64)

    values, errors = shapley(features, background, answer, players, Seed(1), 2)
    base = answer(background).mean(axis=0)
    assert base + values.sum(axis=1) == pytest.approx(answer(features))
    alone = features.dense[:, 0] - background.dense[:, 0].mean()
    assert values[:, 0, 0] == pytest.approx(alone, abs=1e-6)
    assert not values[:, 1, 0].any() and not errors[:, 1, 0].any()
    assert not values[:, 2, 1].any()
    a, b = (features.dense[:, i, None].astype(float) for i in (0, 1))
    c, d = (background.dense[None, :, i].astype(float) for i in (0, 1))
    exact = ((a - c) * (b + d) / 2).mean(axis=1)
    assert values[:, 0, 1] == pytest.approx(exact, abs=1e-6)  # two players: both orders are all there are


def test_errors_tell_how_far_off_values_are() -> None:
    draw = np.random.default_rng(0)
    names = tuple("abcdef")
    outputs = tuple(Output(name, name) for name in names)
    features, background = (Features(draw.normal(size=(n, 6)).astype(np.float32), outputs) for n in (40, 16))

    def answer(some: Features) -> NDArray[np.float64]:
        return np.prod(1 + 0.5 * np.tanh(some.dense), axis=1, dtype=np.float64)[:, None]

    players = Players.of(features, names)
    truth, _ = shapley(features, background, answer, players, Seed(1), 60)
    values, errors = shapley(features, background, answer, players, Seed(2), 1)
    inside = np.abs(values - truth) < 2 * errors
    assert 0.9 < inside.mean() <= 1.0
    assert (errors > 0).all()
