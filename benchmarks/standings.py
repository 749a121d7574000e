"""The book as Markdown: who errs how much on which table, ranks, failures, overruns, and where we lose."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import noise
import pandas as pd
import scoring
from noise import Gap

OURS = "autoglm"
NET = (
    "lightgbm",
    "linear",
    "forest",
)  # what costs seconds; a product must never fall below the best of these
Gaps = Callable[[str, str], Gap | None]  # table, rival → how much more we err than the rival
SLACK = 2.0  # seconds that a fit may take beyond its budget before it counts as an overrun


def markdown(lines: list[dict[str, object]]) -> str:
    """All the tables of a report, one after another.

    Only the (table, seed) cells that every contestant has played are counted: all are compared on the same.
    """
    if not lines:
        return "The book has no such match yet."
    matches = pd.DataFrame(lines)
    matches["normalised"] = scoring.normalised(matches["error"], matches["constant_error"])
    common = complete(matches)
    if common.empty:
        return f"No table has been played by all of {', '.join(sorted(matches['contestant'].unique()))} yet."
    errors = common.pivot_table(index="table", columns="contestant", values="error", sort=False)
    parts = [heading(common), error_table(common, errors), summary(common, errors)]
    if OURS in errors:
        parts += [defeats(errors, kept_gaps(common)), safety_net(errors, kept_gaps(common))]
    return "\n\n".join(parts)


def complete(matches: pd.DataFrame) -> pd.DataFrame:
    """The matches of those (table, seed) cells in which no contestant is missing."""
    players = matches["contestant"].nunique()
    return matches[matches.groupby(["table", "seed"])["contestant"].transform("nunique") == players]


def heading(common: pd.DataFrame) -> str:
    """What the numbers rest on."""
    commit = "".join(f", our commit {commit}" for commit in common["commit"].unique() if commit)
    disturbed = int(common["disturbed"].sum())
    return (
        f"{common['table'].nunique()} tables, seeds {', '.join(map(str, sorted(common['seed'].unique())))}, "
        f"{common['seconds'].iloc[0]:g} s on {common['threads'].iloc[0]} threads{commit}; "
        f"{len(common)} matches, {disturbed} of them disturbed by other work on the machine. "
        "Error: 1 - AUC (binary), log loss (multiclass), RMSE (regression); a failure counts as a constant."
    )


def error_table(common: pd.DataFrame, errors: pd.DataFrame) -> str:
    """Mean error over seeds, the best of a table in bold, failures marked."""
    failed = common.groupby(["table", "contestant"])["failed"].sum()
    facts = common.groupby("table")[["task", "rows"]].first()
    body = []
    for table, row in errors.iterrows():
        cells = []
        for player, value in row.items():
            cell = f"**{value:.4g}**" if value == row.min() else f"{value:.4g}"
            fails = failed[table, player]
            cells.append(f"{cell} ({fails} failed)" if fails else cell)
        body.append([f"{table} ({facts.task[table]}, {facts.rows[table]:,})", *cells])
    return grid(["mean error", *errors.columns], body)


def summary(common: pd.DataFrame, errors: pd.DataFrame) -> str:
    """One line per contestant: rank, normalised error, our win rate, failures, overruns, costs."""
    per_table = common.groupby(["contestant", "table"])["normalised"].mean()
    groups = common.groupby("contestant")
    facts = pd.DataFrame(
        {
            "rank": scoring.average_ranks(errors),
            "normalised": per_table.groupby("contestant").mean(),
            "failed": groups["failed"].sum(),
            "overruns": groups.apply(lambda own: int((own["fit_seconds"] > own["seconds"] + SLACK).sum())),
            "fit": groups["fit_seconds"].median(),
            "slowest": groups["fit_seconds"].max(),
            "predict": groups["predict_seconds"].median(),
            "memory": groups["peak_mb"].median(),
        }
    ).sort_values("rank")
    body = []
    for player, fact in facts.iterrows():
        wins = "" if OURS not in errors or player == OURS else f"{scoring.win_rate(errors[OURS], errors[player]):.0%}"
        costs = f"{fact.fit:.1f} / {fact.slowest:.1f}", f"{fact.predict:.2f}", f"{fact.memory:.0f}"
        scores = f"{fact['rank']:.2f}", f"{fact.normalised:.4f}", wins
        body.append([str(player), *scores, f"{fact.failed:.0f}", f"{fact.overruns:.0f}", *costs])
    titles = ["contestant", "average rank", "normalised error", "we win", "failed", f"overruns > {SLACK:g} s"]
    return grid([*titles, "fit s median / max", "predict s", "peak MB"], body)


def kept_gaps(common: pd.DataFrame) -> Gaps:
    """Gaps from the answers that were kept where the matches were played."""
    commit = str(common.loc[common["contestant"] == OURS, "commit"].iloc[0])
    seeds = {table: sorted(own["seed"].unique()) for table, own in common.groupby("table")}
    return lambda table, rival: noise.of(table, OURS, commit, rival, seeds[table])


def defeats(errors: pd.DataFrame, gaps: Gaps) -> str:
    """Every table and rival that beats us, and whether that is more than luck."""
    body = []
    for table, row in errors.iterrows():
        for rival in row.index[row < row[OURS]]:
            said = verdict(gaps(str(table), rival))
            body.append([str(table), rival, f"{row[OURS]:.4g}", f"{row[rival]:.4g}", said])
    title = f"Our defeats (how much more we err: {noise.LEVEL:.0%} interval of a paired bootstrap over test rows)"
    return f"{title}\n\n" + grid(["table", "rival", "ours", "theirs", "difference"], body)


def verdict(gap: Gap | None) -> str:
    """Say how large a difference is, and whether it may be luck."""
    if gap is None:
        return "answers not kept here"
    luck = "" if gap.low > 0 else ", may be luck"
    return f"{gap.mean:.3g} [{gap.low:.3g}, {gap.high:.3g}]{luck}"


def safety_net(errors: pd.DataFrame, gaps: Gaps) -> str:
    """Our error against the best, in hindsight, of the systems that cost seconds."""
    net = [player for player in NET if player in errors]
    if not net:
        return "Nobody of the safety net has played."
    body = []
    for table, row in errors.iterrows():
        best = str(row[net].idxmin())
        below = row[OURS] > row[best]
        said = f"**below** by {verdict(gaps(str(table), best))}" if below else "above"
        body.append([str(table), f"{row[OURS]:.4g}", f"{row[best]:.4g} ({best})", said])
    return f"The safety net (best of {', '.join(net)})\n\n" + grid(["table", "ours", "net", "we are"], body)


def grid(titles: Iterable[object], body: Iterable[Iterable[object]]) -> str:
    """A Markdown table, numbers to the right."""
    titles = [str(title) for title in titles]
    rows = [titles, ["---", *["--:"] * (len(titles) - 1)], *([str(cell) for cell in row] for row in body)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
