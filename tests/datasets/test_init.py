"""Names, cards, where files are looked for, miniatures in the cache, any modality as numbers."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autoglm import datasets
from autoglm.core.dataset import PART, Dataset
from autoglm.core.errors import DataError, OptionError
from autoglm.datasets import mnist


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUTOGLM_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AUTOGLM_DATA", raising=False)
    return tmp_path / "cache" / "datasets"


def test_names() -> None:
    names = datasets.names()
    assert names == sorted(names)
    assert {"mnist", "mnist-mini", "cifar10", "imagenet-mini", "sentinel2/rgb", "sentinel2-mini/bands"} <= set(names)
    assert all(datasets.card(name).name == name for name in names)


def test_the_card_of_a_miniature_says_so() -> None:
    mini, whole = datasets.card("sentinel2-mini/rgb"), datasets.card("sentinel2/rgb")
    assert mini.miniature_of == "sentinel2/rgb" and mini.target == whole.target and not mini.archives
    assert mini.note.startswith("Not EuroSAT") and mini.source != whole.source and mini.size != whole.size


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mnst", "no data set named 'mnst'; did you mean 'mnist'"),
        ("sentinel2", "no data set named 'sentinel2'.*sentinel2/bands"),
        ("sentinel2/rbg", "did you mean 'sentinel2/rgb'"),
        ("mnist/x", "known: mnist"),
        ("_archives", "no data set named"),
        ("", "no data set named ''"),
    ],
)
def test_names_that_are_none(name: str, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        datasets.card(name)


def test_where_files_are_looked_for(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"AUTOGLM_DATA is not set.*autoglm data fetch mnist`; .*'mnist-mini'"):
        datasets.load("mnist")
    monkeypatch.setenv("AUTOGLM_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"looked for the folder '.*MNIST/raw'"):
        datasets.load("mnist")
    with pytest.raises(DataError, match="has to be asked for"):
        datasets.load("imagenet")
    shutil.copytree(datasets.locate("mnist-mini"), tmp_path / "MNIST" / "raw")
    assert datasets.load("mnist").card == datasets.card("mnist")
    monkeypatch.delenv("AUTOGLM_DATA")
    assert len(datasets.load("mnist", tmp_path).frame) == 1797


def test_a_miniature_is_written_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = datasets.load("mnist-mini")
    assert first.folder.parent == cache / "mnist-mini"
    assert first.frame["digit"].value_counts().min() > 170
    monkeypatch.setattr(mnist, "write_mini", lambda _: pytest.fail("written again"))
    assert datasets.load("mnist-mini").frame.equals(first.frame)


def test_a_miniature_that_was_cut_off_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(folder: Path) -> None:
        (folder / "train-images-idx3-ubyte.gz").write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(mnist, "write_mini", cut_off)
        datasets.load("mnist-mini")
    assert list((cache / "mnist-mini").iterdir()) == []
    assert len(datasets.load("mnist-mini").frame) == 1797


def test_two_processes_write_the_same_miniature(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = mnist.write_mini

    def slowly(folder: Path) -> None:
        write(folder)
        place = folder.with_name(folder.name.split(".")[1])
        shutil.copytree(folder, place)  # the other process was faster

    monkeypatch.setattr(mnist, "write_mini", slowly)
    assert len(datasets.load("mnist-mini").frame) == 1797
    assert len(list((cache / "mnist-mini").iterdir())) == 1


def test_a_miniature_of_another_version_is_not_read(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = datasets.locate("mnist-mini")
    other = tmp_path / "mnist.py"
    other.write_text(Path(str(mnist.__file__)).read_text() + "# other\n")
    monkeypatch.setattr(mnist, "__file__", str(other))
    assert datasets.locate("mnist-mini") != first


def test_fetch_of_what_cannot_be_fetched(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file that a program may fetch: see https://image-net.org"):
        datasets.fetch("imagenet", tmp_path)
    with pytest.raises(DataError, match="nowhere to put it"):
        datasets.fetch("mnist")
    assert datasets.fetch("mnist-mini") == datasets.locate("mnist-mini")


def test_features_of_images(cache: Path) -> None:
    found = datasets.load("mnist-mini")
    few = replace(found, frame=found.frame.iloc[:40])
    numbers = datasets.features(few)
    assert numbers.columns.tolist()[-2:] == ["digit", PART] and numbers.shape == (40, 344)
    assert (numbers.dtypes.iloc[:-2] == np.float32).all()
    assert numbers["digit"].equals(few.frame["digit"])


def test_a_table_stays_as_it_is() -> None:
    frame = pd.DataFrame({"a": [1, 2], "digit": [0, 1], PART: ["train", "test"]})
    card = replace(datasets.card("mnist"), modality="table", media=())
    assert datasets.features(Dataset(card, frame)).equals(frame)


def test_features_of_texts() -> None:
    pytest.importorskip("autoglm.prep.words")
    texts = [f"word{i} is {'good' if i % 2 else 'bad'}" for i in range(40)]
    frame = pd.DataFrame(
        {"text": texts, "shop": ["a", "b"] * 20, "price": range(40), "digit": [0, 1] * 20, PART: ["train", "test"] * 20}
    )
    card = replace(datasets.card("mnist"), modality="text", media=())
    numbers = datasets.features(Dataset(card, frame))
    assert {"words 1", "shop_a", "shop_b", "price", "digit", PART} <= set(numbers)
    alone = datasets.features(Dataset(card, frame[["text", "digit", PART]]))
    assert alone.columns.str.startswith("words ").sum() == alone.shape[1] - 2 > 0
    grouped = frame.assign(id=[f"q{i // 2}" for i in range(40)])
    assert datasets.features(Dataset(replace(card, groups="id"), grouped)).equals(numbers)  # an id is no feature
    changed = frame.assign(text=frame["text"].where(frame[PART] == "train", "good"))
    again = datasets.features(Dataset(card, changed))
    train = frame[PART] == "train"
    assert numbers[train].equals(again[train])  # nothing is learnt from test rows
