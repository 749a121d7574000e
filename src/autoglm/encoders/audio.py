"""Sounds, as paths or as bytes: level, pitch and change of 40 bands of frequency."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar, Self

import numpy as np

from autoglm.core.columns import Column
from autoglm.core.features import Block, Output
from autoglm.core.seed import Seed
from autoglm.encoders import State
from autoglm.prep import media

READS = ("bytes",)
"""Storages that it takes as they are, besides the plain ones."""


@dataclass(frozen=True)
class Audio:
    """A fitted column of sounds.

    Parameters
    ----------
    name
        The column.
    read
        Whether any of its training rows could be read.
    """

    kind: ClassVar[str] = "audio"

    name: str
    read: bool

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        """The numbers of `sound.NAMES`."""
        return (
            tuple(Output(f"{self.name}.{part}", self.name, modality="audio") for part in _summary().names)
            if self.read
            else ()
        )

    @property
    def terms(self) -> int:
        """No sparse columns."""
        return 0

    def transform(self, column: Column) -> Block:
        """Encode rows; what cannot be read becomes missing."""
        return Block(media.rows(column, _summary()) if self.read else np.empty((len(column), 0), dtype=np.float32))

    def describe(self) -> str:
        """Say what is done."""
        if not self.read:
            return "left out: no sound could be read"
        return "sound: mean, spread and change of 40 bands of frequency, level, crossings, centre"

    def state(self) -> State:
        """Return what `restore` needs."""
        return State({"name": self.name, "read": self.read}, {})

    @classmethod
    def restore(cls, state: State) -> Self:
        """Rebuild the encoding."""
        return cls(**state.json)


def claims(column: Column) -> float:
    """Claim sounds as bytes, and paths of them."""
    return media.claims(column, "audio")


def within(column: Column, until: float, threads: int, seed: Seed) -> Column:
    """Look at as many sounds as there is time for."""
    return media.within(column, _summary(), until, threads, seed)


def fit(column: Column, seed: Seed) -> Audio:
    """See whether there is anything to read: the numbers themselves are fitted to nothing."""
    return Audio(column.name, media.any_read(column, _summary()))


@lru_cache(maxsize=1)
def _summary() -> media.Summary:
    from autoglm.prep import sound  # soundfile is an extra: only who has sounds needs it

    return media.Summary("audio", sound.VERSION, sound.NAMES, lambda one: sound.features([one])[0])
