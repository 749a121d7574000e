from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from autoglm.core.features import Features, Output
from autoglm.core.ragged import Ragged
from autoglm.prep.views import View


def test_a_round_trip_through_memory_maps(tmp_path: Path) -> None:
    dense = np.array([[1, np.nan], [2, 0], [3, 1]], dtype=np.float32)
    sparse = sp.csr_matrix(np.eye(3, dtype=np.float32))
    features = Features(dense, (Output("a", "a"), Output("b", "b", 2)), sparse, (("t", 3),))
    features.save(tmp_path)
    found = Features.load(tmp_path)
    assert found.outputs == features.outputs
    assert found.terms == features.terms
    np.testing.assert_array_equal(found.dense, dense)
    assert found.sparse is not None
    np.testing.assert_array_equal(found.take(np.array([2, 0])).sparse.toarray(), np.eye(3)[[2, 0]])
    assert list(found.categories) == [1]
    assert list(found.numbers) == [0]


@pytest.mark.parametrize(("names", "found"), [(["table"], ["table_"]), (["table_", "table"], ["table__", "table_"])])
def test_a_modality_called_table_is_not_that_of_the_plain_columns(names: list[str], found: list[str]) -> None:
    outputs = (Output("a", "a"), *(Output(f"{name}.length", name, modality="text") for name in names))
    dense, terms = np.ones((2, len(outputs)), dtype=np.float32), tuple((name, 2) for name in names)
    tokens = tuple((name, Ragged.of([np.ones(3, dtype=np.uint16)] * 2)) for name in names)
    features = Features(dense, outputs, sp.csr_matrix(np.ones((2, 2 * len(names)), np.float32)), terms, tokens)
    assert list(features.modalities) == ["table", *found]
    assert View.fit(features, found[0]).transform(features).shape == (2, 3)  # its length and its terms
    bare = features.without("table")
    assert np.isnan(bare.dense[:, 0]).all() and not np.isnan(bare.dense[:, 1:]).any()
    assert bare.sparse is not None and bare.sparse.nnz == 4 * len(names)
    assert [t.items.size for _, t in bare.tokens] == [6] * len(names)
    bare = features.without(found[0])
    assert np.isnan(bare.dense[:, 1]).all() and not np.isnan(np.delete(bare.dense, 1, axis=1)).any()
    assert bare.sparse is not None and bare.sparse.nnz == 4 * (len(names) - 1)
    assert bare.tokens[0][1].items.size == 0
