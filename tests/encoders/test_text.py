"""Free text: many texts are encoded by another way than few, with the same result."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from autoglm.core.columns import Column
from autoglm.core.seed import Seed
from autoglm.encoders import text

WORDS = ["Ärger", "☃☃", "5_a", "½", "of", "mice", "and", "men", "ﬁne", "x"]


def test_many_texts_are_encoded_as_few_are() -> None:
    draw = np.random.default_rng(4)
    count = text.AT_ONCE + 200
    texts: list[Any] = [" ".join(draw.choice(WORDS, 1 + i % 7)) + "!" * (i % 3) for i in range(count)]
    texts[3], texts[4], texts[5] = None, "☃ of☃ mice", "!"
    column = Column("t", np.array(texts, dtype=object), "text")
    fitted = text.fit(column, Seed(1))
    assert fitted.grams == "words" and any(" " in term for term in fitted.vocabulary)
    many = fitted.transform(column)
    few = [fitted.transform(column.take(np.arange(at, at + 100))) for at in range(0, count, 100)]
    assert (many.sparse != sp.vstack([block.sparse for block in few], format="csr")).nnz == 0
    np.testing.assert_allclose(many.dense, np.vstack([block.dense for block in few]), rtol=1e-5, atol=1e-6)
