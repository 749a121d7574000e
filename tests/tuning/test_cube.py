"""Places stand for values and come back to them; what cannot be taken is never proposed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from autoglm.tuning.cube import ABSENT, Cube

SPACE: dict[str, BaseDistribution] = {
    "rate": FloatDistribution(1e-4, 1.0, log=True),
    "share": FloatDistribution(0.1, 0.9, step=0.1),
    "depth": IntDistribution(2, 10, step=2),
    "leaves": IntDistribution(1, 300, log=True),
    "kind": CategoricalDistribution(("a", None, 3)),
    "free": FloatDistribution(-1.0, 2.0),
}


@given(st.lists(st.floats(0, 1), min_size=6, max_size=6))
def test_a_snapped_place_comes_back_from_its_settings(point: list[float]) -> None:
    cube = Cube(SPACE)
    snapped = cube.snap(np.array([point]))
    settings = cube.settings(snapped[0])
    for name, value in settings.items():
        distribution = SPACE[name]
        assert distribution._contains(distribution.to_internal_repr(value)), (name, value)
    places, present = cube.places([settings])
    assert present.all()
    np.testing.assert_allclose(places, snapped, atol=1e-9)


def test_neighbours_of_a_whole_number_have_equal_shares() -> None:
    counts = np.unique(Cube({"n": IntDistribution(0, 3)}).snap(np.linspace(0, 1, 4001)[:, None]), return_counts=True)[1]
    assert len(counts) == 4 and counts.max() - counts.min() <= 2


def test_what_a_trial_lacks_or_a_space_no_longer_knows_is_absent() -> None:
    places, present = Cube(SPACE).places([{"rate": 0.01, "kind": "gone"}, {"rate": 50.0}])
    assert present.tolist() == [[True] + [False] * 5, [True] + [False] * 5]
    assert places[0, 1:].tolist() == [ABSENT] * 5
    assert places[1, 0] == 1.0  # bounds that changed: at the wall


def test_what_a_space_does_not_hold_is_outside() -> None:
    inside = {"rate": 1.0, "share": 0.9, "depth": 2, "leaves": 300, "kind": None, "free": -1.0}
    strange = {"rate": 0.0, "share": 1.1, "depth": 12, "leaves": "few", "kind": "gone", "free": None}
    assert Cube(SPACE).outside([inside, strange, {}]).tolist() == [[False] * 6, [True] * 6, [False] * 6]


@pytest.mark.parametrize(
    "distribution", [IntDistribution(3, 3), FloatDistribution(2.0, 2.0), FloatDistribution(1.0, 1.0, log=True)]
)
def test_an_axis_of_one_value_has_that_value(distribution: BaseDistribution) -> None:
    cube = Cube({"x": distribution})
    assert cube.settings(cube.snap(np.array([[0.9]]))[0])["x"] == distribution.low  # type: ignore[attr-defined]
