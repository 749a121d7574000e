"""What a plan still wants, and why."""

from typing import Any

from autoglm_arena import blocks, due
from autoglm_arena.book import Row
from autoglm_arena.plan import Match

GAMES = [Match("small", "raw", "as is", name, 1, 5.0, 1, 2_000) for name in ("autoglm", "b", "c")]
HERE = blocks.of_machine({"kernel": "6.2"})


def rows(kernel: str, *names: str, **more: Any) -> list[Row]:
    games = [game for game in GAMES if game.contestant in names]
    found = [{**vars(game), "commit": "", "state": "ok", "machine": {"kernel": kernel}} for game in games]
    return [row | more for row in found]


def missing(found: list[Row]) -> str:
    return "".join(
        state.match.contestant[0] for (cell) in due.states(GAMES, found, HERE) for state in cell if not state.settled
    )


def why(found: list[Row]) -> set[str]:
    (cell,) = due.states(GAMES, found, HERE)
    return {state.why for state in cell if not state.settled or state.why}


def test_only_what_is_missing_here() -> None:
    assert missing([]) == "abc" and why([]) == {""}
    assert missing(rows("6.2", "b")) == "ac"
    assert missing(rows("6.2", "b", disturbed=True)) == "abc"
    assert missing(rows("6.2", "autoglm", "b", "c")) == ""


def test_a_cell_begun_elsewhere_is_wanted_as_a_whole() -> None:
    found = rows("6.1", "autoglm", "b")
    assert missing(found) == "abc"
    (said,) = why(found)
    assert said == "the whole cell anew, it was begun in another environment: kernel 6.1 there, 6.2 here"
    assert missing(found + rows("6.2", "c")) == "ab"


def test_a_cell_finished_elsewhere_is_left_alone() -> None:
    found = rows("6.1", "autoglm", "b", "c")
    assert missing(found + rows("6.2", "b")) == ""
    assert why(found) == {"in another environment: kernel 6.1 there, 6.2 here"}
    assert missing(rows("6.1", "autoglm", "b") + rows("6.0", "c")) == "abc", "two halves are no whole"


def test_elsewhere_any_row_is_enough() -> None:
    found = rows("6.1", "autoglm") + rows("6.1", "b", disturbed=True)
    assert missing(found + rows("6.1", "c", state="not installed")) == ""
    assert missing(found + rows("6.0", "c", state="unsupported")) == ""
    assert missing(rows("6.1", "autoglm", "b", "c", state="not installed")) == "abc", "nothing was played"


def test_absence_needs_no_second_row() -> None:
    assert missing(rows("6.1", "c", state="unsupported")) == "ab"


def test_what_is_asked_for_again() -> None:
    old = rows("6.2", "autoglm", commit="old")
    found = old + rows("6.2", "b") + rows("6.2", "c", state="failed")
    assert missing(due.valid(found, [], "new")) == ""
    assert missing(due.valid(found, ["ours"], "new")) == "a"
    assert missing(due.valid(found, ["ours"], "old")) == ""
    assert missing(due.valid(found, ["failed"], "new")) == "c"
    assert missing(due.valid(found, ["ours", "failed"], "new")) == "ac"
    there = rows("6.1", "autoglm", "b", "c", commit="old")
    assert missing(due.valid(there, ["ours"], "new")) == "abc"
