from pathlib import Path

import numpy as np
import scipy.sparse as sp

from autoglm.core.features import Features, Output


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
