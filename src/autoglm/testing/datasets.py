"""The contract of a data set: a full card, the same rows at every reading, and errors instead of half a set."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd

from autoglm import datasets
from autoglm.core.dataset import PART, Card, Dataset
from autoglm.core.errors import DataError

OPTIONAL = ("archives", "groups", "media", "miniature_of", "note")
_PARTS = re.compile(r"train|validation|test")
_FOLDS = re.compile(r"fold [1-9]\d*")


def check_dataset(name: str) -> None:
    """Check one data set that can be read here; of a miniature also that damaged files are refused.

    Parameters
    ----------
    name
        One of `autoglm.datasets.names`.

    Raises
    ------
    AssertionError
        The data set breaks the contract; the message says how.
    MissingExtraError
        What it is read with, or a miniature is made of, is not installed.
    """
    check_card(datasets.card(name), name)
    first, again = datasets.load(name), datasets.load(name)
    where = f"data set {name!r}"
    assert first.card == datasets.card(name), f"{where}: what was read has another card"
    pd.testing.assert_frame_equal(first.frame, again.frame, obj=f"{where}, read twice")
    _check_frame(first.frame, first.card, where)
    for column in first.card.media:
        assert first.frame[column].map(type).isin([str, bytes]).all(), f"{where}: {column!r} is neither path nor bytes"
    lost = [p for p in _named(first) if not p.is_file()]
    assert not lost, f"{where}: {len(lost)} files that rows name are not there, such as {lost[0]}"
    numbers = datasets.features(first)
    assert numbers.index.equals(first.frame.index), f"{where}: features have other rows"
    for column in (first.card.target, PART):
        assert numbers[column].equals(first.frame[column]), f"{where}: features have another {column!r}"
    if first.card.modality != "table":
        values = numbers.drop(columns=[first.card.target, PART]).to_numpy(dtype="float64")
        assert np.isfinite(values).all(), f"{where}: features are not finite"
        assert (values.std(axis=0) > 0).any(), f"{where}: features are the same in all rows"
    if first.card.miniature_of:
        _check_damage(name, first.folder)


def check_card(card: Card, name: str) -> None:
    """Check that a card says everything that it has to."""
    assert card.name == name, f"card of {name!r} calls itself {card.name!r}"
    empty = [f.name for f in fields(card) if f.name not in OPTIONAL and not getattr(card, f.name)]
    assert not empty, f"card of {name!r}: nothing under {', '.join(empty)}"
    assert card.source.startswith(("http://", "https://")), f"card of {name!r}: source {card.source!r} is no address"
    if card.modality in ("image", "audio"):
        assert len(card.media) == 1, f"card of {name!r}: expected one column of media, got {card.media}"
    for archive in card.archives:
        kind, _, digest = archive.checksum.partition(":")
        good = not archive.checksum or len(digest) == {"md5": 32, "sha256": 64}.get(kind)
        assert good, f"card of {name!r}: {archive.checksum!r} is neither md5:… nor sha256:…"
        assert not archive.checksum or archive.stated_by, f"card of {name!r}: nobody states {archive.checksum!r}"
    if card.miniature_of:
        assert card.note, f"card of {name!r}: its note must say what the miniature really is"


def _check_frame(frame: pd.DataFrame, card: Card, where: str) -> None:
    missing = [c for c in (card.target, PART, *card.media, *filter(None, [card.groups])) if c not in frame]
    assert not missing, f"{where}: no column {missing}"
    assert len(frame.columns) > 2, f"{where}: no feature"
    assert frame.index.equals(pd.RangeIndex(len(frame))), f"{where}: rows are not numbered 0, 1, 2 and so on"
    assert frame[card.target].notna().all(), f"{where}: target without a value in some rows"
    parts = set(frame[PART])
    expected = _FOLDS if card.split == "folds" else _PARTS
    assert all(expected.fullmatch(p) for p in parts), f"{where}: parts {sorted(parts)}, split is {card.split!r}"
    if card.groups:
        split = [group for group, found in frame.groupby(card.groups)[PART] if found.nunique() > 1]
        assert not split, f"{where}: {card.groups} {split[0]!r} is in several parts"
    assert card.split == "folds" or {"train", "test"} <= parts, f"{where}: parts {sorted(parts)}, one is lacking"
    assert len(parts) > 1, f"{where}: a single part {parts}"
    if card.kind != "regression":
        trained = frame.loc[frame[PART] != "test", card.target]
        unseen = set(frame[card.target]) - set(trained)
        assert not unseen, f"{where}: classes {unseen} are in no training row"


def _check_damage(name: str, whole: Path) -> None:
    """Damage a file (the largest, or one that a row names): an error, or at least fewer rows; then take all files away.

    A reader does not open the file of a row, so the features must refuse it.
    """
    named = _named(datasets.load(name))
    largest = max((p for p in whole.rglob("*") if p.is_file()), key=lambda p: (p.stat().st_size, str(p)))
    found = named[0] if named else largest
    with tempfile.TemporaryDirectory() as temporary:
        for damage in ("cut in half", "emptied", "deleted"):
            copy = Path(temporary) / damage / whole.parent.name / whole.name
            shutil.copytree(whole, copy)
            victim = copy / found.relative_to(whole)
            data = victim.read_bytes()
            victim.unlink()
            if damage != "deleted":
                victim.write_bytes(data[: len(data) // 2] if damage == "cut in half" else b"")
            _check_refused(name, Path(temporary) / damage, f"data set {name!r}, {found.name} {damage}")
        bare = Path(temporary) / "bare" / whole.parent.name / whole.name
        bare.mkdir(parents=True)
        try:
            datasets.load(name, Path(temporary) / "bare")
        except DataError as error:
            assert str(bare) in str(error), f"data set {name!r}: an error that does not name the empty folder: {error}"
        else:
            raise AssertionError(f"data set {name!r}: an empty folder is read without an error")


def _named(dataset: Dataset) -> list[Path]:
    """Files that rows name."""
    return [dataset.folder / v for c in dataset.card.media for v in dataset.frame[c] if isinstance(v, str)]


def _check_refused(name: str, root: Path, where: str) -> None:
    try:
        rows = len(datasets.features(datasets.load(name, root)))
    except DataError as error:
        assert str(error), f"{where}: an error without a word"
        return
    assert rows < len(datasets.load(name).frame), f"{where}: read as if it were whole"
