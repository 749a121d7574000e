"""Sounds, as paths or bytes: bands of frequency, level, and what a speech network hears where one is installed."""

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
class Audio:
    """A fitted column of sounds.

    Parameters
    ----------
    name
        The column.
    read
        Whether any of its training rows could be read.
    directions
        How what a network hears is brought down to few numbers; none where it did not listen.
    """

    kind: ClassVar[str] = "audio"

    name: str
    read: bool
    directions: Directions = field(default_factory=Directions.none)

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        """The numbers of `sound.NAMES`, then directions of the network."""
        if not self.read:
            return ()
        plain = [Output(f"{self.name}.{part}", self.name, modality="audio") for part in classical().names]
        heard = [f"{self.name}.network{i + 1}" for i in range(self.directions.count)]
        return (*plain, *(Output(name, self.name, modality="audio", embedded=True) for name in heard))

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
            return "left out: no sound could be read"
        seen = f"{self.directions.count} directions of a speech embedding" if self.directions.count else "no network"
        return f"sound: bands of frequency, level, beginning and end, pulses, pitch, parts in order; {seen}"

    def state(self) -> State:
        """Return what `restore` needs."""
        return State({"name": self.name, "read": self.read}, self.directions.arrays())

    @classmethod
    def restore(cls, state: State) -> Self:
        """Rebuild the encoding."""
        return cls(**state.json, directions=Directions.restore(state.arrays))


def claims(column: Column) -> float:
    """Claim sounds as bytes, and paths of them."""
    return media.claims(column, "audio")


def within(column: Column, until: float, threads: int, seed: Seed) -> Column:
    """Listen to as many sounds as there is time for; let the network listen where it can listen to all of them."""
    longer = media.longer(until)
    seen = media.within(column, classical(), until, threads, seed)
    return media.looked(seen, network, longer, threads, seed, hint=False)


def fit(column: Column, seed: Seed) -> Audio:
    """See whether there is anything to read, and find the directions where the network has heard every row."""
    if not media.any_read(column, classical()):
        return Audio(column.name, False)
    return Audio(column.name, True, media.found(column, network, seed))


@lru_cache(maxsize=1)
def classical() -> media.Summary:
    """Return how the numbers that need no network are made: bands, length, beginning and parts."""
    from autoglm.prep import sound  # soundfile is an extra: only who has sounds needs it

    return media.Summary("audio", sound.VERSION, sound.NAMES, lambda one: sound.features([one])[0])


@lru_cache(maxsize=1)
def network() -> media.Summary:
    """Return how what the speech embedding hears is made; raises MissingExtraError where it is not installed."""
    from autoglm.prep import hearing  # an extra of its own

    return media.Summary("audio", hearing.VERSION, hearing.NAMES, hearing.features)
