"""Which rows count."""

from pathlib import Path
from typing import Any

from autoglm_arena import blocks, book
from autoglm_arena.book import Row
from autoglm_arena.plan import Match

BOOK = Path(__file__).parents[2] / "experiments" / "nine" / "book.jsonl"


def row(contestant: str, kernel: str = "6.1", error: float = 0.5, **more: Any) -> Row:
    game = Match("small", "raw", "as is", contestant, 1, 5.0, 1, 2_000)
    found: Row = {"id": game.id, **vars(game), "commit": "", "state": "ok", "error": error}
    return found | {"machine": {"kernel": kernel}} | more


def errors(rows: list[Row]) -> list[float]:
    return [row["error"] for row in blocks.choose(rows).rows]


def test_a_cell_counts_where_most_have_played_it() -> None:
    rows = [row("a", "6.1", 0.1), row("b", "6.1", 0.2), row("a", "6.2", 0.3)]
    assert errors(rows) == [0.1, 0.2]
    assert [r["error"] for r in blocks.choose(rows).aside] == [0.3]
    assert errors([*rows, row("b", "6.2", 0.4)]) == [0.3, 0.4], "on ties the latest"
    assert errors([*reversed(rows), row("a", "6.2", 0.4, disturbed=True)]) == [0.2, 0.1], "plays of one are one"


def test_who_is_absent_is_absent_everywhere() -> None:
    rows = [
        row("c", "6.0", state="unsupported"),
        row("a", "6.1"),
        row("b", "6.1"),
        row("c", "6.1", state="unreachable"),
    ]
    assert [r["state"] for r in blocks.choose(rows).rows] == ["ok", "ok", "unreachable"]
    assert [r["state"] for r in blocks.choose(rows[:3]).rows] == ["unsupported", "ok", "ok"]
    assert blocks.choose(rows).aside == ()


def test_cells_choose_for_themselves() -> None:
    rows = [row("a", "6.1"), row("a", "6.2", seed=2)]
    assert len(blocks.choose(rows).rows) == 2 and not blocks.choose(rows).aside


def test_of_disturbed_plays_the_calmest_counts() -> None:
    plays = [row("a", error=e, disturbed=True, foreign_cpu=cpu) for e, cpu in ((0.1, 3.0), (0.2, 1.0), (0.3, 2.0))]
    assert errors(plays) == [0.2]
    assert errors([*plays[:2], row("a", error=0.4, foreign_cpu=0.1)]) == [0.4]


def test_what_was_asked_for_anew_counts() -> None:
    assert errors([row("a", error=0.1, foreign_cpu=0.0), row("a", error=0.2, foreign_cpu=0.9)]) == [0.2]
    old, new = row("autoglm", error=0.1, commit="old"), row("autoglm", error=0.2, commit="new", disturbed=True)
    assert errors([old, new]) == [0.2]


def test_a_failed_install_never_counts_before_a_match() -> None:
    broken = row("a", error=0.9, state="not installed")
    assert errors([broken, row("a", error=0.2, foreign_cpu=1.0)]) == [0.2]
    assert errors([row("a", error=0.2, foreign_cpu=1.0), broken]) == [0.2]
    assert [r["state"] for r in blocks.choose([broken]).rows] == ["not installed"]


def test_rows_of_other_plans_are_left_out() -> None:
    rows = [row("a"), row("b")]
    assert [r["contestant"] for r in blocks.choose(rows, [blocks.key(rows[1])]).rows] == ["b"]


def test_environments_are_labelled_by_time_and_told_apart() -> None:
    rows = [row("a", "6.2", time="2"), row("b", "6.1", time="1"), row("c", "5", state="unsupported", time="0")]
    labels = blocks.labels(rows)
    assert [labels[blocks.environment_of(r)] for r in rows[:2]] == ["E2", "E1"] and len(labels) == 2
    there, here = blocks.environment_of(row("a") | {"machine": None}), blocks.of_machine({"kernel": "6.2", "cores": 2})
    assert blocks.differing(there, here) == "cores not recorded there, 2 here, kernel not recorded there, 6.2 here"


def test_a_book_written_before_can_be_read() -> None:
    rows = book.read(BOOK)
    choice = blocks.choose(rows)
    assert len(rows) >= 118 and len(choice.rows) + len(choice.aside) <= len(rows)
    assert len({(blocks.place(r), blocks.environment_of(r)) for r in choice.rows}) == len(
        {blocks.place(r) for r in choice.rows}
    )
