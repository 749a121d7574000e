"""Pruning of a blend for latency: members, and fold models of members, that cost more time than they help."""

from __future__ import annotations

from collections.abc import Callable, Mapping

FREE = 1e-5  # relative rise of the error that one member less is worth
COSTLY = 1e-3  # the same, all in all, while the blend is slower than the limit
LIMIT = 32.0  # microseconds a row, one thread: two threads then answer 50,000 rows a second
MOST = 40  # models that answer a row, and that a saved folder holds

Weights = dict[str, float]


def prune(weights: Weights, microseconds: Mapping[str, float], error: Callable[[Weights], float]) -> Weights:
    """Drop members while that costs next to nothing.

    Parameters
    ----------
    weights
        The blend; the weights sum to 1.
    microseconds
        Cost of a row by member, one of its models, one thread; empty when the clock must not decide (work mode).
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


def trim(weights: Weights, models: Mapping[str, int], microseconds: Mapping[str, float]) -> dict[str, int]:
    """Return how many of its models each member keeps: at most `MOST` in all, and as many as `LIMIT` allows.

    The mean of k models has a variance of about 1/k of one's beyond what they share, so that the k-th of a member
    with weight w is worth w^2 / (k (k - 1)); the one that is worth least for its cost goes first. A member keeps one.
    """
    kept = dict(models)

    def worth(name: str, cost: float) -> tuple[float, str]:
        return weights[name] ** 2 / (kept[name] * (kept[name] - 1)) / max(cost, 1e-3), name

    while spare := [name for name, count in kept.items() if count > 1]:
        slow = sum(microseconds.get(n, 0.0) * count for n, count in kept.items()) > LIMIT
        if not slow and sum(kept.values()) <= MOST:
            break
        costs = {n: microseconds.get(n, 0.0) if slow else 1.0 for n in spare}
        kept[min(spare, key=lambda n: worth(n, costs[n]))] -= 1
    return kept
