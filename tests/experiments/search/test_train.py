"""The trained network is the one that ships: NumPy and torch agree, training can be stopped, and a seed is a seed."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[3] / "experiments" / "search"))
train = pytest.importorskip("train")

from autoglm.tuning.policy import Policy, by_improvement  # noqa: E402

TINY = train.Plan(iterations=2, instances=2, group=2, shortest=4, longest=5, synthetic=1.0, batch=16)


@pytest.fixture
def rollout() -> Any:
    drawn = [task for part in range(train.PARTS) for task in train.draw_tasks(TINY, 0, part, "")]
    return train.play(TINY, drawn, 6, [1, 2], lambda seen: by_improvement(seen).argmax(1))


def test_tasks_of_an_iteration_are_those_of_its_seed() -> None:
    names = [t.name for t in train.draw_tasks(TINY, 3, 0, "")]
    assert names == [t.name for t in train.draw_tasks(TINY, 3, 0, "")]
    assert names != [t.name for t in train.draw_tasks(replace(TINY, seed=2), 3, 0, "")]


def test_a_group_is_left_out_and_an_unknown_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = {"lcbench": 3, "xgboost": 4, "curves": 1}
    known = [SimpleNamespace(group=group, name=f"{group}/{k}") for group, count in groups.items() for k in range(count)]
    monkeypatch.setattr(train, "training_tasks", lambda data: known)
    monkeypatch.setattr(train, "restricted", lambda task, rng: task)
    plan = replace(TINY, instances=60, synthetic=0.0)
    for without in ("", "xgboost"):
        drawn = {task.group for task in train.draw_tasks(replace(plan, without=without), 0, 0, "data")}
        assert drawn == groups.keys() - {without}
    with pytest.raises(SystemExit, match="--without 'xgb': there are lcbench, xgboost, curves"):
        train.draw_tasks(replace(plan, without="xgb"), 0, 0, "data")


def test_the_network_starts_as_expected_improvement(rollout: Any) -> None:
    network = train.Network(1.0)
    logits, values, _ = network(rollout.features[4], rollout.improvement[4], rollout.valid[4])
    valid = rollout.valid[4]
    np.testing.assert_allclose(logits[valid].detach(), rollout.improvement[4][valid] * np.e, rtol=1e-5)
    assert not values.detach().any()


def test_regret_falls_and_advantages_are_of_equal_tasks(rollout: Any) -> None:
    assert (np.diff(rollout.regret, axis=0) <= 0).all()
    ahead, returns = train.advantages(TINY, rollout, np.zeros(rollout.regret.shape))
    assert ahead.shape == returns.shape == rollout.regret.shape
    np.testing.assert_allclose(ahead.reshape(6, -1, TINY.group).mean(2), 0, atol=1e-12)
    whole = np.log(2 + TINY.floor) - np.log(rollout.regret[-1] + TINY.floor)
    exact = replace(TINY, gamma=1.0, trace=1.0)
    np.testing.assert_allclose(train.advantages(exact, rollout, np.zeros(rollout.regret.shape))[1][0], whole)


def test_a_step_makes_a_good_action_likelier(rollout: Any) -> None:
    """One action of every situation is declared the good one; after some steps the policy takes it more often."""
    torch.manual_seed(0)
    network = train.Network(0.0)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    plan = replace(TINY, epochs=1, value=0.0, entropy=0.0, auxiliary=0.0, gamma=0.0)
    first = rollout.regret[0].mean()
    rollout.regret[:] = np.linspace(first, first / 50, len(rollout.regret))[:, None]

    def likelihood() -> float:
        logits = network(rollout.features[5], rollout.improvement[5], rollout.valid[5])[0]
        return float(logits.log_softmax(-1).gather(1, rollout.actions[5][:, None]).mean().detach())

    before = likelihood()
    rollout.regret[1:, 1::2] = first  # of each pair the second study gets nothing
    for t in range(1, len(rollout.actions)):
        last = rollout.valid[t].int().cumsum(1).argmax(1)  # the last candidate that could be taken
        rollout.actions[t, 1::2] = last[1::2]
    for k in range(8):
        train.update(plan, network, optimiser, rollout, [0, k])
    logits = network(rollout.features[5], rollout.improvement[5], rollout.valid[5])[0].log_softmax(-1)
    good = logits[::2].gather(1, rollout.actions[5][::2, None]).mean().detach()
    assert float(good) > before


@pytest.mark.slow
def test_training_goes_on_where_it_was_stopped_and_ships_what_it_trained(tmp_path: Path) -> None:
    train.train(TINY, tmp_path / "whole", "")
    train.train(replace(TINY, iterations=1), tmp_path / "parts", "")
    first = (tmp_path / "parts" / "curve.jsonl").read_text()
    assert len(first.splitlines()) == 1
    with pytest.raises(SystemExit, match="another plan"):
        train.train(replace(TINY, gamma=0.0), tmp_path / "parts", "")
    train.train(TINY, tmp_path / "again", "")
    whole, again = (Policy.read(tmp_path / name / "policy.npz") for name in ("whole", "again"))
    assert whole.digest == again.digest and whole.record["plan"]["seed"] == 1
    train.train(TINY, tmp_path / "parts", "")
    curves = [json.loads(line) for line in (tmp_path / "parts" / "curve.jsonl").read_text().splitlines()]
    assert [c["iteration"] for c in curves] == [0, 1]

    network = train.Network(TINY.sharpness)
    network.load_state_dict(torch.load(tmp_path / "whole" / "checkpoint.pt", weights_only=True)["network"])
    seen = situation()
    expected = network(*train._tensors(seen))[0].detach().numpy()
    np.testing.assert_allclose(whole.logits(seen), expected, atol=1e-4)


def situation() -> Any:
    drawn = [task for part in range(train.PARTS) for task in train.draw_tasks(TINY, 0, part, "")]
    kept: list[Any] = []

    def choose(seen: Any) -> Any:
        kept.append(seen)
        return by_improvement(seen).argmax(1)

    train.play(TINY, drawn, 5, [1], choose)
    return kept[-1]
