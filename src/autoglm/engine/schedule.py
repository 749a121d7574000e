"""The schedule: which fits come next, fold-major and best first.

1. The safety net on the first folds: linear, small boosting, forest.
2. The portfolio on the first folds.
3. The missing folds of all but the hopeless, best first.
   With few groups, or in time order, members are also fitted on rows of all groups or moments, the first of them after
   one fold: these fits answer, the others judge.
4. Search: an Optuna sampler's candidates on the first folds, all folds for those that help; on short
   tables in turn with further partitions of the members, which steadies choice and answer.

Each wave is decided when the last one has been handed out (in work mode: when it has ended, so that the
order never depends on the clock).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from autoglm.core.features import Features
from autoglm.engine.journal import Candidate
from autoglm.engine.race import Race
from autoglm.learners import price, suits
from autoglm.samplers.portfolio import portfolio, safety_net, unasked

SCREEN_ROWS = 600  # rows that must be judged before a candidate is given up
SEARCH = 4  # candidates asked of the sampler at once
HOPELESS = 1.4  # error, relative to the best, above which a portfolio member is given up after the first folds
HELPFUL = 1.02  # the same for searched candidates, unless the ensemble wants them


@dataclass(frozen=True)
class Fold:
    """One fit to do."""

    name: str
    repeat: int
    fold: int
    share: float  # of the time left that it may take
    phase: str
    least: float = 0.0  # seconds x threads without which it is not begun


@dataclass(frozen=True)
class Ask:
    """A question to the sampler: the next candidates, given the errors so far."""

    number: int
    learners: tuple[str, ...]
    trials: tuple[dict[str, Any], ...]
    phase: str = "search"


Step = Fold | Ask


def waves(race: Race, features: Features, allowed: list[str], search: str) -> Iterator[list[Step]]:
    """Yield the steps of a run, wave by wave; `race` is looked at when the next wave is asked for."""
    rows = len(features)
    allowed = [name for name in allowed if suits(name, features)]
    enter = [Candidate(*e) for e in safety_net(rows, features, race.task) if e[0] in allowed]
    race.net = tuple(race.add(c) for c in enter)
    yield [Fold(n, 0, 0, 0.10, "safety net") for n in race.net]
    planned = [Candidate(*e) for e in portfolio(rows, features, race.task) if e[0] in allowed]
    ours = {"constant", *(c.learner for c in [*planned, *enter])}
    idle = unasked(features) if len(ours) > 1 else ()
    planned += [Candidate(name, {}) for name in allowed if name not in {*ours, *idle}]  # third parties' learners
    entries = [race.add(c) for c in planned]
    screen = _screen(race)
    first = [*entries, *race.net]
    prices = {n: price(race.candidates[n].learner, features) for n in first}
    tried: list[Step] = [Fold(n, 0, k, _share(race, n), "portfolio", prices[n]) for k in range(screen) for n in first]
    if race.splits.teaching:  # soon one that answers: what has only judged has not learned from all groups, or moments
        yield tried[: len(first)]
        yield [*(step for step in _again(race, race.splits.judging) if step.fold == 0)]
        yield tried[len(first) :]
        yield [*_again(race, race.splits.judging)]
    else:
        yield tried
    while wave := _complete(race, [*entries, *race.net]):
        yield wave
    if race.splits.teaching:  # members may be others now
        yield [*_again(race, race.splits.judging)]
    if search == "none":
        return
    limit = 12 if rows < 500 else 30 if rows < 2500 else 200
    for repeat in range(1, 200):
        if repeat < len(race.splits.parts):
            yield [*_again(race, repeat)]
        if len(race.searched) >= limit:
            if repeat >= len(race.splits.parts):
                return
            continue
        yield [_ask(race, allowed)]
        fresh = race.searched[-SEARCH:]
        yield [Fold(n, 0, k, 0.3, "search") for k in range(screen) for n in fresh]
        while wave := _complete(race, fresh, HELPFUL):
            yield wave


def _share(race: Race, name: str) -> float:
    """Of the time left, what a first fit may take: most to fine-tuning, which a short schedule leaves half done."""
    return 0.45 if race.candidates[name].learner == "reader" else 0.25


def _screen(race: Race) -> int:
    """Folds after which candidates can be told apart."""
    judged = len(race.target) / race.splits.count
    return int(min(race.splits.count, max(1, -(-SCREEN_ROWS // judged))))


def _complete(race: Race, names: list[str], hopeless: float = HOPELESS) -> list[Step]:
    """The missing folds of the two best unfinished candidates, those first that the ensemble already wants."""
    begun = [n for n in names if race.done(n) and n not in race.failed]
    if not begun:
        return []
    screen = _screen(race)
    weights = race.blend(steps=15).weights
    errors = {n: race.error(n, screen) for n in begun}
    best = min(race.error(n, screen) for n in race.fits if race.done(n) >= screen or n in errors)
    missing = [n for n in begun if race.done(n) < race.splits.count and not race.candidates[n].rows]
    missing = [n for n in missing if n in weights or errors[n] <= hopeless * best]
    missing.sort(key=lambda n: (n not in weights, errors[n]))
    steps = [Fold(n, 0, k, 0.5, "folds") for k in range(race.splits.count) for n in missing[:2]]
    return [s for s in steps if (s.repeat, s.fold) not in race.fits[s.name]]


def _again(race: Race, repeat: int) -> list[Fold]:
    """Another partition for the members of the ensemble."""
    weights = race.steadied(race.blend()).weights
    members = sorted((n for n, w in weights.items() if w >= 0.04), key=lambda n: -weights[n])[:6]
    return [Fold(n, repeat, k, 0.5, "repeats") for k in range(race.splits.count) for n in members]


def _ask(race: Race, allowed: list[str]) -> Ask:
    """Ask for candidates of the learners that the ensemble uses."""
    used = {race.candidates[n].learner for n in race.blend().weights}
    learners = tuple(sorted(used & set(allowed))) or tuple(allowed)
    trials = tuple(
        {
            "learner": race.candidates[n].learner,
            "settings": race.candidates[n].settings,
            "error": race.error(n, _screen(race)),
        }
        for n in race.searched
        if race.done(n) >= _screen(race)
    )
    return Ask(len(race.searched), learners, trials)
