"""Profiles: every kind of column falls into the bins it was counted in, and survives the disk."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autoglm.checks.profile import BINS, LEVELS, ROWS, Profile, answer_columns
from autoglm.core.columns import column
from autoglm.core.errors import FolderError
from autoglm.core.files import write_json
from autoglm.core.task import Task

TASK = Task("binary", "left", ("no", "yes"))
KINDS = {
    "age": "number",
    "price": "number",
    "joined": "date",
    "told": "date",
    "plan": "category",
    "size": "category",
    "wild": "boolean",
    "note": "text",
    "photo": "image",
}


def table(rows: int = 1000, seed: int = 1) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(draw.integers(0, 900, rows), unit="D")
    return pd.DataFrame(
        {
            "age": np.where(draw.random(rows) < 0.1, np.nan, draw.normal(40, 12, rows)),
            "price": [f"${value:,.2f}" for value in draw.exponential(2000, rows)],
            "joined": days,
            "told": days.strftime("%d.%m.%Y"),
            "plan": draw.choice(["basic", "Plus", None], rows),
            "size": draw.integers(1, 6, rows),
            "wild": draw.random(rows) < 0.3,
            "note": [" ".join(["word"] * n) for n in draw.integers(1, 40, rows)],
            "photo": [b"\x89PNG" if there else None for there in draw.random(rows) < 0.9],
        }
    )


def profiled(frame: pd.DataFrame, seed: int = 2) -> Profile:
    share = np.random.default_rng(seed).random(len(frame))
    columns = [column(frame[name]) for name in frame]
    return Profile.of(columns, [KINDS[c.name] for c in columns], np.column_stack([1 - share, share]), TASK)


def test_every_row_is_counted_once_and_missing_ones_last() -> None:
    frame = table()
    shapes = profiled(frame).shapes
    assert list(shapes) == [*KINDS, "answer:left"]
    for name in KINDS:
        assert shapes[name].rows == len(frame), name
        assert shapes[name].counts[-1] == frame[name].isna().sum(), name
        assert len(shapes[name].labels()) == len(shapes[name].counts), name


def test_numbers_have_bins_of_about_as_many_rows() -> None:
    shape = profiled(table(4000)).shapes["age"]
    assert len(shape.edges) == BINS - 1
    inner = np.array(shape.counts[:-1])
    assert inner.min() > 0.9 * inner.mean() and inner.max() < 1.1 * inner.mean()


def test_bins_of_training_are_found_again_one_row_at_a_time() -> None:
    frame = table(200)
    profile = profiled(frame)
    share = np.full((1, 2), 0.5)
    for name, at in zip(KINDS, range(len(KINDS)), strict=True):
        whole = profile.columns[at].codes(column(frame[name]))
        for row in range(0, 200, 37):
            one = [column(frame.iloc[[row]][each]) for each in frame]
            assert profile.codes(one, share)[0, at] == whole[row], (name, row)


def test_values_never_seen_are_other_and_far_ones_in_the_last_bin() -> None:
    shapes = profiled(table()).shapes
    odd = pd.Series(["premium", "PLUS", None], name="plan", dtype=object)
    assert shapes["plan"].codes(column(odd)).tolist() == [2, shapes["plan"].levels.index("plus"), 3]
    far = pd.Series([-1e9, 1e9, np.nan], name="age")
    assert shapes["age"].codes(column(far)).tolist() == [0, BINS - 1, BINS]


def test_only_the_commonest_levels_are_kept() -> None:
    frame = pd.DataFrame({"plan": [f"p{i % 90}" for i in range(1000)]})
    shape = profiled(frame).columns[0]
    assert len(shape.levels) == LEVELS and shape.counts[-2] == 1000 - sum(shape.counts[:LEVELS])


def test_few_distinct_numbers_have_a_bin_each() -> None:
    shape = profiled(pd.DataFrame({"age": [1.0, 2.0, 2.0, 5.0]})).columns[0]
    assert shape.counts == (1, 2, 1, 0)


def test_a_column_without_values_has_a_shape() -> None:
    shape = profiled(pd.DataFrame({"age": [np.nan] * 5})).columns[0]
    assert shape.counts == (0, 5) and shape.labels() == ["any", "(missing)"]


def test_long_tables_are_sampled() -> None:
    assert profiled(pd.DataFrame({"age": np.arange(3.0 * ROWS)})).columns[0].rows == ROWS


def test_what_is_written_is_read(tmp_path: Path) -> None:
    profile = profiled(table())
    write_json(tmp_path / "profile.json", profile.json())
    assert Profile.load(tmp_path, TASK) == profile
    assert json.loads((tmp_path / "profile.json").read_text())["columns"][0]["name"] == "age"


def test_a_folder_without_profile_says_so(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="fit again"):
        Profile.load(tmp_path, TASK)


def test_answers_of_each_task() -> None:
    assert answer_columns(np.array([1.0, 2.0]), Task("regression", "y"))[0].values.tolist() == [1, 2]
    share = np.array([[0.2, 0.5, 0.3], [0.7, 0.2, 0.1]])
    label, sure = answer_columns(share, Task("multiclass", "y", (1, 2, 3)))
    assert label.values.tolist() == ["2", "1"] and sure.values.tolist() == [0.5, 0.7]
