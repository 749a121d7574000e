from pathlib import Path

import pandas as pd
import pytest

from autoglm import datasets
from autoglm.core.dataset import PART
from autoglm.core.files import read_json, sha256

from .conftest import Run


def test_list(run: Run) -> None:
    done = run("data", "list")
    assert (done.code, done.err) == (0, "")
    assert [line.split()[0] for line in done.out.splitlines()[1:]] == datasets.names()
    cards = {card["name"]: card for card in run("data", "list", "--json").json}
    assert cards["cifar10-mini"]["miniature_of"] == "cifar10"


def test_card(run: Run) -> None:
    done = run("data", "card", "mnist")
    assert done.code == 0
    for words in ("60,000 training", "accuracy", "LeCun", "train-images-idx3-ubyte.gz", "md5:f68b", "torchvision"):
        assert words in done.out
    assert run("data", "card", "mnist", "--json").json["archives"][0]["stated_by"].startswith("torchvision")
    assert "miniature of  mnist" in run("data", "card", "mnist-mini").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["card", "mnst"], "did you mean 'mnist'"),
        (["write", "cifar10", "out"], "autoglm data fetch cifar10"),
        (["fetch", "cifar10"], "nowhere to put it"),
        (["fetch", "imagenet", "--folder", "x"], "image-net.org"),
    ],
)
def test_errors_are_one_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("data", *arguments)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: ") and done.err.count("\n") == 1 and words in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("arguments", "words"), [(["write", "mnist-mini"], "FOLDER"), (["lst"], "lst")])
def test_wrong_usage(run: Run, arguments: list[str], words: str) -> None:
    done = run("data", *arguments)
    assert done.code == 2 and words in done.err and done.err.count("\n") == 1


@pytest.mark.parametrize("verb", ["list", "card", "fetch", "write"])
def test_every_verb_has_an_example(run: Run, verb: str) -> None:
    assert f"autoglm data {verb}" in run("data", verb, "--help").out.partition("Example")[2]


def test_fetch_of_a_miniature(run: Run) -> None:
    done = run("data", "fetch", "mnist-mini")
    assert done.out.strip() == str(datasets.locate("mnist-mini"))
    assert run("data", "fetch", "mnist-mini", "--json").json["folder"] == done.out.strip()


def test_write(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "digits"
    done = run("data", "write", "mnist-mini", out)
    assert done.code == 0 and "1797 rows" in done.err
    rows, card = pd.read_parquet(out / "rows.parquet"), read_json(out / "card.json")
    loaded = datasets.load("mnist-mini")
    assert rows["image"].tolist() == loaded.frame["image"].tolist()
    assert card["name"] == "mnist-mini" and card["miniature"] is True and card["rows"] == 1797
    assert card["sha256"] == sha256(out / "rows.parquet") and card["folder"] == str(loaded.folder)
    assert set(card) >= set(loaded.card.__dataclass_fields__)
    assert sorted(p.name for p in out.iterdir()) == ["card.json", "rows.parquet"]


def test_write_features_of_some_rows(run: Run, tmp_path: Path) -> None:
    done = run("data", "write", "imagenet-mini", tmp_path, "--features", "--rows", "20", "--json")
    rows = pd.read_parquet(tmp_path / "rows.parquet")
    assert rows[PART].value_counts().to_dict() == {"train": 20, "test": 20}
    assert rows["class"].nunique() == 10  # sorted by class on disk
    assert rows.drop(columns=["class", PART]).dtypes.eq("float32").all()
    assert done.json["features"] is True and done.json == read_json(tmp_path / "card.json")


def test_the_same_bytes_again(run: Run, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert run("data", "write", "cifar10-mini", tmp_path / name).code == 0
    assert read_json(tmp_path / "a/card.json") == read_json(tmp_path / "b/card.json")


def test_what_was_written_can_be_fitted(run: Run, tmp_path: Path) -> None:
    assert run("data", "write", "cifar10-mini", tmp_path / "in", "--features", "--rows", "90").code == 0
    rows = pd.read_parquet(tmp_path / "in/rows.parquet")
    rows[rows[PART] == "train"].drop(columns=PART).to_parquet(tmp_path / "train.parquet")
    few = ["--work", "3", "--learner", "linear", "--search", "none", "--threads", "1"]
    done = run("fit", tmp_path / "train.parquet", "--target", "class", "--out", tmp_path / "model", "--json", *few)
    assert done.code == 0, done.err
