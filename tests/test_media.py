"""A table with a column of images: from the files to a saved predictor and back."""

import io
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.datasets import load_digits

import autoglm
from autoglm import AutoML, automl
from autoglm.commands import commands
from autoglm.core.errors import DataError
from autoglm.core.reading import read
from autoglm.prep import pixels

QUICK = {"work": 8, "threads": 2, "learners": ["linear", "lightgbm"], "search": "none"}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real digits as PNG files, a folder a class."""
    folder = tmp_path_factory.mktemp("digits")
    images, labels = load_digits(n_class=4, return_X_y=True)
    for i, (image, label) in enumerate(zip(images[:320], labels[:320], strict=True)):
        (folder / f"d{label}").mkdir(exist_ok=True)
        grey = np.clip(image.reshape(8, 8) * 16, 0, 255).astype(np.uint8)
        (folder / f"d{label}" / f"{i:03}.png").write_bytes(pixels.png(grey))
    return folder


@pytest.fixture(scope="module")
def listing(digits: Path) -> pd.DataFrame:
    frame = read(digits).sample(frac=1, random_state=1).reset_index(drop=True)
    frame["shade"] = np.random.default_rng(0).normal(size=len(frame))
    return frame


def test_a_folder_of_folders_is_a_table(digits: Path) -> None:
    frame = read(digits)
    assert list(frame.columns) == ["file", "class"] and len(frame) == 320
    assert set(frame["class"]) == {"d0", "d1", "d2", "d3"} and frame.attrs["folder"] == str(digits)
    assert list(read(digits / "d0").columns) == ["file"]


def test_images_are_learned_from_and_answered_where_they_lie(
    digits: Path, listing: pd.DataFrame, tmp_path: Path
) -> None:
    predictor = AutoML(**QUICK).fit(listing[:240], "class")
    kinds = {c["name"]: c["kind"] for c in predictor.about["columns"]}
    assert kinds == {"file": "image", "shade": "number"}
    assert predictor.evaluate(listing[240:])["accuracy"] > 0.9
    importance = predictor.explain_global().set_index("name")["importance"]
    assert importance["file"] > 0.3 > importance["shade"]
    saved = predictor.save(tmp_path / "model")
    moved = shutil.copytree(digits, tmp_path / "elsewhere")
    bare = listing[240:].copy()
    bare.attrs = {}
    again = autoglm.load(saved, files=moved)
    assert again.predict(bare).tolist() == predictor.predict(listing[240:]).tolist()
    alone = autoglm.load(saved).predict_proba(bare)  # the working directory holds none of them
    assert np.ptp(alone.to_numpy(), axis=0).max() < 0.3


def test_bytes_give_the_same_answers_as_files(digits: Path, listing: pd.DataFrame) -> None:
    content = listing.assign(file=[(digits / f).read_bytes() for f in listing["file"]])
    one, other = (AutoML(**QUICK).fit(rows[:240], "class").predict_proba(rows[240:]) for rows in (listing, content))
    np.testing.assert_array_equal(one.to_numpy(), other.to_numpy())


def test_files_outside_are_not_opened_unless_allowed(digits: Path, listing: pd.DataFrame, tmp_path: Path) -> None:
    rows = listing.assign(file=[str(digits / f) for f in listing["file"]])
    rows.attrs = {"folder": str(tmp_path)}
    refused = AutoML(**QUICK).fit(rows[:120], "class")
    assert any("outside of" in f["message"] for f in refused.summary["findings"])
    assert "file" not in refused.columns
    assert "file" in AutoML(**QUICK, files=digits).fit(rows[:120], "class").columns


def test_a_run_goes_on_whatever_there_was_time_for(
    listing: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hurried:
        hurried.setattr(automl, "LOOKING", 0.0)
        first = AutoML(seconds=4, threads=2, folder=tmp_path / "run", learners=["linear"]).fit(listing, "class")
    second = AutoML(seconds=6, threads=2, folder=tmp_path / "run", learners=["linear"]).fit(listing, "class")
    assert first.folder == second.folder


def test_a_target_of_bytes_is_refused(digits: Path, listing: pd.DataFrame) -> None:
    rows = listing.assign(file=[(digits / f).read_bytes() for f in listing["file"]])
    with pytest.raises(DataError, match="target 'file' holds binary cells"):
        AutoML(**QUICK).fit(rows, "file")


def test_the_command_line_takes_a_folder(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = CliRunner()
    out = run.invoke(commands, ["fit", str(digits), "--work", "4", "--learner", "linear", "--out", "model", "--quiet"])
    assert out.exit_code == 0, out.output
    answers = run.invoke(commands, ["predict", "model", str(digits / "d1"), "--json"])
    assert answers.exit_code == 0, answers.output
    found = pd.read_json(io.StringIO(answers.stdout))["class"]
    assert (found == "d1").mean() > 0.8
    (tmp_path / "list.csv").write_text("file\n" + "\n".join(p.name for p in (digits / "d1").iterdir()))
    told = run.invoke(commands, ["predict", "model", "list.csv", "--files", str(digits / "d1"), "--json"])
    assert sorted(pd.read_json(io.StringIO(told.stdout))["class"]) == sorted(found)
    assert run.invoke(commands, ["fit", "list.csv"]).exit_code == 2
