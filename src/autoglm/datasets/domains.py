"""Sentiment in four domains (tweets, films, products, editorials) under one label, for learning across domains."""

from __future__ import annotations

import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from autoglm.core.dataset import PART, Card, Dataset
from autoglm.core.errors import DataError, OptionError
from autoglm.core.tabbed import parse_tabbed

DOMAINS = {
    "tweets": "tweets_GroundTruth.txt",
    "films": "movieReviewSnippets_GroundTruth.txt",
    "products": "amazonReviewSnippets_GroundTruth.txt",
    "editorials": "nytEditorialSnippets_GroundTruth.txt",
}
"""Domain → file in the publisher's archive."""

SDIST = "vaderSentiment-0.5.zip"
ARCHIVE = "hutto_ICWSM_2014.tar.gz"
COLUMNS = ("id", "valence", "text")

CLEAR = 0.5
"""Mean valences closer to 0 than this are left out of the task "clear"."""

_ALL = Card(
    name="domains",
    title="Is a sentence positive or negative? Four domains, one human scale",
    modality="text",
    kind="binary",
    target="sentiment",
    metric="f1_macro",
    split="official",
    folder="vaderSentiment",
    source="https://pypi.org/project/vaderSentiment/0.5/",
    licence="MIT (the package that carries the data)",
    citation="Hutto & Gilbert (2014): VADER: A Parsimonious Rule-based Model for Sentiment Analysis. ICWSM",
    size="4,200 tweets, 10,605 film, 3,708 product and 5,190 editorial sentences, less 383 rated neutral; 2 MB",
    note=(
        f"Comes in the source distribution {SDIST}, as additional_resources/{ARCHIVE}: pip download --no-deps "
        "--no-binary :all: vaderSentiment==0.5, into the folder. The mean valence of at least 20 raters, -4 to 4, "
        "became its sign. There is no official split: the test part is every fifth document (an article or a "
        "review where the file tells which, else a sentence)."
    ),
)


CARDS = {
    "": _ALL,
    "clear": replace(
        _ALL,
        name="domains/clear",
        title="Is a sentence positive or negative? Four domains, sentences that raters felt clearly about",
        size="those of domains that were rated beyond -0.5 or 0.5",
        groups="document",
        note=_ALL.note + " Has the document of each sentence, so that none stands on both sides of a split.",
    ),
}


def read(folder: Path, task: str = "") -> Dataset:
    """Read the four ground-truth files.

    They are looked for in this order: ``hutto_ICWSM_2014/`` unpacked, ``hutto_ICWSM_2014.tar.gz``, the unpacked source
    distribution ``vaderSentiment-0.5/``, the source distribution ``vaderSentiment-0.5.zip`` itself.

    Returns
    -------
    Dataset
        Columns text, domain, sentiment ("negative" or "positive") and the part; in the task "clear" also document.

    Raises
    ------
    DataError
        The files are not there, an archive is damaged, or a line is not what is expected.
    """
    if task not in CARDS:
        raise OptionError(f"domains has no task {task!r}; leave it empty, or 'clear'")
    contents = _contents(folder)
    frames = [_domain(contents[file], file, domain, task) for domain, file in DOMAINS.items()]
    return Dataset(CARDS[task], pd.concat(frames, ignore_index=True), folder)


def _contents(folder: Path) -> dict[str, bytes]:
    """Map the name of each ground-truth file to its bytes."""
    loose = folder / ARCHIVE.removesuffix(".tar.gz")
    if loose.is_dir():
        missing = [file for file in DOMAINS.values() if not (loose / file).is_file()]
        if missing:
            raise DataError(f"{loose / missing[0]}: no such file; unpack {ARCHIVE} anew")
        return {file: (loose / file).read_bytes() for file in DOMAINS.values()}
    inside = Path("vaderSentiment-0.5", "additional_resources", ARCHIVE)
    for path in (folder / ARCHIVE, folder / inside):
        if path.is_file():
            return _unpacked(path.read_bytes(), path)
    if (folder / SDIST).is_file():
        try:
            with zipfile.ZipFile(folder / SDIST) as sdist:
                return _unpacked(sdist.read(inside.as_posix()), folder / SDIST)
        except (zipfile.BadZipFile, KeyError) as error:
            raise DataError(f"{folder / SDIST}: damaged or another release ({error}); download it anew") from None
    raise DataError(
        f"{folder}: neither {ARCHIVE} nor {SDIST}; "
        f"pip download --no-deps --no-binary :all: vaderSentiment==0.5 -d {folder}"
    )


def _unpacked(data: bytes, path: Path) -> dict[str, bytes]:
    """Read the members in memory: nothing of an archive is written anywhere."""
    prefix, found = ARCHIVE.removesuffix(".tar.gz"), {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            for file in DOMAINS.values():
                member = archive.extractfile(f"{prefix}/{file}")
                if member is None:
                    raise DataError(f"{path}: {prefix}/{file} is not a file in it; download it anew")
                found[file] = member.read()
    except (tarfile.TarError, OSError, EOFError, KeyError) as error:
        raise DataError(f"{path}: damaged or another archive ({error}); download it anew") from None
    return found


def _domain(data: bytes, name: str, domain: str, task: str) -> pd.DataFrame:
    frame = parse_tabbed(data, name, COLUMNS)
    valence = pd.to_numeric(frame["valence"], errors="coerce")
    wrong = frame[~valence.between(-4, 4)]
    if len(wrong):
        found = wrong["valence"].iloc[0]
        raise DataError(f"{name}, line {wrong.index[0]}: valence {found!r}; expected a number from -4 to 4")
    document = pd.to_numeric(frame["id"].str.partition("_")[0], errors="coerce")
    if document.isna().any():
        line = frame.index[document.isna()][0]
        raise DataError(f"{name}, line {line}: id {frame.loc[line, 'id']!r}; expected a number, or two with _ between")
    out = pd.DataFrame(
        {
            "text": frame["text"],
            "domain": domain,
            "sentiment": np.where(valence > 0, "positive", "negative"),
            PART: np.where(document % 5 == 0, "test", "train"),
        }
    )
    if task:
        out.insert(2, "document", [f"{domain} {number:.0f}" for number in document])
    return out[valence.abs() > CLEAR if task else valence != 0]
