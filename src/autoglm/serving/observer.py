"""Observers: what looks on while rows are answered, and must not slow them down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm.core.columns import Column


@dataclass(frozen=True, eq=False)
class Seen:
    """One answered request.

    Parameters
    ----------
    request
        Its id.
    columns
        Its rows as the model got them, each of length n_rows; building a frame would cost more than the answer.
    margins
        As answered, shape (n_rows, scores).
    traceparent
        W3C; "" where there is none.
    time
        Seconds since the epoch.
    version
        Of the model that answered; "" where it has none.
    """

    request: str
    columns: Sequence[Column]
    margins: NDArray[np.float64]
    traceparent: str
    time: float
    version: str = ""

    def __len__(self) -> int:
        return len(self.margins)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The columns as a frame, shape (n_rows, n_columns)."""
        return pd.DataFrame({column.name: column.values for column in self.columns})


class Observer(Protocol):
    """Looks on."""

    def saw(self, seen: Seen) -> None:
        """Take note: return at once, never raise, never block."""

    def close(self) -> None:
        """End."""
