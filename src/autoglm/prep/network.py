"""Small neural networks trained side by side in NumPy: forward, backward, Adam.

The members' weights are stacked, so one product serves all:
(members, rows, inputs) @ (members, inputs, units).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Layers = tuple[
    tuple[NDArray[Any], NDArray[Any]], ...
]  # weights (members, inputs, units) and biases (members, 1, units)


@dataclass(frozen=True)
class Net:
    """Parameters in one flat vector; `scale`, `weights` and `biases` are views of it."""

    flat: Array
    scale: Array  # (members, 1, d)
    weights: tuple[Array, ...]  # (members, inputs, units)
    biases: tuple[Array, ...]  # (members, 1, units)

    @classmethod
    def empty(cls, members: int, sizes: list[int]) -> Net:
        """Zeros for layers of these sizes: inputs, hidden units, outputs."""
        shapes = [(members, 1, sizes[0])]
        for inputs, units in pairwise(sizes):
            shapes += [(members, inputs, units), (members, 1, units)]
        flat = np.zeros(sum(int(np.prod(s)) for s in shapes), dtype=np.float32)
        ends = np.cumsum([int(np.prod(s)) for s in shapes])
        views = [part.reshape(s) for part, s in zip(np.split(flat, ends[:-1]), shapes, strict=True)]
        return cls(flat, views[0], tuple(views[1::2]), tuple(views[2::2]))

    @property
    def sizes(self) -> list[int]:
        """Inputs, hidden units and outputs."""
        return [self.scale.shape[2], *(w.shape[2] for w in self.weights)]

    def copy(self) -> Net:
        """An independent copy."""
        net = Net.empty(len(self.scale), self.sizes)
        net.flat[:] = self.flat
        return net

    def start(self, rng: np.random.Generator) -> None:
        """Unit scales, standard normal weights and biases, and a last layer of zeros."""
        self.scale[:] = 1.0
        for part in (*self.weights[:-1], *self.biases[:-1]):
            part[:] = rng.standard_normal(part.shape, dtype=np.float32)

    def folded(self) -> Layers:
        """Plain layers: the input scales and the factors 1 / sqrt(inputs) multiplied into the weights."""
        weights = [_damped(w) for w in self.weights]
        weights[0] = weights[0] * np.swapaxes(self.scale, 1, 2)
        return tuple(zip(weights, (b.copy() for b in self.biases), strict=True))

    def outputs(self, x: Array) -> Array:
        """(members, n, outputs) of validation rows (n, d)."""
        return forward(self.folded(), x)

    def gradient(
        self,
        x: Array,
        slope: Callable[[Array], Array],
        into: Net,
        drop: Callable[[Array], Array] | None = None,
    ) -> None:
        """Backpropagate the loss's `slope` at the outputs for x, (members, batch, d), into `into`."""
        weights = [_damped(w) for w in self.weights]
        inputs: list[Array] = [x * self.scale]
        slopes: list[Array] = []
        for w, b in zip(weights[:-1], self.biases[:-1], strict=True):
            h, d = mish_slope(inputs[-1] @ w + b)  # (members, batch, width)
            if drop is not None:
                mask = drop(h)
                h, d = h * mask, d * mask
            inputs.append(h)
            slopes.append(d)
        g = slope(inputs[-1] @ weights[-1] + self.biases[-1])  # (members, batch, outputs)
        for i in range(len(weights) - 1, -1, -1):
            np.matmul(np.swapaxes(inputs[i], 1, 2), g, out=into.weights[i])
            into.weights[i][:] *= _damping(self.weights[i])
            g.sum(axis=1, keepdims=True, out=into.biases[i])
            g = g @ np.swapaxes(weights[i], 1, 2)
            if i:
                g *= slopes[i - 1]
        np.einsum("mbd,mbd->md", x, g, out=into.scale[:, 0])


@dataclass(frozen=True)
class Adam:
    """Adam with decoupled weight decay and factors on the learning rate: 6 for scales, .1 for biases."""

    first: Array
    second: Array
    factor: Array
    decay: float

    @classmethod
    def of(cls, net: Net, decay: float) -> Adam:
        """Start for a network."""
        factor = Net.empty(len(net.scale), net.sizes)
        factor.flat[:] = 1.0
        factor.scale[:] = 6.0
        for bias in factor.biases:
            bias[:] = 0.1
        return cls(np.zeros_like(net.flat), np.zeros_like(net.flat), factor.flat, decay)

    def move(self, net: Net, grad: Net, lr: float, step: int) -> None:
        """Take step number `step`, counted from 1."""
        beta1, beta2 = 0.9, 0.95
        self.first[:] += (1 - beta1) * (grad.flat - self.first)
        self.second[:] += (1 - beta2) * (np.square(grad.flat) - self.second)
        size = np.sqrt(self.second / (1 - beta2**step))
        size += 1e-8
        change = self.first / size
        change *= lr / (1 - beta1**step)
        if self.decay:
            change += lr * self.decay * net.flat
        change *= self.factor
        net.flat[:] -= change


def forward(layers: Layers, x: NDArray[Any]) -> NDArray[Any]:
    """Outputs, (members, n, outputs), of plain layers for x, (n, d), in the precision of both."""
    for weights, bias in layers[:-1]:
        x = x @ weights
        x += bias
        x = mish(x)  # (members, n, width)
    out: NDArray[Any] = x @ layers[-1][0] + layers[-1][1]
    return out


def coslog4(progress: float) -> float:
    """RealMLP's share of the highest learning rate: four cosine waves, each twice as long as the last."""
    return float(0.5 * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * progress))))


def _damping(weights: Array) -> np.float32:
    return np.float32(1 / np.sqrt(max(1, weights.shape[1])))


def _damped(weights: Array) -> Array:
    """Neural tangent parametrisation: weights of unit size, divided by sqrt(inputs) when used."""
    return weights * _damping(weights)


def dropout(p: float, rng: np.random.Generator) -> Callable[[Array], Array] | None:
    """Return what draws a mask of 0 and 1 / (1 - p) for a layer, or None for p = 0."""
    if not p:
        return None
    return lambda h: (rng.random(h.shape, dtype=np.float32) >= p).astype(np.float32) / np.float32(1 - p)


def mish(a: NDArray[Any]) -> NDArray[Any]:
    """Mish, a * tanh(softplus(a)), with one exponential."""
    e: NDArray[Any] = np.exp(np.minimum(a, 15.0))
    n = e + 2.0
    e *= n
    np.add(e, 2.0, out=n)
    e /= n
    e *= a
    return e


def mish_slope(a: Array) -> tuple[Array, Array]:
    """Mish and its derivative."""
    e: Array = np.exp(np.minimum(a, 15.0))
    n: Array = e * (e + 2.0)
    below: Array = 1.0 / (n + 2.0)
    n *= below  # tanh(softplus(a))
    e *= e + 1.0
    e *= below
    e *= below
    e *= a
    e *= 4.0
    e += n
    n *= a
    return n, e


def softmax(out: NDArray[Any]) -> NDArray[Any]:
    """Probabilities of scores, over the last axis."""
    e: NDArray[Any] = np.exp(out - out.max(axis=-1, keepdims=True))
    e /= e.sum(axis=-1, keepdims=True)
    return e
