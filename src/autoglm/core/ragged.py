"""Rows of whole numbers of different lengths: the tokens of texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows one after the other.

    Parameters
    ----------
    items
        uint16, all rows together.
    starts
        int64, shape (n_rows + 1,): where each row begins, and where the last ends.
    """

    items: NDArray[np.uint16]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Iterable[Sequence[int] | NDArray[np.uint16]]) -> Self:
        """Join rows, each of numbers 0 to 65,535."""
        parts = [np.asarray(row, dtype=np.uint16) for row in rows]
        starts = np.concatenate([[0], np.cumsum([len(part) for part in parts], dtype=np.int64)])
        return cls(np.concatenate(parts) if parts else np.empty(0, dtype=np.uint16), starts.astype(np.int64))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, row: int) -> NDArray[np.uint16]:
        return self.items[self.starts[row] : self.starts[row + 1]]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Items of each row, shape (n_rows,)."""
        return np.diff(self.starts)

    def take(self, rows: NDArray[np.intp]) -> Self:
        """Return the given rows (positions)."""
        return self.of(self[int(row)] for row in rows)

    def cleared(self, rows: NDArray[np.bool_]) -> Self:
        """Return the rows with some (a mask) empty."""
        return self.of(self.items[:0] if gone else self[row] for row, gone in enumerate(rows))
