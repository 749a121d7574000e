"""Sources of files: found in folders and names where rows of one are alike, and nowhere else."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from autoglm import AutoML
from autoglm.core.columns import Column
from autoglm.core.errors import DataError
from autoglm.core.features import Features, Output
from autoglm.core.seed import Seed
from autoglm.core.task import Task
from autoglm.prep import sources
from autoglm.prep.sources import Sources

ROWS, WIDTH = 240, 6
WORDS = Task("multiclass", "word", ("one", "two", "six"))
DRAW = np.random.default_rng(5)
WHO, WORD = np.arange(ROWS) % 6, DRAW.integers(0, 3, ROWS)
NUMBERS = (
    2.0 * DRAW.normal(size=(6, WIDTH))[WHO] + DRAW.normal(size=(3, WIDTH))[WORD] + 0.5 * DRAW.normal(size=(ROWS, WIDTH))
)


def found(names: list[str], target: object = WORD, task: Task = WORDS, numbers: object = NUMBERS) -> Sources | None:
    outputs = tuple(Output(f"n{i}", "sound", modality="audio") for i in range(WIDTH))
    features = Features(np.asarray(numbers, dtype=np.float32), outputs)
    column = Column("sound", np.array(names, dtype=object), "text")
    return sources.find([column], ["audio"], features, np.asarray(target), task, Seed(2))


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("{word}_jack{who}_{take}.wav", "part 2 of the file names"),
        ("train/{who}/{take}.flac", "folder 2 of the paths"),
        ("{who}/{chapter}/{who}-{chapter}-{i:04}.flac", "folder 1 of the paths"),
        ("all\\who {who}\\{i}.flac", "folder 2 of the paths"),
    ],
)
def test_speakers_are_found_in_folders_and_names(name: str, part: str) -> None:
    names = [
        name.format(word=w, who=s, take=i // 6, chapter=i % 2, i=i)
        for i, (w, s) in enumerate(zip(WORD, WHO, strict=True))
    ]
    there = found(names)
    assert there is not None and there.part == part and len(there.names) == 6
    assert (there.codes == WHO).all()
    assert there.alike > 0.9 and there.chance < 0.2 and "6 sources" in there.told


def test_values_have_sources_too() -> None:
    there = found([f"p{s}/{i}.wav" for i, s in enumerate(WHO)], DRAW.normal(size=ROWS), Task("regression", "age"))
    assert there is not None and there.part == "folder 1 of the paths"


def test_nothing_is_found_where_it_is_not_evident() -> None:
    assert found([f"{i}.wav" for i in range(ROWS)]) is None, "another name in each row"
    assert found([f"{w}/{i}.wav" for i, w in enumerate(WORD)]) is None, "a folder a class"
    assert found([f"{w}{i % 2}/{i}.wav" for i, w in enumerate(WORD)]) is None, "two folders a class"
    assert found([f"take{i // 8}_{i}.wav" for i in range(ROWS)]) is None, "a counter"
    assert found([f"{s // 3}/{i}.wav" for i, s in enumerate(WHO)]) is None, "two sources only"
    shuffled = DRAW.permutation(WHO)
    assert found([f"{s}/{i}.wav" for i, s in enumerate(shuffled)]) is None, "rows of one are no more alike"
    assert found([f"{s}/{i}.wav" for i, s in enumerate(WHO)], numbers=np.full((ROWS, WIDTH), np.nan)) is None


def test_files_that_were_not_looked_at_keep_their_source_and_rows_without_one_stand_alone() -> None:
    numbers = NUMBERS.copy()
    numbers[::3] = np.nan
    names: list[str | None] = [f"{s}/{i}.wav" for i, s in enumerate(WHO)]
    whole = found(names, numbers=numbers)
    assert whole is not None and (whole.codes == WHO).all()
    names[5] = names[7] = None
    some = found(names)
    assert some is not None and len(np.unique(some.codes)) == 8


def test_sources_make_folds_are_reported_and_can_be_turned_off(tmp_path: Path) -> None:
    clock = np.arange(4000) / 8000
    rows = []
    for i in range(96):
        who, word = i % 4, i // 4 % 2
        wave = np.sin(2 * np.pi * (200 + 300 * who) * clock) + 0.2 * np.sin(2 * np.pi * (1500 + 1500 * word) * clock)
        soundfile.write(tmp_path / f"{who}_{i}.wav", 0.3 * wave + 0.01 * DRAW.normal(size=len(clock)), 8000)
        rows.append((f"{who}_{i}.wav", "high" if word else "low"))
    frame = pd.DataFrame(rows, columns=["sound", "word"])
    recipe = AutoML(work=4, threads=1, learners=["linear", "pool"], search="none", files=tmp_path)
    predictor = recipe.fit(frame, "word")
    assert predictor.summary["validation"]["scheme"].startswith("4 folds of whole groups (4 groups)")
    (said,) = (f for f in predictor.summary["findings"] if f["check"] == "sources")
    assert "part 1 of the file names" in said["message"] and "groups=False" in said["cure"]
    alone = recipe.fit(frame, "word", groups=False)
    assert "random folds" in alone.summary["validation"]["scheme"]
    assert not [f for f in alone.summary["findings"] if f["check"] == "sources"]
    given = recipe.fit(frame, "word", groups=np.arange(96) // 8)
    assert "12 groups" in given.summary["validation"]["scheme"]
    with pytest.raises(DataError, match="single value"):
        recipe.fit(frame, "word", groups=[1] * 96)
