"""Pruning of a blend for latency: members, and fold models of members, that cost more time than they help."""

from __future__ import annotations

from collections.abc import Callable, Mapping

FREE = 1e-5  # relative rise of the error that one member less is worth
COSTLY = 1e-3  # the same, all in all, while the blend is slower than the limit
LIMIT = 32.0  # microseconds a row and score, one thread: two threads then answer 50,000 rows a second
HARM = 0.06  # rise of the blend's variance, in units of one model's, that speed may cost
MOST = 40  # models that answer a row, and that a saved folder holds

Weights = dict[str, float]


def prune(
    weights: Weights, microseconds: Mapping[str, float], error: Callable[[Weights], float], limit: float = LIMIT
) -> Weights:
    """Drop members while that costs next to nothing.

    Parameters
    ----------
    weights
        The blend; the weights sum to 1.
    microseconds
        Cost of a row by member, one of its models, one thread; empty when the clock must not decide (work mode).
    error
        Out-of-fold error of a blend.
    limit
        Microseconds a row that the blend should take at most.
    """
    whole = error(weights)
    while len(weights) > 1:
        slow = sum(microseconds.get(n, 0.0) for n in weights) > limit
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


def trim(
    weights: Weights, models: Mapping[str, int], microseconds: Mapping[str, float], limit: float = LIMIT
) -> dict[str, int]:
    """Return how many of its models each member keeps: `MOST` in all, and fewer while they are slow.

    The mean of k models has 1/k of the variance that one has beyond what they share: the k-th model of a member with
    weight w is worth w^2 / (k (k - 1)). The one that is worth least for its cost goes first; for speed no more than
    `HARM` is given up, and a member always keeps one.
    """
    kept = dict(models)
    harm = 0.0

    def worth(name: str) -> float:
        return weights[name] ** 2 / (kept[name] * (kept[name] - 1))

    while spare := [name for name, count in kept.items() if count > 1]:
        slow = sum(microseconds.get(n, 0.0) * count for n, count in kept.items()) > limit
        many = sum(kept.values()) > MOST
        if not slow and not many:
            break
        price = {n: 1.0 if many else max(microseconds.get(n, 0.0), 1e-3) for n in spare}
        least = min(spare, key=lambda n: (worth(n) / price[n], n))
        if not many:
            harm += worth(least)
            if harm > HARM:
                break
        kept[least] -= 1
    return kept
