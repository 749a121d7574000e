"""The training loop: it learns, stops in time, accumulates, and goes on after a kill as if nothing had happened."""

import time

import numpy as np
import pytest

from autoglm.core.seed import Seed

torch = pytest.importorskip("torch")
from autoglm.deep import loop  # noqa: E402

X = torch.from_numpy(np.random.default_rng(0).normal(size=(256, 6)).astype(np.float32))
Y = (X[:, 0] - 2 * X[:, 1])[:, None]


def _network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.Tanh(), torch.nn.Dropout(0.1), torch.nn.Linear(16, 1))


def _train(network, epochs=20, size=32, seconds=float("inf"), stop=None, **settings):
    def batches(epoch):
        if stop is not None and epoch == stop:
            raise KeyboardInterrupt
        for start in range(0, 256, size):
            yield X[start : start + size], Y[start : start + size]

    def loss(batch):
        return (network(batch[0]) - batch[1]).square().mean()

    def judge():
        with torch.inference_mode():
            return float((network(X) - Y).square().mean())

    place = settings.pop("place", None)
    recipe = loop.Recipe(epochs, 0.02, half=False, **settings)
    return loop.train(network, batches, loss, judge, recipe, Seed(1), steps=256 // size, seconds=seconds, place=place)


def test_it_learns_and_returns_the_best() -> None:
    network = _network()
    error = _train(network)
    assert error < 0.2 < float(Y.square().mean())
    with torch.inference_mode():
        assert float((network(X) - Y).square().mean()) == pytest.approx(error)


def test_small_batches_accumulated_learn_as_one_large_batch() -> None:
    whole, parts = _network(), _network()
    whole[2].p = parts[2].p = 0.0
    errors = _train(whole, epochs=8, size=64), _train(parts, epochs=8, size=16, accumulate=4)
    assert errors[1] == pytest.approx(errors[0], rel=0.15)


@pytest.mark.clock
def test_it_is_done_in_time() -> None:
    began = time.monotonic()
    _train(_network(), epochs=10**6, seconds=0.5, patience=10**6)
    assert time.monotonic() - began < 3


def test_a_killed_training_ends_with_the_same_weights(tmp_path) -> None:
    straight, killed = _network(), _network()
    _train(straight, epochs=6)
    with pytest.raises(KeyboardInterrupt):
        _train(killed, epochs=6, stop=3, place=tmp_path)
    again = _network()
    _train(again, epochs=6, place=tmp_path)
    for a, b in zip(straight.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    assert len(list(tmp_path.glob("*.safetensors"))) == 1


def test_the_rate_rises_and_falls() -> None:
    shares = [loop.schedule(p, 0.1) for p in (0.0, 0.05, 0.1, 0.55, 1.0)]
    assert shares == pytest.approx([0, 0.5, 1, 0.5, 0])
