"""The first candidates: who is asked on what, and who is not."""

import numpy as np
import pytest
import scipy.sparse as sp

from autoglm.core.features import Features, Output
from autoglm.core.ragged import Ragged
from autoglm.core.task import Task
from autoglm.learners import price
from autoglm.samplers.portfolio import portfolio, safety_net, unasked

BINARY = Task("binary", "y", (0, 1))


def text(*, read: bool, beside: bool = False, rows: int = 600) -> Features:
    """A text by its words, perhaps read by a language model, perhaps beside a number."""
    outputs = [Output("t.theme1", "t", modality="text")]
    outputs += [Output("t.reading1", "t", modality="text", embedded=True)] * read
    outputs += [Output("n", "n")] * beside
    words = sp.csr_matrix((rows, 7), dtype=np.float32)
    tokens = (("t", Ragged.of([[5, 6, 7]] * rows)),) if read else ()
    return Features(np.zeros((rows, len(outputs)), np.float32), tuple(outputs), words, (("t", 7),), tokens)


@pytest.mark.parametrize(
    ("features", "idle"),
    [
        (text(read=False), {"kernel", "pool"}),
        (text(read=True), {"pool"}),
        (text(read=True, beside=True), set()),
        (text(read=False, beside=True), {"kernel"}),
        (Features(np.zeros((9, 1), np.float32), (Output("n", "n"),)), set()),
        (Features(np.zeros((9, 1), np.float32), (Output("p", "p", modality="image"),)), set()),
    ],
)
def test_who_would_say_the_same_is_not_asked(features: Features, idle: set[str]) -> None:
    assert unasked(features) == idle
    entries = [*safety_net(len(features), features, BINARY), *portfolio(len(features), features, BINARY)]
    assert not idle & {learner for learner, _, _ in entries}


def test_only_learners_of_texts_have_a_price() -> None:
    assert price("linear", text(read=True)) == price("reader", text(read=False)) == 0.0
    assert price("reader", text(read=True)) == pytest.approx(0.001 * 3 * 600)
