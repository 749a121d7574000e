"""CoLA's files: four columns, no header, a star that gives the label away."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef

from autoglm.core.dataset import PART
from autoglm.core.errors import DataError, OptionError
from autoglm.datasets import cola

TRAIN = 'gj04\t1\t\tThe book "fell" off.\ncj99\t0\t*\tThe book off fell.\nbc01\t1\t\tWho\'s there?\n'
DEV = "gj04\t0\t*\tAway he ran it.\n"
OUT = "rhl07\t1\t\tShe can swim.\nrhl07\t0\t??\tSwim can she it.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    for file, text in (("in_domain_train", TRAIN), ("in_domain_dev", DEV), ("out_of_domain_dev", OUT)):
        (tmp_path / "raw" / f"{file}.tsv").write_bytes(text.encode())
    return tmp_path


def test_in_domain(folder: Path) -> None:
    frame = cola.read(folder, "").frame
    assert frame.columns.tolist() == ["sentence", "acceptable", PART]
    assert frame["sentence"].tolist() == [
        'The book "fell" off.',
        "The book off fell.",
        "Who's there?",
        "Away he ran it.",
    ]
    assert frame["acceptable"].tolist() == [1, 0, 1, 0]
    assert frame[PART].tolist() == ["train", "train", "train", "test"]


def test_out_of_domain(folder: Path) -> None:
    frame = cola.read(folder, "out_of_domain").frame
    assert frame.loc[frame[PART] == "test", "sentence"].tolist() == ["She can swim.", "Swim can she it."]


def test_a_label_of_something_else(folder: Path) -> None:
    (folder / "raw" / "in_domain_dev.tsv").write_text("gj04\t2\t\tA line.\n")
    with pytest.raises(DataError, match=r"in_domain_dev\.tsv, line 1: label '2'; expected 0 or 1"):
        cola.read(folder, "")


def test_a_cut_file(folder: Path) -> None:
    (folder / "raw" / "in_domain_train.tsv").write_text(TRAIN[: TRAIN.rindex("\t")])
    with pytest.raises(DataError, match=r"1 of 3 lines do not have 4 cells \(lines 3\)"):
        cola.read(folder, "")


def test_missing_file_and_unknown_task(folder: Path) -> None:
    (folder / "raw" / "out_of_domain_dev.tsv").unlink()
    with pytest.raises(DataError, match="no such file"):
        cola.read(folder, "out_of_domain")
    with pytest.raises(OptionError, match="did you mean 'out_of_domain'"):
        cola.read(folder, "outofdomain")


def test_matthews_is_that_of_scikit_learn() -> None:
    draw = np.random.default_rng(0)
    truth = draw.integers(0, 2, 60)
    answer = np.where(draw.random(60) < 0.7, truth, 1 - truth)
    assert cola.matthews(truth, answer) == pytest.approx(matthews_corrcoef(truth, answer))
    assert cola.matthews(truth, np.ones(60)) == 0.0
