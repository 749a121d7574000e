"""Studies played together are the studies played alone."""

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from autoglm.tuning.cube import ABSENT, Cube
from autoglm.tuning.situation import Studies

SMALL = Cube({"x": FloatDistribution(0, 1), "n": IntDistribution(1, 5)})
LARGE = Cube({"k": CategoricalDistribution(("a", "b")), **{f"x{i}": FloatDistribution(0, 1) for i in range(4)}})


def played(cubes: list[Cube], seeds: list[int], trials: int = 12) -> Studies:
    studies = Studies.start(cubes, [np.random.default_rng(s) for s in seeds])
    for _ in range(trials):
        seen = studies.look()
        chosen = np.where(seen.valid, seen.improvement, -np.inf).argmax(1)
        places = seen.candidates[np.arange(len(cubes)), chosen]
        studies.tell(places, ((places - 0.3) ** 2).sum(1) - 0.09 * (~studies.real).sum(1))
    return studies


def test_a_study_is_the_same_in_company() -> None:
    together = played([SMALL, LARGE], [1, 2])
    for b, (cube, seed) in enumerate(((SMALL, 1), (LARGE, 2))):
        alone = played([cube], [seed])
        np.testing.assert_allclose(together.places[b, :, : len(cube.axes)], alone.places[0], atol=1e-6)


def test_it_finds_the_minimum() -> None:
    assert played([SMALL], [1], 20).losses.min() < 0.05


def test_a_parameter_that_a_trial_lacks_is_in_the_middle() -> None:
    studies = Studies.start([LARGE], [np.random.default_rng(0)])
    studies.tell(np.full((1, 5), 0.9), np.zeros(1), np.array([[True, False, True, True, True]]))
    assert studies.places[0, 0].tolist() == [0.9, ABSENT, 0.9, 0.9, 0.9]
