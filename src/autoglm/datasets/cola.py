"""CoLA: is an English sentence acceptable to a native speaker? Measured by Matthews correlation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm.core.dataset import PART, Archive, Card, Dataset
from autoglm.core.errors import DataError, OptionError, nearest
from autoglm.core.tabbed import read_tabbed

COLUMNS = ("source", "acceptable", "mark", "sentence")
"""Columns of the official files, which have no header; `mark` is the star that the author of the source wrote."""

_TEST = {"": "in_domain_dev.tsv", "out_of_domain": "out_of_domain_dev.tsv"}


def _card(name: str, title: str, test: str) -> Card:
    return Card(
        name=name,
        title=title,
        modality="text",
        kind="binary",
        target="acceptable",
        metric="matthews",
        split="official",
        folder="cola_public",
        source="https://nyu-mll.github.io/CoLA/",
        licence="Copyright stays with the publications quoted; offered for research, without a licence",
        citation="Warstadt, Singh & Bowman (2019): Neural Network Acceptability Judgments. TACL 7, 625-641",
        size=f"8,551 training sentences; {test}",
        archives=(
            Archive(
                "https://nyu-mll.github.io/CoLA/cola_public_1.1.zip",
                "md5:9f6d88c3558ec424cd9d66ea03589aba",
                "torchtext, torchtext/datasets/cola.py",
            ),
        ),
        note="The labels of the official test set are not public: the development file is the test part here.",
    )


CARDS = {
    "": _card("cola", "CoLA: acceptable sentences, in-domain test", "527 in-domain development sentences"),
    "out_of_domain": _card(
        "cola/out_of_domain",
        "CoLA: acceptable sentences, out-of-domain test",
        "516 development sentences from sources that the training part does not quote",
    ),
}


def read(folder: Path, task: str = "") -> Dataset:
    """Read ``raw/in_domain_train.tsv`` and the development file of the task.

    The column ``mark`` gives the label away and ``source`` names the publication, so the one feature is the sentence.

    Raises
    ------
    DataError
        A file is missing or malformed, or a label is neither 0 nor 1.
    OptionError
        No such task.
    """
    if task not in CARDS:
        raise OptionError(f"cola has no task {task!r}{nearest(task, CARDS)}")
    parts = {"train": "in_domain_train.tsv", "test": _TEST[task]}
    frames = [_part(folder / "raw" / file, part) for part, file in parts.items()]
    return Dataset(CARDS[task], pd.concat(frames, ignore_index=True), folder)


def matthews(truth: NDArray[Any], label: NDArray[Any]) -> float:
    """Return the Matthews correlation of 0/1 labels with 0/1 answers, -1 to 1.

    It is 0 where either has one class only. Matthews (1975); the official measure of CoLA.
    """
    if len(np.unique(truth)) < 2 or len(np.unique(label)) < 2:
        return 0.0
    return float(np.corrcoef(truth, label)[0, 1])


def _part(path: Path, part: str) -> pd.DataFrame:
    frame = read_tabbed(path, COLUMNS)
    wrong = frame[~frame["acceptable"].isin(["0", "1"])]
    if len(wrong):
        line, label = wrong.index[0], wrong["acceptable"].iloc[0]
        raise DataError(f"{path}, line {line}: label {label!r}; expected 0 or 1 in the second of four columns")
    return pd.DataFrame({"sentence": frame["sentence"], "acceptable": frame["acceptable"].astype("int64"), PART: part})
