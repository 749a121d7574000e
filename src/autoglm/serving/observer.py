"""Observers: what looks on while rows are answered, and must not slow them down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Seen:
    """One answered request.

    Parameters
    ----------
    request
        Its id.
    rows
        As the model got them, shape (n_rows, n_columns).
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
    rows: pd.DataFrame
    margins: NDArray[np.float64]
    traceparent: str
    time: float
    version: str = ""


class Observer(Protocol):
    """Looks on."""

    def saw(self, seen: Seen) -> None:
        """Take note: return at once, never raise, never block."""

    def close(self) -> None:
        """End."""
