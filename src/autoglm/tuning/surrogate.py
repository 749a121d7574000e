"""What a search believes: a few Gaussian processes side by side, for many studies at once, in NumPy.

Every array starts with an axis of B studies, all with n trials in d parameters (padded; ``real`` tells which are
there). Each process has Matérn-5/2 covariance: two whose length-scales are fixed and equal, one that is a sum over
parameters, and one whose length-scales are learned by a few sign steps on the marginal likelihood. Where trainings
were looked at before their end, how far they were is one more coordinate, and what is asked for is their end.
They answer together, weighted by their marginal likelihood; the amplitude is integrated out up to its mode.

Sources: Rasmussen & Williams, *Gaussian Processes for Machine Learning* (2006), ch. 4 and 5; Ament et al., *Unexpected
Improvements to Expected Improvement* (2023), for its logarithm far from the best.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs, dtrtri
from scipy.special import erfcx, ndtr, ndtri

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]  # single precision between trials and candidates, which is most of the work

NAMES = ("short", "long", "additive", "learned")
SHORT, LONG, ADDITIVE = 0.2, 0.6, 0.35  # length-scales; the first two times the root of the number of parameters
NOISE = (1e-3, 1e-3, 1e-3)  # variance of the noise against that of the signal, of the fixed processes
QUIET = np.log(1e-3)  # the learned noise that is expected
BY_VALUE = 0.5  # share of a score that is the loss itself and not its rank; of .5, .7 and 1 the best on training tasks
SPREAD, WORST = 1.5, 3.0  # what the distance of median and best counts in scores; distances above which all are alike
EQUAL = 3e-3  # distances, in that unit, below which losses share a rank
STEPS, FIRST, GROWTH, SHRINK = 8, 0.3, 1.3, 0.5  # sign steps on the length-scales: number, first size, its changes


def loss_scores(losses: Array) -> Array:
    """Return losses (..., n) as scores, lower is better: half by rank, half by value; what failed is worst.

    By rank (normal scores) a trial that exploded bends nothing; by value (0 the median, -1 the best) a plateau whose
    losses differ in their last digits stays one. Losses as good as equal share their rank.
    """
    finite = np.isfinite(losses)
    known = np.clip(np.where(finite, losses, np.nan), -1e300, 1e300)
    ordered = np.sort(np.where(finite.any(-1, keepdims=True), known, 0.0), axis=-1)  # what failed comes last
    last = np.maximum(finite.sum(-1, keepdims=True), 1) - 1
    lower, upper, worst = (np.take_along_axis(ordered, i, -1) for i in (last // 2, (last + 1) // 2, last))
    middle, best = lower / 2 + upper / 2, ordered[..., :1]
    unit = np.where(middle > best, middle - best, worst - best)
    value = (known - middle) / np.where(unit > 0, unit, 1.0)
    value = np.where(losses == -np.inf, -WORST, np.where(finite, value, np.inf))
    rounded = np.round(value / EQUAL)
    below = (rounded[..., None, :] < rounded[..., :, None]).sum(-1)
    equal = (rounded[..., None, :] == rounded[..., :, None]).sum(-1)
    ranks = ndtri((below + equal / 2) / losses.shape[-1])
    return np.asarray((1 - BY_VALUE) * ranks + BY_VALUE * SPREAD * np.clip(value, -WORST, WORST))


def squares(left: Array, right: Array, categorical: NDArray[np.bool_]) -> Array:
    """Return squared distances (B, n, m, d) per parameter; of categories 0 or 1."""
    return _squared(left[:, :, None, :] - right[:, None, :, :], categorical[:, None, None, :])


def pair_squares(places: Array, categorical: NDArray[np.bool_]) -> Array:
    """Return squared distances (B, P, d) of all pairs of the n trials, in the order of `pairs`."""
    first, second = pairs(places.shape[1])
    return _squared(places[:, first] - places[:, second], categorical[:, None, :])


def _squared(gap: Array, categorical: NDArray[np.bool_]) -> Array:
    np.multiply(gap, gap, out=gap)
    if categorical.any():
        np.copyto(gap, gap > 1e-9, where=np.broadcast_to(categorical, gap.shape), casting="unsafe")
    return gap


@cache
def pairs(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the numbers of both members of the n (n - 1) / 2 pairs of n trials, the later trial first."""
    return np.tril_indices(n, -1)


def _lower(correlations: Floats, diagonal: Array, n: int) -> Array:
    """Return matrices (..., n, n), only their lower triangle filled, from pairs (..., P) and a diagonal (...,)."""
    matrices = np.zeros((*correlations.shape[:-1], n * n))
    first, second = pairs(n)
    matrices[..., first * n + second] = correlations
    matrices[..., :: n + 1] = diagonal[..., None]
    return matrices.reshape(*correlations.shape[:-1], n, n)


def _factor(matrix: Array) -> Array:
    """Turn a covariance (n, n), given by its lower triangle, into its Cholesky factor, in place."""
    _, failed = dpotrf(matrix.T, lower=0, clean=0, overwrite_a=1)  # LAPACK reads columns: the transposed is its upper
    if failed:
        raise np.linalg.LinAlgError(f"a covariance of {len(matrix)} trials is not positive definite")
    return matrix


def matern(distance2: Floats) -> Floats:
    """Return the Matérn-5/2 correlation of squared, scaled distances."""
    r = np.sqrt(5 * distance2)
    decay = np.exp(-r)
    distance2 = distance2 * distance2.dtype.type(5 / 3)
    distance2 += r
    distance2 += 1
    distance2 *= decay
    return distance2


def log_improvement(mean: Array, deviation: Array, best: Array) -> Array:
    """Return the logarithm of the expected improvement on ``best`` of a loss that is normal."""
    x = (best - mean) / deviation
    far = np.minimum(x, -1.0)
    near = np.maximum(x, -1.0)
    density = np.exp(-near * near / 2) / np.sqrt(2 * np.pi)
    close = np.log(density + near * ndtr(near))
    tail = np.maximum(1 - np.sqrt(np.pi / 2) * -far * erfcx(-far / np.sqrt(2)), 1e-300)
    tail = np.where(far < -1e3, 1 / (far * far), tail)
    return np.asarray(
        np.log(deviation) + np.where(x > -1, close, -far * far / 2 - np.log(2 * np.pi) / 2 + np.log(tail))
    )


@dataclass
class Scales:
    """Logarithms of the learned process's inverse length-scales and of its noise."""

    weights: Array  # (B, d)
    noise: Array  # (B,)

    @classmethod
    def learned(cls, between: Array, scores: Array, real: NDArray[np.bool_], steps: int = STEPS) -> Scales:
        """Take sign steps (Rprop) up the log posterior, in all scales at once; at first all parameters matter alike.

        ``between`` (B, P, d) are squared distances of all pairs of trials, ``scores`` (B, n) what came out.
        """
        n = scores.shape[1]
        first, second = pairs(n)
        prior = _prior(real)[:, None]
        weights, noise = np.broadcast_to(prior, real.shape), np.full(len(real), QUIET)
        size, last = np.full((len(real), real.shape[1] + 1), FIRST), np.zeros((len(real), real.shape[1] + 1))
        for _ in range(steps if n > 2 else 0):
            weights2, variance = np.exp(2 * weights), np.exp(noise)
            r = np.sqrt(5 * (between @ weights2[..., None])[..., 0])
            decay = np.exp(-r)
            inverse = _lower((1 + r + r * r / 3) * decay, 1 + variance, n)
            alpha = np.array([_invert(*study) for study in zip(inverse, scores, strict=True)])
            amplitude = (((alpha * scores).sum(-1) + 2) / (n + 2))[:, None]
            inner = alpha[:, first] * alpha[:, second] / amplitude - inverse[:, first, second]  # 2 dL/dK, of the pairs
            trace = (alpha * alpha / amplitude - np.diagonal(inverse, axis1=1, axis2=2)).sum(1)
            slope = -5 / 3 * (1 + r) * decay * inner  # of log weights, but for weight² distance²; a pair counts twice
            by_weight = (slope[:, None] @ between)[:, 0] * weights2 - (weights - prior) * real
            by_noise = trace / 2 * variance - (noise - QUIET) / 4
            sign = np.sign(np.concatenate([by_weight, by_noise[:, None]], 1))
            size = size * np.where(sign * last > 0, GROWTH, np.where(sign * last < 0, SHRINK, 1.0))
            size = np.minimum(np.maximum(size, 0.02), 0.6)
            last = sign
            weights = np.minimum(np.maximum(weights + (sign * size)[:, :-1], -6.0), 3.0)
            noise = np.minimum(np.maximum(noise + (sign * size)[:, -1], np.log(1e-6)), 0.0)
        return cls(weights, noise)


def _invert(covariance: Array, scores: Array) -> Array:
    """Return ``covariance⁻¹ scores`` (n,), leaving the inverse in the lower triangle of ``covariance`` (n, n)."""
    alpha: Array = dpotrs(_factor(covariance).T, scores, lower=0)[0]
    dpotri(covariance.T, lower=0, overwrite_c=1)
    return alpha


def _reaching(places: Array, progress: Array) -> Array:
    """Return places (B, n, d + 1) with how far each training was (B, n) as their last coordinate."""
    return np.concatenate([places, progress[..., None]], -1)


def _prior(real: NDArray[np.bool_]) -> Array:
    """Return the log inverse length-scale (B,) that is expected before any trial."""
    return np.asarray(-np.log(0.5 * np.sqrt(real.sum(1))))


@dataclass
class Belief:
    """The processes after n trials, or after n looks at trials that went on."""

    places: Array  # (B, n, d)
    scores: Array  # (B, n)
    categorical: NDArray[np.bool_]  # (B, d)
    real: NDArray[np.bool_]  # (B, d)
    progress: Array | None = None  # (B, n) in [0, 1], how far a trial was at each look; None: all came to their end
    parameters: NDArray[np.bool_] = field(init=False)  # (B, d), `real` without the progress
    scales: Scales = field(init=False)
    whitening: Floats = field(init=False)  # (B, K, n, n), inverse of the covariance's Cholesky factor
    whitened: Floats = field(init=False)  # (B, K, n), the scores
    amplitude: Array = field(init=False)  # (B, K), variance
    log_weights: Array = field(init=False)  # (B, K), of the processes, normalised
    best: Array = field(init=False)  # (B, K), lowest posterior mean at a trial

    def __post_init__(self) -> None:
        """Learn the scales, then fit all processes to the trials."""
        n = self.scores.shape[1]
        self.parameters = self.real
        if self.progress is not None:
            self.places = _reaching(self.places, self.progress)
            self.categorical = np.pad(self.categorical, ((0, 0), (0, 1)))
            self.real = np.pad(self.real, ((0, 0), (0, 1)), constant_values=True)
        between = pair_squares(self.places, self.categorical) * self.real[:, None, :]
        self.scales = Scales.learned(between, self.scores, self.real)
        noise = np.stack([*(np.full(len(self.scores), n) for n in NOISE), np.exp(self.scales.noise)], 1)
        whitening = _lower(self._correlations(between), 1 + noise, n)
        log_determinant = np.empty(noise.shape)
        for process in np.ndindex(noise.shape):
            log_determinant[process] = 2 * np.log(np.diagonal(_factor(whitening[process]))).sum()
            dtrtri(whitening[process].T, lower=0, overwrite_c=1)
        whitened = (whitening @ self.scores[:, None, :, None])[..., 0]
        alpha = (np.swapaxes(whitening, -1, -2) @ whitened[..., None])[..., 0]
        self.amplitude = ((whitened**2).sum(-1) + 2) / (n + 2)  # the mode under an inverse-gamma prior of mean about 1
        likelihood = -(n + 2) / 2 * np.log(self.amplitude) - log_determinant / 2
        likelihood[:, 3] += self._log_prior()
        shifted = likelihood - likelihood.max(1, keepdims=True)
        self.log_weights = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        self.best = (self.scores[:, None] - noise[..., None] * alpha).min(-1)
        self.whitening, self.whitened = whitening.astype(np.float32), whitened.astype(np.float32)

    def _correlations(self, distances2: Floats) -> Floats:
        """Return the correlations (B, K, q) of all processes, given squared distances (B, q, d)."""
        kind = distances2.dtype
        equal = np.where(self.real, 1 / self.real.sum(1)[:, None], 0)
        weights = np.stack([equal / SHORT**2, equal / LONG**2, np.exp(2 * self.scales.weights)], -1).astype(kind)
        correlations = np.empty((len(distances2), len(NAMES), distances2.shape[1]), kind)
        correlations[:, [0, 1, 3]] = matern(np.swapaxes(weights, 1, 2) @ np.swapaxes(distances2, 1, 2))
        correlations[:, 2] = (matern(distances2 * kind.type(1 / ADDITIVE**2)) @ equal.astype(kind)[..., None])[..., 0]
        return correlations

    def _log_prior(self) -> Array:
        away = (self.scales.weights - _prior(self.real)[:, None]) * self.real
        return np.asarray(-(away**2).sum(1) / 2 - ((self.scales.noise - QUIET) / 2) ** 2 / 2)

    def predict(self, candidates: Array) -> tuple[Array, Array, Array]:
        """Return means and deviations (B, K, m) at candidates (B, m, d), and squared distances (B, n, m) to the trials.

        What is predicted is a trial's end. Distances are means over the parameters.
        """
        single = np.float32
        if self.progress is not None:
            candidates = _reaching(candidates, np.ones(candidates.shape[:2]))
        across = squares(self.places.astype(single), candidates.astype(single), self.categorical)
        across *= self.real[:, None, None, :]
        b, n, m, d = across.shape
        spread = self.whitening @ self._correlations(across.reshape(b, n * m, d)).reshape(b, len(NAMES), n, m)
        mean = (self.whitened[:, :, None, :] @ spread)[:, :, 0].astype(float)
        explained = np.einsum("bknm,bknm->bkm", spread, spread).astype(float)
        variance = self.amplitude[..., None] * np.maximum(1 - explained, 1e-6)
        equal = np.where(self.parameters, 1 / self.parameters.sum(1)[:, None], 0)
        nearness = across[..., : equal.shape[1]] @ equal[:, None, :, None].astype(single)
        return mean, np.sqrt(variance), nearness[..., 0].astype(float)

    def explained(self) -> Array:
        """Return the share (B,) of the variance that the likeliest process explains, leaving each trial out in turn."""
        likeliest = self.log_weights.argmax(1)[:, None, None]
        whitening = np.take_along_axis(self.whitening, likeliest[..., None], 1)[:, 0]
        whitened = np.take_along_axis(self.whitened, likeliest, 1)[:, 0]
        alpha = (whitened[:, None] @ whitening)[:, 0]
        left = alpha / np.square(whitening).sum(1)  # alpha over the diagonal of the inverse covariance
        away = self.scores - self.scores.mean(1, keepdims=True)
        return np.asarray(1 - np.square(left).sum(1) / np.maximum(np.square(away).sum(1), 1e-12))

    def improvement(self, mean: Array, deviation: Array) -> tuple[Array, Array]:
        """Return log expected improvements of the mixture (B, m) and of each process (B, K, m)."""
        each = log_improvement(mean, deviation, self.best[..., None])
        weighted = each + self.log_weights[..., None]
        top = weighted.max(1, keepdims=True)
        return (top + np.log(np.exp(weighted - top).sum(1, keepdims=True)))[:, 0], each
