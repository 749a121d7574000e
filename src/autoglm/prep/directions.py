"""Long rows of numbers (what a network sees, embeddings) brought down to their principal components.

They stay on one scale: a direction that varies little counts little, which is what linear models need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from autoglm.core.seed import Seed

MOST = 128
"""Directions kept, at most one to four training rows."""

FIT_ROWS = 5_000
"""Directions are found on at most this many rows."""


@dataclass(frozen=True, eq=False)
class Directions:
    """The principal components of training rows.

    Parameters
    ----------
    centre, axes
        float32, shapes (1, n_numbers) and (n_numbers, n_directions); of size 0 where there are none.
    """

    centre: NDArray[np.float32]
    axes: NDArray[np.float32]

    @classmethod
    def none(cls) -> Self:
        """No directions at all."""
        return cls(np.empty((0, 0), dtype=np.float32), np.empty((0, 0), dtype=np.float32))

    @classmethod
    def fit(cls, rows: NDArray[np.float32]) -> Self:
        """Find the components of rows, shape (n_rows, n_numbers); rows with NaN do not take part."""
        seen = rows[~np.isnan(rows).any(axis=1)].astype(np.float64)
        if not len(seen):
            return cls.none()
        centre = seen.mean(axis=0, keepdims=True)
        _, vectors = np.linalg.eigh((seen - centre).T @ (seen - centre))  # in ascending order
        axes = np.ascontiguousarray(vectors[:, ::-1][:, : min(MOST, max(1, len(seen) // 4))])
        axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])  # a sign is no one's choice
        return cls(centre.astype(np.float32), axes.astype(np.float32))

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.axes.shape[1])

    def turn(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return rows along the directions, shape (n_rows, count); one by one: the same bits alone and among others."""
        if not self.count:
            return np.empty((len(rows), 0), dtype=np.float32)
        each = [row @ self.axes for row in rows - self.centre]
        return np.array(each, dtype=np.float32).reshape(len(rows), self.count)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what `restore` needs."""
        return {"centre": self.centre, "directions": self.axes}

    @classmethod
    def restore(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """Rebuild the directions."""
        return cls(arrays["centre"], arrays["directions"])


def some(count: int, seed: Seed) -> NDArray[np.intp]:
    """Draw the positions, of `count` rows, that directions are found on."""
    return seed.child("directions").sample(np.arange(count), FIT_ROWS)
