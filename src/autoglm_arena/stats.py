"""Statistics of a comparison. Seeds are averaged before: the unit of every statistic here is a data set."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import friedmanchisquare, rankdata, studentized_range

from autoglm_arena.book import Row
from autoglm_arena.cells import Array, Comparison, failed

RIDGE = 0.5 / (1e6 * math.log(10) ** 2)  # on log-strengths, as bencheval: who wins nothing gets a finite rating
SCALE, ANCHOR = 400.0, 1000.0  # of Elo ratings
RESAMPLES = 1000  # of the data sets, for intervals
STEPS, LONGEST = 200, 2.0  # of Newton's method: how many, and the longest in log-strength, which keeps it stable
LATE = 0.05  # share of the budget by which a fit may run over


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
    return np.asarray(1 - np.divide(best, errors, out=np.ones_like(errors), where=errors != 0), dtype="float64")


def wins(errors: Array) -> Array:
    """Return the share of the data sets on which the row beats the column, ties half; the diagonal is NaN."""
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
    draws = points[_resamples(len(points), RESAMPLES)].sum(axis=1)
    ratings, *drawn = bradley_terry(np.vstack([points.sum(axis=0), draws]), len(points))
    # The interval is that of a rating whose mean over contestants is fixed: else the anchor would have none.
    low, high = np.quantile(np.array(drawn), [0.025, 0.975], axis=0)
    move = ANCHOR - ratings[zero]
    return {
        name: (float(ratings[i] + move), float(min(low[i], ratings[i]) + move), float(max(high[i], ratings[i]) + move))
        for i, name in enumerate(found.contestants)
    }


def bradley_terry(points: Array, games: int) -> Array:
    """Return ratings with mean 1000 from the points of contestants who all met each other so many times.

    All lines are solved at once by Newton's method: one after the other, with SciPy, a report took minutes.

    Parameters
    ----------
    points
        Games won by each, ties half, shape (n_lines, n_contestants): one tournament a line.
    games
        Of each pair.
    """
    strength = np.zeros_like(points)
    own = np.arange(points.shape[1])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(strength[:, None, :] - strength[:, :, None]))  # that the row beats the column
        chance[:, own, own] = 0.0
        slope = points - games * chance.sum(axis=2) - 2 * RIDGE * strength
        bend = -games * chance * (1 - chance)
        bend[:, own, own] = 2 * RIDGE - bend.sum(axis=2)
        step = np.linalg.solve(bend, slope[:, :, None])[:, :, 0]
        strength += step / np.maximum(1.0, np.abs(step).max(axis=1, keepdims=True) / LONGEST)
        if np.abs(step).max() < 1e-8:
            break
    centred = strength - strength.mean(axis=1, keepdims=True)
    return np.asarray(SCALE * centred / math.log(10) + ANCHOR, dtype="float64")


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
