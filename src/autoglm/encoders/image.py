"""Images, as paths or bytes: colours and edges, and what a pre-trained network sees where one is installed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from time import monotonic
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from autoglm.core.columns import Column
from autoglm.core.errors import MissingExtraError
from autoglm.core.features import Block, Output
from autoglm.core.seed import Seed
from autoglm.encoders import State
from autoglm.prep import media

DIRECTIONS = 128
"""Kept of what the network sees: the principal components, at most one to four training rows."""

FIT_ROWS = 5_000
"""Directions are found on at most this many rows."""

PROBED = 16
"""Images by which the time that the network takes is judged."""

NOTHING = np.empty((0, 0), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Image:
    """A fitted column of images.

    Parameters
    ----------
    name
        The column.
    read
        Whether any of its training rows could be read.
    centre, directions
        float32, shapes (1, 1280) and (1280, n_directions): how what the network sees is brought down to few numbers; of
        size 0 where it did not look.
    """

    kind: ClassVar[str] = "image"

    name: str
    read: bool
    centre: NDArray[np.float32] = field(default_factory=NOTHING.copy)
    directions: NDArray[np.float32] = field(default_factory=NOTHING.copy)

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        """The numbers of `pixels.NAMES`, then directions of the network."""
        if not self.read:
            return ()
        seen = [f"network{i + 1}" for i in range(self.directions.shape[1])]
        return tuple(Output(f"{self.name}.{part}", self.name) for part in (*_pixels().names, *seen))

    @property
    def terms(self) -> int:
        """No sparse columns."""
        return 0

    def transform(self, column: Column) -> Block:
        """Encode rows; what cannot be read becomes missing."""
        if not self.read:
            return Block(np.empty((len(column), 0), dtype=np.float32))
        dense = media.rows(column, _pixels())
        if self.directions.size:
            seen = media.rows(column, _network()) - self.centre
            each = [row @ self.directions for row in seen]  # row by row: the same bits alone and among others
            dense = np.hstack([dense, np.array(each, dtype=np.float32).reshape(len(seen), -1)])
        return Block(dense)

    def describe(self) -> str:
        """Say what is done."""
        if not self.read:
            return "left out: no image could be read"
        network = (
            f"{self.directions.shape[1]} directions of EfficientNet-Lite0" if self.directions.size else "no network"
        )
        return f"image: coarse colours, directions of edges, mean and spread of each colour; {network}"

    def state(self) -> State:
        """Return what `restore` needs."""
        return State({"name": self.name, "read": self.read}, {"centre": self.centre, "directions": self.directions})

    @classmethod
    def restore(cls, state: State) -> Self:
        """Rebuild the encoding."""
        return cls(**state.json, centre=state.arrays["centre"], directions=state.arrays["directions"])


def claims(column: Column) -> float:
    """Claim images as bytes, and paths of them."""
    return media.claims(column, "image")


def within(column: Column, until: float, threads: int, seed: Seed) -> Column:
    """Look at as many images as there is time for; let the network look where it can look at all of them."""
    seen = media.within(column, _pixels(), until, threads, seed)
    try:
        network = _network()
    except MissingExtraError as missing:
        return replace(seen, notes=(*seen.notes, f"no pre-trained network looks at the images: {missing}"))
    here = np.flatnonzero(~seen.missing)
    probe = seen.take(here[np.linspace(0, len(here) - 1, min(PROBED, len(here))).astype(np.intp)])
    began = monotonic()
    media.within(probe, network, until, threads, seed)
    needed, left = (monotonic() - began) * len(here) / max(1, len(probe)), until - monotonic()
    if needed > left:
        note = (
            f"no time for a pre-trained network ({needed:.0f} s needed, {max(0.0, left):.0f} s left): give more seconds"
        )
        return replace(seen, notes=(*seen.notes, note))
    media.within(seen, network, until, threads, seed)
    return seen


def fit(column: Column, seed: Seed) -> Image:
    """See whether there is anything to read, and find the directions where the network has seen every row."""
    if not media.any_read(column, _pixels()):
        return Image(column.name, False)
    try:
        network = _network()
    except MissingExtraError:
        return Image(column.name, True)
    if not media.kept_all(column, network):
        return Image(column.name, True)
    some = seed.child("directions").sample(np.flatnonzero(~column.missing), FIT_ROWS)
    seen = media.rows(column.take(some), network).astype(np.float64)
    seen = seen[~np.isnan(seen).any(axis=1)]
    centre = seen.mean(axis=0, keepdims=True)
    _, vectors = np.linalg.eigh((seen - centre).T @ (seen - centre))  # in ascending order
    count = min(DIRECTIONS, max(1, len(seen) // 4))
    directions = np.ascontiguousarray(vectors[:, ::-1][:, :count])
    directions *= np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(count)])  # a sign is no one's choice
    return Image(column.name, True, centre.astype(np.float32), directions.astype(np.float32))


@lru_cache(maxsize=1)
def _pixels() -> media.Summary:
    from autoglm.prep import pixels  # Pillow is an extra: only who has images needs it

    return media.Summary("image", pixels.VERSION, pixels.NAMES, lambda image: pixels.features([image])[0])


@lru_cache(maxsize=1)
def _network() -> media.Summary:
    from autoglm.prep import vision  # so is PyTorch

    return media.Summary("image", vision.VERSION, vision.NAMES, vision.features, vision.alone)
