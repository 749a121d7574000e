"""The test itself, on made-up reviews of which one word carries over and others do not."""

import numpy as np
import pandas as pd
import pytest

from autoglm import AutoML
from autoglm.core.errors import DataError, OptionError
from autoglm.transfer import cross, page
from autoglm.transfer.engine import Engine
from autoglm.transfer.linear import Linear

KINDS = {"price": "number", "text": "category"}


def reviews(rows: int = 60, names: tuple[str, ...] = ("films", "phones", "books")) -> pd.DataFrame:
    """A number that means the same in every domain, and a word that turns round from domain to domain."""
    draw = np.random.default_rng(5)
    frames = []
    for domain in names:
        good = np.arange(rows) % 2 == 0
        price = good * 2.0 + draw.normal(0, 0.5, rows)
        word = np.where(good ^ (domain == "phones"), "long", "short")
        label = np.where(good, "good", "bad")
        frames.append(pd.DataFrame({"price": price, "text": word, "source": domain, "label": label}))
    return pd.concat(frames, ignore_index=True).assign(author=lambda f: np.arange(len(f)) // 3)


@pytest.fixture(scope="module")
def result():
    return cross(reviews(), "label", "source", Linear(KINDS), shots=[8], draws=2)


def test_every_pair_every_domain_left_out_and_its_shots(result):
    assert result.domains == ("films", "phones", "books")
    assert result.cells["kind"].value_counts().to_dict() == {"in domain": 3, "across": 6, "left out": 3, "8 shots": 3}
    assert result.means["kind"].tolist() == ["in domain", "across", "left out", "8 shots"]
    assert (result.cells["test_rows"] == 16).all()  # a quarter of 30 rows of each of two classes, rounded up
    assert set(result.cells["train_rows"]) == {44, 88, 96}
    wide = result.matrix("accuracy")
    assert wide.index.tolist() == ["films", "phones", "books", "left out", "8 shots"]
    assert wide.columns.tolist() == ["films", "phones", "books"] and wide.notna().all(axis=None)


def test_what_turns_round_is_lost_across(result):
    wide = result.matrix("f1_macro")
    assert wide.loc["films", "films"] > 0.9 and wide.loc["films", "books"] > 0.9
    assert wide.loc["films", "phones"] < 0.6
    means = result.means.set_index("kind")["f1_macro"]
    assert means["in domain"] > means["across"]


def test_the_interval_holds_the_measure(result):
    for name in ("accuracy", "f1_macro", "ece"):
        for table in (result.cells, result.means):
            assert ((table[f"{name}_low"] <= table[name] + 1e-9) & (table[name] <= table[f"{name}_high"] + 1e-9)).all()


def test_the_same_seed_gives_the_same_cells(result):
    again = cross(reviews(), "label", "source", Linear(KINDS), shots=[8], draws=2)
    pd.testing.assert_frame_equal(again.cells, result.cells)


def test_the_engine_learns_a_cell_a_fit():
    said = []
    recipe = AutoML(work=2, threads=1, learners=["linear"], search="none", kinds=KINDS)
    found = cross(
        reviews(40, ("films", "books")), "label", "source", Engine(recipe), shots=[4], groups="author", say=said.append
    )
    assert len(said) == 1 + 3 * 2 and said[1].startswith("engine: films")
    assert found.matrix("f1_macro").loc["books", "films"] > 0.8
    assert found.settings["method"] == "engine"


def test_classes_that_a_domain_lacks():
    frame = reviews(60, ("films", "books"))
    frame.loc[(frame["source"] == "films") & (np.arange(len(frame)) % 5 == 0), "label"] = "so so"
    for method in (Linear(KINDS), Engine(AutoML(work=2, threads=1, learners=["linear"], search="none", kinds=KINDS))):
        found = cross(frame, "label", "source", method, shots=())
        assert len(found.task.classes) == 3 and found.cells["f1_macro"].notna().all()


def test_the_files(result, tmp_path):
    paths = page.write(result, tmp_path / "new" / "folder")
    back = pd.read_csv(paths["cells"])
    assert back.columns.tolist() == result.cells.columns.tolist() and len(back) == len(result.cells)
    html = paths["report"].read_text()
    assert html.startswith("<!doctype html>") and "all domains but the tested one, and 8 shots" in html
    assert "http" not in html and html.count('class="own"') == 9
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="cannot write to folder"):
        page.write(result, tmp_path / "file")


def test_names_from_the_table_are_no_markup(tmp_path):
    frame = reviews().replace({"source": {"films": "<script>x</script>"}})
    found = cross(frame, "label", "source", Linear(KINDS), shots=())
    assert "<script>" not in page.render(found)


@pytest.mark.parametrize("shots", [[0], [-4], [44]])
def test_shots_that_cannot_be_drawn(shots):
    with pytest.raises(OptionError, match=r"shots=-?\d+: expected a number from 1 to 43"):
        cross(reviews(), "label", "source", Linear(KINDS), shots=shots)


def test_a_method_is_told_what_it_learns():
    class Spy:
        name = "spy"

        def __init__(self):
            self.lessons = []

        def look(self, rows, seed):
            assert list(rows.columns) == ["price", "text"]

        def fit(self, lesson, seed):
            self.lessons.append(lesson)
            return Linear(KINDS).fit(lesson, seed)

    spy = Spy()
    cross(reviews(), "label", "source", spy, shots=[4], groups="author", train_rows=30, test_rows=9)
    single, left, few = spy.lessons[0], spy.lessons[3], spy.lessons[6]
    assert len(single.rows) == 30 and set(single.together) == set(single.groups)
    assert set(left.together) == {"phones", "books"}
    assert len(few.rows) == 64 and few.counts[-4:].tolist() == [4, 4, 4, 4]  # a quarter of 60 rows, over 4
    assert sorted(few.target[-4:]) == [0, 0, 1, 1] and set(few.domains[-4:]) == {"films"}


def test_errors_of_the_table_come_through():
    with pytest.raises(DataError, match="did you mean 'source'"):
        cross(reviews(), "label", "sorce", Linear(KINDS))
