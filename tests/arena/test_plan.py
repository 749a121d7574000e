from pathlib import Path

import pytest

from autoglm_arena import contestants, data, plan
from autoglm_arena.errors import ArenaError

LISTS = {"few": ["german", "letter"], "one": ["meats"]}
NINE = Path(__file__).parents[2] / "experiments" / "nine" / "plan.toml"
PLAYERS = ["autoglm", "flaml", "forest"]


def read(folder: Path, text: str) -> plan.Plan:
    file = folder / "plan.toml"
    file.write_text(text)
    return plan.read(file, LISTS, PLAYERS)


def test_blocks_inherit_and_lists_become_their_members(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
        title = "A small one"
        seconds = 30
        contestants = ["autoglm", "forest"]
        seeds = [2, 1]
        [[play]]
        data = ["few", "meats"]
        [[play]]
        data = "german"
        seconds = 5.5
        scenarios = ["imbalanced"]
        seeds = [1]
        """,
    )
    matches = found.matches()
    assert found.title == "A small one"
    assert len(matches) == 3 * 2 * 2 + 2
    assert [m.seed for m in matches] == [2] * 6 + [1] * 6 + [1] * 2, "as written: block by block, seed by seed"
    assert {m.seconds for m in matches if m.scenario == "imbalanced"} == {5.5}
    assert len({m.id for m in matches}) == len(matches)


def test_a_match_that_is_named_twice_is_played_once(tmp_path: Path) -> None:
    found = read(tmp_path, 'contestants = ["flaml"]\nseeds = 1\n[[play]]\ndata = "few"\n[[play]]\ndata = "german"')
    assert [m.data for m in found.matches()] == ["german", "letter"]


def test_an_id_is_the_same_tomorrow() -> None:
    assert plan.Match("german", "raw", "as is", "flaml", 1, 60.0, 2, 16_000).id == "a63976a5"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("play = 3", "at least one"),
        ("[[play]\n", "not TOML"),
        ('[[play]]\ndata = ["germann"]\ncontestants = ["flaml"]', "did you mean 'german'"),
        ('[[play]]\ndata = ["german"]\ncontestants = ["flamll"]', "did you mean 'flaml'"),
        ('[[play]]\ndata = ["german"]\ncontestant = ["flaml"]', "did you mean 'contestants'"),
        ('[[play]]\ndata = ["german"]', "contestants is missing"),
        ('[[play]]\ndata = []\ncontestants = "flaml"', "empty"),
        ('seconds = "60"\n[[play]]\ndata = ["german"]\ncontestants = ["flaml"]', "seconds: '60'"),
        ('seeds = [1.5]\n[[play]]\ndata = ["german"]\ncontestants = ["flaml"]', "seeds: 1.5"),
        ('threads = 0\n[[play]]\ndata = ["german"]\ncontestants = ["flaml"]', "not positive"),
        ('scenarios = "imbalance"\n[[play]]\ndata = ["german"]\ncontestants = ["flaml"]', "did you mean 'imbalanced'"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ArenaError, match=says):
        read(tmp_path, text)


def test_no_plan(tmp_path: Path) -> None:
    with pytest.raises(ArenaError, match="no plan at"):
        plan.read(tmp_path / "none.toml", LISTS, PLAYERS)


def test_the_comparison_begins_with_what_matters_most() -> None:
    found = plan.read(NINE, data.lists(), contestants.shipped()).matches()
    lists = {name: group for group, names in data.lists().items() for name in names}
    order = dict.fromkeys((lists[m.data], m.track, m.scenario, m.seed) for m in found)
    assert list(order) == [
        ("nine", "features", "as is", 1),
        ("tables-test", "raw", "as is", 1),
        ("nine", "features", "as is", 2),
        ("tables-test", "raw", "as is", 2),
        ("nine", "raw", "as is", 1),
        ("domains", "features", "as is", 1),
        ("nine", "features", "imbalanced", 1),
        ("tables-test", "raw", "imbalanced", 1),
    ]
