"""The processes agree with scikit-learn's, and learn which parameters matter."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern

from autoglm.tuning import surrogate
from autoglm.tuning.surrogate import Belief, Scales, log_improvement, loss_scores, pair_squares, squares


def studies(count: int = 2, n: int = 20, d: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    places = rng.random((count, n, d))
    losses = (places[..., 0] - 0.3) ** 2
    return places, losses, np.zeros((count, d), dtype=bool), np.ones((count, d), dtype=bool)


def test_scores_are_half_ranks_and_half_values_and_what_failed_is_worst() -> None:
    scores = loss_scores(np.array([3.0, 1.0, np.nan, 1.0, np.inf, -np.inf]))
    assert scores.argmin() == 5 and scores[1] == scores[3] and scores[2] == scores[4] == scores.max()
    ranks, values = norm.ppf((np.arange(5) + 0.5) / 5), np.array([-1, -0.5, 0, 0.5, 3])
    np.testing.assert_allclose(loss_scores(np.array([0.0, 1, 2, 3, 1e9])), ranks / 2 + 0.75 * values)


def test_the_last_digits_of_a_plateau_are_nothing() -> None:
    plateau = np.array([0.1, 0.1 + 1e-9, 0.1 + 2e-9, 0.1 - 1e-9, 0.5, 0.6, 0.7, 0.8, 0.9])
    assert np.ptp(loss_scores(plateau)[:4]) < 1e-6 < 1 < loss_scores(plateau)[4] - loss_scores(plateau)[0]


@pytest.mark.parametrize(
    "losses", [[1.0], [np.nan], [2.0, 2.0], [-1.8e308, 1.8e308, 0.0], [1.0, 1.0, 1.0, 5.0], [np.inf, -np.inf]]
)
def test_scores_are_always_numbers(losses: list[float]) -> None:
    with np.errstate(all="raise"):
        assert np.isfinite(loss_scores(np.array(losses))).all()


def test_a_process_answers_as_scikit_learns_does() -> None:
    places, losses, categorical, real = studies()
    scores = loss_scores(losses)
    belief = Belief(places, scores, categorical, real)
    candidates = np.random.default_rng(1).random((2, 7, 3))
    mean, deviation, _ = belief.predict(candidates)
    for k, scale in enumerate((surrogate.SHORT, surrogate.LONG)):
        peer = GaussianProcessRegressor(Matern(scale * np.sqrt(3), nu=2.5), alpha=surrogate.NOISE[k], optimizer=None)
        expected, spread = peer.fit(places[0], scores[0]).predict(candidates[0], return_std=True)
        np.testing.assert_allclose(mean[0, k], expected, atol=2e-3)
        np.testing.assert_allclose(deviation[0, k], spread * np.sqrt(belief.amplitude[0, k]), atol=5e-3)


@pytest.mark.parametrize("x", [60.0, 2.0, 0.0, -0.5, -1.5, -6.0, -30.0])
def test_the_logarithm_of_the_improvement_holds_far_from_the_best(x: float) -> None:
    found = log_improvement(np.array(-x), np.array(1.0), np.array(0.0))
    if x > -10:  # below, the naive formula is zero
        assert found == pytest.approx(np.log(norm.pdf(x) + x * norm.cdf(x)), rel=1e-5)
    assert np.isfinite(found) and found < log_improvement(np.array(-x - 0.1), np.array(1.0), np.array(0.0))


def test_the_parameter_that_matters_gets_the_shortest_scale() -> None:
    places, losses, categorical, real = studies(n=30)
    scales = Scales.learned(pair_squares(places, categorical), loss_scores(losses), real)
    assert (scales.weights[:, 0] > scales.weights[:, 1:].max(1) + 0.5).all()


def test_padding_changes_nothing() -> None:
    places, losses, categorical, real = studies()
    padded = np.pad(places, ((0, 0), (0, 0), (0, 2)))
    wide = np.pad(real, ((0, 0), (0, 2)))
    candidates = np.random.default_rng(1).random((2, 4, 3))
    scores = loss_scores(losses)
    narrow = Belief(places, scores, categorical, real).predict(candidates)
    other = Belief(padded, scores, np.pad(categorical, ((0, 0), (0, 2))), wide)
    for a, b in zip(narrow, other.predict(np.pad(candidates, ((0, 0), (0, 0), (0, 2)))), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_the_end_of_a_training_is_foreseen_from_looks_at_it_and_at_others() -> None:
    places = np.linspace(0.05, 0.95, 10)[None, :, None]
    ends = (places[..., 0] - 0.5) ** 2
    early, late = places[:, :9], places[:, :6]  # nine were begun, six came to their end
    looks = np.concatenate([early, late], 1)
    progress = np.concatenate([np.zeros((1, 9)), np.ones((1, 6))], 1)
    losses = np.concatenate([ends[:, :9] + 1, ends[:, :6]], 1)  # every training loses one by the end
    real, number = np.ones((1, 1), dtype=bool), np.zeros((1, 1), dtype=bool)
    belief = Belief(looks, loss_scores(losses), number, real, progress)
    mean, deviation, distance2 = belief.predict(places)
    foreseen = (np.exp(belief.log_weights)[..., None] * mean).sum(1)[0]
    assert np.abs(foreseen[:9] - foreseen[:9][::-1]).max() < 0.5  # a parabola, though its right side never ended
    assert foreseen[:9].max() < np.median(loss_scores(losses)[0, :9])  # all end below where they were early
    spread = deviation[0, belief.log_weights[0].argmax()]
    assert spread[:6].max() < spread[6:9].min() < spread[9]  # ended, begun, unseen
    assert distance2.shape == (1, 15, 10) and distance2[0, 2, 2] == 0  # near is who has the same settings


def test_categories_are_equal_or_different() -> None:
    distance = squares(np.array([[[0.1, 0.1]]]), np.array([[[0.3, 0.3]]]), np.array([[True, False]]))
    np.testing.assert_allclose(distance[0, 0, 0], [1.0, 0.04])


def test_what_leaving_out_explains_is_what_leaving_out_by_hand_does(monkeypatch: pytest.MonkeyPatch) -> None:
    places, losses, categorical, real = studies(1, 15, 2)
    noise = np.random.default_rng(2).standard_normal((1, 15))
    for values in (losses, noise):
        scores = loss_scores(values)
        scales = Scales.learned(pair_squares(places, categorical), scores, real)
        monkeypatch.setattr(Scales, "learned", lambda *a, scales=scales: scales)
        belief = Belief(places, scores, categorical, real)
        k = int(belief.log_weights.argmax())
        left = []
        for i in range(15):
            rest = np.delete(np.arange(15), i)
            part = Belief(places[:, rest], scores[:, rest], categorical, real)
            left.append(scores[0, i] - part.predict(places[:, i : i + 1])[0][0, k, 0])
        expected = 1 - np.square(left).sum() / np.square(scores - scores.mean()).sum()
        assert belief.explained()[0] == pytest.approx(expected, abs=0.02)
        monkeypatch.undo()
    assert belief.explained()[0] < 0
