"""The report says what the book holds, refuses what may not be compared, and is one safe page."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from autoglm_arena import blocks, page
from autoglm_arena import report as reports
from autoglm_arena.book import Row
from autoglm_arena.errors import ArenaError

CHAPTERS = [
    "environment",
    "defeats",
    "league",
    "data",
    "plots",
    "classes",
    "domains",
    "efficiency",
    "failures",
    "miniatures",
    "reproduce",
]
MACHINE = {"cpu": "Model 7", "cores": 2, "memory_mb": 8000, "kernel": "6.1", "os": "Debian", "python": "3.11.7"}


def row(data: str, contestant: str, error: float | None, **more: Any) -> Row:
    found: Row = {"data": data, "track": "raw", "scenario": "as is", "contestant": contestant, "seed": 1}
    found |= {"id": f"{data}-{contestant}"[:16], "seconds": 60.0, "threads": 2, "memory_mb": 4000, "commit": ""}
    found |= {"machine": MACHINE, "metric": "roc_auc", "task": "binary", "modality": "table", "data_hash": "f" * 64}
    found |= {"constant_error": 0.5, "error": error, "time": "2026-01-01T00:00:00", "fit_seconds": 12.345}
    found |= {"measures": {"accuracy": 0.91234, "f1_macro": 0.61234, "balanced_accuracy": 0.7}, "rows_train": 100}
    found |= {"environment": {"lock": "abc", "packages": 3, "versions": {"pandas": "3.1"}}}
    found |= {"state": "ok" if error is not None else "failed", "exit": "ok" if error is not None else "exit 3"}
    return found | {"last_words": "" if error is not None else "boom"} | more


BOOK = [
    row("wine", "ours", 0.2),
    row("wine", "forest", 0.1, disturbed=True),
    row("wine", "linear", 0.3),
    row("beer", "ours", 0.1, miniature=True),
    row("beer", "forest", 0.3, miniature=True),
    row("beer", "linear", None, miniature=True),
]


def report(rows: list[Row], *, ours: str, title: str) -> reports.Report:
    return reports.report(blocks.choose(rows), ours=ours, title=title)


def section(html: str, key: str) -> str:
    return re.findall(f'<section id="{key}">(.*?)</section>', html, re.DOTALL)[0]


def test_chapters_in_their_order() -> None:
    by = {"tweets": {"accuracy": 0.9, "f1_macro": 0.85}, "films": {"accuracy": 0.7, "f1_macro": 0.6}}
    domains = [row("domains/tweets", name, 0.2, domain="tweets", by=by) for name in ("ours", "forest", "linear")]
    html = report(BOOK + domains, ours="ours", title="Autumn").html
    assert re.findall(r'<section id="(\w+)">', html) == CHAPTERS
    assert "<h1>Autumn</h1>" in html
    without = report(BOOK, ours="ours", title="Autumn").html
    assert re.findall(r'<section id="(\w+)">', without) == [key for key in CHAPTERS if key != "domains"]


def test_defeats_name_winner_and_gap() -> None:
    found = section(report(BOOK, ours="ours", title="t").html, "defeats")
    assert "ours played 2 matches and was beaten in 1 of them" in found
    assert "wine" in found and "beer" not in found
    assert "50.0 %" in found


def test_errors_of_every_data_set() -> None:
    found = section(report(BOOK, ours="ours", title="t").html, "data")
    assert re.search(r'<td class="n best ?">0.100 †</td>', found)
    assert "beer (miniature)" in found
    assert '<td class="n bad">0.500 ✗1</td>' in found


def test_three_digits() -> None:
    found = report(BOOK, ours="ours", title="t")
    assert "0.912" in found.html and "0.91234" not in found.html
    assert "12.3" in section(found.html, "efficiency") and "12.345" not in found.html


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (12345, "12,345"),
        (12345.6, "12,300"),
        (9.999, "10.0"),
        (0.0123456, "0.0123"),
        (0.0, "0"),
        (0.00001234, "1.23e-05"),
        (-1.5, "-1.50"),
    ],
)
def test_number(value: float | None, says: str) -> None:
    assert page.number(value) == says


def test_failures_and_what_was_not_played() -> None:
    more = [
        row("cats", "linear", None, state="unsupported", last_words="reads table; the data hold image"),
        row("dogs", "linear", None, state="unsupported", last_words="reads table; the data hold image"),
        row("wine", "slow", None, state="not installed", last_words="no wheel", environment=None),
    ]
    found = section(report(BOOK + more, ours="ours", title="t").html, "failures")
    assert "exit 3" in found and "boom" in found
    assert found.count("reads table; the data hold image") == 1
    assert "cats, dogs" in found and "no wheel" in found
    assert "1 of 9 matches failed" in found


def test_matches_on_different_rows_are_refused() -> None:
    other = row("wine", "slow", 0.2, data_hash="e" * 64)
    with pytest.raises(ArenaError, match=r"rows of wine \(raw\): f{64}, e{64}"):
        report([*BOOK, other], ours="ours", title="t")


def test_kernels_are_blocks_of_one_league() -> None:
    """A cell of each kernel: one league over both, times of each for itself, every environment listed."""
    html = report([*of("wine", "6.1"), *of("beer", "6.2")], ours="ours", title="t").html
    league = section(html, "league")
    assert league.count("2 data sets, 2 cells") == 1
    assert "Cells by environment: E1 (1), E2 (1); seconds, milliseconds and MB are medians over all of them" in league
    titles = re.findall(r"<h3>(.*?)</h3>", section(html, "efficiency"))
    assert [title[-16:] for title in titles] == ["· environment E1", "· environment E2"]
    lines = re.findall(
        r"<tr><td>(E\d)</td>.*?<td>(6\.\d)</td>.*?>3</td>.*?>1</td>.*?>0</td>", section(html, "environment")
    )
    assert lines == [("E1", "6.1"), ("E2", "6.2")]
    assert "medians over the environments E1, E2" in section(html, "plots")


def test_what_is_set_aside_is_listed() -> None:
    begun = of("wine", "6.2")[:2]
    html = report([*of("wine", "6.1"), *begun], ours="ours", title="t").html
    found = section(html, "environment")
    assert "2 matches are set aside" in found
    assert re.search(r"wine</td>.*?E2</td>.*?ours, forest</td>.*?E1</td>", found)
    assert "environment E1" in section(html, "efficiency") and "E2" not in section(html, "efficiency")
    assert "set aside:" not in report(BOOK, ours="ours", title="t").html


def test_processors_are_reported_apart() -> None:
    other = [r | {"machine": MACHINE | {"cpu": "Model 9", "cores": 4}} for r in of("beer", "6.1")]
    html = report([*of("wine", "6.1"), *other], ours="ours", title="t").html
    titles = re.findall(r"<h3>(.*?)</h3>", section(html, "league"))
    assert [title.split(" · ")[-1] for title in titles] == ["Model 7, 2 cores", "Model 9, 4 cores"]
    assert section(html, "league").count("1 data set, 1 cells") == 2


def of(data: str, kernel: str) -> list[Row]:
    machine = MACHINE | {"kernel": kernel}
    return [r | {"machine": machine, "time": f"2026-01-01T{kernel}"} for r in BOOK if r["data"] == data]


def test_commits_and_versions_are_named_with_their_cells() -> None:
    old = [r | {"commit": "aaa"} if r["contestant"] == "ours" else r for r in BOOK if r["data"] == "wine"]
    new = [r | {"commit": "bbb"} if r["contestant"] == "ours" else r for r in BOOK if r["data"] == "beer"]
    new = [r | {"environment": {"lock": "xyz"}} if r["contestant"] == "forest" else r for r in new]
    html = report(old + new, ours="ours", title="t").html
    assert "aaa (1 cell), bbb (1 cell)" in section(html, "environment")
    assert "forest: abc (1 cell), xyz (1 cell)" in section(html, "environment")
    assert "git checkout bbb" in section(html, "reproduce")
    assert section(html, "reproduce").count("<td>forest</td>") == 2
    assert "In several versions" not in report(BOOK, ours="ours", title="t").html


def test_budgets_are_reported_apart() -> None:
    html = report(BOOK + [r | {"seconds": 600.0} for r in BOOK], ours="ours", title="t").html
    assert "600 s, 2 threads" in section(html, "league")
    assert section(html, "league").count("2 data sets, 2 cells") == 2


def test_the_headline_comes_first() -> None:
    imbalanced = [r | {"scenario": "imbalanced"} for r in BOOK]
    features = [r | {"track": "features"} for r in BOOK]
    html = report(imbalanced + features + BOOK, ours="ours", title="t").html
    titles = re.findall(r"<h3>(.*?) ·", section(html, "league"))
    assert titles == [
        "Raw columns, as is",
        "The same features for everyone, as is",
        "Raw columns, imbalanced",
    ]


def test_domains_and_their_drop() -> None:
    by = {"films": {"accuracy": 0.7, "f1_macro": 0.6}, "tweets": {"accuracy": 0.9, "f1_macro": 0.85}}
    rows = [row("domains/tweets", who, 0.2, domain="tweets", by=by) for who in ("ours", "forest")]
    found = section(report(rows, ours="ours", title="t").html, "domains")
    assert found.count("0.200") == 2 and found.count("0.250") == 2


def test_the_commit_of_changed_files_is_no_lie() -> None:
    def commands(commit: str) -> str:
        rows = [r | {"commit": commit} if r["contestant"] == "ours" else r for r in BOOK]
        return section(report(rows, ours="ours", title="t").html, "reproduce")

    assert "git checkout abc1234\n" in commands("abc1234") and "held changes" not in commands("abc1234")
    assert "git checkout abc1234\n" in commands("abc1234-dirty") and "held changes" in commands("abc1234-dirty")
    assert "git checkout" not in commands("uncommitted")


def test_accuracy_against_f1_in_both_scenarios_on_the_same_data() -> None:
    thin = {"accuracy": 0.95, "f1_macro": 0.35, "balanced_accuracy": 0.5}
    wine = [r for r in BOOK if r["data"] == "wine"]
    rows = BOOK + [r | {"scenario": "imbalanced", "measures": thin} for r in wine]
    found = section(report(rows, ours="ours", title="t").html, "classes")
    assert "1 data set<" in found
    assert re.search(r"<tr><td>ours</td>.*?0.912.*?0.612.*?0.300.*?0.950.*?0.350.*?0.600", found)


def test_an_empty_book() -> None:
    with pytest.raises(ArenaError, match="arena run"):
        report([], ours="ours", title="t")


def test_a_book_with_next_to_nothing() -> None:
    keys = ("id", "data", "track", "scenario", "contestant", "seed", "seconds", "threads", "memory_mb", "state")
    bare = {key: BOOK[0][key] for key in keys}
    found = report([bare, bare | {"contestant": "b", "state": "unreachable"}], ours="ours", title="t")
    assert "nothing to compare yet" in found.html
    assert report([bare | {"state": "unsupported"}], ours="nobody", title="t").html


def test_a_page_is_safe_and_needs_nothing_else() -> None:
    evil = [row("wine", "<b>x</b>", None, last_words="<script>alert(1)</script>"), *BOOK]
    html = report(evil, ours="ours", title="<i>t</i>").html
    assert "<script" not in html and "<b>" not in html and "<i>" not in html

    class Links(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag not in {"script", "link", "img", "iframe"}
            assert all(not (value or "").startswith("http") for _, value in attrs)

    Links().feed(html)
    assert "url(" not in html and "@import" not in html


def test_markdown_has_whole_tables() -> None:
    text = report([row("a|b", "ours", 0.2), *BOOK], ours="ours", title="t").markdown
    assert text.startswith("# t\n")
    assert "a\\|b" in text
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        lines = block.strip().split("\n")
        assert re.fullmatch(r"\|(-+:?\|)+", lines[1])
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1, block
    assert "**0.100 †**" in text
