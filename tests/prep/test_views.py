"""The parts of a modality stand on scales of their own."""

import numpy as np
import pytest

from autoglm.core.features import Features, Output
from autoglm.prep.views import BESIDE, View

DRAW = np.random.default_rng(0)


def lengths(kind: str, embedded: int) -> tuple[float, float]:
    """Return the root mean squared length of plain numbers and of directions."""
    plain = [Output(f"n{i}", "m", modality=kind) for i in range(6)]
    outputs = (*plain, *(Output(f"e{i}", "m", modality=kind, embedded=True) for i in range(embedded)))
    dense = (DRAW.normal(size=(500, len(outputs))) * 7 + 3).astype(np.float32)
    matrix = View.fit(Features(dense, outputs), "m").transform(Features(dense, outputs))
    return tuple(float(np.sqrt(np.square(part).sum(axis=1).mean())) for part in (matrix[:, :6], matrix[:, 6:]))


@pytest.mark.parametrize(("kind", "expected"), [("image", 1.0), ("audio", BESIDE["audio"])])
def test_plain_numbers_beside_an_embedding(kind: str, expected: float) -> None:
    assert lengths(kind, 4) == pytest.approx((expected, 1.0), rel=0.01)


@pytest.mark.parametrize("kind", ["image", "audio"])
def test_plain_numbers_alone_have_length_one(kind: str) -> None:
    assert lengths(kind, 0) == pytest.approx((1.0, 0.0), rel=0.01)
