"""Kernel regression whose metric is learned: what moves the answer counts in the distance, the rest does not.

Radhakrishnan, Beaglehole, Pandit and Belkin 2024, "Mechanism for feature learning in neural networks and
backpropagation-free machine learning models" (Science 383): a kernel machine is fitted, the average outer product of
its gradients becomes the metric of the next one, and so on. Which bandwidth and penalty to take is told by answers
that leave each row out, which have a closed form. So they tell how smooth the kernel shall be (Matérn's class:
Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", section 4.2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

SMOOTHNESS = (0.5, 1.5)  # half-integers of Matérn's class: exp(-d) and (1 + d) exp(-d), d in units of the bandwidth
BANDWIDTHS = (1.0, 2.0, 4.0, 8.0)  # in units of the root of the mean squared distance
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)  # on the diagonal of the kernel, which is 1 there: the noise of the target
FLOOR = 1e-3  # of the largest eigenvalue of the metric, so that no direction is lost for good
BLOCK = 131_072  # of the kernel, worked on at once when rows are answered
NEAREST = 1e-6  # squared distance below which rows count as the same one: the kernel has no gradient there

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """A metric with what goes with it.

    Parameters
    ----------
    turn
        Columns of the matrix → coordinates in which the bandwidth is 1; see `turned`.
    smoothness
        Of the kernel.
    penalty
        On the kernel's diagonal.
    error
        Mean squared error of answers that leave each row out.
    """

    turn: Matrix
    smoothness: float
    penalty: float
    error: float


def turned(rows: Matrix, turn: Matrix) -> Matrix:
    """Return rows in the coordinates of a metric: a factor a column, or what to multiply by, shape (n_columns, n)."""
    return rows * turn if turn.ndim == 1 else np.asarray(rows @ turn)


def kernel(rows: Matrix, landmarks: Matrix, smoothness: float) -> Matrix:
    """Return how alike rows are to landmarks, 1 where they are the same, shape (n_rows, n_landmarks)."""
    return _alike(_squares(rows, landmarks), smoothness)


def answers(rows: Matrix, landmarks: Matrix, smoothness: float, coefficients: Matrix) -> Matrix:
    """Return `kernel` times coefficients, shape (n_rows, n_outputs), in single precision and so several times as fast.

    Distances are in double precision, so that near rows stay near. Blocks of rows stay in the processor's cache, and
    their memory is used again: fresh memory costs as much as the arithmetic.
    """
    here = np.column_stack([-2.0 * rows, np.square(rows).sum(axis=1), np.ones(len(rows))]) * (2.0 * smoothness)
    there = np.column_stack([landmarks, np.ones(len(landmarks)), np.square(landmarks).sum(axis=1)]).T
    single, found = coefficients.astype(np.float32), np.empty((len(rows), coefficients.shape[1]))
    step = max(1, BLOCK // len(landmarks))
    squares = np.empty((step, len(landmarks)))
    far, near = np.empty((2, step, len(landmarks)), dtype=np.float32)
    for start in range(0, len(rows), step):
        part = here[start : start + step]
        s, f, n = squares[: len(part)], far[: len(part)], near[: len(part)]
        np.matmul(part, there, out=s)
        np.copyto(f, s, casting="same_kind")
        np.abs(f, out=f)  # rounding may leave a little below 0; a maximum takes three times as long
        np.sqrt(f, out=f)
        np.negative(f, out=n)
        np.exp(n, out=n)
        if smoothness == 1.5:
            f += np.float32(1.0)
            n *= f
        found[start : start + step] = n @ single
    return found


def learned(rows: Matrix, target: Matrix, rounds: int, over: Callable[[], bool]) -> Choice:
    """Learn a metric, and choose bandwidth and penalty.

    Parameters
    ----------
    rows
        Shape (n_rows, n_columns).
    target
        Centred, shape (n_rows, n_outputs).
    rounds
        How often the metric is learned anew; 0: distances as they are.
    over
        Whether to make do with what there is.

    Returns
    -------
    Choice
        That of the round with the smallest error.
    """
    turn = _unit(rows, np.ones(rows.shape[1]))
    best: Choice | None = None
    shapes: Sequence[float] = SMOOTHNESS
    for left in range(rounds, -1, -1):
        near = turned(rows, turn)
        bandwidth, found = _searched(_squares(near, near), target, shapes)
        found = replace(found, turn=turn / bandwidth)
        if best is None or found.error < best.error:
            best = found
        if not left or over():
            break
        shapes = (found.smoothness,)
        turn = _unit(rows, _metric(rows, found, target))
    assert best is not None
    return best


def left_out(similar: Matrix, target: Matrix, penalty: float) -> tuple[Matrix, Matrix]:
    """Solve the ridge regression and return its coefficients and, for each row, what all the others answer.

    Parameters
    ----------
    similar
        The kernel among the rows, shape (n_rows, n_rows).
    target
        Shape (n_rows, n_outputs).
    """
    inverse = _inverse(similar, penalty)
    coefficients = inverse @ target
    return coefficients, target - coefficients / np.diag(inverse)[:, None]


def _searched(squares: Matrix, target: Matrix, shapes: Sequence[float]) -> tuple[float, Choice]:
    """Return the best bandwidth with what goes best with it; the metric is left open."""
    found = []
    for smoothness, bandwidth in product(shapes, BANDWIDTHS):
        similar = _alike(squares / bandwidth**2, smoothness)
        for penalty in PENALTIES:
            answers = left_out(similar, target, penalty)[1]
            found.append((float(np.mean(np.square(answers - target))), bandwidth, smoothness, penalty))
    error, bandwidth, smoothness, penalty = min(found)
    return bandwidth, Choice(np.empty(0), smoothness, penalty, error)


def _metric(rows: Matrix, chosen: Choice, target: Matrix) -> Matrix:
    """Return the root of the mean outer product of the gradients of the answers."""
    turn, near = chosen.turn, turned(rows, chosen.turn)
    squares = _squares(near, near)
    coefficients = _inverse(_alike(squares, chosen.smoothness), chosen.penalty) @ target
    pull = _pull(squares, chosen.smoothness)
    outer = np.zeros((rows.shape[1], rows.shape[1]))
    for output in coefficients.T:
        weighted = pull * output
        gradient = turned(turned(rows * weighted.sum(axis=1)[:, None] - weighted @ rows, turn), turn.T)
        outer += gradient.T @ gradient
    values, vectors = np.linalg.eigh(outer)
    share = np.maximum(values, 0.0) / max(float(values.max()), 1e-300)
    return np.asarray(vectors * np.sqrt(share + FLOOR))


def _alike(squares: Matrix, smoothness: float) -> Matrix:
    """Return the kernel of squared distances."""
    far = np.sqrt(2.0 * smoothness * squares)
    return np.asarray(np.exp(-far) if smoothness == 0.5 else (1.0 + far) * np.exp(-far))


def _pull(squares: Matrix, smoothness: float) -> Matrix:
    """Return by how much the kernel falls with the distance, divided by the distance."""
    far = np.sqrt(2.0 * smoothness * squares)
    if smoothness == 1.5:
        return np.asarray(3.0 * np.exp(-far))
    return np.where(squares > NEAREST, np.exp(-far) / np.maximum(far, NEAREST), 0.0)


def _unit(rows: Matrix, turn: Matrix) -> Matrix:
    """Scale a turn so that the mean squared distance of two rows is 1."""
    spread = 2.0 * float(turned(rows, turn).var(axis=0).sum())
    return np.asarray(turn / np.sqrt(spread)) if spread > 0 else turn


def _squares(rows: Matrix, landmarks: Matrix) -> Matrix:
    """Return squared distances, shape (n_rows, n_landmarks)."""
    squares = np.asarray(rows @ landmarks.T, dtype=np.float64)
    squares *= -2.0
    squares += np.square(rows).sum(axis=1)[:, None]
    squares += np.square(landmarks).sum(axis=1)
    return np.maximum(squares, 0.0, out=squares)


def _inverse(similar: Matrix, penalty: float) -> Matrix:
    """Return the inverse of a kernel with a penalty on its diagonal."""
    square = np.array(similar, order="F")
    square.flat[:: len(square) + 1] += penalty
    factor, failed = lapack.dpotrf(square, lower=1, overwrite_a=1)
    if failed:  # rounding has made it indefinite
        return np.asarray(np.linalg.pinv(similar + penalty * np.eye(len(similar)), hermitian=True), dtype=np.float64)
    inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
    return np.asarray(np.tril(inverse) + np.tril(inverse, -1).T)
