"""From rows of the book to statistics: who may be compared with whom, and how they compare.

A cell is (data, track, scenario, seed). Seeds are averaged first: the unit of every statistic here is a data set.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import friedmanchisquare, rankdata, studentized_range

from autoglm_arena.book import Row

Array = NDArray[np.float64]
Cell = tuple[str, str, str, int]

PLAYED = ("ok", "failed")  # the states of rows that compare
BUDGET = ("seconds", "threads", "memory_mb")
RIDGE = 0.5 / (1e6 * math.log(10) ** 2)  # on log-strengths, as bencheval: who wins nothing gets a finite rating
SCALE, ANCHOR = 400.0, 1000.0  # of Elo ratings
RESAMPLES = 1000  # of the data sets, for intervals
RATINGS = 200  # the same for Elo ratings, which cost more
CROWDED = 1.0  # busy cores when a match started, above which its row is marked
LATE = 0.05  # share of the budget by which a fit may run over
FEWEST = 0.5  # share of the cells that a contestant must have played to be compared unless it is asked for


@dataclass(frozen=True, eq=False)
class Comparison:
    """Contestants on the cells that all of them have played, averaged over seeds.

    Parameters
    ----------
    contestants, data
        Names, in the order of the axes of `errors`.
    errors
        Mean error, shape (n_data, n_contestants); a failed match counts as the constant answer.
    constants
        Mean error of the constant answer, shape (n_data,).
    rows
        The rows behind it.
    left_out
        Contestant → how many of the cells it has played, of those that are not compared.
    cells, cells_left_out
        How many cells are compared and how many are not, because somebody has not played them.
    """

    contestants: tuple[str, ...]
    data: tuple[str, ...]
    errors: Array
    constants: Array
    rows: tuple[Row, ...]
    left_out: dict[str, int]
    cells: int
    cells_left_out: int

    def of(self, contestant: str) -> list[Row]:
        """Return the rows of one contestant."""
        return [row for row in self.rows if row["contestant"] == contestant]


@dataclass(frozen=True)
class Standing:
    """A line of the league table.

    Parameters
    ----------
    rank
        Mean over data sets, ties averaged.
    normalised
        Mean of (error - best) / (constant - best), from 0 (always best) to 1 (no better than a constant).
    improvability
        Mean share of the error by which the best contestant is better.
    wins
        Data sets on which nobody is better.
    win_rate, win_low, win_high
        Share of the data sets on which it beats the reference, ties half, with a 95 % interval over data sets; None
        for the reference.
    elo, elo_low, elo_high
        Bradley–Terry rating with a 95 % interval over data sets.
    failures, overruns
        Matches that failed, and fits that took over 5 % more than the budget.
    fit_seconds, row_ms, peak_mb
        Medians over matches; None where nothing was measured.
    """

    contestant: str
    rank: float
    normalised: float
    improvability: float
    wins: int
    win_rate: float | None
    win_low: float | None
    win_high: float | None
    elo: float
    elo_low: float
    elo_high: float
    failures: int
    overruns: int
    fit_seconds: float | None
    row_ms: float | None
    peak_mb: float | None


@dataclass(frozen=True)
class Difference:
    """Friedman's test and the critical difference of Nemenyi (Demšar, 2006, "Statistical Comparisons of Classifiers").

    Parameters
    ----------
    p_value
        Of the hypothesis that all contestants are equally good; None for fewer than three.
    critical
        Mean ranks that are further apart differ significantly at 5 %.
    ranks
        Contestant → mean rank, the best first.
    groups
        Largest sets of contestants that do not differ significantly, in the order of `ranks`.
    """

    p_value: float | None
    critical: float
    ranks: dict[str, float]
    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Defeat:
    """A cell in which a contestant was beaten; `gap` is the share of its error by which the winner is better."""

    cell: Cell
    winner: str
    error: float
    winner_error: float
    gap: float
    failed: bool
    row: Row


def cell(row: Row) -> Cell:
    """Return the cell of a row."""
    return row["data"], row["track"], row["scenario"], row["seed"]


def budget(row: Row) -> tuple[float, int, int]:
    """Return the seconds, threads and memory in MB of a row."""
    return row["seconds"], row["threads"], row["memory_mb"]


def grouped(rows: Iterable[Row], by: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    """Return the rows by a key, in order of appearance."""
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[by(row)].append(row)
    return dict(groups)


def marked(row: Row) -> bool:
    """Whether others used the machine before or during the match, so that its times are doubtful."""
    return bool(row.get("disturbed")) or (row.get("load_before") or 0.0) > CROWDED


def failed(row: Row) -> bool:
    """Whether a match that was played gave no error."""
    return row["state"] == "failed" or row.get("error") is None


def imputed(row: Row, peers: Iterable[Row]) -> float:
    """Return the error of a played row: where it failed, that of a constant answer, known from any row of its cell."""
    if not failed(row):
        return float(row["error"])
    known = [r["constant_error"] for r in [row, *peers] if r.get("constant_error") is not None]
    return float(known[0]) if known else max((r["error"] for r in peers if not failed(r)), default=math.nan)


def mixed(rows: Sequence[Row]) -> list[str]:
    """Name every controlled variable that differs between rows, with what was found; empty when all are equal.

    Notes
    -----
    Machine, threads and memory must be the same for all, the rows' hash for each data set (per track), lock and commit
    for each contestant.
    """
    found = []
    for key in ("cpu", "cores", "memory_mb", "os", "kernel", "python"):
        found += _differing(f"machine: {key}", rows, lambda row, key=key: (row.get("machine") or {}).get(key))
    for key in ("threads", "memory_mb"):
        found += _differing(key, rows, lambda row, key=key: row.get(key))
    for (data, track), group in grouped(rows, lambda row: (row["data"], row["track"])).items():
        found += _differing(f"rows of {data} ({track})", group, lambda row: row.get("data_hash"))
    for name, group in grouped(rows, lambda row: row["contestant"]).items():
        found += _differing(f"lock of {name}", group, lambda row: (row.get("environment") or {}).get("lock"))
        found += _differing(f"commit of {name}", group, lambda row: row.get("commit"))
    return found


def _differing(name: str, rows: Sequence[Row], value: Callable[[Row], Any]) -> list[str]:
    values = dict.fromkeys(str(value(row)) for row in rows if value(row) not in (None, ""))
    return [f"{name}: {', '.join(values)}"] if len(values) > 1 else []


def compare(rows: Sequence[Row], contestants: Sequence[str] | None = None) -> Comparison | None:
    """Compare contestants on the cells that all of them have played; None when there is none, or only one contestant.

    Parameters
    ----------
    rows
        Of one track, scenario and budget.
    contestants
        Who is compared; by default who has played at least half of the cells.
    """
    cells = {key: _by_name(group) for key, group in grouped(rows, cell).items()}
    cells = {key: group for key, group in cells.items() if group}
    counts = {name: sum(name in group for group in cells.values()) for group in cells.values() for name in group}
    names = sorted(counts) if contestants is None else list(contestants)
    if contestants is None:
        names = [name for name in names if counts[name] >= FEWEST * len(cells)]
    shared = {key: [group[n] for n in names] for key, group in cells.items() if all(n in group for n in names)}
    errors: dict[str, list[list[float]]] = defaultdict(list)
    for (data, *_), group in shared.items():
        constant = next((r["constant_error"] for r in group if r.get("constant_error") is not None), math.nan)
        errors[data].append([*(imputed(row, group) for row in group), constant])
    if len(names) < 2 or not errors:
        return None
    means = np.array([np.mean(values, axis=0) for values in errors.values()])
    return Comparison(
        contestants=tuple(names),
        data=tuple(errors),
        errors=means[:, :-1],
        constants=means[:, -1],
        rows=tuple(row for group in shared.values() for row in group),
        left_out={name: count for name, count in counts.items() if name not in names},
        cells=len(shared),
        cells_left_out=len(cells) - len(shared),
    )


def _by_name(rows: Sequence[Row]) -> dict[str, Row]:
    """Return the rows of a cell that compare, by contestant."""
    return {row["contestant"]: row for row in rows if row["state"] in PLAYED and math.isfinite(imputed(row, rows))}


def league(found: Comparison, *, reference: str, anchor: str = "forest") -> list[Standing]:
    """Return the league table, the lowest mean rank first.

    Parameters
    ----------
    found
        What is compared.
    reference
        Whom the win rates are against; without it among the contestants there are none.
    anchor
        Whose Elo rating is 1000.
    """
    ranks, normal, gaps = (part.mean(axis=0) for part in (ranked(found), normalised(found), improvable(found.errors)))
    ratings = elo(found, anchor)
    best = (found.errors == found.errors.min(axis=1, keepdims=True)).sum(axis=0)
    table = []
    for i, name in enumerate(found.contestants):
        rows = found.of(name)
        rate, low, high = win_rate(found, name, reference)
        table.append(
            Standing(
                contestant=name,
                rank=float(ranks[i]),
                normalised=float(normal[i]),
                improvability=float(gaps[i]),
                wins=int(best[i]),
                win_rate=rate,
                win_low=low,
                win_high=high,
                **dict(zip(("elo", "elo_low", "elo_high"), ratings[name], strict=True)),
                failures=sum(map(failed, rows)),
                overruns=sum((row.get("overrun") or 0.0) > LATE * row["seconds"] for row in rows),
                fit_seconds=median(rows, "fit_seconds"),
                row_ms=median(rows, "row_ms_p50"),
                peak_mb=median(rows, "peak_mb"),
            )
        )
    return sorted(table, key=lambda line: (line.rank, line.normalised))


def median(rows: Iterable[Row], key: str) -> float | None:
    """Return the median of what was measured; None when nothing was."""
    values = [row[key] for row in rows if row.get(key) is not None]
    return float(np.median(values)) if values else None


def ranked(found: Comparison) -> Array:
    """Return the rank of each contestant on each data set, ties averaged, shape (n_data, n_contestants)."""
    return np.asarray(rankdata(found.errors, axis=1), dtype="float64")


def normalised(found: Comparison) -> Array:
    """Return (error - best) / (constant - best), clipped to [0, 1], shape (n_data, n_contestants).

    Where nobody is better than the constant answer, the best count as 0 and all others as 1.
    """
    best = found.errors.min(axis=1, keepdims=True)
    behind, room = found.errors - best, found.constants[:, None] - best
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(room > 0, behind / room, behind > 0)
    return np.asarray(share, dtype="float64").clip(0, 1)


def improvable(errors: Array) -> Array:
    """Return 1 - best / error, and 0 where the error is 0, shape (n_data, n_contestants)."""
    best = np.broadcast_to(errors.min(axis=1, keepdims=True), errors.shape)
    return 1 - np.divide(best, errors, out=np.ones_like(errors), where=errors != 0)


def wins(errors: Array) -> Array:
    """Return the share of the data sets on which a row's contestant beats a column's, ties half; the diagonal is NaN."""
    mine, theirs = errors[:, :, None], errors[:, None, :]
    shares = ((mine < theirs) + 0.5 * (mine == theirs)).mean(axis=0)
    np.fill_diagonal(shares, np.nan)
    return np.asarray(shares, dtype="float64")


def win_rate(found: Comparison, name: str, reference: str) -> tuple[float | None, float | None, float | None]:
    """Return the share of data sets on which a contestant beats the reference, with its 95 % bootstrap interval."""
    if reference not in found.contestants or name == reference:
        return None, None, None
    mine, theirs = (found.errors[:, found.contestants.index(n)] for n in (name, reference))
    won = (mine < theirs) + 0.5 * (mine == theirs)
    low, high = np.quantile(won[_resamples(len(won), RESAMPLES)].mean(axis=1), [0.025, 0.975])
    return float(won.mean()), float(low), float(high)


def _resamples(count: int, times: int) -> NDArray[np.int64]:
    """Return draws of data sets with replacement, shape (times, count), always the same."""
    return np.random.default_rng(0).integers(count, size=(times, count))


def elo(found: Comparison, anchor: str = "forest") -> dict[str, tuple[float, float, float]]:
    """Return rating and 95 % interval over data sets of each contestant, by Bradley–Terry maximum likelihood.

    Parameters
    ----------
    found
        What is compared: on each data set every contestant meets every other one.
    anchor
        Who has the rating 1000; the first contestant if it does not play.
    """
    points = len(found.contestants) - ranked(found)  # wins on each data set, ties half
    zero = found.contestants.index(anchor) if anchor in found.contestants else 0
    ratings = bradley_terry(points.sum(axis=0), len(points))
    start = (ratings - ratings.mean()) * math.log(10) / SCALE
    draws = [bradley_terry(points[draw].sum(axis=0), len(draw), start) for draw in _resamples(len(points), RATINGS)]
    # The interval is that of a rating whose mean over contestants is fixed: else the anchor would have none.
    low, high = np.quantile(np.array(draws), [0.025, 0.975], axis=0)
    move = ANCHOR - ratings[zero]
    return {
        name: (float(ratings[i] + move), float(min(low[i], ratings[i]) + move), float(max(high[i], ratings[i]) + move))
        for i, name in enumerate(found.contestants)
    }


def bradley_terry(points: Array, games: int, start: Array | None = None) -> Array:
    """Return ratings with mean 1000 from the points of contestants who all met each other so many times.

    Parameters
    ----------
    points
        Games won by each, ties half, shape (n_contestants,).
    games
        Of each pair.
    start
        Log-strengths from which the search starts, shape (n_contestants,).
    """
    pairs = np.triu_indices(len(points), 1)

    def loss(strength: Array) -> tuple[float, Array]:
        either = np.logaddexp(strength[:, None], strength[None, :])
        chance = np.exp(strength[:, None] - either)
        np.fill_diagonal(chance, 0.0)
        likelihood = points @ strength - games * either[pairs].sum()
        slope = points - games * chance.sum(axis=1)
        return float(RIDGE * (strength @ strength) - likelihood), 2 * RIDGE * strength - slope

    options = {"maxiter": 10_000, "ftol": 1e-15, "gtol": 1e-12}
    first = np.zeros(len(points)) if start is None else start
    found = minimize(loss, first, jac=True, method="L-BFGS-B", options=options).x
    return np.asarray(SCALE * (found - found.mean()) / math.log(10) + ANCHOR, dtype="float64")


def difference(found: Comparison) -> Difference | None:
    """Return Friedman's test and Nemenyi's critical difference; None for a single data set."""
    count, many = found.errors.shape
    if count < 2:
        return None
    means = ranked(found).mean(axis=0)
    ranks = {found.contestants[i]: float(means[i]) for i in np.argsort(means, kind="stable")}
    spread = float(studentized_range.ppf(0.95, many, np.inf)) / math.sqrt(2)
    critical = spread * math.sqrt(many * (many + 1) / (6 * count))
    p_value = None
    if many > 2:
        p_value = float(friedmanchisquare(*found.errors.T).pvalue)
        p_value = 1.0 if math.isnan(p_value) else p_value  # all are tied on every data set
    return Difference(p_value, critical, ranks, _groups(ranks, critical))


def _groups(ranks: dict[str, float], critical: float) -> tuple[tuple[str, ...], ...]:
    """Return the largest runs of contestants whose mean ranks are less than `critical` apart."""
    names, groups = list(ranks), []
    end = 0
    for i, name in enumerate(names):
        last = max(j for j in range(i, len(names)) if ranks[names[j]] - ranks[name] < critical)
        if last > i and last + 1 > end:
            groups.append(tuple(names[i : last + 1]))
        end = max(end, last + 1)
    return tuple(groups)


def pareto(table: Iterable[Standing]) -> list[str]:
    """Return whom nobody beats in both normalised error and fit seconds, the fastest first."""
    best, front = math.inf, []
    timed = [(line.fit_seconds, line.normalised, line.contestant) for line in table if line.fit_seconds is not None]
    for _, normal, name in sorted(timed):
        if normal < best:
            best = normal
            front.append(name)
    return front


def defeats(rows: Sequence[Row], ours: str) -> list[Defeat]:
    """Return every cell in which somebody has a smaller error than `ours` within the same budget, the worst first."""
    found = []
    for (key, _), group in grouped(rows, lambda row: (cell(row), budget(row))).items():
        played = _by_name(group)
        if ours not in played:
            continue
        errors = {name: imputed(row, group) for name, row in played.items()}
        winner = min(errors, key=lambda name: errors[name])
        if errors[winner] < errors[ours]:
            gap = 1 - errors[winner] / errors[ours]
            row = played[ours]
            found.append(Defeat(key, winner, errors[ours], errors[winner], gap, failed(row), row))
    return sorted(found, key=lambda defeat: -defeat.gap)
