"""Who searches: every way to look for good settings that ours is measured against, behind one signature.

`searcher(name)` is a function (task, trials, seed) that pays for each training in full; who may stop one is in
`stopping.py`. Any Optuna sampler takes part by its dotted path, as in ``autoglm.samplers.tpe:sampler`` or
``optuna.samplers:QMCSampler``: a class is called with ``seed=``, a function with the engine's `Seed`.
"""

from __future__ import annotations

import importlib
import inspect
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import tasks as problems
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from tasks import SearchTask, Settings, Space

Searcher = Callable[[SearchTask, int, int], "Trace"]

GRID = 60  # points of a grid at most
PORTFOLIO = 10
SHARED = 2_000  # random configurations among which a portfolio is chosen
SMALL = {"max_units", "num_layers", "nrounds", "max_depth", "width", "depth", "n_units_1", "n_units_2"}  # low: cheap


@dataclass(frozen=True)
class Trace:
    """What a search saw, in order.

    Attributes
    ----------
    losses
        Of each trial; of a searcher that may stop, of each look at a training.
    costs
        Seconds of training that each took.
    seconds
        CPU seconds that the searcher itself took for all of them.
    """

    losses: list[float]
    costs: list[float]
    seconds: float


@dataclass
class Watch:
    """Asks a task and notes what it answers; the CPU seconds of the answers aren't the searcher's."""

    task: SearchTask
    losses: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    started: float = field(default_factory=time.process_time)
    answering: float = 0.0

    def ask(self, settings: Settings) -> tuple[float, float]:
        """The loss of one configuration and the seconds of its training."""
        with self.answer():
            losses, costs = self.task.evaluate([settings])
        self.note(float(losses[0]), float(costs[0]))
        return self.losses[-1], self.costs[-1]

    @contextmanager
    def answer(self) -> Iterator[None]:
        """What is done inside is the task's work."""
        start = time.process_time()
        yield
        self.answering += time.process_time() - start

    def note(self, loss: float, cost: float) -> None:
        """Add a look at a training: its loss and what it cost since the last look."""
        self.losses.append(loss)
        self.costs.append(cost)

    def trace(self, most: int | None = None) -> Trace:
        """The first `most` of what was seen."""
        seconds = time.process_time() - self.started - self.answering
        return Trace(self.losses[:most], self.costs[:most], seconds)


# --- Optuna's samplers, each trial paid in full ---


def study(task: SearchTask, sampler: BaseSampler, trials: int, first: Sequence[Settings] = ()) -> Trace:
    """Let a sampler search as a user of Optuna would; `first` are tried before it is asked."""
    watch = Watch(task)
    found = optuna.create_study(sampler=sampler)
    for settings in first:
        found.enqueue_trial({name: settings[name] for name in task.active(settings)})
    found.optimize(lambda trial: watch.ask(suggest(task, trial))[0], n_trials=trials)
    return watch.trace()


def suggest(task: SearchTask, trial: optuna.Trial) -> dict[str, Any]:
    """Ask for the parameters that exist, parents before what depends on them."""
    settings: dict[str, Any] = {}
    for name, of in task.space.items():
        if not problems.exists(name, settings, task.parents):
            continue
        if isinstance(of, CategoricalDistribution):
            settings[name] = trial.suggest_categorical(name, of.choices)
        elif isinstance(of, IntDistribution):
            settings[name] = trial.suggest_int(name, of.low, of.high, log=of.log)
        elif isinstance(of, FloatDistribution):
            settings[name] = trial.suggest_float(name, of.low, of.high, log=of.log)
    return settings


def random(task: SearchTask, trials: int, seed: int) -> Trace:
    """Random search, the yardstick."""
    return study(task, optuna.samplers.RandomSampler(seed=seed), trials)


def tpe(task: SearchTask, trials: int, seed: int) -> Trace:
    """Optuna's default: the tree-structured Parzen estimator."""
    return study(task, optuna.samplers.TPESampler(seed=seed), trials)


def gp(task: SearchTask, trials: int, seed: int) -> Trace:
    """Optuna's Gaussian process with log expected improvement."""
    return study(task, optuna.samplers.GPSampler(seed=seed), trials)


def cmaes(task: SearchTask, trials: int, seed: int) -> Trace:
    """Optuna's CMA-ES; what isn't a number is drawn at random."""
    return study(task, optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False), trials)


def grid(task: SearchTask, trials: int, seed: int) -> Trace:
    """The largest grid of at most 60 points, in random order; which parameters get more levels is drawn too."""
    levels = grid_levels(task.space, seed)
    sampler = optuna.samplers.GridSampler(levels, seed=seed)
    points = int(np.prod([len(values) for values in levels.values()]))
    return study(task, sampler, min(trials, points))


def grid_levels(space: Space, seed: int, most: int = GRID) -> dict[str, list[Any]]:
    """Values of each parameter: the middles of equal parts of its scale, so that the grid has at most `most` points.

    Which parameters get one more, and which choices are left out, is drawn.
    """
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(space))
    counts, room = np.ones(len(space), int), np.array([_room(of) for of in space.values()])
    while True:
        able = [at for at in order if counts[at] < room[at] and counts.prod() // counts[at] * (counts[at] + 1) <= most]
        if not able:
            break
        counts[min(able, key=lambda at: counts[at])] += 1
    found: dict[str, list[Any]] = {}
    for (name, of), count in zip(space.items(), counts, strict=True):
        if isinstance(of, CategoricalDistribution):
            found[name] = [of.choices[at] for at in draw.permutation(len(of.choices))[:count]]
        else:
            middles = (np.arange(count) + 0.5) / count
            found[name] = [row[name] for row in problems.decode({name: of}, middles[:, None])]
    return found


def _room(of: optuna.distributions.BaseDistribution) -> int:
    if isinstance(of, CategoricalDistribution):
        return len(of.choices)
    return of.high - of.low + 1 if isinstance(of, IntDistribution) else GRID


# --- what was learnt on other data sets of the same space ---


def portfolio(task: SearchTask, trials: int, seed: int) -> Trace:
    """The portfolio alone, in its order; it knows no seed."""
    return _portfolio(task, trials, learnt(task))


def portfolio_best(task: SearchTask, trials: int, seed: int) -> Trace:
    """The portfolio of what a thorough search found best on each of the other tasks; it knows no seed."""
    return _portfolio(task, trials, learnt(task, "best"))


def _portfolio(task: SearchTask, trials: int, settings: Sequence[Settings]) -> Trace:
    watch = Watch(task)
    for each in settings[:trials]:
        watch.ask(each)
    return watch.trace()


def tpe_warm(task: SearchTask, trials: int, seed: int) -> Trace:
    """The portfolio, then Optuna's default, which learns from it."""
    return study(task, optuna.samplers.TPESampler(seed=seed), trials, learnt(task))


def tpe_warm_best(task: SearchTask, trials: int, seed: int) -> Trace:
    """The portfolio of the best of each of the other tasks, then Optuna's default."""
    return study(task, optuna.samplers.TPESampler(seed=seed), trials, learnt(task, "best"))


def gp_warm(task: SearchTask, trials: int, seed: int) -> Trace:
    """The portfolio, then Optuna's Gaussian process, which learns from it."""
    return study(task, optuna.samplers.GPSampler(seed=seed), trials, learnt(task))


def learnt(task: SearchTask, pool: str = "random") -> list[dict[str, Any]]:
    """The portfolio of a task's space, learnt once from the tasks of its group that aren't held out.

    It is chosen among ``random`` configurations, or among those that were found ``best`` on one of these tasks. The
    second know far more: some 30,000 trainings a task, where the surrogate's extremes are found too.

    Raises
    ------
    ValueError
        If nobody may train on this space.
    """
    if not isinstance(task, problems.SurrogateTask):
        raise ValueError(f"{task.name}: nothing may be learnt from other tasks of this space")
    path = problems.cache() / "portfolios" / f"{task.group}-{pool}-{task.surrogate.digest[:12]}.json"
    if not path.exists():
        known = [teacher for teacher in problems.surrogate_tasks(task.surrogate) if not teacher.held_out]
        draws = np.random.default_rng(0).random((SHARED, len(task.space)))
        best = [teacher.optimum for teacher in known] if pool == "best" else []
        problems.store(path, greedy(known, best or problems.decode(task.space, draws)))
    found: list[dict[str, Any]] = json.loads(path.read_text())
    return found


def greedy(known: Sequence[SearchTask], pool: Sequence[dict[str, Any]], size: int = PORTFOLIO) -> list[dict[str, Any]]:
    """Choose from `pool`: each next configuration lowers the mean regret of the best so far most (at most 1 a task)."""
    regrets = np.array([np.minimum(task.regret(task.evaluate(pool)[0]), 1) for task in known])  # (tasks, pool)
    best, chosen = np.ones(len(known)), []
    for _ in range(size):
        chosen.append(int(np.minimum(regrets, best[:, None]).mean(axis=0).argmin()))
        best = np.minimum(best, regrets[:, chosen[-1]])
    return [pool[at] for at in chosen]


# --- other libraries ---


def cfo(task: SearchTask, trials: int, seed: int) -> Trace:
    """FLAML's frugal local search, from the cheapest end of what makes a model large."""
    from flaml import CFO

    return _flaml(CFO, task, trials, seed)


def blendsearch(task: SearchTask, trials: int, seed: int) -> Trace:
    """FLAML's local searches with a global one, an older TPE of Optuna."""
    from flaml import BlendSearch

    return _flaml(BlendSearch, task, trials, seed)


def _flaml(kind: Any, task: SearchTask, trials: int, seed: int) -> Trace:
    from flaml import tune

    watch = Watch(task)

    def evaluate(settings: dict[str, Any]) -> dict[str, float]:
        loss, cost = watch.ask(settings)
        return {"loss": loss, "cost": cost}

    cheap = {name: of.low for name, of in task.space.items() if name in SMALL and hasattr(of, "low")}
    search = kind(
        metric="loss",
        mode="min",
        space={name: _flaml_domain(of) for name, of in task.space.items()},
        low_cost_partial_config=cheap,
        seed=seed,
        cost_attr="cost",
    )
    np.random.seed(seed)  # noqa: NPY002 - FLAML draws from the global generator here and there
    tune.run(evaluate, search_alg=search, metric="loss", mode="min", num_samples=trials, verbose=0)
    return watch.trace(trials)


def _flaml_domain(of: optuna.distributions.BaseDistribution) -> Any:
    from flaml import tune

    if isinstance(of, CategoricalDistribution):
        return tune.choice(list(of.choices))
    assert isinstance(of, FloatDistribution | IntDistribution)
    if isinstance(of, IntDistribution):
        return (tune.lograndint if of.log else tune.randint)(of.low, of.high + 1)
    return (tune.loguniform if of.log else tune.uniform)(of.low, of.high)


def smac(task: SearchTask, trials: int, seed: int) -> Trace:
    """SMAC3's facade for hyper-parameter optimisation: a random forest; it wants an environment of its own."""
    from smac import HyperparameterOptimizationFacade, Scenario

    watch = Watch(task)
    with tempfile.TemporaryDirectory() as folder:
        scenario = Scenario(
            _configspace(task, seed), deterministic=True, n_trials=trials, seed=seed, output_directory=Path(folder)
        )
        target = lambda config, seed=0: watch.ask(dict(config))[0]  # noqa: E731 - SMAC looks at its arguments' names
        HyperparameterOptimizationFacade(scenario, target, overwrite=True, logging_level=40).optimize()
    return watch.trace(trials)


def _configspace(task: SearchTask, seed: int) -> Any:
    from ConfigSpace import Categorical, ConfigurationSpace, Float, InCondition, Integer

    space = ConfigurationSpace(seed=seed)
    for name, of in task.space.items():
        if isinstance(of, CategoricalDistribution):
            space.add(Categorical(name, list(of.choices)))
        else:
            assert isinstance(of, FloatDistribution | IntDistribution)
            kind = Float if isinstance(of, FloatDistribution) else Integer
            space.add(kind(name, (of.low, of.high), log=of.log))
    for child, (parent, values) in task.parents.items():
        space.add(InCondition(space[child], space[parent], list(values)))
    return space


LEARNT: dict[str, Searcher] = {  # only where one may learn from other tasks of the space
    search.__name__: search for search in (portfolio, portfolio_best, tpe_warm, tpe_warm_best, gp_warm)
}
RIVALS: dict[str, Searcher] = {
    search.__name__: search for search in (random, grid, tpe, gp, cmaes, cfo, blendsearch, smac)
} | LEARNT


def searcher(name: str) -> Searcher:
    """A rival by its name, or any sampler by its dotted path."""
    if ":" in name:
        return by_path(name)
    if name not in RIVALS:
        raise SystemExit(f"unknown searcher {name!r}; there are {', '.join(RIVALS)}, or module:sampler")
    return RIVALS[name]


def by_path(path: str) -> Searcher:
    """The searcher of an Optuna sampler, from ``module:name``."""
    module, _, name = path.partition(":")
    make: Any = getattr(importlib.import_module(module), name)
    optunas = inspect.isclass(make)

    def search(task: SearchTask, trials: int, seed: int) -> Trace:
        if optunas:
            return study(task, make(seed=seed), trials)
        from autoglm.core.seed import Seed

        return study(task, make(Seed(seed)), trials)

    return search
