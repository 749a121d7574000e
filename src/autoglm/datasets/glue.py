"""GLUE: nine English tasks on one sentence or on a pair, read from GLUE's own files, with GLUE's own measures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from autoglm.core.dataset import PART, Archive, Card, Dataset
from autoglm.core.errors import DataError, OptionError, nearest
from autoglm.core.metrics import accuracy, f1
from autoglm.core.tabbed import read_tabbed
from autoglm.core.task import Kind

_GLUE = "Wang et al. (2019): GLUE: A Multi-Task Benchmark and Analysis Platform for NLU. ICLR"
_HOST = "https://dl.fbaipublicfiles.com/glue/data"
_SENTEVAL = "https://dl.fbaipublicfiles.com/senteval/senteval_data"
_HIDDEN = "GLUE hides the labels of its test file: its development file is the test part here."
_MSR = "msr_paraphrase_train.txt", "msr_paraphrase_test.txt"


@dataclass(frozen=True)
class _Layout:
    """Where a task's columns stand in its files.

    Parameters
    ----------
    files
        Pairs of training and test file; the first pair that is complete is read.
    texts
        Column of the file → column of the frame.
    label
        Column of the labels.
    classes
        The labels as written; empty for a score.
    """

    files: tuple[tuple[str, str], ...]
    texts: dict[str, str]
    label: str
    classes: tuple[str, ...] = ()


_OWN = (("train.tsv", "dev.tsv"),)
_PAIR = {"sentence1": "sentence1", "sentence2": "sentence2"}
_NLI = ("entailment", "not_entailment")
_THREE = ("contradiction", "entailment", "neutral")
_LAYOUTS = {
    "sst2": _Layout(_OWN, {"sentence": "sentence"}, "label", ("0", "1")),
    "mrpc": _Layout((*_OWN, _MSR), {"#1 String": "sentence1", "#2 String": "sentence2"}, "Quality", ("0", "1")),
    "qqp": _Layout(_OWN, {"question1": "question1", "question2": "question2"}, "is_duplicate", ("0", "1")),
    "stsb": _Layout(_OWN, _PAIR, "score"),
    "mnli": _Layout((("train.tsv", "dev_matched.tsv"),), _PAIR, "gold_label", _THREE),
    "mnli_mm": _Layout((("train.tsv", "dev_mismatched.tsv"),), _PAIR, "gold_label", _THREE),
    "qnli": _Layout(_OWN, {"question": "question", "sentence": "sentence"}, "label", _NLI),
    "rte": _Layout(_OWN, _PAIR, "label", _NLI),
    "wnli": _Layout(_OWN, _PAIR, "label", ("0", "1")),
}
"""Task → layout of its files. MNLI has two test files, so it is two tasks."""


def _card(
    task: str,
    folder: str,
    title: str,
    metric: str,
    size: str,
    paper: str,
    licence: str,
    archives: tuple[Archive, ...],
    kind: Kind = "binary",
    note: str = _HIDDEN,
) -> Card:
    return Card(
        name=f"glue/{task}",
        title=title,
        modality="text",
        kind=kind,
        target="score" if kind == "regression" else "label",
        metric=metric,
        split="official",
        folder=f"glue/{folder}",
        source="https://gluebenchmark.com/tasks",
        licence=licence,
        citation=f"{paper}; {_GLUE}",
        size=size,
        archives=archives,
        note=note,
    )


def _zip(file: str, md5: str = "", stated_by: str = "") -> tuple[Archive, ...]:
    return (Archive(f"{_HOST}/{file}", f"md5:{md5}" if md5 else "", stated_by),)


_UNNAMED = "GLUE names no licence; see the source"
_MNLI = "Williams, Nangia & Bowman (2018): A Broad-Coverage Challenge Corpus. NAACL"
_MNLI_TERMS = "OANC terms for most of the text, CC BY 3.0 and CC BY-SA 3.0 for some fiction; see the paper"

CARDS = {
    "sst2": _card(
        "sst2",
        "SST-2",
        "SST-2: is a sentence from a film review positive?",
        "accuracy",
        "67,349 training, 872 development sentences",
        "Socher et al. (2013): Recursive Deep Models for Semantic Compositionality. EMNLP",
        _UNNAMED,
        _zip("SST-2.zip", "9f81648d4199384278b86e315dac217c", "torchtext, torchtext/datasets/sst2.py"),
    ),
    "mrpc": _card(
        "mrpc",
        "MRPC",
        "MRPC: do two sentences from the news mean the same?",
        "f1",
        "4,076 training, 1,725 test pairs in Microsoft's files; GLUE keeps 408 of the training pairs for development",
        "Dolan & Brockett (2005): Automatically Constructing a Corpus of Sentential Paraphrases. IWP",
        "Microsoft Research terms, for research",
        (
            Archive(
                f"{_SENTEVAL}/{_MSR[0]}",
                "md5:793daf7b6224281e75fe61c1f80afe35",
                "torchtext, torchtext/datasets/mrpc.py",
            ),
            Archive(
                f"{_SENTEVAL}/{_MSR[1]}",
                "md5:e437fdddb92535b820fe8852e2df8a49",
                "torchtext, torchtext/datasets/mrpc.py",
            ),
        ),
        note="Read from GLUE's train.tsv and dev.tsv where both are there, else from Microsoft's two files; never "
        "mixed, because Microsoft's training file holds GLUE's development pairs.",
    ),
    "qqp": _card(
        "qqp",
        "QQP",
        "QQP: are two questions on Quora duplicates?",
        "f1",
        "about 364,000 training, 40,000 development pairs",
        "Iyer, Dandekar & Csernai (2017): First Quora Dataset Release: Question Pairs",
        "Quora's terms, non-commercial",
        _zip("QQP-clean.zip"),
    ),
    "stsb": _card(
        "stsb",
        "STS-B",
        "STS-B: how alike are two sentences, 0 to 5?",
        "pearson",
        "5,749 training, 1,500 development pairs",
        "Cer et al. (2017): SemEval-2017 Task 1. SemEval",
        _UNNAMED,
        _zip("STS-B.zip", "d573676be38f1a075a5702b90ceab3de", "PaddleFleetX, a copy of torchtext's list"),
        kind="regression",
    ),
    "mnli": _card(
        "mnli",
        "MNLI",
        "MNLI, matched: does a sentence follow from another, from genres seen in training?",
        "accuracy",
        "392,702 training, 9,815 matched development pairs",
        _MNLI,
        _MNLI_TERMS,
        _zip("MNLI.zip"),
        kind="multiclass",
    ),
    "mnli_mm": _card(
        "mnli_mm",
        "MNLI",
        "MNLI, mismatched: does a sentence follow from another, from genres never seen in training?",
        "accuracy",
        "392,702 training, 9,832 mismatched development pairs",
        _MNLI,
        _MNLI_TERMS,
        _zip("MNLI.zip"),
        kind="multiclass",
    ),
    "qnli": _card(
        "qnli",
        "QNLI",
        "QNLI: does a sentence hold the answer to a question?",
        "accuracy",
        "104,743 training, 5,463 development pairs",
        "Rajpurkar et al. (2016): SQuAD. EMNLP",
        "CC BY-SA 4.0, like SQuAD",
        _zip("QNLIv2.zip", "b4efd6554440de1712e9b54e14760e82", "torchtext, torchtext/datasets/qnli.py"),
    ),
    "rte": _card(
        "rte",
        "RTE",
        "RTE: does a sentence follow from another?",
        "accuracy",
        "2,490 training, 277 development pairs",
        "Dagan, Glickman & Magnini (2006): The PASCAL Recognising Textual Entailment Challenge, and its sequels",
        _UNNAMED,
        _zip("RTE.zip", "bef554d0cafd4ab6743488101c638539", "torchtext, torchtext/datasets/rte.py"),
    ),
    "wnli": _card(
        "wnli",
        "WNLI",
        "WNLI: what does a pronoun stand for?",
        "accuracy",
        "635 training, 71 development pairs",
        "Levesque, Davis & Morgenstern (2011): The Winograd Schema Challenge",
        _UNNAMED,
        _zip("WNLI.zip", "a1b4bd2861017d302d29e42139657a42", "torchtext, torchtext/datasets/wnli.py"),
        note=f"{_HIDDEN} Development pairs repeat training sentences with the opposite label: a model that learns by "
        "heart does worse than a constant.",
    ),
}


def read(folder: Path, task: str) -> Dataset:
    """Read one task from its folder; malformed lines are reported with their numbers.

    Raises
    ------
    DataError
        A file is missing or malformed, lacks a column, or holds a label that the task does not have.
    OptionError
        No such task.
    """
    if task not in CARDS:
        raise OptionError(f"glue has no task {task!r}{nearest(task, CARDS)} (known: {', '.join(CARDS)})")
    layout = _LAYOUTS[task]
    pairs = layout.files
    train, test = next((pair for pair in pairs if all((folder / file).is_file() for file in pair)), pairs[0])
    frames = [_part(folder / train, "train", layout), _part(folder / test, "test", layout)]
    return Dataset(CARDS[task], pd.concat(frames, ignore_index=True), folder)


def scores(task: str, truth: NDArray[Any], answer: NDArray[Any]) -> dict[str, float]:
    """Return all of GLUE's measures of a task, and their mean, which is what GLUE averages over its tasks.

    Parameters
    ----------
    task
        ``"mrpc"``.
    truth, answer
        Labels, or scores for ``"stsb"``; of the pairs MRPC and QQP as 0 and 1.
    """
    if task == "stsb":
        found = {
            "pearson": float(stats.pearsonr(truth, answer).statistic),
            "spearman": float(stats.spearmanr(truth, answer).statistic),
        }
    elif task in ("mrpc", "qqp"):
        found = {"f1": float(f1(truth, answer)), "accuracy": accuracy(truth, answer)}
    else:
        found = {"accuracy": accuracy(truth, answer)}
    return found | {"mean": float(np.mean(list(found.values())))}


def _part(path: Path, part: str, layout: _Layout) -> pd.DataFrame:
    frame = read_tabbed(path)
    lacking = [name for name in (*layout.texts, layout.label) if name not in frame]
    if lacking:
        found = ", ".join(map(repr, frame.columns))
        raise DataError(f"{path}: no column {lacking[0]!r}; found {found}. GLUE's test.tsv has no labels: not that one")
    out = frame[list(layout.texts)].rename(columns=layout.texts)
    if layout.classes:
        return out.assign(label=_labels(frame[layout.label], layout.classes, path), **{PART: part})
    return out.assign(score=_numbers(frame[layout.label], path), **{PART: part})


def _labels(written: pd.Series[str], classes: tuple[str, ...], path: Path) -> pd.Series[Any]:
    wrong = written[~written.isin(classes)]
    if len(wrong):
        what = f"label {wrong.iloc[0]!r}; expected {', '.join(classes)}"
        raise DataError(f"{path}, line {wrong.index[0]}: {what}")
    return written.astype("int64") if classes == ("0", "1") else written


def _numbers(written: pd.Series[str], path: Path) -> pd.Series[float]:
    numbers = pd.to_numeric(written, errors="coerce")
    wrong = written[~numbers.between(0, 5)]
    if len(wrong):
        raise DataError(f"{path}, line {wrong.index[0]}: score {wrong.iloc[0]!r}; expected a number from 0 to 5")
    return numbers
