"""Texts: TF-IDF of words and of characters, brought down to few numbers; and how alike the texts of a pair are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from threadpoolctl import threadpool_limits

from autoglm.core.errors import DataError
from autoglm.core.seed import Seed

TOKENS = 512
"""Tokens (separated by white space) of a text that are read, as many as a BERT model reads."""

THEMES = 128
"""Directions kept of each column."""

MOST_TERMS = 50_000
"""Terms kept of words, and of characters: the most frequent."""

SEED = Seed(0)
"""Of the decomposition, unless the caller names another."""

OVERLAPS = ("cosine of words", "cosine of characters", "jaccard", "length ratio")
"""The last columns of the features of a pair."""


def features(texts: pd.DataFrame, train: NDArray[np.bool_], *, seed: Seed = SEED) -> NDArray[np.float32]:
    """Turn text columns into numbers.

    Parameters
    ----------
    texts
        Columns of text, missing values allowed; two columns are taken as a pair.
    train
        Shape (n_rows,): the rows to learn words, weights and directions from; the others are never looked at for that.
    seed
        Of the randomised decomposition.

    Returns
    -------
    ndarray
        float32, shape (n_rows, d), finite: at most 128 themes a column, which share one vocabulary; then `OVERLAPS` of
        a pair. All zeros where the training rows hold no word.

    Raises
    ------
    DataError
        No column, no training row, or a mask of another length.
    """
    if texts.shape[1] == 0 or not np.any(train) or len(train) != len(texts):
        raise DataError(
            f"{texts.shape[1]} text columns, {len(texts)} rows, a mask of {len(train)} with {np.sum(train)} training "
            "rows; expected at least one column, one training row, and a mask of as many rows"
        )
    columns = [_cut(texts.iloc[:, i]) for i in range(texts.shape[1])]
    fitted = [text for column in columns for text, wanted in zip(column, train, strict=True) if wanted]
    words = [*_weighted(_vectoriser("word", (1, 2), len(fitted)), fitted, columns)]
    grams = [*_weighted(_vectoriser("char_wb", (3, 5), len(fitted)), fitted, columns)]
    both = [sp.hstack([w, g], format="csr") for w, g in zip(words, grams, strict=True)]
    blocks = _themes(both, train, seed)
    if len(columns) == 2:
        blocks.append(_overlaps(columns, words, grams))
    return np.ascontiguousarray(np.hstack(blocks), dtype=np.float32)


def _cut(column: pd.Series[Any]) -> list[str]:
    present = column.notna()
    return [
        " ".join(str(text).split(maxsplit=TOKENS)[:TOKENS]) if here else ""
        for text, here in zip(column, present, strict=True)
    ]


def _vectoriser(kind: str, grams: tuple[int, int], rows: int) -> TfidfVectorizer:
    """A term must occur in two texts, where there are enough of them to tell."""
    return TfidfVectorizer(
        analyzer=kind,
        ngram_range=grams,
        min_df=2 if rows >= 200 else 1,
        max_features=MOST_TERMS,
        sublinear_tf=True,
        token_pattern=r"(?u)\b\w+\b" if kind == "word" else None,  # "a" and "I" count, too
        dtype=np.float32,
    )


def _weighted(vectoriser: TfidfVectorizer, fitted: list[str], columns: list[list[str]]) -> list[sp.csr_matrix]:
    try:
        vectoriser.fit(fitted)
    except ValueError:  # "empty vocabulary", "no terms remain": texts without a word
        return [sp.csr_matrix(np.zeros((len(column), 1), dtype=np.float32)) for column in columns]
    return [vectoriser.transform(column) for column in columns]


def _themes(blocks: Sequence[sp.csr_matrix], train: NDArray[np.bool_], seed: Seed) -> list[NDArray[np.float32]]:
    """Project each column on the leading directions that its training rows have in common."""
    fitted = sp.vstack([block[train] for block in blocks], format="csr")
    size = min(THEMES, fitted.shape[0], fitted.shape[1] - 1)
    if fitted.nnz == 0 or size < 1:
        return [np.zeros((block.shape[0], 1), dtype=np.float32) for block in blocks]
    # One thread: the same bits whatever the number of threads. Texts that are all the same have no variance to share.
    with threadpool_limits(1), np.errstate(invalid="ignore"):
        svd = TruncatedSVD(size, random_state=seed.child("words").integer).fit(fitted)
        return [svd.transform(block) for block in blocks]


def _overlaps(
    columns: Sequence[list[str]], words: Sequence[sp.csr_matrix], grams: Sequence[sp.csr_matrix]
) -> NDArray[np.float32]:
    """Compare the two texts of each pair; shape (n_rows, 4), each value 0 (nothing shared) to 1 (the same)."""
    cosines = [np.asarray(a.multiply(b).sum(axis=1)).ravel() for a, b in (words, grams)]
    left, right = ([text.lower().split() for text in column] for column in columns)
    jaccard = [_share(set(a), set(b)) for a, b in zip(left, right, strict=True)]
    ratio = [min(len(a), len(b)) / max(len(a), len(b), 1) for a, b in zip(left, right, strict=True)]
    return np.column_stack([*cosines, jaccard, ratio]).astype(np.float32)


def _share(a: set[str], b: set[str]) -> float:
    return len(a & b) / max(1, len(a | b))
