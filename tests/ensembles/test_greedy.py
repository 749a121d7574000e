import numpy as np
import pytest

from autoglm.ensembles.greedy import select


def squared(truth: np.ndarray) -> object:
    return lambda margins: float(np.mean((margins[:, 0] - truth) ** 2))


def test_two_noisy_members_beat_either() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(size=500)
    members = {n: (truth + generator.normal(size=500))[:, None] for n in "ab"}
    everywhere = {n: np.ones(500, bool) for n in members}
    error = squared(truth)
    blend = select(members, everywhere, error)
    assert blend.error < 0.6 * min(error(m) for m in members.values())
    assert sum(blend.weights.values()) == pytest.approx(1)
    assert blend.weights["a"] == pytest.approx(0.5, abs=0.1)


def test_it_is_never_worse_than_the_best_member() -> None:
    generator = np.random.default_rng(1)
    truth = generator.normal(size=200)
    members = {f"m{i}": (truth + generator.normal(size=200) * (1 + i))[:, None] for i in range(6)}
    error = squared(truth)
    blend = select(members, {n: np.ones(200, bool) for n in members}, error)
    assert blend.error <= min(error(m) for m in members.values())


def test_a_useless_member_stays_out() -> None:
    generator = np.random.default_rng(2)
    truth = generator.normal(size=300)
    members = {"good": truth[:, None] + 1e-3, "noise": generator.normal(size=(300, 1)) * 50}
    assert select(members, {n: np.ones(300, bool) for n in members}, squared(truth)).weights == {"good": 1.0}


def test_a_member_with_some_folds_helps_where_it_has_judged() -> None:
    generator = np.random.default_rng(3)
    truth = generator.normal(size=400)
    whole, part = truth + generator.normal(size=400), truth + 0.1 * generator.normal(size=400)
    some = np.arange(400) < 100
    blend = select(
        {"whole": whole[:, None], "part": part[:, None]}, {"whole": some | True, "part": some}, squared(truth)
    )
    assert blend.weights["part"] > 0


def test_a_member_with_some_folds_is_never_the_start() -> None:
    truth = np.zeros(100)
    some = np.arange(100) < 10
    members = {"lucky": np.zeros((100, 1)), "whole": np.full((100, 1), 0.1)}
    blend = select(members, {"lucky": some, "whole": np.ones(100, bool)}, squared(truth))
    assert "whole" in blend.weights
