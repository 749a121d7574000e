"""A data set and its card: where it comes from, what is predicted, how it is split."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd

from autoglm.core.task import Kind

Modality = Literal["table", "text", "image", "audio"]
PART = "__part__"  # column that says to which part a row belongs


@dataclass(frozen=True)
class Archive:
    """One file of the official distribution.

    Parameters
    ----------
    url
        Where the publisher offers it.
    checksum
        ``"md5:..."`` or ``"sha256:..."``; empty where the publisher gives none and it was not seen.
    stated_by
        Who says so: a page, a paper, a well-kept library.
    """

    url: str
    checksum: str = ""
    stated_by: str = ""


@dataclass(frozen=True)
class Card:
    """What a stranger needs to know of a data set before using it.

    Parameters
    ----------
    name
        ``"mnist"``; one of several tasks on the same files follows a slash: ``"glue/sst2"``; a miniature ends in
        ``"-mini"``.
    title
        One line for people.
    modality
        What its columns hold.
    kind, target
        The task and the column that is predicted.
    metric
        The data set's own measure, by the name that its literature uses.
    split
        ``"official"``: train and test are given; ``"folds"``: given folds, never shuffled anew; ``"hashed"``: the
        publisher gives none, and a hash of each file's name decides, so that it is the same everywhere.
    folder
        Folder of the official layout below ``$AUTOGLM_DATA``.
    source, licence, citation
        Page of the publisher, terms, paper.
    size
        Rows and bytes, for people.
    media
        Columns that hold paths of files, relative to the data set's folder.
    groups
        Column whose equal values belong together, for ``fit(..., groups=...)``: it tells too much to be a feature.
    miniature_of
        Name of the set that it stands in for; empty for the set itself.
    note
        What the reader of a result must know, such as what a miniature really is.
    """

    name: str
    title: str
    modality: Modality
    kind: Kind
    target: str
    metric: str
    split: Literal["official", "folds", "hashed"]
    folder: str
    source: str
    licence: str
    citation: str
    size: str
    archives: tuple[Archive, ...] = ()
    media: tuple[str, ...] = ()
    groups: str = ""
    miniature_of: str = ""
    note: str = ""


@dataclass(frozen=True)
class Mini:
    """What a miniature really is: real data of another source, written in the official layout of the set.

    Parameters
    ----------
    title
        One line for people.
    note
        What the reader of a result must know: what its rows are, and how they were split.
    source, licence
        Where its rows come from, and on what terms.
    size
        Rows and bytes, for people.
    """

    title: str
    note: str
    source: str
    licence: str
    size: str


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set that was read.

    Parameters
    ----------
    card
        What it is.
    frame
        Features, the target, and `PART`: ``"train"``, ``"validation"`` or ``"test"``; or ``"fold 1"``, ``"fold 2"``
        and so on.
    folder
        What the paths in the columns `Card.media` start from.
    """

    card: Card
    frame: pd.DataFrame
    folder: Path = field(default_factory=Path)
