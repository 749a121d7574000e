"""Pruning of a blend for latency: a member whose time is worth more than its help is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

FREE = 1e-5  # relative rise of the error that one member less is worth
COSTLY = 1e-3  # the same, all in all, while the blend is slower than the limit
LIMIT = 36.0  # microseconds a row, one thread: two threads then answer 50,000 rows a second and more

Weights = dict[str, float]


def prune(weights: Weights, microseconds: Mapping[str, float], error: Callable[[Weights], float]) -> Weights:
    """Drop members while that costs next to nothing.

    Parameters
    ----------
    weights
        The blend; the weights sum to 1.
    microseconds
        Cost of a row by member, one thread; empty when the clock must not decide (work mode).
    error
        Out-of-fold error of a blend.
    """
    whole = error(weights)
    while len(weights) > 1:
        slow = sum(microseconds.get(n, 0.0) for n in weights) > LIMIT
        trials = []
        for name in sorted(weights):
            rest = {n: w / (1 - weights[name]) for n, w in weights.items() if n != name}
            rise = error(rest) - whole
            trials.append((max(rise, 0.0) / max(microseconds.get(name, 1.0), 1e-3), rise, name, rest))
        _, rise, _, rest = min(trials, key=lambda t: t[:3])
        if rise > (COSTLY if slow else FREE) * abs(whole):
            break
        weights = rest
    return weights
