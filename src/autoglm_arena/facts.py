"""Chapters on what happened: the environment, what it cost, what failed, which data are small, how to repeat it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from autoglm_arena import cells, stats
from autoglm_arena.blocks import ABSENT, NOT_INSTALLED, Choice, Environment, environment_of
from autoglm_arena.blocks import labels as labelled
from autoglm_arena.blocks import place as place_of
from autoglm_arena.book import Row
from autoglm_arena.chapters import MARK
from autoglm_arena.fields import Field
from autoglm_arena.page import MISSING, Block, Chapter, Code, Entry, Heading, Table, Words, number, table

LAST = 400  # letters of last words that are shown
HASH = 12  # digits of a hash that are shown
DIRTY = "-dirty"  # as git describe writes it
NO_COMMIT = ("–", "released", "uncommitted")  # what stands in place of a commit
MEGABYTE = 2**20


def environment(choice: Choice, ours: str) -> Chapter:
    """On what was played, when and within which limits."""
    rows = choice.rows
    labels = labelled([*rows, *choice.aside])
    states = Counter(row["state"] for row in rows)
    marked = sum(map(cells.marked, rows))
    budgets = dict.fromkeys(f"{s:g} s, {t} threads, {m:,} MB" for s, t, m in map(cells.budget, rows))
    lines: list[tuple[str, str]] = [
        ("Budget of a match", "; ".join(budgets)),
        ("Contestants", _each(row["contestant"] for row in rows)),
        ("Data sets", str(len({row["data"] for row in rows}))),
        ("Seeds", _each(sorted({row["seed"] for row in rows}))),
        ("Matches", ", ".join(f"{count:,} {state}" for state, count in states.most_common())),
        (f"Disturbed {MARK}", f"{marked:,} of {len(rows):,}: others used the machine before or during the match"),
        (f"Commit of {ours}", _commits(rows, ours)),
    ]
    versions = cells.grouped((row for row in rows if _lock(row)), lambda row: row["contestant"])
    several = {name: _counts(group, _lock) for name, group in versions.items() if len(set(map(_lock, group))) > 1}
    if several:
        lines.append(("In several versions", "; ".join(f"{name}: {counts}" for name, counts in several.items())))
    found: list[Block] = [_environments(choice, labels), table(("", ""), lines)]
    return Chapter("environment", "Environment", (*found, *_aside(choice, labels)))


def _environments(choice: Choice, labels: Mapping[Environment, str]) -> Table:
    """Write a line per environment: what it is, and what was played there that counts."""
    lines: list[tuple[str | int, ...]] = []
    for env, label in labels.items():
        rows = [r for r in choice.rows if environment_of(r) == env and r["state"] in cells.PLAYED]
        aside = [r for r in choice.aside if environment_of(r) == env]
        times = sorted(row["time"] for row in (*rows, *aside) if row.get("time"))
        facts = (fact if isinstance(fact, int) else str(fact or MISSING) for fact in env)
        counts = (len(rows), cells.count(rows), len(aside))
        lines.append((label, *facts, *counts, *(_minute(times[i]) if times else MISSING for i in (0, -1))))
    return table(_ENVIRONMENT, lines)


def _minute(time: str) -> str:
    """Return a time of the book without seconds and zone."""
    return time[:16].replace("T", " ")


_ENVIRONMENT: tuple[str, ...] = ("", "Processor", "Cores", "Memory MB", "System", "Kernel", "Python")
_ENVIRONMENT += ("Matches", "Cells", "Set aside", "First", "Last")


def _aside(choice: Choice, labels: Mapping[Environment, str]) -> list[Block]:
    """List the matches that are not compared, because their cell counts as it was played elsewhere."""
    if not choice.aside:
        return []
    said = (
        f"{len(choice.aside):,} matches are set aside: the rows of a cell that are compared stem from one environment, "
        "the one in which most contestants have played it, or the latest of several."
    )
    counted = {place_of(row): environment_of(row) for row in choice.rows if row["state"] in cells.PLAYED}
    groups = cells.grouped(choice.aside, lambda row: (place_of(row), environment_of(row)))
    lines = [
        (*place[0], place[1][0], labels[env], _each(row["contestant"] for row in group), labels[counted[place]])
        for (place, env), group in groups.items()
    ]
    head = ("Data", "Track", "Scenario", "Seed", "Seconds", "Set aside from", "Contestants", "Counts from")
    return [Heading("Set aside"), Words(said), table(head, lines)]


def _commits(rows: Iterable[Row], ours: str) -> str:
    """Write every commit of ours with the number of its cells, the latest last."""
    return _counts([row for row in rows if row["contestant"] == ours], lambda row: row.get("commit") or "") or "–"


def _counts(rows: Iterable[Row], by: Callable[[Row], str]) -> str:
    """Write every value with the number of its cells."""
    groups = cells.grouped(rows, by)
    return ", ".join(f"{value} ({_cells(cells.count(group))})" for value, group in groups.items() if value)


def _cells(count: int) -> str:
    return f"{count} cell{'s' * (count != 1)}"


def _lock(row: Row) -> str:
    """Return the shown digits of the hash of all installed versions; empty when it is not known."""
    return str((row.get("environment") or {}).get("lock") or "")[:HASH]


def _each(values: Iterable[object]) -> str:
    """Write every different value once."""
    found = dict.fromkeys(str(value) for value in values if value not in (None, ""))
    return ", ".join(found) or "–"


_COSTS: tuple[str, ...] = (
    "",
    "Fit s",
    "Over by s",
    "CPU s",
    "Peak MB",
    "Read MB",
    "Written MB",
    "Row ms p50",
    "Row ms p95",
    "Rows/s",
)
_COSTS += ("Model MB", "Install MB", "Import s", "Matches", MARK)


def efficiency(found: Sequence[Field]) -> Chapter:
    """What it cost: time, memory, disk, latency, size."""
    note = (
        "Medians over the matches that were answered, on the cells that all have played; 'over by' is the longest time "
        f"that a fit took beyond the budget. Rows/s are from a table of a thousand rows. {MARK} counts matches whose "
        "times are doubtful."
    )
    blocks: list[Block] = [Words(note)]
    for field in found:
        rows = [r for r in (field.found.rows if field.found else field.rows) if r["state"] == "ok"]
        for label, played in field.by_environment(rows).items():
            groups = cells.grouped(played, lambda row: row["contestant"])
            lines = [_costs(name, group) for name, group in sorted(groups.items())]
            where = f" · environment {label}" * (len(field.labels) > 1)
            blocks += [Heading(field.title + where), table(_COSTS, lines)]
    return Chapter("efficiency", "Efficiency", tuple(blocks))


def _costs(name: str, rows: Sequence[Row]) -> list[str | float | None]:
    """Write a line of the table of costs."""
    thousand, size = stats.median(rows, "thousand_rows_seconds"), stats.median(rows, "model_bytes")
    return [
        name,
        stats.median(rows, "fit_seconds"),
        max((row["overrun"] for row in rows if row.get("overrun") is not None), default=None),
        *(stats.median(rows, key) for key in ("cpu_seconds", "peak_mb", "read_mb", "written_mb")),
        *(stats.median(rows, key) for key in ("row_ms_p50", "row_ms_p95")),
        1000 / thousand if thousand else None,
        None if size is None else size / MEGABYTE,
        *(stats.median(rows, key) for key in ("install_mb", "import_seconds")),
        len(rows),
        sum(map(cells.marked, rows)),
    ]


def failures(rows: Sequence[Row]) -> Chapter:
    """Every match that failed, and everything that was not played, with the reason."""
    failed = [row for row in rows if row["state"] == "failed"]
    late = [row for row in rows if row["state"] == "ok" and (row.get("exit") or "ok") != "ok"]
    slow = [row for row in rows if row.get("latency_error")]
    blocks: list[Block] = [Words(f"{len(failed):,} of {len(rows):,} matches failed." if failed else "No match failed.")]
    blocks += [table(_HEAD, [_failure(row, row.get("last_words")) for row in failed])] if failed else []
    if late:
        blocks += [Heading("Answered, but did not end well")]
        blocks += [table(_HEAD, [_failure(row, row.get("last_words")) for row in late])]
    if slow:
        blocks += [Heading("Answered, but not when the latency was measured")]
        blocks += [table(_HEAD, [_failure(row, row["latency_error"]) for row in slow])]
    absent = [row for row in rows if row["state"] in (*ABSENT, NOT_INSTALLED)]
    if absent:
        groups = cells.grouped(absent, lambda r: (r["state"], r["contestant"], _words(r.get("last_words"))))
        lines = [(*key, _each(row["data"] for row in group), len(group)) for key, group in sorted(groups.items())]
        blocks += [Heading("Not played"), table(("State", "Contestant", "Reason", "Data", "Matches"), lines)]
    return Chapter("failures", "Failures", tuple(blocks))


_HEAD = ("Row", "Data", "Track", "Scenario", "Contestant", "Seed", "Exit", "Last words")


def _failure(row: Row, words: str | None) -> tuple[Entry | str | int, ...]:
    place = (row["id"], row["data"], row["track"], row["scenario"], row["contestant"], row["seed"])
    return *place, Entry(row.get("exit") or "–", bad=True), _words(words)


def _words(words: str | None) -> str:
    """Return the end of what was said."""
    words = (words or "").strip()
    return "…" + words[-LAST:] if len(words) > LAST else words or "–"


def miniatures(rows: Sequence[Row]) -> Chapter:
    """Which data are stand-ins, so that nobody takes their scores for those of the real data."""
    small = {row["data"] for row in rows if row.get("miniature")}
    names = ", ".join(sorted(small))
    said = f"{len(small)} of {len({row['data'] for row in rows})} data sets are miniatures: {names}. " if small else ""
    said += "Scores on a miniature say nothing about the data set that it stands for."
    if not small:
        said = "No data set is a miniature."
    facts: dict[tuple[str, str], Row] = {}
    for row in rows:
        if row.get("rows_train") is not None and row["scenario"] == "as is":
            facts.setdefault((row["data"], row["track"]), row)
    lines = [
        (
            data + " (miniature)" * bool(row.get("miniature")),
            *(row.get(key) or "" for key in ("list", "modality", "task")),
            track,
            *(row.get(key) for key in ("rows_train", "rows_test", "features")),
            (row.get("data_hash") or "–")[:HASH],
        )
        for (data, track), row in facts.items()
    ]
    head = ("Data", "List", "Modality", "Task", "Track", "Rows to learn", "Rows to test", "Columns", "Hash of the rows")
    return Chapter("miniatures", "Which data are miniatures", (Words(said), table(head, lines)))


def reproduce(rows: Sequence[Row], ours: str) -> Chapter:
    """The commands that make this report again, and what exactly played."""
    example = next((row["id"] for row in rows if row["state"] in cells.PLAYED), rows[0]["id"])
    commits = [row["commit"] for row in rows if row["contestant"] == ours and row.get("commit")]
    commit = commits[-1] if commits else "–"
    clean = commit.removesuffix(DIRTY)
    commands = [
        f"# {ours} played at {_commits(rows, ours)}" if len(set(commits)) > 1 else "",
        f"# {ours} {commit}: the working tree held changes that no commit has" if clean != commit else "",
        f"git checkout {clean}" if clean not in NO_COMMIT else "",
        "arena run plan.toml          # plays what the book lacks",
        "arena report plan.toml       # writes this report from the book",
        f"arena replay {example}        # plays one row again and compares",
    ]
    lines = []
    played = [row for row in rows if row["state"] in cells.PLAYED]
    for (name, lock), group in sorted(cells.grouped(played, lambda row: (row["contestant"], _lock(row))).items()):
        known: Row = group[-1].get("environment") or {}
        versions = ", ".join(f"{package} {version}" for package, version in (known.get("versions") or {}).items())
        lines.append((name, versions or "–", known.get("packages"), lock or "–", cells.count(group)))
    head = ("Contestant", "Versions", "Packages", "Hash of the lock", "Cells")
    said = "Every row of the book names its data set, seed, budget and environment; times depend on the machine."
    seconds = number(sum(row.get("wall") or 0.0 for row in rows) / 3600)
    said += f" All matches together took {seconds} hours."
    return Chapter(
        "reproduce", "How to reproduce", (Code("\n".join(filter(None, commands))), Words(said), table(head, lines))
    )
