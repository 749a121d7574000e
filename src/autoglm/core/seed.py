"""Named randomness: a child seed depends on its name only, never on order or on parallelism."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Seed:
    """A reproducible source of randomness.

    Examples
    --------
    >>> Seed(42).child("fold", 3) == Seed(42).child("fold", 3)
    True
    >>> Seed(42).child("fold", 3) == Seed(42).child("fold", 4)
    False
    """

    value: int = 42

    def child(self, *names: str | int) -> Seed:
        """Return the seed of a named sub-task."""
        path = ":".join([str(self.value), *map(str, names)])
        return Seed(int.from_bytes(hashlib.blake2b(path.encode(), digest_size=8).digest(), "big"))

    @property
    def integer(self) -> int:
        """The seed as a 31-bit integer, the range that every library accepts."""
        return self.value % (2**31 - 1)

    def generator(self) -> np.random.Generator:
        """Return a fresh NumPy generator."""
        return np.random.default_rng(self.value % 2**63)

    def sample(self, rows: NDArray[np.intp], most: int) -> NDArray[np.intp]:
        """Return a random part of `rows`, of length `most` and sorted; all of them where there are no more."""
        return rows if len(rows) <= most else np.sort(self.generator().choice(rows, most, replace=False))
