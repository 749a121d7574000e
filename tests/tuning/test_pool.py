"""Candidates lie in the cube, on values that can be taken, and lack what their categories exclude."""

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from autoglm.tuning import pool
from autoglm.tuning.cube import ABSENT, Cube

SPACE: dict[str, BaseDistribution] = {
    "kind": CategoricalDistribution(("tree", "line")),
    "depth": IntDistribution(1, 8),
    "rate": FloatDistribution(0.0, 1.0),
}


def test_candidates_are_snapped_and_told_apart_by_origin() -> None:
    cube, rng = Cube(SPACE), np.random.default_rng(0)
    places = cube.snap(rng.random((12, 3)))
    drawn, origins = pool.first_round(cube, places, rng.standard_normal(12), rng)
    assert len(drawn) == len(origins) == sum(pool.SHARES.values())
    np.testing.assert_array_equal(drawn, cube.snap(drawn))
    near = drawn[origins == pool.ORIGINS.index("near")]
    uniform = drawn[origins == pool.ORIGINS.index("uniform")]
    distance = [np.abs(d[:, None] - places).max(2).min(1).mean() for d in (near, uniform)]
    assert distance[0] < distance[1]


def test_the_second_round_stays_near_the_most_promising() -> None:
    cube, rng = Cube({"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}), np.random.default_rng(0)
    candidates = rng.random((40, 2))
    promise = -np.abs(candidates - 0.5).sum(1)
    again = pool.second_round(cube, candidates, promise, rng)
    assert again.shape == (pool.REFINED, 2) and np.abs(again - 0.5).mean() < 0.25


def test_a_parameter_that_a_category_never_has_is_absent_from_its_candidates() -> None:
    cube = Cube(SPACE)
    trials = [{"kind": "tree", "depth": 3, "rate": 0.1}, {"kind": "line", "rate": 0.2}, {"kind": "line", "rate": 0.4}]
    places, present = cube.places(trials)
    candidates = cube.places([{"kind": k, "depth": 7, "rate": 0.5} for k in ("tree", "line")])[0]
    blank = pool.blanked(candidates, pool.exclusions(cube, places, present))
    assert blank[0].tolist() == candidates[0].tolist()
    assert blank[1, 1] == ABSENT and blank[1, 0] == candidates[1, 0]
