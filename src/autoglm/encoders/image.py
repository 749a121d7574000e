"""Images, as paths or bytes: colours and edges, and what a pre-trained network sees where one is installed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import ClassVar, Self

import numpy as np

from autoglm.core.columns import Column
from autoglm.core.features import Block, Output
from autoglm.core.seed import Seed
from autoglm.encoders import State
from autoglm.prep import media
from autoglm.prep.directions import Directions

READS = ("bytes",)
"""Storages that it takes as they are, besides the plain ones."""


@dataclass(frozen=True, eq=False)
class Image:
    """A fitted column of images.

    Parameters
    ----------
    name
        The column.
    read
        Whether any of its training rows could be read.
    directions
        How what the network sees is brought down to few numbers; none where it did not look.
    """

    kind: ClassVar[str] = "image"

    name: str
    read: bool
    directions: Directions = field(default_factory=Directions.none)

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        """The numbers of `pixels.NAMES`, then directions of the network."""
        if not self.read:
            return ()
        plain = [Output(f"{self.name}.{part}", self.name, modality="image") for part in classical().names]
        seen = [f"{self.name}.network{i + 1}" for i in range(self.directions.count)]
        return (*plain, *(Output(name, self.name, modality="image", embedded=True) for name in seen))

    @property
    def terms(self) -> int:
        """No sparse columns."""
        return 0

    def transform(self, column: Column) -> Block:
        """Encode rows; what cannot be read becomes missing."""
        if not self.read:
            return Block(np.empty((len(column), 0), dtype=np.float32))
        dense = media.rows(column, classical())
        if self.directions.count:
            dense = np.hstack([dense, self.directions.turn(media.rows(column, network()))])
        return Block(dense)

    def describe(self) -> str:
        """Say what is done."""
        if not self.read:
            return "left out: no image could be read"
        seen = f"{self.directions.count} directions of EfficientNet-Lite0" if self.directions.count else "no network"
        return f"image: coarse colours, directions of edges, mean and spread of each colour; {seen}"

    def state(self) -> State:
        """Return what `restore` needs."""
        return State({"name": self.name, "read": self.read}, self.directions.arrays())

    @classmethod
    def restore(cls, state: State) -> Self:
        """Rebuild the encoding."""
        return cls(**state.json, directions=Directions.restore(state.arrays))


def claims(column: Column) -> float:
    """Claim images as bytes, and paths of them."""
    return media.claims(column, "image")


def within(column: Column, until: float, threads: int, seed: Seed) -> Column:
    """Look at as many images as there is time for; let the network look where it can look at all of them."""
    longer = media.longer(until)
    seen = media.within(column, classical(), until, threads, seed)
    return media.looked(seen, network, longer, threads, seed)


def fit(column: Column, seed: Seed) -> Image:
    """See whether there is anything to read, and find the directions where the network has seen every row."""
    if not media.any_read(column, classical()):
        return Image(column.name, False)
    return Image(column.name, True, media.found(column, network, seed))


@lru_cache(maxsize=1)
def classical() -> media.Summary:
    """Return how the numbers that need no network are made: colours and edges."""
    from autoglm.prep import pixels  # Pillow is an extra: only who has images needs it

    return media.Summary("image", pixels.VERSION, pixels.NAMES, lambda image: pixels.features([image])[0])


@lru_cache(maxsize=1)
def network() -> media.Summary:
    """Return how what EfficientNet-Lite0 sees is made; raises MissingExtraError where it is not installed."""
    from autoglm.prep import vision  # so is PyTorch

    return media.Summary("image", vision.VERSION, vision.NAMES, vision.features, vision.alone)
