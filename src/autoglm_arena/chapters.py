"""Chapters on who is better: defeats, league tables, data sets, plots, accuracy against F1, other domains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from autoglm_arena import cells, plots, stats
from autoglm_arena.book import Row
from autoglm_arena.cells import Comparison
from autoglm_arena.fields import TRACKS, Field
from autoglm_arena.page import MISSING, Block, Chapter, Entry, Heading, Picture, Table, Words, number, share, table

FEWEST_RATED = 5  # data sets; with fewer, who lost nothing has no rating to speak of
WORST = 60  # defeats that are listed; the others are counted
MEASURES = ("accuracy", "f1_macro", "balanced_accuracy")
DOMAINS = "domains/"
MARK = "†"  # times are doubtful: others used the machine


def defeats(rows: Sequence[Row], ours: str) -> Chapter:
    """Where ours is beaten, the worst first."""
    found = cells.defeats(rows, ours)
    played = sum(row["contestant"] == ours and row["state"] in cells.PLAYED for row in rows)
    said = f"{ours} played {played:,} matches and was beaten in {len(found):,} of them."
    if not played:
        said = f"{ours} has played no match of this book."
    if len(found) > WORST:
        said += f" The worst {WORST} are listed."
    head = ("Data", "Track", "Scenario", "Seed", "Seconds", "Metric", f"Error of {ours}", "Winner", "Its error", "Gap")
    lines = [
        (
            *d.cell[:3],
            d.cell[3],
            d.row["seconds"],
            d.row.get("metric") or "",
            Entry(number(d.error) + " failed" * d.failed + f" {MARK}" * cells.marked(d.row), right=True, bad=d.failed),
            d.winner,
            d.winner_error,
            Entry(share(d.gap), right=True),
            d.row["id"],
        )
        for d in found[:WORST]
    ]
    note = (
        "The gap is the share of the error by which the winner is better. A failed match counts as a constant answer."
    )
    return Chapter("defeats", "Our defeats", (Words(said), table((*head, "Row"), lines), Words(note)))


def league(found: Sequence[Field], ours: str) -> Chapter:
    """The league tables: the headline is the first field."""
    blocks: list[Block] = [
        Words(
            "Normalised error is (error − best) / (constant − best), from 0 to 1, and improvability the share of the "
            "error by which the best is better; both, and the ranks, are means over data sets after the mean over "
            "seeds. Brackets hold 95 % intervals from resampling data sets. Elo is a Bradley–Terry rating, given from "
            f"{FEWEST_RATED} data sets on; the anchor has 1,000. A failed match counts as a constant answer. Seconds, "
            "milliseconds and MB are medians. Errors are only compared within a cell, and a cell is of one environment."
        )
    ]
    for field in found:
        blocks += [Heading(field.title), *_league(field, field.found, ours)]
        kinds = cells.grouped(field.rows, lambda row: row.get("modality") or "")
        kinds.pop("", None)
        for kind, rows in kinds.items() if len(kinds) > 1 else ():
            if part := cells.compare(rows):
                blocks += [Heading(f"{field.title} · only {kind}"), *_league(field, part, ours)]
    return Chapter("league", "League tables", tuple(blocks))


def _league(field: Field, found: Comparison | None, ours: str) -> list[Block]:
    if found is None:
        return [Words("No cell was played by two contestants: there is nothing to compare yet.")]
    said = f"{_sets(len(found.data))}, {found.cells} cells (a data set and a seed) that all of these have played"
    said += f"; {found.cells_left_out} cells that not all have played are left out" * bool(found.cells_left_out)
    if found.left_out:
        few = ", ".join(f"{name} ({count})" for name, count in found.left_out.items())
        said += f". Not compared, because they played fewer than half of the cells: {few}"
    parts = field.by_environment(found.rows)
    if len(parts) > 1:
        counts = ", ".join(f"{label} ({cells.count(rows)})" for label, rows in parts.items())
        said += f". Cells by environment: {counts}; seconds, milliseconds and MB are medians over all of them"
    blocks: list[Block] = [Words(said + "."), _standings(found, ours)]
    if test := stats.difference(found):
        chance = "" if test.p_value is None else f"Friedman's test: p = {test.p_value:.3g}. "
        blocks.append(
            Words(f"{chance}Mean ranks that are {test.critical:.2f} apart differ significantly (Nemenyi, 5 %).")
        )
    blocks += [Words("Share of the data sets on which the line beats the column, ties half:"), _matrix(found)]
    return blocks


def _standings(found: Comparison, ours: str) -> Table:
    reference = ours if ours in found.contestants else found.contestants[0]
    head = ("", "Mean rank", "Normalised error", "Improvability", "Wins", f"Beats {reference}", "Elo", "Failures")
    lines: list[tuple[Entry | float | None, ...]] = []
    rated = len(found.data) >= FEWEST_RATED
    for i, s in enumerate(stats.league(found, reference=reference)):
        rate = "–" if s.win_rate is None else f"{share(s.win_rate)} [{share(s.win_low)}, {share(s.win_high)}]"
        line = (
            Entry(s.contestant, best=s.contestant == ours),
            Entry(number(s.rank), right=True, best=i == 0),
            s.normalised,
            Entry(share(s.improvability), right=True),
            s.wins,
            Entry(rate, right=True),
            Entry(f"{s.elo:,.0f} [{s.elo_low:,.0f}, {s.elo_high:,.0f}]" if rated else MISSING, right=True),
            Entry(str(s.failures), right=True, bad=s.failures > 0),
            s.fit_seconds,
            Entry(str(s.overruns), right=True, bad=s.overruns > 0),
            s.row_ms,
            s.peak_mb,
        )
        lines.append(line)
    return table((*head, "Fit s", "Overruns > 5 %", "Row ms", "Peak MB"), lines)


def _matrix(found: Comparison) -> Table:
    shares = stats.wins(found.errors)
    lines = [
        [Entry(name), *(Entry(share(value), right=True) for value in shares[i].tolist())]
        for i, name in enumerate(found.contestants)
    ]
    return table(("", *found.contestants), lines)


def data(found: Sequence[Field]) -> Chapter:
    """Errors on every data set."""
    note = (
        f"Errors, means over seeds: 1 − AUC, log-loss or RMSE; smaller is better, the best is bold. ✗ counts failed "
        f"matches, each a constant answer in the mean; {MARK}: others used the machine; (n): fewer seeds than others."
    )
    blocks: list[Block] = [Words(note)]
    for field in found:
        names = sorted({row["contestant"] for row in field.rows if row["state"] in cells.PLAYED})
        groups = cells.grouped(field.rows, lambda row: row["data"])
        lines = [_line(name, group, names) for name, group in groups.items()]
        blocks += [Heading(field.title), table(("Data", "Metric", "Seeds", *names), lines)]
    return Chapter("data", "Data sets", tuple(blocks))


def _line(name: str, rows: Sequence[Row], contestants: Iterable[str]) -> list[Entry | str | int]:
    """Write the errors on one data set."""
    peers = cells.grouped(rows, cells.cell)
    played = {
        contestant: [r for r in rows if r["contestant"] == contestant and r["state"] in cells.PLAYED]
        for contestant in contestants
    }
    means = {
        contestant: float(np.mean([cells.imputed(r, peers[cells.cell(r)]) for r in found]))
        for contestant, found in played.items()
        if found
    }
    seeds = max(map(len, played.values()), default=0)
    best = min(means.values(), default=0.0)
    small = " (miniature)" * any(bool(row.get("miniature")) for row in rows)
    line: list[Entry | str | int] = [name + small, next((r["metric"] for r in rows if r.get("metric")), ""), seeds]
    for contestant, found in played.items():
        failures = sum(map(cells.failed, found))
        signs = [f"✗{failures}"] * bool(failures) + [MARK] * any(map(cells.marked, found))
        signs += [f"({len(found)})"] * (0 < len(found) < seeds)
        words = " ".join([number(means.get(contestant)), *signs])
        line.append(Entry(words, right=True, best=means.get(contestant) == best, bad=failures > 0))
    return line


def pictures(found: Sequence[Field], ours: str) -> Chapter:
    """The plots of every field."""
    blocks: list[Block] = []
    for field in found:
        if field.found is None:
            continue
        standings = stats.league(field.found, reference=ours)
        normal = stats.normalised(field.found)
        names = field.found.contestants
        ranks = {s.contestant: s.rank for s in standings}
        timed = {s.contestant: (s.fit_seconds, s.normalised) for s in standings if s.fit_seconds is not None}
        by_data = {d: dict(zip(names, normal[i].tolist(), strict=True)) for i, d in enumerate(field.found.data)}
        blocks += [Heading(field.title), Picture("Mean ranks", plots.bars(ranks, "mean rank", mine=ours))]
        if test := stats.difference(field.found):
            drawing = plots.critical_difference(test.ranks, test.groups, test.critical, mine=ours)
            blocks.append(Picture("A bar joins contestants that do not differ significantly", drawing))
        if timed:
            drawing = plots.scatter(timed, stats.pareto(standings), mine=ours)
            several = list(field.by_environment(field.found.rows))
            said = "Filled dots: nobody is better in both error and time"
            said += f"; seconds are medians over the environments {', '.join(several)}" * (len(several) > 1)
            blocks.append(Picture(said, drawing))
        blocks.append(Picture("Every data set", plots.dots(by_data, mine=ours)))
    return Chapter("plots", "Plots", tuple(blocks or [Words("There is nothing to draw yet.")]))


def classes(found: Sequence[Field]) -> Chapter:
    """Accuracy against F1, with the classes as they are and thinned, on the same data sets."""
    blocks: list[Block] = [
        Words(
            "Classification only. Where accuracy is far above F1, rare classes are given up. The imbalanced scenario "
            "thins the rarer half of the classes to one row in twenty of the largest. A table holds the data sets that "
            "all have played, in every scenario it shows; a failed match has no measures and is left out of the means."
        )
    ]
    for (track, limits), group in cells.grouped(found, lambda f: (f.track, f.limits)).items():
        rows = {f.scenario: cells.compare([r for r in f.rows if r.get("metric") not in (None, "rmse")]) for f in group}
        parts = {scenario: part for scenario, part in rows.items() if part is not None}
        shared = set.intersection(*(set(part.data) for part in parts.values())) if parts else set()
        if shared:
            title = f"{TRACKS.get(track, track)} · {limits} · {_sets(len(shared))}"
            blocks += [Heading(title), _classes(parts, shared)]
    return Chapter("classes", "Accuracy against F1", tuple(blocks))


def _sets(count: int) -> str:
    return f"{count} data set{'s' * (count != 1)}"


def _classes(parts: dict[str, Comparison], shared: set[str]) -> Table:
    """Write the measures of each contestant, scenario by scenario."""
    names = sorted({name for part in parts.values() for name in part.contestants})
    lines: list[list[str | float | None]] = []
    for name in names:
        line: list[str | float | None] = [name]
        for part in parts.values():
            rows = [row for row in part.of(name) if row["data"] in shared]
            accuracy, f1, balanced = (_mean(rows, key) for key in MEASURES)
            line += [accuracy, f1, balanced, None if accuracy is None or f1 is None else accuracy - f1]
        lines.append(line)
    columns = ("accuracy", "F1 macro", "balanced accuracy", "accuracy − F1")
    return table(("", *(f"{column}, {scenario}" for scenario in parts for column in columns)), lines)


def _mean(rows: Iterable[Row], key: str) -> float | None:
    """Return the mean of a measure over data sets, after the mean over seeds; None when it was never measured."""
    by_data = cells.grouped((r for r in rows if (r.get("measures") or {}).get(key) is not None), lambda r: r["data"])
    return float(np.mean([np.mean([r["measures"][key] for r in g]) for g in by_data.values()])) if by_data else None


def domains(found: Sequence[Field]) -> Chapter | None:
    """Learned in one domain, tested in another; None when the book holds no such data."""
    blocks: list[Block] = []
    head = ("", "Learned on", "Tested on", "Accuracy", "F1 macro", "Drop of accuracy", "Drop of F1")
    for field in found:
        rows = [r for r in field.rows if r["data"].startswith(DOMAINS) and r.get("by")]
        lines: list[tuple[str | float | None, ...]] = []
        for (name, learned), group in sorted(cells.grouped(rows, lambda r: (r["contestant"], r["domain"])).items()):
            for tested in sorted(group[0]["by"], key=lambda domain: (domain != learned, domain)):
                there, home = ([_domain(group, domain, key) for key in MEASURES[:2]] for domain in (tested, learned))
                drops = [h - t if tested != learned else None for h, t in zip(home, there, strict=True)]
                lines.append((name, learned, tested, *there, *drops))
        blocks += [Heading(field.title), table(head, lines)] if lines else []
    note = Words("Every contestant learned in one domain and was tested in all; a drop is against its test at home.")
    return Chapter("domains", "Other domains", (note, *blocks)) if blocks else None


def _domain(rows: Iterable[Row], domain: str, key: str) -> float:
    """Return the mean over seeds of a measure within one domain."""
    return float(np.mean([row["by"][domain][key] for row in rows]))
