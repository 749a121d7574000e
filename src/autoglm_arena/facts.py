"""Chapters on what happened: the environment, what it cost, what failed, which data are small, how to repeat it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from autoglm_arena import cells, stats
from autoglm_arena.book import Row
from autoglm_arena.chapters import MARK, Field
from autoglm_arena.page import Block, Chapter, Code, Entry, Heading, Words, number, table

LAST = 400  # letters of last words that are shown
HASH = 12  # digits of a hash that are shown
DIRTY = "-dirty"  # as git describe writes it
NO_COMMIT = ("–", "released", "uncommitted")  # what stands in place of a commit
MEGABYTE = 2**20
ABSENT = ("unsupported", "unreachable", "not installed")


def environment(rows: Sequence[Row], ours: str) -> Chapter:
    """On what was played, when and within which limits."""
    states = Counter(row["state"] for row in rows)
    marked = sum(map(cells.marked, rows))
    times = sorted(row["time"] for row in rows if row.get("time"))
    lines: list[tuple[str, str]] = []
    for name, key in (("Processor", "cpu"), ("Cores", "cores"), ("Memory", "memory_mb"), ("System", "os")):
        lines.append((name, _each((row.get("machine") or {}).get(key) for row in rows) + " MB" * (key == "memory_mb")))
    for name, key in (("Kernel", "kernel"), ("Python of the referee", "python")):
        lines.append((name, _each((row.get("machine") or {}).get(key) for row in rows)))
    budgets = dict.fromkeys(f"{s:g} s, {t} threads, {m:,} MB" for s, t, m in map(cells.budget, rows))
    lines += [
        ("Budget of a match", "; ".join(budgets)),
        ("Contestants", _each(row["contestant"] for row in rows)),
        ("Data sets", str(len({row["data"] for row in rows}))),
        ("Seeds", _each(sorted({row["seed"] for row in rows}))),
        ("Matches", ", ".join(f"{count:,} {state}" for state, count in states.most_common())),
        (f"Disturbed {MARK}", f"{marked:,} of {len(rows):,}: others used the machine before or during the match"),
        (f"Commit of {ours}", _each(row.get("commit") for row in rows if row["contestant"] == ours)),
        ("Played", f"{times[0]} to {times[-1]}" if times else "–"),
    ]
    return Chapter("environment", "Environment", (table(("", ""), lines),))


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
        lines = [_costs(name, group) for name, group in sorted(cells.grouped(rows, lambda r: r["contestant"]).items())]
        blocks += [Heading(field.title), table(_COSTS, lines)]
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
    absent = [row for row in rows if row["state"] in ABSENT]
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
    commit = _each(row.get("commit") for row in rows if row["contestant"] == ours)
    clean = commit.removesuffix(DIRTY)
    commands = [
        f"# {ours} {commit}: the working tree held changes that no commit has" if clean != commit else "",
        f"git checkout {clean}" if clean not in NO_COMMIT else "",
        "arena run plan.toml          # plays what the book lacks",
        "arena report plan.toml       # writes this report from the book",
        f"arena replay {example}        # plays one row again and compares",
    ]
    lines = []
    for name, group in sorted(cells.grouped(rows, lambda row: row["contestant"]).items()):
        known: Row = next((row["environment"] for row in group if row.get("environment")), {})
        versions = ", ".join(f"{package} {version}" for package, version in (known.get("versions") or {}).items())
        lines.append((name, versions or "–", known.get("packages"), (known.get("lock") or "–")[:HASH]))
    head = ("Contestant", "Versions", "Packages", "Hash of the lock")
    said = "Every row of the book names its data set, seed, budget and environment; times depend on the machine above."
    seconds = number(sum(row.get("wall") or 0.0 for row in rows) / 3600)
    said += f" All matches together took {seconds} hours."
    return Chapter(
        "reproduce", "How to reproduce", (Code("\n".join(filter(None, commands))), Words(said), table(head, lines))
    )
