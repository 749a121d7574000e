"""What lies far outside of what was seen counts as missing."""

import numpy as np

from autoglm.core.features import Features, Output
from autoglm.core.seed import Seed
from autoglm.prep.gate import Gate, closed, gates

DRAW = np.random.default_rng(0)
MIX = DRAW.normal(size=(12, 12))


def _features(rows: int) -> Features:
    seen = DRAW.normal(size=(rows, 12)) @ MIX
    dense = np.column_stack([DRAW.normal(size=rows), seen]).astype(np.float32)
    outputs = (Output("age", "age"), *(Output(f"photo.{i}", "photo", modality="image") for i in range(12)))
    return Features(dense, outputs)


TRAIN, NEW = _features(400), _features(2000)


def test_ordinary_rows_pass_and_noise_of_the_same_spread_does_not() -> None:
    (gate,) = gates(TRAIN, Seed(0))
    assert gate.modality == "photo" and gate.strange(NEW).mean() < 0.01
    noise = NEW.dense.copy()
    noise[:, 1:] = DRAW.normal(size=(2000, 12)) * TRAIN.dense[:, 1:].std(axis=0)
    noisy = Features(noise, NEW.outputs)
    assert gate.strange(noisy).mean() > 0.6
    shut = closed([gate], noisy)
    assert np.array_equal(shut.absent("photo"), gate.strange(noisy)) and not shut.absent("table").any()
    assert np.array_equal(noisy.dense, noise), "the rows given were changed"


def test_a_gate_is_the_same_after_saving() -> None:
    (gate,) = gates(TRAIN, Seed(0))
    again = Gate.restore("photo", gate.arrays())
    assert np.array_equal(again.strange(NEW), gate.strange(NEW)) and again.limit == gate.limit


def test_there_is_none_for_one_modality_or_few_rows_or_constants() -> None:
    alone = Features(TRAIN.dense[:, 1:], TRAIN.outputs[1:])
    assert gates(alone, Seed(0)) == ()
    assert gates(TRAIN.take(np.arange(30)), Seed(0)) == ()
    assert gates(Features(np.ones_like(TRAIN.dense), TRAIN.outputs), Seed(0)) == ()


def test_missing_cells_are_not_strange() -> None:
    (gate,) = gates(TRAIN, Seed(0))
    assert not gate.strange(TRAIN.without("photo")).any()
