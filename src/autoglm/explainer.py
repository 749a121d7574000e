"""Explainer: the models of a blend, each by the way that explains it best, added up to one explanation.

Trees whose sums are margins are explained together, exactly; so is whatever says itself what each column adds (linear
models in closed form, CatBoost by tables). The rest of the blend is one game that is played by permutation, with
standard errors. Weighted sums of games have the weighted sums of their Shapley values, so all is added in margin space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from autoglm.core.features import Features
from autoglm.core.seed import Seed
from autoglm.ensembles.committee import Committee, merged
from autoglm.explainers import sampled
from autoglm.explainers import trees as boosted
from autoglm.prep.grove import TreeModel
from autoglm.prep.players import Attribution, Players

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Explainer:
    """What explains a blend.

    Parameters
    ----------
    players
        The columns of the input.
    exact
        (share, attribution) pairs.
    rest
        The models that are explained by permutation.
    background
        The rows that they are compared with.
    base
        The margins when nothing is known of a row, shape (scores,).
    share
        Of the blend: how much of it is explained exactly, 0 to 1.
    paired
        Of the blend: how much of it tells exactly which columns act together, 0 to 1.
    """

    players: Players
    exact: tuple[tuple[float, Attribution], ...]
    rest: Committee
    background: Features
    base: Floats
    share: float
    paired: float

    @classmethod
    def of(
        cls, members: Sequence[tuple[float, Sequence[Any]]], names: Sequence[str], background: Features, scores: int
    ) -> Self:
        """Find for each of the members, given as (weight, fold models), what explains it."""
        players = Players.of(background, names)
        exact: list[tuple[float, Attribution]] = []
        paired = 0.0
        rest: list[tuple[float, Sequence[Any]]] = []
        trees: list[tuple[float, TreeModel]] = []
        for weight, models in members:
            if all(map(boosted.explains, models)):
                trees += [(weight / len(models), model) for model in models]
                paired += weight
            elif found := _attributions(models, players):
                exact += [(weight / len(found), attribution) for attribution in found]
                paired += weight if all(attribution.interactions for attribution in found) else 0.0
            else:
                rest.append((weight, models))
        if trees:
            shares, models = zip(*trees, strict=True)
            exact.append((1.0, boosted.attribution(models, shares, players, scores)))
        committee = Committee.of(rest, background.dense.shape[1])
        base = sum((share * attribution.base for share, attribution in exact), np.zeros(scores))
        if rest:
            base = base + committee.predict(background).mean(axis=0)
        whole = sum(weight for weight, _ in members)
        left = sum(weight for weight, _ in rest)
        share = 1.0 - left / whole if left else 1.0
        return cls(players, tuple(exact), committee, background, base, share, min(1.0, paired / whole))

    def explain(self, features: Features, seed: Seed, draws: int, threads: int) -> tuple[Floats, Floats, Floats]:
        """Return Shapley values and standard errors, shape (n_rows, n_players, scores), and the base of each row."""
        found = np.zeros((len(features), len(self.players), len(self.base)))
        base = np.tile(self.base, (len(features), 1))
        for share, attribution in self.exact:
            found += share * attribution.values(features)
        if not self.rest.seats or not found.size:
            return found, np.zeros_like(found), base

        def answer(rows: Features) -> Floats:
            return self.rest.predict(rows, threads)

        some, errors = sampled.shapley(features, self.background, answer, self.players, seed, draws)
        return found + some, errors, base

    def interactions(self, features: Features) -> Floats:
        """Return interaction values of the share that is `paired`, shape (n_rows, n_players, n_players, scores)."""
        found = np.zeros((len(features), len(self.players), len(self.players), len(self.base)))
        for share, attribution in self.exact:
            if attribution.interactions is not None:
                found += share * attribution.interactions(features)
        return found


def _attributions(models: Sequence[Any], players: Players) -> list[Attribution]:
    """Return what the models say of themselves, as one where they can be added up; nothing where they cannot say."""
    if not hasattr(models[0], "attribution"):
        return []
    one = merged(models)
    try:
        return [model.attribution(players) for model in ([one] if one else models)]
    except ValueError:
        return []
