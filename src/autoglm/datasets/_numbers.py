"""Any data set as numbers: the classical features of its modality."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm.core.dataset import PART, Dataset
from autoglm.core.errors import DataError

MOST_LABELS = 20  # a text column with no more distinct values than this holds labels, not texts
Named = tuple[NDArray[Any], list[str]]
"""Values, shape (n_rows, d), and their names."""


def features(dataset: Dataset) -> pd.DataFrame:
    """Compute the features; see `autoglm.datasets.features`."""
    rows = dataset.frame.drop(columns=[dataset.card.target, PART, *filter(None, [dataset.card.groups])])
    modality = dataset.card.modality
    if modality == "table":
        return dataset.frame
    if modality == "text":
        found = _texts(dataset, rows)
    else:
        found = _media(dataset, rows)
    values = pd.DataFrame(found[0], columns=found[1], index=dataset.frame.index)
    return pd.concat([values, dataset.frame[[dataset.card.target, PART]]], axis=1)


def _media(dataset: Dataset, rows: pd.DataFrame) -> Named:
    (column,) = dataset.card.media
    files = [v if isinstance(v, bytes) else dataset.folder / str(v) for v in rows[column]]
    paths = [f for f in files if isinstance(f, Path)]
    if dataset.card.modality == "audio":
        from autoglm.prep import sound

        return sound.features(paths), list(sound.NAMES)
    if paths and paths[0].suffix.lower() in (".tif", ".tiff"):
        from autoglm.prep import bands

        return bands.features(paths)
    from autoglm.prep import pixels

    return pixels.features(files), list(pixels.NAMES)


def _texts(dataset: Dataset, rows: pd.DataFrame) -> Named:
    """Texts by their words, labels by a column each, numbers as they are."""
    from autoglm.prep import words

    named = [c for c in rows if not pd.api.types.is_numeric_dtype(rows[c])]
    texts = [c for c in named if rows[c].nunique() > MOST_LABELS] or named
    if not texts:
        raise DataError(f"{dataset.card.name!r} has no column of text: {list(rows.columns)}")
    parts = dataset.frame[PART]
    # Given folds have no one training part; the words of all rows are counted then, never the target.
    train = np.asarray(parts == "train") if (parts == "train").any() else np.ones(len(rows), dtype=bool)
    values = words.features(rows[texts], train)
    labels = [c for c in named if c not in texts]
    others = rows.drop(columns=texts)
    others = pd.get_dummies(others, columns=labels) if labels else others
    block = np.hstack([values, others.to_numpy(dtype="float32")])
    return block, [*(f"words {i + 1}" for i in range(values.shape[1])), *map(str, others.columns)]
