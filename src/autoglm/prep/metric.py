"""Kernel regression whose metric is learned: what moves the answer counts in the distance, the rest does not.

Radhakrishnan, Beaglehole, Pandit and Belkin 2024, "Mechanism for feature learning in neural networks and
backpropagation-free machine learning models" (Science 383): a kernel machine is fitted, the average outer product of
its gradients becomes the metric of the next one, and so on. Which bandwidth and penalty to take is told by answers
that leave each row out, which have a closed form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

BANDWIDTHS = (1.0, 2.0, 4.0, 8.0)  # in units of the root of the mean squared distance
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)  # on the diagonal of the kernel, which is 1 there: the noise of the target
FLOOR = 1e-3  # of the largest eigenvalue of the metric, so that no direction is lost for good
NEAREST = 1e-6  # squared distance below which rows count as the same one: the kernel has no gradient there

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """A metric with what goes with it.

    Parameters
    ----------
    turn
        Columns of the matrix → coordinates in which the kernel is exp(-distance); see `turned`.
    penalty
        On the kernel's diagonal.
    error
        Mean squared error of answers that leave each row out.
    """

    turn: Matrix
    penalty: float
    error: float


def turned(rows: Matrix, turn: Matrix) -> Matrix:
    """Return rows in the coordinates of a metric: a factor a column, or what to multiply by, shape (n_columns, n)."""
    return rows * turn if turn.ndim == 1 else np.asarray(rows @ turn)


def kernel(rows: Matrix, landmarks: Matrix) -> Matrix:
    """Return exp(-distance), shape (n_rows, n_landmarks)."""
    return np.asarray(np.exp(-np.sqrt(_squares(rows, landmarks))))


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
    for left in range(rounds, -1, -1):
        near = turned(rows, turn)
        squares = _squares(near, near)
        bandwidth, penalty, error = _searched(squares, target)
        if best is None or error < best.error:
            best = Choice(turn / bandwidth, penalty, error)
        if not left or over():
            break
        turn = _unit(rows, _metric(rows, turn / bandwidth, penalty, target))
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


def _searched(squares: Matrix, target: Matrix) -> tuple[float, float, float]:
    """Return bandwidth, penalty and error of the best pair."""
    found = []
    for bandwidth in BANDWIDTHS:
        similar = np.exp(-np.sqrt(squares) / bandwidth)
        for penalty in PENALTIES:
            answers = left_out(similar, target, penalty)[1]
            found.append((float(np.mean(np.square(answers - target))), bandwidth, penalty))
    error, bandwidth, penalty = min(found)
    return bandwidth, penalty, error


def _metric(rows: Matrix, turn: Matrix, penalty: float, target: Matrix) -> Matrix:
    """Return the root of the mean outer product of the gradients of the answers."""
    near = turned(rows, turn)
    squares = _squares(near, near)
    similar = np.exp(-np.sqrt(squares))
    coefficients = _inverse(similar, penalty) @ target
    pull = np.where(squares > NEAREST, similar / np.sqrt(np.maximum(squares, NEAREST)), 0.0)
    outer = np.zeros((rows.shape[1], rows.shape[1]))
    for output in coefficients.T:
        weighted = pull * output
        gradient = turned(turned(rows * weighted.sum(axis=1)[:, None] - weighted @ rows, turn), turn.T)
        outer += gradient.T @ gradient
    values, vectors = np.linalg.eigh(outer)
    share = np.maximum(values, 0.0) / max(float(values.max()), 1e-300)
    return np.asarray(vectors * np.sqrt(share + FLOOR))


def _unit(rows: Matrix, turn: Matrix) -> Matrix:
    """Scale a turn so that the mean squared distance of two rows is 1."""
    spread = 2.0 * float(turned(rows, turn).var(axis=0).sum())
    return np.asarray(turn / np.sqrt(spread)) if spread > 0 else turn


def _squares(rows: Matrix, landmarks: Matrix) -> Matrix:
    """Return squared distances, shape (n_rows, n_landmarks)."""
    lengths = np.square(rows).sum(axis=1)[:, None] + np.square(landmarks).sum(axis=1)[None, :]
    return np.asarray(np.maximum(lengths - 2.0 * (rows @ landmarks.T), 0.0), dtype=np.float64)


def _inverse(similar: Matrix, penalty: float) -> Matrix:
    """Return the inverse of a kernel with a penalty on its diagonal."""
    square = np.array(similar, order="F")
    square.flat[:: len(square) + 1] += penalty
    factor, failed = lapack.dpotrf(square, lower=1, overwrite_a=1)
    if failed:  # rounding has made it indefinite
        return np.asarray(np.linalg.pinv(similar + penalty * np.eye(len(similar)), hermitian=True), dtype=np.float64)
    inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
    return np.asarray(np.tril(inverse) + np.tril(inverse, -1).T)
