"""The policy: a small network that says which candidate to try next, in NumPy.

It starts as expected improvement and departs from it only where training found a reward in doing so:
``logits = a · log EI + score(candidate, all candidates)``, the score's last layer zero at first. A candidate's features
pass two layers; the set is summed up by its mean and by its mean weighted by improvement, so neither the order nor the
number of candidates matters. Trained by `experiments/search/train.py` (which holds the same network in torch).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm.core.errors import OptionError
from autoglm.tuning.situation import FEATURES, Situation

Array = NDArray[np.float64]

WEIGHTS = "policy.npz"  # beside this file, with the record of its training
LAYERS = ("embed", "relate", "judge", "score")


def by_improvement(situation: Situation) -> Array:
    """Return logits (B, m) that choose the largest expected improvement."""
    return np.where(situation.valid, situation.improvement, -np.inf)


@dataclass(frozen=True)
class Policy:
    """Weights of the network by layer, and what is known of their training."""

    weights: Mapping[str, Array]
    record: Mapping[str, Any]

    @classmethod
    def shipped(cls) -> Policy:
        """Return the policy that comes with the package."""
        with resources.as_file(resources.files("autoglm.tuning") / WEIGHTS) as path:
            return cls.read(path)

    @classmethod
    def read(cls, path: Any) -> Policy:
        """Read a policy; raise OptionError if it was trained on other features."""
        with np.load(path, allow_pickle=False) as stored:
            record = json.loads(str(stored["record"]))
            weights = {k: stored[k].astype(float) for k in stored.files if k != "record"}
        if record["features"] != list(FEATURES):
            raise OptionError(
                f"the policy {path} reads features {record['features']}, this version makes {list(FEATURES)}"
            )
        return cls(weights, record)

    @property
    def digest(self) -> str:
        """Return what tells two policies apart."""
        joined = b"".join(np.ascontiguousarray(self.weights[k]).tobytes() for k in sorted(self.weights))
        return hashlib.sha256(joined).hexdigest()[:12]

    def logits(self, situation: Situation) -> Array:
        """Return logits (B, m); what is not valid is minus infinity."""
        features, valid = situation.features, situation.valid
        inner = np.tanh(self._layer("relate", np.tanh(self._layer("embed", features))))
        likely = np.where(valid, np.exp(situation.improvement), 0.0)
        views = np.concatenate([_mean(inner, valid.astype(float)), _mean(inner, likely)], -1)
        own, shared = np.split(self.weights["judge.weight"].T, [inner.shape[-1]])
        about = views @ shared + self.weights["judge.bias"]  # the same for every candidate of a set
        hidden = np.tanh(inner @ own + about[:, None])
        score = self._layer("score", hidden)[..., 0]
        sharpness = np.exp(self.weights["sharpness"])
        return np.where(valid, sharpness * situation.improvement + score, -np.inf)

    def _layer(self, name: str, inputs: Array) -> Array:
        return np.asarray(inputs @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"])


def _mean(inner: Array, weights: Array) -> Array:
    """Return the weighted mean (B, h) of vectors (B, m, h)."""
    return np.asarray((inner * weights[..., None]).sum(1) / weights.sum(1, keepdims=True))
