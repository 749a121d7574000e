"""A gate before each modality: what lies far outside of what training rows showed there counts as missing.

The distance is Mahalanobis's, with the covariance of Ledoit and Wolf (2004, doi:10.1016/S0047-259X(03)00096-4), which
stays well-conditioned for more columns than rows. It finds noise, blank images and broken recordings; it cannot find
the picture of another row, which looks like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from autoglm.core.features import TABLE, Features
from autoglm.core.seed import Seed

FEWEST = 60  # rows with a modality below which nothing can be said of what is usual
FIT_ROWS = 4_000
USUAL = 0.995  # quantile of the distances of rows that the covariance was not found on
MARGIN = 1.3  # the limit, as a multiple of that distance


@dataclass(frozen=True, eq=False)
class Gate:
    """What is usual for one modality.

    Parameters
    ----------
    modality
        Its name.
    at
        Positions of the feature columns that are looked at, shape (d,).
    centre, scale
        Means and inverse standard deviations, shape (d,).
    root
        A root of the inverse covariance, shape (d, d).
    limit
        Distance from which a row is strange.
    """

    modality: str
    at: NDArray[np.intp]
    centre: NDArray[np.float32]
    scale: NDArray[np.float32]
    root: NDArray[np.float32]
    limit: float

    @classmethod
    def fit(cls, features: Features, modality: str, seed: Seed) -> Self | None:
        """Learn what is usual; None where there are too few rows or nothing to look at."""
        at = _looked_at(features, modality)
        here = np.flatnonzero(~np.isnan(features.dense[:, at]).any(axis=1)) if len(at) else at
        here = seed.child("gate", modality).sample(here, FIT_ROWS)
        if len(here) < FEWEST:
            return None
        rows = features.dense[np.ix_(here, at)].astype(np.float64)
        varied = rows.std(axis=0) > 1e-9 * np.maximum(1.0, np.abs(rows).max(axis=0))
        if not varied.any():
            return None
        at, rows = at[varied], rows[:, varied]
        centre, scale = rows.mean(axis=0), 1.0 / rows.std(axis=0)
        rows = (rows - centre) * scale
        halves = seed.child("gate", modality).generator().permutation(len(rows)) % 2 == 0
        distances = [_distance(rows[~half], _root(rows[half])) for half in (halves, ~halves)]
        limit = MARGIN * float(np.quantile(np.concatenate(distances), USUAL))
        single = [a.astype(np.float32) for a in (centre, scale, _root(rows))]
        return cls(modality, at, single[0], single[1], single[2], limit)

    def strange(self, features: Features) -> NDArray[np.bool_]:
        """Say which rows are far outside, shape (n_rows,); missing ones are not."""
        with np.errstate(over="ignore", invalid="ignore"):
            rows = (features.dense[:, self.at] - self.centre) * self.scale
            return np.asarray(_distance(rows, self.root) > self.limit)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what `restore` needs besides the name."""
        limit = np.array(self.limit)
        return {"at": self.at, "centre": self.centre, "scale": self.scale, "root": self.root, "limit": limit}

    @classmethod
    def restore(cls, modality: str, arrays: dict[str, NDArray[Any]]) -> Self:
        """Rebuild the gate."""
        at, centre, scale, root, limit = (arrays[name] for name in ("at", "centre", "scale", "root", "limit"))
        return cls(modality, at, centre, scale, root, float(limit))


def gates(features: Features, seed: Seed) -> tuple[Gate, ...]:
    """Return a gate for each modality but the table; none where there is one modality alone, which nothing replaces."""
    if len(features.modalities) < 2:
        return ()
    found = (Gate.fit(features, name, seed) for name in features.modalities if name != TABLE)
    return tuple(gate for gate in found if gate is not None)


def closed(gates: Sequence[Gate], features: Features) -> Features:
    """Return the features with strange cells missing."""
    for gate in gates:
        if (strange := gate.strange(features)).any():
            features = features.without(gate.modality, strange)
    return features


def _looked_at(features: Features, modality: str) -> NDArray[np.intp]:
    """Of texts only embeddings: lengths and themes have long tails, where being far outside means little."""
    at = features.modalities[modality]
    plain = features.outputs[at[0]].modality == "text"
    return np.array([i for i in at if features.outputs[i].embedded or not plain], dtype=np.intp)


def _root(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    from sklearn.covariance import ledoit_wolf  # a second to import, and only training needs it

    values, vectors = np.linalg.eigh(ledoit_wolf(rows, assume_centered=True)[0])
    return np.asarray(vectors / np.sqrt(np.maximum(values, 1e-9)))


def _distance(rows: NDArray[Any], root: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.sqrt(np.square(rows @ root).mean(axis=1)))
