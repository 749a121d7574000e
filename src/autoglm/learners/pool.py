"""A pool of experts, each of one modality: log-probabilities add up with learned weights, what is missing is left out.

Each expert answers by itself what it would bet beyond the shares of the classes; the bets are added with weights that
are never negative (Genest and Zidek 1986, "Combining Probability Distributions": logarithmic pools). The weights are
learned on answers to rows that the experts have not seen, for each set of modalities that a row can have, so a row
that lacks a modality is answered as if that had never been there. An expert that knows nothing bets nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, nnls

from autoglm.core.features import TABLE, Features, modality_of
from autoglm.core.files import read_json, write_json
from autoglm.core.metrics import log_loss, rmse, softmax
from autoglm.core.task import Task
from autoglm.learners import Limits, Sample
from autoglm.prep import metric, penalised, tabular
from autoglm.prep.machine import Goal, Machine
from autoglm.prep.views import View

if TYPE_CHECKING:
    import optuna

NEEDS = "a modality"
INNER = 4  # parts in which experts answer rows that they have not seen
SLOPE = 30.0  # on the path of penalties: rows of a view have length 1
EVERY = 6  # modalities up to which weights are learned for every set of them
THRIFT = 1e-3  # price of a unit of weight, in log-loss: what brings nothing weighs nothing
BOOSTER = {"learning_rate": 0.08, "num_leaves": 15, "min_data_in_leaf": 10, "feature_fraction": 0.8, "verbosity": -1}
ROUNDS, PATIENCE = 400, 25
SEARCH_ROWS = 400  # rows on which bandwidth and penalty of a kernel machine are chosen
LANDMARKS = 1_000  # rows that all others are compared to, where they are many

Way = Any
"""How an expert was fitted: steps until the judged rows said stop, or `metric.Choice`; None: it is to choose."""

Bets = NDArray[np.float64]  # (n_rows, scores): margins beyond those of the shares, or values beyond the mean


@dataclass(frozen=True)
class Learner:
    """Settings of the pool.

    Parameters
    ----------
    strength
        Factor on the inverse penalty of the linear experts.
    """

    name: ClassVar[str] = "pool"

    strength: float = 1.0

    def fit(self, train: Sample, valid: Sample, task: Task, limits: Limits) -> Model:
        """Fit experts in parts, weigh their answers, fit them again on all rows."""
        prior = _prior(train.target, task)
        parts = train.parts(INNER, limits.seed.child("parts"))
        bets, experts = [], []
        for kind, modality in _planned(train.features):
            if limits.over(0.8):
                break
            seen, expert = self._expert(kind, modality, train, parts, prior, task, limits)
            bets.append(seen)
            experts.append(expert)
        names = [e.modality for e in experts]
        weights = {s: _weights(bets, names, s, prior, train.target, task) for s in _sets(names)}
        spread = np.array([float(np.sqrt(np.mean(np.square(b - b.mean(axis=0))))) for b in bets])
        return Model(task, prior, tuple(experts), weights, spread)

    def _expert(
        self, kind: str, modality: str, train: Sample, parts: Any, prior: Bets, task: Task, limits: Limits
    ) -> tuple[Bets, Expert]:
        """Return bets on rows that an expert has not seen, and the expert fitted on all rows that have the modality."""
        here = ~train.features.absent(modality)
        ways: list[Way] = []
        seen = np.zeros((len(train), task.scores))
        for part in range(int(parts.max()) + 1):
            learned, judged = np.flatnonzero(here & (parts != part)), np.flatnonzero(here & (parts == part))
            if not len(learned) or not len(judged) or (ways and limits.over(0.6)):
                continue
            pair = train.take(learned), train.take(judged)
            way = ways[0] if ways and kind == "curved" else None
            expert, way = self._fitted(kind, modality, *pair, prior, task, limits, way)
            seen[judged] = expert.bets(train.features.take(judged))
            ways.append(way)
        whole = train.take(np.flatnonzero(here)) if here.any() else train
        way = (ways or [None])[0] if kind == "curved" else int(np.median(ways or [0]))
        return seen, self._fitted(kind, modality, whole, whole, prior, task, limits, way)[0]

    def _fitted(
        self,
        kind: str,
        modality: str,
        train: Sample,
        judged: Sample,
        prior: Bets,
        task: Task,
        limits: Limits,
        way: Way,
    ) -> tuple[Expert, Way]:
        """Fit an expert in a given way, or in one that it chooses, and return both."""
        if kind == "boosted":
            return Boosted.fit(modality, train, judged, prior, task, limits, way)
        if kind == "curved":
            return Curved.fit(modality, train, prior, task, limits, way)
        return Linear.fit(modality, train, judged, prior, task, limits, self.strength * SLOPE, way)

    @classmethod
    def suggest(cls, trial: optuna.Trial) -> Self:
        """Draw settings."""
        return cls(strength=trial.suggest_float("pool.strength", 0.1, 10.0, log=True))


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear model of one modality."""

    modality: str
    view: View | tabular.Dense
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]

    @classmethod
    def fit(
        cls,
        modality: str,
        train: Sample,
        judged: Sample,
        prior: Bets,
        task: Task,
        limits: Limits,
        strength: float,
        steps: int | None,
    ) -> tuple[Self, int]:
        """Walk along the path of penalties."""
        view, matrix, factor = _viewed(modality, train, task, limits)
        held = view.transform(_narrow(judged.features, modality)) if steps is None else matrix
        path = (
            penalised.ridge(matrix, train.target, strength * factor)
            if task.kind == "regression"
            else penalised.logistic(matrix, train.target, task, strength * factor)
        )
        best: tuple[float, tuple[Any, Any], int] | None = None
        for i, (weights, bias) in enumerate(path):
            error = _error(held @ weights + bias, judged.target, task)
            if steps is None and best is not None and error > best[0]:
                break
            best = (error, (weights, bias), i)
            if i == steps or limits.over(0.6):
                break
        assert best is not None
        weights, bias = best[1]
        return cls(modality, view, weights, bias - prior), best[2]

    def bets(self, features: Features) -> Bets:
        """Return margins beyond the prior's, shape (n_rows, scores)."""
        return np.asarray(self.view.transform(_narrow(features, self.modality)) @ self.weights + self.bias)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what `restore` needs."""
        return {"weights": self.weights, "bias": self.bias, **self.view.arrays()}

    @classmethod
    def restore(cls, modality: str, arrays: dict[str, NDArray[Any]]) -> Self:
        """Rebuild the expert."""
        table = modality == TABLE
        view = tabular.Dense.restore(arrays) if table else View.restore(modality, arrays)
        return cls(modality, view, arrays["weights"], arrays["bias"])


@dataclass(frozen=True, eq=False)
class Boosted:
    """Boosted trees on the plain columns."""

    modality: str
    booster: Any
    prior: Bets

    @classmethod
    def fit(
        cls, modality: str, train: Sample, judged: Sample, prior: Bets, task: Task, limits: Limits, steps: int | None
    ) -> tuple[Self, int]:
        """Boost until the judged rows say stop."""
        rounds = ROUNDS if steps is None else max(1, steps)
        stop = [] if steps is not None else [lgb.early_stopping(PATIENCE, verbose=False)]
        settings = BOOSTER | _objective(task) | {"seed": limits.seed.integer, "num_threads": limits.threads}
        settings |= {"deterministic": True, "force_row_wise": True}
        categories = _narrow(train.features, modality).categories.tolist()
        data = lgb.Dataset(_narrow(train.features, modality).dense, train.target, categorical_feature=categories)
        held = lgb.Dataset(_narrow(judged.features, modality).dense, judged.target, reference=data)
        watched = [held] if stop else None
        booster = lgb.train(settings, data, rounds, valid_sets=watched, callbacks=[*stop, _hurry(limits)])
        return cls(modality, booster, prior), booster.best_iteration if stop else booster.current_iteration()

    def bets(self, features: Features) -> Bets:
        """Return margins beyond the prior's, shape (n_rows, scores)."""
        dense = _narrow(features, self.modality).dense
        margins = np.asarray(self.booster.predict(dense, raw_score=True, num_threads=1), dtype=np.float64)
        return np.asarray(margins.reshape(len(features), -1) - self.prior)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what `restore` needs: the library's own text, as bytes."""
        text = self.booster.model_to_string(num_iteration=self.booster.best_iteration)
        return {"booster": np.frombuffer(text.encode(), dtype=np.uint8), "prior": self.prior}

    @classmethod
    def restore(cls, modality: str, arrays: dict[str, NDArray[Any]]) -> Self:
        """Rebuild the expert."""
        return cls(modality, lgb.Booster(model_str=arrays["booster"].tobytes().decode()), arrays["prior"])


@dataclass(frozen=True, eq=False)
class Curved:
    """A kernel machine on one modality, which bends where a linear model can not."""

    modality: str
    view: View
    machine: Machine
    prior: Bets

    @classmethod
    def fit(
        cls, modality: str, train: Sample, prior: Bets, task: Task, limits: Limits, chosen: metric.Choice | None
    ) -> tuple[Self, metric.Choice]:
        """Choose bandwidth and penalty on some rows unless they are told, then solve on all."""
        view = View.fit(train.features, modality)
        rows = view.transform(train.features)
        if chosen is None:
            some = limits.seed.child("curved").sample(np.arange(len(rows)), SEARCH_ROWS)
            target = Goal.of(train.target, task).encode(train.target)
            chosen = metric.learned(rows[some], target[some], 0, lambda: limits.over(0.5))
        machine = Machine.fit(rows, train.target, task, chosen, LANDMARKS, limits.seed, limits.over)
        return cls(modality, view, machine, prior), chosen

    def bets(self, features: Features) -> Bets:
        """Return margins beyond the prior's, shape (n_rows, scores)."""
        return self.machine.predict(self.view.transform(features)) - self.prior

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what `restore` needs."""
        kernel = {f"kernel.{name}": array for name, array in self.machine.arrays().items()}
        return {"prior": self.prior, **self.view.arrays(), **kernel}

    @classmethod
    def restore(cls, modality: str, arrays: dict[str, NDArray[Any]]) -> Self:
        """Rebuild the expert."""
        machine = Machine.restore({n.removeprefix("kernel."): a for n, a in arrays.items() if n.startswith("kernel.")})
        return cls(modality, View.restore(modality, arrays), machine, arrays["prior"])


Expert = Linear | Boosted | Curved
EXPERTS: dict[str, type[Linear] | type[Boosted] | type[Curved]] = {
    "linear": Linear,
    "boosted": Boosted,
    "curved": Curved,
}


@dataclass(frozen=True, eq=False)
class Model:
    """Experts and their weights.

    Parameters
    ----------
    prior
        Margins of the shares of the classes, or the mean of the target, shape (scores,).
    weights
        Set of modalities → one weight an expert, those of absent modalities 0.
    spread
        How much each expert bets: the root mean square of its bets on unseen rows, shape (n_experts,).
    """

    task: Task
    prior: Bets
    experts: tuple[Expert, ...]
    weights: Mapping[frozenset[str], NDArray[np.float64]]
    spread: NDArray[np.float64]

    @property
    def shares(self) -> dict[str, float]:
        """How much of all that is bet comes from each modality; they sum to 1 (or all are 0)."""
        whole = self.weights[max(self.weights, key=len)] * self.spread
        names = dict.fromkeys(e.modality for e in self.experts)
        sums = {n: float(sum(w for e, w in zip(self.experts, whole, strict=True) if e.modality == n)) for n in names}
        return {name: share / (sum(sums.values()) or 1.0) for name, share in sums.items()}

    def predict(self, features: Features, threads: int = 1) -> NDArray[np.float64]:
        """Return margins, shape (n, scores); each row by the weights of what it has."""
        margins = np.tile(self.prior, (len(features), 1))
        if not self.experts:
            return margins
        names = sorted({e.modality for e in self.experts})
        absent = np.column_stack([features.absent(name) for name in names])
        bets = [e.bets(features) for e in self.experts]
        for pattern in np.unique(absent, axis=0):
            rows = (absent == pattern).all(axis=1)
            weights = self._of(frozenset(n for n, gone in zip(names, pattern, strict=True) if not gone))
            for weight, bet in zip(weights, bets, strict=True):
                margins[rows] += weight * bet[rows]
        return margins

    def _of(self, present: frozenset[str]) -> NDArray[np.float64]:
        """Return the weights for a set of modalities; of many, those for all without the absent ones."""
        if present in self.weights:
            return self.weights[present]
        whole = self.weights[max(self.weights, key=len)]
        return whole * np.array([e.modality in present for e in self.experts], dtype=np.float64)

    def save(self, folder: Path) -> None:
        """Write model.json and model.npz."""
        kinds = {cls: kind for kind, cls in EXPERTS.items()}
        about = {
            "kind": self.task.kind,
            "target": self.task.target,
            "classes": len(self.task.classes),
            "experts": [[kinds[type(e)], e.modality] for e in self.experts],
            "weights": [[sorted(s), w.tolist()] for s, w in self.weights.items()],
        }
        write_json(folder / "model.json", about)
        arrays = {f"{i}.{name}": a for i, e in enumerate(self.experts) for name, a in e.arrays().items()}
        np.savez(folder / "model.npz", allow_pickle=False, prior=self.prior, spread=self.spread, **arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        about = read_json(folder / "model.json")
        with np.load(folder / "model.npz", allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        experts = []
        for i, (kind, modality) in enumerate(about["experts"]):
            own = {n.partition(".")[2]: a for n, a in arrays.items() if n.partition(".")[0] == str(i)}
            experts.append(EXPERTS[kind].restore(modality, own))
        task = Task(about["kind"], about["target"], tuple(range(about["classes"])))
        weights = {frozenset(s): np.array(w, dtype=np.float64) for s, w in about["weights"]}
        return cls(task, arrays["prior"], tuple(experts), weights, arrays["spread"])


def _planned(features: Features) -> Iterator[tuple[str, str]]:
    """Yield kind and modality of the experts, cheap ones first; distances know nothing of words."""
    worded = {modality_of(source) for source, _ in features.terms}
    for modality in features.modalities:
        yield "linear", modality
    for modality in features.modalities:
        if modality == TABLE:
            yield "boosted", modality
        elif modality not in worded:
            yield "curved", modality


def _prior(target: NDArray[Any], task: Task) -> Bets:
    """Return the margins of an answer that knows the shares of the classes alone, or the mean."""
    if task.kind == "regression":
        return np.array([float(np.mean(target))])
    shares = np.bincount(target, minlength=len(task.classes)) + 0.5
    logs: Bets = np.log(shares / shares.sum())
    return logs[1:] - logs[:1] if task.scores == 1 else logs


def _sets(names: Sequence[str]) -> list[frozenset[str]]:
    """Return the sets of modalities that weights are learned for: all, or where there are many, those that lack one."""
    every = sorted(set(names))
    sizes = range(len(every) + 1) if len(every) <= EVERY else (len(every) - 1, len(every))
    return [frozenset(some) for size in sizes for some in combinations(every, size)]


def _weights(
    bets: Sequence[Bets], names: Sequence[str], present: frozenset[str], prior: Bets, target: NDArray[Any], task: Task
) -> NDArray[np.float64]:
    """Learn the weights of the experts of some modalities on their bets on unseen rows; the others' are 0."""
    found = np.zeros(len(names))
    used = [i for i, name in enumerate(names) if name in present]
    if not used:
        return found
    stacked = np.stack([bets[i] for i in used])  # (experts, rows, scores)
    if task.kind == "regression":
        found[used] = nnls(stacked[:, :, 0].T, target - prior[0])[0]
        return found

    def price(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        share = softmax(prior + np.tensordot(weights, stacked, axes=1), task)
        error = share.copy()
        error[np.arange(len(target)), target] -= 1.0
        if task.scores == 1:
            error = error[:, 1:]
        slopes = np.tensordot(stacked, error, axes=2) / len(target)
        return log_loss(target, share) + THRIFT * float(weights.sum()), slopes + THRIFT

    start = np.full(len(used), 1.0 / len(used))
    found[used] = minimize(price, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(used)).x
    return found


def _viewed(modality: str, train: Sample, task: Task, limits: Limits) -> tuple[View | tabular.Dense, Any, float]:
    """Return how a modality becomes a matrix, the matrix of the training rows, and a factor for the path."""
    features = _narrow(train.features, modality)
    if modality == TABLE:
        prepared, matrix = tabular.fit(features, train.target, task, limits.seed.child("table"))
        return prepared, matrix, 1.0 / SLOPE
    view = View.fit(features, modality)
    return view, view.transform(features), 1.0


def _narrow(features: Features, modality: str) -> Features:
    """Return the plain columns alone; other modalities are found in the whole."""
    if modality != TABLE:
        return features
    at = features.modalities.get(TABLE, np.empty(0, dtype=np.intp))
    outputs = tuple(features.outputs[i] for i in at)
    return replace(features, dense=np.ascontiguousarray(features.dense[:, at]), outputs=outputs, sparse=None, terms=())


def _error(margins: NDArray[np.float64], target: NDArray[Any], task: Task) -> float:
    return rmse(target, margins[:, 0]) if task.kind == "regression" else log_loss(target, softmax(margins, task))


def _objective(task: Task) -> dict[str, Any]:
    if task.kind == "multiclass":
        return {"objective": "multiclass", "num_class": len(task.classes)}
    return {"objective": "binary" if task.kind == "binary" else "l2"}


def _hurry(limits: Limits) -> Any:
    def stop(env: Any) -> None:
        if limits.over(0.6):
            raise lgb.callback.EarlyStopException(env.iteration, [("", "", 0.0, False)])

    return stop
