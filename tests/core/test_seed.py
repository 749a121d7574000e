import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autoglm.core.seed import Seed


@given(st.integers(0, 2**63), st.text(), st.integers(0, 100))
def test_a_child_depends_on_names_only(value: int, name: str, number: int) -> None:
    seed = Seed(value)
    before = seed.child(name, number)
    seed.child("another")
    assert seed.child(name, number) == before
    assert 0 <= before.integer < 2**31 - 1


def test_children_of_other_names_differ() -> None:
    assert len({Seed(42).child("fold", k).value for k in range(1000)}) == 1000


def test_generators_are_reproducible() -> None:
    assert Seed(1).generator().random() == Seed(1).generator().random()


@given(st.integers(0, 30), st.integers(0, 40))
def test_a_sample_is_a_sorted_part(count: int, most: int) -> None:
    rows = np.arange(100, 100 + count)
    found = Seed(3).sample(rows, most)
    assert len(found) == min(count, most)
    assert set(found) <= set(rows) and (np.diff(found) > 0).all()
    np.testing.assert_array_equal(found, Seed(3).sample(rows, most))
