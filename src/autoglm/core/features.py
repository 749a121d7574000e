"""Features: what every encoder gives and every learner takes, one typed block of columns."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from autoglm.core.files import read_json, write_array, write_json
from autoglm.core.ragged import Ragged

TABLE = "table"
"""The modality of all plain columns together."""


def modality_of(source: str) -> str:
    """Name the modality of a column that is one of its own: as the column, with a "_" more where that is `TABLE`'s."""
    return f"{source}_" if source.rstrip("_") == TABLE else source


@dataclass(frozen=True)
class Output:
    """One feature column: its name, the column of the input that it comes from, and how to read its values.

    `cardinality` is 0 for a number; for a category the values are codes 0..cardinality-1 (missing and
    never seen are NaN in both cases).

    `modality` is empty for a column of the table; a column that is a modality of its own (text, image, audio,
    embedding) names its kind. `embedded` columns are directions of an embedding: they share one scale.
    """

    name: str
    source: str
    cardinality: int = 0
    modality: str = ""
    embedded: bool = False


@dataclass(frozen=True)
class Block:
    """What one encoding makes of one column.

    Parameters
    ----------
    dense
        float32, shape (n_rows, n_outputs), NaN where missing.
    sparse
        CSR float32, shape (n_rows, n_terms): bag of words for learners that can use it, or None.
    tokens
        The texts in the tokens of a language model that can be fine-tuned, or None.
    """

    dense: NDArray[np.float32]
    sparse: sp.csr_matrix | None = None
    tokens: Ragged | None = None


@dataclass(frozen=True)
class Features:
    """All feature columns of some rows.

    Parameters
    ----------
    dense
        float32, shape (n_rows, n_outputs).
    outputs
        One entry a column of `dense`.
    sparse
        CSR float32, shape (n_rows, n_terms), or None.
    terms
        Source column of each slice of `sparse`: (source, number of terms), in order.
    tokens
        The texts of columns in tokens of a language model: (source, rows), in order.
    """

    dense: NDArray[np.float32]
    outputs: tuple[Output, ...]
    sparse: sp.csr_matrix | None = None
    terms: tuple[tuple[str, int], ...] = ()
    tokens: tuple[tuple[str, Ragged], ...] = ()

    def __len__(self) -> int:
        return len(self.dense)

    @property
    def categories(self) -> NDArray[np.intp]:
        """Positions of the category columns."""
        return np.array([i for i, o in enumerate(self.outputs) if o.cardinality], dtype=np.intp)

    @property
    def numbers(self) -> NDArray[np.intp]:
        """Positions of the number columns."""
        return np.array([i for i, o in enumerate(self.outputs) if not o.cardinality], dtype=np.intp)

    @cached_property
    def modalities(self) -> dict[str, NDArray[np.intp]]:
        """Positions by modality: "table" for all plain columns, and each column that is a modality of its own."""
        found: dict[str, list[int]] = {}
        for i, output in enumerate(self.outputs):
            found.setdefault(modality_of(output.source) if output.modality else TABLE, []).append(i)
        return {name: np.array(at, dtype=np.intp) for name, at in found.items()}

    def absent(self, modality: str) -> NDArray[np.bool_]:
        """Which rows have nothing of a modality, shape (n_rows,)."""
        return np.asarray(np.isnan(self.dense[:, self.modalities[modality]]).all(axis=1))

    def without(self, modality: str, rows: NDArray[np.bool_] | None = None) -> Features:
        """Return the features with a modality missing, in the given rows (a mask; all by default)."""
        gone = np.ones(len(self), dtype=bool) if rows is None else rows
        dense = self.dense.copy()
        dense[np.ix_(gone, self.modalities[modality])] = np.nan
        tokens = tuple((name, t.cleared(gone) if modality_of(name) == modality else t) for name, t in self.tokens)
        return replace(self, dense=dense, sparse=self._cleared(modality, gone), tokens=tokens)

    def shuffled(self, source: str, order: NDArray[np.intp]) -> Features:
        """Return the features with everything that comes from one column in another order."""
        at = [i for i, o in enumerate(self.outputs) if o.source == source]
        dense = self.dense.copy()
        dense[:, at] = self.dense[order][:, at]
        sparse, start = self.sparse, 0
        for name, width in self.terms:
            if name == source and sparse is not None:
                moved = sparse[order][:, start : start + width]
                sparse = sp.hstack([sparse[:, :start], moved, sparse[:, start + width :]], format="csr")
            start += width
        tokens = tuple((name, t.take(order) if name == source else t) for name, t in self.tokens)
        return replace(self, dense=dense, sparse=sparse, tokens=tokens)

    def mixed(self, other: Features, ours: NDArray[np.bool_], sources: tuple[str, ...]) -> Features:
        """Return rows that have some input columns from here and the others from the same row of `other`.

        Parameters
        ----------
        ours
            Which columns are from here, shape (n_rows, n_sources).
        sources
            The input columns, as `Output.source` names them.
        """
        at = {name: i for i, name in enumerate(sources)}
        dense = np.where(ours[:, [at[o.source] for o in self.outputs]], self.dense, other.dense)
        sparse = self.sparse
        if self.sparse is not None and other.sparse is not None:
            owner = np.repeat([at[source] for source, _ in self.terms], [width for _, width in self.terms])
            sparse = _kept(self.sparse, ours[:, owner]) + _kept(other.sparse, ~ours[:, owner])
        tokens = tuple(
            (name, Ragged.of(a[i] if mine else b[i] for i, mine in enumerate(ours[:, at[name]])))
            for (name, a), (_, b) in zip(self.tokens, other.tokens, strict=True)
        )
        return replace(self, dense=dense, sparse=sparse, tokens=tokens)

    def _cleared(self, modality: str, gone: NDArray[np.bool_]) -> sp.csr_matrix | None:
        """Empty a modality's terms in some rows."""
        if self.sparse is None or modality not in [modality_of(source) for source, _ in self.terms]:
            return self.sparse
        columns = np.concatenate([np.full(n, modality_of(source) == modality) for source, n in self.terms])
        cells = np.repeat(gone, np.diff(self.sparse.indptr)) & columns[self.sparse.indices]
        parts = np.where(cells, 0, self.sparse.data), self.sparse.indices.copy(), self.sparse.indptr.copy()
        kept = sp.csr_matrix(parts, shape=self.sparse.shape)
        kept.eliminate_zeros()
        return kept

    def take(self, rows: NDArray[Any]) -> Features:
        """Return the given rows (positions), as a copy in memory."""
        sparse = None if self.sparse is None else self.sparse[rows]
        tokens = tuple((name, t.take(np.asarray(rows))) for name, t in self.tokens)
        return replace(self, dense=np.ascontiguousarray(self.dense[rows]), sparse=sparse, tokens=tokens)

    def save(self, folder: Path) -> None:
        """Write the features so that workers can map them into memory."""
        folder.mkdir(parents=True, exist_ok=True)
        write_array(folder / "dense.npy", np.ascontiguousarray(self.dense))
        if self.sparse is not None:
            for part in ("data", "indices", "indptr"):
                write_array(folder / f"{part}.npy", getattr(self.sparse, part))
        for i, (_, ragged) in enumerate(self.tokens):
            write_array(folder / f"tokens{i}.npy", ragged.items)
            write_array(folder / f"starts{i}.npy", ragged.starts)
        about = {
            "tokens": [source for source, _ in self.tokens],
            "outputs": [list(astuple(o)) for o in self.outputs],
            "terms": self.terms,
            "shape": None if self.sparse is None else self.sparse.shape,
        }
        write_json(folder / "features.json", about)

    @classmethod
    def load(cls, folder: Path) -> Features:
        """Map the features that `save` wrote (read-only, shared between processes)."""
        about = read_json(folder / "features.json")
        sparse = None
        if about["shape"]:
            parts = tuple(np.load(folder / f"{p}.npy", mmap_mode="r") for p in ("data", "indices", "indptr"))
            sparse = sp.csr_matrix(parts, shape=tuple(about["shape"]), copy=False)
        return cls(
            dense=np.load(folder / "dense.npy", mmap_mode="r"),
            outputs=tuple(Output(*o) for o in about["outputs"]),
            sparse=sparse,
            terms=tuple((s, n) for s, n in about["terms"]),
            tokens=tuple((source, _mapped(folder, i)) for i, source in enumerate(about["tokens"])),
        )


def _kept(matrix: sp.csr_matrix, cells: NDArray[np.bool_]) -> sp.csr_matrix:
    """Return the matrix with only the given cells (a mask), shape (n_rows, n_terms) both."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    data = np.where(cells[rows, matrix.indices], matrix.data, np.float32(0))
    found = sp.csr_matrix((data, matrix.indices.copy(), matrix.indptr.copy()), shape=matrix.shape)
    found.eliminate_zeros()
    return found


def _mapped(folder: Path, number: int) -> Ragged:
    return Ragged(*(np.load(folder / f"{part}{number}.npy", mmap_mode="r") for part in ("tokens", "starts")))
