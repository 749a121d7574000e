"""Shift: by how much rows differ from training's profile, and whether that can be chance."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from autoglm.checks.profile import Profile, Shape

Verdict = Literal["none", "moderate", "large"]

MODERATE, LARGE = 0.1, 0.25  # usual thresholds of the population stability index
EXPECTED = 5.0  # rows that a bin must lead to expect before its count is near enough to normal
LEVEL = 0.01


@dataclass(frozen=True)
class Shift:
    """How one column differs from training.

    Parameters
    ----------
    name
        The column, or what of the answers.
    rows
        Rows that were compared.
    psi
        Population stability index, less what chance alone gives this many rows: ``(bins - 1) (1/n + 1/m)``. At least 0.
    ks
        Largest difference of the two distribution functions at the ends of bins; NaN where bins have no order.
    p
        Probability of so large a difference if nothing has changed, times the number of columns that were compared.
    verdict
        "moderate" from a PSI of 0.1, "large" from 0.25, both only where `p` is below the level.
    bins
        Name, share in training and share now of the bin that differs most.
    """

    name: str
    rows: int
    psi: float
    ks: float
    p: float
    verdict: Verdict
    bins: tuple[str, float, float]

    def json(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return asdict(self)


def shifts(profile: Profile, codes: NDArray[np.int16], level: float = LEVEL) -> list[Shift]:
    """Compare rows with training, the largest shift first.

    Parameters
    ----------
    codes
        Bins of the rows as `Profile.codes` gives them, shape (n_rows, n_shapes).
    level
        Probability that anything at all is called a shift where nothing has changed (Bonferroni).
    """
    shapes = profile.shapes
    counted = [np.bincount(codes[:, i], minlength=len(s.counts)) for i, s in enumerate(shapes.values())]
    each = zip(shapes.items(), counted, strict=True)
    found = [compared(name, shape, now, level, len(shapes)) for (name, shape), now in each]
    return sorted(found, key=lambda shift: -shift.psi)


def compared(name: str, shape: Shape, now: NDArray[np.int64], level: float = LEVEL, tests: int = 1) -> Shift:
    """Compare one column's counts with training's.

    Parameters
    ----------
    now
        Rows in each bin, shape (n_bins,).
    tests
        Columns that are compared at once.
    """
    then, rows = np.array(shape.counts, dtype=np.int64), int(now.sum())
    if not rows or not then.sum():
        return Shift(name, rows, 0.0, 0.0 if shape.ordered else np.nan, 1.0, "none", ("", 0.0, 0.0))
    cells, rare = _cells(then, now)
    psi = max(0.0, _psi(cells) - (cells.shape[1] - 1) * (1 / rows + 1 / then.sum()))
    p = min(1.0, _chance(cells, rare) * tests)
    verdict: Verdict = "none"
    if p < level and psi >= MODERATE:
        verdict = "large" if psi >= LARGE else "moderate"
    return Shift(name, rows, psi, _ks(shape, then, now), p, verdict, _worst(shape, then, now))


def _cells(then: NDArray[np.int64], now: NDArray[np.int64]) -> tuple[NDArray[np.int64], bool]:
    """Return both counts, shape (2, n_cells), bins that lead to expect few rows put together as the last cell.

    Which bins go together depends on training alone: its bins hold about as many rows each, so that otherwise those
    that are few now would be chosen. Also returns whether the last cell is one of few expected rows even so.
    """
    expected = then * (now.sum() / then.sum())
    few = expected < EXPECTED
    cells = np.stack([then[~few], now[~few]])
    rest = np.array([[then[few].sum()], [now[few].sum()]])
    if not rest.any():
        return cells, False
    return np.concatenate([cells, rest], axis=1), bool(expected[few].sum() < EXPECTED)


def _psi(cells: NDArray[np.int64]) -> float:
    """Return the population stability index; half a row more a cell keeps it finite."""
    shares = (cells + 0.5) / (cells + 0.5).sum(axis=1, keepdims=True)
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def _chance(cells: NDArray[np.int64], rare: bool) -> float:
    """Return the p-value of a chi-square test of two samples; the cell of few rows is tested exactly, beside it."""
    common = cells[:, :-1] if rare else cells
    if not rare:
        return _chi_square(common)
    (then, now), (whole_then, whole_now) = cells[:, -1], cells.sum(axis=1)
    exact = float(stats.hypergeom.sf(now - 1, whole_then + whole_now, then + now, whole_now))
    return min(1.0, 2 * min(exact, _chi_square(common)))


def _chi_square(cells: NDArray[np.int64]) -> float:
    if cells.shape[1] < 2 or not cells.sum(axis=1).all():
        return 1.0
    expected = cells.sum(axis=1, keepdims=True) * cells.sum(axis=0, keepdims=True) / cells.sum()
    statistic = ((cells - expected) ** 2 / expected).sum()
    return float(stats.chi2.sf(statistic, cells.shape[1] - 1))


def _ks(shape: Shape, then: NDArray[np.int64], now: NDArray[np.int64]) -> float:
    if not shape.ordered:
        return float("nan")
    present = np.stack([then[:-1], now[:-1]])
    sums = present.sum(axis=1, keepdims=True)
    if not sums.all():
        return 0.0
    ends = np.cumsum(present / sums, axis=1)
    return float(np.abs(ends[0] - ends[1]).max())


def _worst(shape: Shape, then: NDArray[np.int64], now: NDArray[np.int64]) -> tuple[str, float, float]:
    shares = then / then.sum(), now / now.sum()
    at = int(np.abs(shares[0] - shares[1]).argmax())
    return shape.labels()[at], float(shares[0][at]), float(shares[1][at])
