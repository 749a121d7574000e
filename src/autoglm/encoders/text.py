"""Free text (reviews, titles, addresses): weighted words and pairs, their themes, what a language model reads in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import chain, pairwise
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from autoglm.core.columns import Column
from autoglm.core.features import Block, Output
from autoglm.core.ragged import Ragged
from autoglm.core.seed import Seed
from autoglm.encoders import State
from autoglm.prep import media
from autoglm.prep.directions import Directions

MOST_TERMS = 20_000
MOST_THEMES = 48
MOST_CHARACTERS = 5_000
"""Of one value; the rest is not read."""

FIT_ROWS = 50_000
FIT_CHARACTERS = 8_000_000
"""Terms are counted on at most this much text: about 3 s on one core."""

AT_ONCE, BLOCK = 1_000, 10_000
"""Texts from which it pays to give words numbers, and how many are held at once."""

THEME_ROWS = 10_000
"""Themes are found on at most this many of those rows."""

MEASURES = ("length", "words", "digits", "capitals")

_WORD = re.compile(r"\w+|[\u2600-\u27bf\U0001f000-\U0001faff]")


@dataclass(frozen=True, eq=False)
class Text:
    """A fitted text column.

    Parameters
    ----------
    name
        The column.
    grams
        "words" (single and pairs) or "characters" (one to three in a row, where words are not separated).
    vocabulary
        The terms; position = sparse column.
    weights
        Inverse document frequency of each term.
    themes
        float32, shape (n_terms, n_themes): directions of a truncated singular value decomposition.
    directions
        How what a language model reads is brought down to few numbers; none where it did not read.
    """

    kind: ClassVar[str] = "text"

    name: str
    grams: str
    vocabulary: tuple[str, ...]
    weights: NDArray[np.float32]
    themes: NDArray[np.float32]
    directions: Directions = field(default_factory=Directions.none)

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        """Themes, then length, number of words, share of digits and share of capitals, then what a model reads."""
        plain = [*(f"theme{i + 1}" for i in range(self.themes.shape[1])), *MEASURES]
        read = [f"reading{i + 1}" for i in range(self.directions.count)]
        return (
            *(Output(f"{self.name}.{part}", self.name, modality="text") for part in plain),
            *(Output(f"{self.name}.{part}", self.name, modality="text", embedded=True) for part in read),
        )

    @property
    def terms(self) -> int:
        """One sparse column a term."""
        return len(self.vocabulary)

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {term: i for i, term in enumerate(self.vocabulary)}

    def transform(self, column: Column) -> Block:
        """Encode rows; terms not in the vocabulary are passed over."""
        column = column.astext()
        texts = [None if t is None else t[:MOST_CHARACTERS] for t in column.values]
        sparse = _weighted(texts, self.grams, self._positions, self.weights)
        n_themes = self.themes.shape[1]
        dense = np.empty((len(texts), n_themes + len(MEASURES)), dtype=np.float32)
        dense[:, :n_themes] = sparse @ self.themes
        for i, text in enumerate(texts):
            if text is None:
                dense[i] = np.nan
            else:
                dense[i, n_themes:] = _measures(text)
        tokens = None
        if self.directions.count:
            dense = np.hstack([dense, self.directions.turn(media.rows(column, network()))])
            tokens = _tokens(column)
        return Block(dense, sparse if self.vocabulary else None, tokens)

    def describe(self) -> str:
        """Say what is done."""
        what = "words and word pairs" if self.grams == "words" else "groups of one to three characters"
        read = f"; {self.directions.count} directions of MiniLM" if self.directions.count else ""
        return f"free text: {self.terms} {what} by tf-idf, {self.themes.shape[1]} themes, {', '.join(MEASURES)}{read}"

    def state(self) -> State:
        """Return what `restore` needs."""
        about = {"name": self.name, "grams": self.grams, "vocabulary": list(self.vocabulary)}
        return State(about, {"weights": self.weights, "themes": self.themes} | self.directions.arrays())

    @classmethod
    def restore(cls, state: State) -> Self:
        """Rebuild the encoding."""
        about = state.json | {"vocabulary": tuple(state.json["vocabulary"])}
        arrays = state.arrays
        directions = Directions.restore(arrays)
        return cls(**about, weights=arrays["weights"], themes=arrays["themes"], directions=directions)


def claims(column: Column) -> float:
    """Claim text of several words that are mostly distinct, and unspaced text that hardly repeats."""
    if column.storage != "text":
        return 0.02
    if not len(column.sample):
        return 0.03
    words = float(np.median([len(t.split()) for t in column.sample]))
    distinct = len(column.tally[0])
    unique = distinct / len(column.present)
    if words >= 4 and (unique > 0.3 or distinct > 200):
        return 0.85
    if (words >= 3 and unique > 0.5) or (words >= 2 and unique > 0.9):
        return 0.8
    return 0.62 if unique > 0.9 and distinct >= 100 else 0.3


def within(column: Column, until: float, threads: int, seed: Seed) -> Column:
    """Let a language model read the texts, where it is installed and can read all of them in time."""
    read = media.looked(column.astext(), network, media.longer(until), threads, seed, hint=False)
    return replace(column, notes=read.notes)


def fit(column: Column, seed: Seed) -> Text:
    """Count terms, weigh them, find the themes, and the directions where a language model has read every row."""
    column = column.astext()
    texts = _fit_texts(column, seed)
    words = np.median([len(t.split()) for t in texts[:1000]]) if texts else 0
    grams = "words" if words > 1 or np.mean([len(t) for t in texts[:1000]] or [0]) < 3 else "characters"
    counts = _document_counts(texts, grams)
    common = [(-n, term) for term, n in counts.items() if n > 1 or len(texts) < 20]
    vocabulary = tuple(sorted(term for _, term in sorted(common)[: _most_terms(len(texts))]))
    frequency = np.array([counts[t] for t in vocabulary], dtype=np.float64)
    weights = (np.log((1 + len(texts)) / (1 + frequency)) + 1).astype(np.float32)
    sparse = _weighted(texts[:THEME_ROWS], grams, {t: i for i, t in enumerate(vocabulary)}, weights)
    return Text(column.name, grams, vocabulary, weights, _themes(sparse, seed), media.found(column, network, seed))


@lru_cache(maxsize=1)
def network() -> media.Summary:
    """Return how what MiniLM reads is made; raises MissingExtraError where it is not installed."""
    from autoglm.prep import sentences  # PyTorch and the model are an extra

    version, names, make = sentences.VERSION, sentences.NAMES, sentences.features
    return media.Summary("text", version, names, make, sentences.alone, media.written, together=True)


def _tokens(column: Column) -> Ragged:
    """Return the texts in tokens of the language model, without its marks of beginning and end."""
    from autoglm.prep import sentences

    encode = sentences.tokenizer().encode
    return Ragged.of([] if t is None else encode(t, add_special_tokens=False).ids for t in column.values)


def _most_terms(n_texts: int) -> int:
    """With few rows, few terms: ten a row."""
    return min(MOST_TERMS, 10 * n_texts)


def _fit_texts(column: Column, seed: Seed) -> list[str]:
    """Draw the rows to fit on, each cut to `MOST_CHARACTERS`, all together about `FIT_CHARACTERS`."""
    present = column.present
    mean = float(np.mean([min(len(t), MOST_CHARACTERS) for t in column.sample])) if len(present) else 1.0
    most = int(min(FIT_ROWS, max(2000, FIT_CHARACTERS / max(mean, 1.0))))
    if len(present) > most:
        present = present[
            np.sort(seed.child("text", column.name).generator().choice(len(present), most, replace=False))
        ]
    return [t[:MOST_CHARACTERS] for t in present]


def _terms(text: str, grams: str) -> list[str]:
    text = text.lower()
    if grams == "words":
        words = _WORD.findall(text)
        return words + list(map(" ".join, pairwise(words)))
    pairs = map("".join, pairwise(text))
    return [*text, *pairs, *map("".join, zip(text, text[1:], text[2:], strict=False))]


def _document_counts(texts: Iterable[str], grams: str) -> Counter[str]:
    """Count in how many texts each term occurs; single finds are dropped when they fill the memory."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(set(_terms(text, grams)))
        if len(counts) > 1_000_000:
            counts = Counter({term: n for term, n in counts.items() if n > 1})
    return counts


def _weighted(
    texts: list[str] | list[str | None], grams: str, positions: dict[str, int], weights: NDArray[np.float32]
) -> sp.csr_matrix:
    """Return (1 + log tf) * idf with rows of length 1; CSR float32, shape (n_texts, n_terms)."""
    shape = (len(texts), len(positions))
    rows, terms = _located(texts, grams, positions)
    cells, counts = np.unique(rows * max(1, shape[1]) + terms, return_counts=True)
    rows, terms = np.divmod(cells, max(1, shape[1]))
    data = (1 + np.log(counts)) * weights[terms]
    norm = np.sqrt(np.bincount(rows, data * data, minlength=shape[0]))
    start = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=shape[0]))])
    parts = ((data / norm[rows]).astype(np.float32), terms.astype(np.int32), start.astype(np.int32))
    return sp.csr_matrix(parts, shape=shape)


def _located(
    texts: list[str] | list[str | None], grams: str, positions: dict[str, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the row and the position of every term of the vocabulary that the texts hold, in any order."""
    if grams == "words" and len(texts) >= AT_ONCE:
        parts = [_at_once(texts[at : at + BLOCK], positions) for at in range(0, len(texts), BLOCK)]
        rows = np.concatenate([rows + i * BLOCK for i, (rows, _) in enumerate(parts)])
        return rows, np.concatenate([terms for _, terms in parts])
    get = positions.get
    found = [[i for i in map(get, _terms(t, grams)) if i is not None] if t else [] for t in texts]
    rows = np.repeat(np.arange(len(texts)), [len(f) for f in found])
    return rows, np.fromiter((i for f in found for i in f), dtype=np.int64, count=len(rows))


def _at_once(
    texts: list[str] | list[str | None], positions: dict[str, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Locate words and pairs by numbers that stand for words: three times as fast where texts are many."""
    words = [_WORD.findall(t.lower()) if t else [] for t in texts]
    rows = np.repeat(np.arange(len(texts)), [len(w) for w in words])
    coded = pa.array(list(chain.from_iterable(words)), pa.string()).dictionary_encode()
    codes = coded.indices.to_numpy().astype(np.int64)
    known = {word: code for code, word in enumerate(coded.dictionary.to_pylist())}
    single = np.array([positions.get(word, -1) for word in known], dtype=np.int64)[codes]
    split = [(term.partition(" "), at) for term, at in positions.items() if " " in term]
    here = [(known[a] * len(known) + known[b], at) for (a, _, b), at in split if a in known and b in known]
    pairs, places = np.array([*sorted(here), (np.iinfo(np.int64).max, -1)]).T
    wanted = codes[:-1] * len(known) + codes[1:]
    nearest = np.searchsorted(pairs, wanted)
    double = np.where((pairs[nearest] == wanted) & (rows[:-1] == rows[1:]), places[nearest], -1)
    located = np.concatenate([single, double])
    return np.concatenate([rows, rows[:-1]])[located >= 0], located[located >= 0]


def _themes(matrix: Any, seed: Seed) -> NDArray[np.float32]:
    """Find the leading right singular vectors by random projection (Halko, Martinsson & Tropp 2011).

    Scaled so that the themes have unit variance over all; float32, shape (n_terms, n_themes).
    """
    n_rows, n_terms = matrix.shape
    n_themes = min(MOST_THEMES, max(2, n_rows // 10), n_terms - 1, n_rows - 1)
    if n_themes < 1:
        return np.zeros((n_terms, 0), dtype=np.float32)
    generator = seed.child("themes").generator()
    basis = generator.standard_normal((n_terms, min(n_themes + 10, n_terms, n_rows))).astype(np.float32)
    with threadpool_limits(1):  # the same bits whatever the number of threads
        for _ in range(4):
            basis = np.linalg.qr(matrix.T @ np.linalg.qr(matrix @ basis)[0])[0]
        _, _, turned = np.linalg.svd(matrix @ basis, full_matrices=False)
        themes = basis @ turned[:n_themes].T
    themes = themes * np.sign(themes[np.abs(themes).argmax(axis=0), np.arange(n_themes)])
    scale = float(np.std(matrix @ themes)) or 1.0
    return np.ascontiguousarray(themes / scale, dtype=np.float32)


def _measures(text: str) -> tuple[float, float, float, float]:
    size, head = len(text), text[:1000]
    if not size:
        return 0.0, 0.0, 0.0, 0.0
    digits, capitals = sum(map(str.isdigit, head)), sum(map(str.isupper, head))
    return float(size), float(text.count(" ") + 1), digits / len(head), capitals / len(head)
