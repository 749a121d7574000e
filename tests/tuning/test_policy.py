"""The policy that ships reads its features, starts where improvement is, and does not mind order or number."""

import json
from pathlib import Path

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from autoglm.core.errors import OptionError
from autoglm.tuning.cube import Cube
from autoglm.tuning.policy import Policy, by_improvement
from autoglm.tuning.situation import FEATURES, Situation, Studies

CUBES = [
    Cube({"x": FloatDistribution(0, 1), "k": CategoricalDistribution(("a", "b", "c"))}),
    Cube({f"x{i}": FloatDistribution(0, 1) for i in range(5)}),
]


def situation(trials: int = 8) -> Situation:
    studies = Studies.start(CUBES, [np.random.default_rng(b) for b in range(2)], [20, -1])
    for t in range(trials):
        seen = studies.look()
        places = seen.candidates[:, t]
        studies.tell(places, (places**2).sum(1))
    return studies.look()


def test_features_are_finite_and_named() -> None:
    seen = situation()
    assert seen.features.shape[2] == len(FEATURES) and np.isfinite(seen.features).all()
    assert seen.valid.any(1).all() and (seen.improvement.max(1) == 0).all()


def test_the_order_of_candidates_does_not_matter() -> None:
    seen, policy = situation(), Policy.shipped()
    reversed_ = (getattr(seen, f)[:, ::-1] for f in ("candidates", "improvement", "features", "valid"))
    turned = Situation(*reversed_, seen.explained)
    np.testing.assert_allclose(policy.logits(seen), policy.logits(turned)[:, ::-1], atol=1e-9)


def test_what_was_tried_is_not_chosen_again() -> None:
    seen = situation()
    for choose in (by_improvement, Policy.shipped().logits):
        chosen = choose(seen).argmax(1)
        assert seen.valid[np.arange(2), chosen].all()


def test_a_policy_of_other_features_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "old.npz", record=np.array(json.dumps({"features": ["a"]})))
    with pytest.raises(OptionError, match="reads features"):
        Policy.read(tmp_path / "old.npz")


def test_the_shipped_policy_is_small_and_knows_its_training() -> None:
    policy = Policy.shipped()
    assert sum(w.size for w in policy.weights.values()) * 4 < 2_000_000
    assert {"plan", "held_out", "transitions", "commit"} <= policy.record.keys()
    assert policy.record["held_out"] and len(policy.digest) == 12
