"""Greedy selection of members on out-of-fold margins, with replacement (Caruana et al. 2004).

Members are blended in margin space, so the blend of log-odds is itself a log-odds and contributions of
members add up exactly. A member that has not judged every row takes part in those that it has; elsewhere
the others answer without it, which makes its gain a careful estimate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Margins = NDArray[np.float64]
Error = Callable[[Margins, NDArray[np.bool_]], float]


@dataclass(frozen=True)
class Blend:
    """Members' weights (they sum to 1) and the blend's out-of-fold error."""

    weights: dict[str, float]
    error: float


def select(
    margins: Mapping[str, Margins],
    covered: Mapping[str, NDArray[np.bool_]],
    error: Callable[[Margins], float],
    steps: int = 40,
    tolerance: float = 1e-4,
) -> Blend:
    """Choose members one at a time, each time the one that lowers the error most.

    Parameters
    ----------
    margins
        Out-of-fold margins by member, each (n_rows, scores); anything where not covered.
    covered
        Rows that a member has judged, each (n_rows,).
    error
        Maps margins of the rows that are judged at all to an error, lower is better.
    steps
        Additions at most.
    tolerance
        Relative fall of the error below which a further member is not worth its latency.

    Returns
    -------
    Blend
        Never worse than the best single member among those that judged most rows.
    """
    names = sorted(margins)
    most = max(int(covered[n].sum()) for n in names)
    full = [n for n in names if int(covered[n].sum()) == most]
    rows = covered[full[0]]
    first = min(full, key=lambda n: error(margins[n][rows]))
    count = {first: 1}
    total, weight = margins[first][rows].copy(), np.ones((int(rows.sum()), 1))
    here = {n: covered[n][rows].astype(np.float64)[:, None] for n in names}
    part = {n: np.where(here[n] > 0, margins[n][rows], 0.0) for n in names}
    path = [(error(total), dict(count))]
    for _ in range(steps):
        trials = {n: error((total + part[n]) / (weight + here[n])) for n in names}
        best = min(names, key=lambda n: (trials[n], count.get(n, 0) == 0, n))
        total, weight = total + part[best], weight + here[best]
        count = count | {best: count.get(best, 0) + 1}
        path.append((trials[best], dict(count)))
        if len(path) > 8 and path[-1][0] >= path[-6][0]:
            break
    lowest = min(e for e, _ in path)
    chosen = next((e, c) for e, c in path if e <= lowest + tolerance * abs(lowest))
    size = sum(chosen[1].values())
    return Blend({n: k / size for n, k in sorted(chosen[1].items())}, chosen[0])
