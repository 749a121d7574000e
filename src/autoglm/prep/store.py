"""Rows of numbers that were costly to make, found again by what they were made of."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoglm.core.files import cache
from autoglm.core.media import DIGEST


@lru_cache(maxsize=32)
def store(name: str, width: int) -> Store:
    """Return the store of a name, which says what made the numbers and in which version."""
    return Store(cache() / "numbers" / name, width)


class Store:
    """Rows by digest: two files that only grow, shared by processes, safe against kills.

    ``rows`` holds float32 rows and ``keys`` a digest each; a row counts when its key is written, and what a killed
    writer left behind it is cut off by the next one. Where the folder cannot be written the rows stay in memory.

    Parameters
    ----------
    folder
        Made when first written.
    width
        Numbers in a row.
    """

    def __init__(self, folder: Path, width: int) -> None:
        self.folder, self.width = folder, width
        self._memory: dict[bytes, NDArray[np.float32]] = {}
        self._places: dict[bytes, int] = {}
        self._rows: NDArray[np.float32] = np.empty((0, width), dtype=np.float32)
        self._reload()

    def __contains__(self, key: bytes) -> bool:
        return key in self._places or key in self._memory

    def __getitem__(self, key: bytes) -> NDArray[np.float32]:
        """Return the row of a digest, shape (width,)."""
        return self._rows[self._places[key]] if key in self._places else self._memory[key]

    def put(self, fresh: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Keep rows of shape (width,) by their digests."""
        if not fresh:
            return
        try:
            with self._locked():
                whole = self._whole()
                self._append("rows", whole * 4 * self.width, np.stack(list(fresh.values())).astype("<f4").tobytes())
                self._append("keys", whole * DIGEST, b"".join(fresh))
            self._reload()
        except OSError:  # a full disk, a folder of somebody else's
            self._memory.update(fresh)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "lock", "ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _whole(self) -> int:
        """How many rows are there with their keys."""
        sizes = [p.stat().st_size if (p := self.folder / name).exists() else 0 for name in ("keys", "rows")]
        return min(sizes[0] // DIGEST, sizes[1] // (4 * self.width))

    def _append(self, name: str, start: int, data: bytes) -> None:
        with open(self.folder / name, "ab") as file:
            file.truncate(start)
            file.write(data)

    def _reload(self) -> None:
        if not (count := self._whole()):
            return
        keys = (self.folder / "keys").read_bytes()
        self._places = {keys[i * DIGEST : (i + 1) * DIGEST]: i for i in range(count)}
        self._rows = np.memmap(self.folder / "rows", dtype="<f4", mode="r", shape=(count, self.width))
