"""Licences of software and data: the category that says what a text allows."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from autoglm.core.dataset import PART, Card, Dataset
from autoglm.core.errors import DataError, OptionError
from autoglm.core.published import members, part

PACKAGE = "licensedcode-data==32.1.0"
TEXTS, NOTICES = "data/licenses/*.LICENSE", "data/rules/*.RULE"
SHORTEST = 50  # characters of a text: of less, most is a name
KINDS = ("is_license_text", "is_license_notice")  # what is a text by itself, not a mention

CARDS = {
    "": Card(
        name="licences",
        title="What does a licence allow? Texts and notices in eleven categories, from permissive to commercial",
        modality="text",
        kind="multiclass",
        target="category",
        metric="f1_macro",
        split="hashed",
        folder="licensedcode",
        source="https://scancode-licensedb.aboutcode.org",
        licence="CC BY 4.0",
        citation="nexB Inc. and contributors: ScanCode LicenseDB, 32.1.0",
        size="15,000 texts and notices of 2,300 licences; 27 MB packed",
        groups="licence",
        note=(
            f"Comes with the package {PACKAGE}: pip download it into the folder. Whole licences, and notices of one "
            "licence that are 50 characters or longer. A fifth of the licences, by a hash of their keys, is the test "
            "part. The licence tells the category: split by it, and keep it from the features. Licences copy from each "
            "other, so that a new one is seldom all new."
        ),
    )
}


def read(folder: Path, task: str = "") -> Dataset:
    """Read licences and rules, from the folders ``data/licenses`` and ``data/rules`` or the wheel that carries them.

    Returns
    -------
    Dataset
        Columns text, licence (its key), category and the part.

    Raises
    ------
    DataError
        The files are not there, or one is not what is expected.
    """
    if task:
        raise OptionError(f"licences has one task only, not {task!r}")
    licences = [_parsed(*member, "key", "category") for member in members(folder, TEXTS, PACKAGE)]
    categories = {about["key"]: about["category"] for about, _ in licences}
    rows = [(text, about["key"]) for about, text in licences]
    for name, data in members(folder, NOTICES, PACKAGE):
        about, text = _parsed(name, data)
        key = about.get("license_expression", "")  # what is no licence has none
        if key in categories and any(about.get(kind) == "yes" for kind in KINDS):
            rows.append((text, key))
    frame = pd.DataFrame(rows, columns=["text", "licence"])
    frame = frame[frame["text"].str.len() >= SHORTEST].drop_duplicates().reset_index(drop=True)
    frame["category"] = frame["licence"].map(categories)
    frame[PART] = frame["licence"].map(part)
    return Dataset(CARDS[""], frame, folder)


def _parsed(name: str, data: bytes, *wanted: str) -> tuple[dict[str, str], str]:
    """Return what stands between the first two lines of dashes, and the text below; continued lines are left out."""
    found = re.match(r"---\n(.*?)\n---[ \t]*(?:\n(.*))?$", data.decode("utf-8", "replace").replace("\r\n", "\n"), re.S)
    if found is None:
        raise DataError(f"{name}: no block between two lines ---; expected one at the start; download it anew")
    pairs = (line.split(":", 1) for line in found[1].split("\n") if ":" in line and not line[:1].isspace())
    about = {key.strip(): value.strip() for key, value in pairs}
    if missing := [key for key in wanted if not about.get(key)]:
        raise DataError(f"{name}: nothing under {missing[0]!r}; download it anew")
    return about, (found[2] or "").strip()
