"""Attention fusion (PyTorch): each modality becomes a token, queries attend to those that are there.

After Jaegle et al. 2021 (Perceiver, doi:10.48550/arXiv.2103.03206) for the queries, and the bag of tricks of
doi:10.48550/arXiv.2412.16243: modalities are dropped while training, a missing one has a learned token and is masked
out, and each modality also answers by itself (an auxiliary loss), so that none is forgotten.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from autoglm.core.errors import MissingExtraError
from autoglm.core.features import TABLE, Features
from autoglm.core.files import read_json, write_json
from autoglm.core.task import Task
from autoglm.learners import Limits, Sample
from autoglm.prep import tabular
from autoglm.prep.views import View

try:
    import torch
    from safetensors.torch import load_file, save_file
    from torch import nn

    from autoglm.deep import loop
except ImportError as error:
    raise MissingExtraError(f"{error.name} is not installed: pip install 'open-autoglm[deep]'") from error

if TYPE_CHECKING:
    import optuna

NEEDS = "modalities"
QUERIES, HEADS = 4, 4
MOST_JUDGED = 4_000  # rows by which the best epoch is picked


@dataclass(frozen=True)
class Learner:
    """Settings of the network.

    Parameters
    ----------
    width
        Numbers of a token; divisible by 4.
    dropped
        Probability that a modality is dropped in training.
    auxiliary
        Weight of the loss of each modality's own answer.
    dropout, lr, decay
        As usual.
    epochs
        At most.
    """

    name: ClassVar[str] = "fusion"

    width: int = 96
    dropped: float = 0.3
    auxiliary: float = 0.5
    dropout: float = 0.2
    lr: float = 2e-3
    decay: float = 0.05
    epochs: int = 60
    batch: int = 64

    def fit(self, train: Sample, valid: Sample, task: Task, limits: Limits) -> Model:
        """Train on `train`; the best epoch is picked on `valid`."""
        views = tuple(_view(name, train, task, limits) for name in train.features.modalities)
        goal = _Goal.of(train.target, task, limits.loss)
        torch.set_num_threads(limits.threads)
        some = valid.thinned(MOST_JUDGED, limits.seed.child("judged"))
        inputs, held = _tensors(views, train.features), _tensors(views, some.features)
        target, truth = goal.encode(train.target), goal.encode(some.target)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(limits.seed.child("start").integer)
            network = Network([x.shape[1] for x in inputs[0]], goal.outputs, self)
        size = min(self.batch, len(train))

        def batches(epoch: int) -> Iterator[tuple[Any, ...]]:
            order = limits.seed.child("order", epoch).generator().permutation(len(train))
            for start in range(0, len(train) - size + 1, size):
                rows = torch.from_numpy(order[start : start + size])
                yield [x[rows] for x in inputs[0]], inputs[1][rows], target[rows]

        def loss(batch: tuple[Any, ...]) -> Any:
            whole, each = network.answers(batch[0], network.drop(batch[1]))
            alone = torch.stack([goal.loss(answer, batch[2], here) for answer, here in each])
            return goal.loss(whole, batch[2]) + self.auxiliary * alone.mean()

        def judge() -> float:
            with torch.inference_mode():
                return float(goal.loss(network(*held), truth))

        recipe = loop.Recipe(self.epochs, self.lr, decay=self.decay, patience=10, half=False)
        left = max(0.05, limits.started + 0.85 * limits.seconds - time.monotonic())
        steps = len(train) // size
        loop.train(network, batches, loss, judge, recipe, limits.seed.child("train"), steps=steps, seconds=left)
        return Model(task.kind, views, network, goal.centre, goal.scale, self)

    @classmethod
    def suggest(cls, trial: optuna.Trial) -> Self:
        """Draw settings around the defaults."""
        return cls(
            width=trial.suggest_categorical("fusion.width", [64, 96, 160]),
            dropped=trial.suggest_float("fusion.dropped", 0.0, 0.5),
            auxiliary=trial.suggest_float("fusion.auxiliary", 0.0, 1.0),
            dropout=trial.suggest_float("fusion.dropout", 0.0, 0.4),
            lr=trial.suggest_float("fusion.lr", 5e-4, 8e-3, log=True),
        )


class Network(nn.Module):
    """From one matrix a modality, and which are there, to scores."""

    def __init__(self, widths: list[int], outputs: int, settings: Learner) -> None:
        super().__init__()
        width, count = settings.width, len(widths)
        self.dropped = settings.dropped
        self.tokens = nn.ModuleList(
            nn.Sequential(nn.Linear(w, width), nn.GELU(), nn.Dropout(settings.dropout), nn.LayerNorm(width))
            for w in widths
        )
        self.place = nn.Parameter(0.02 * torch.randn(count, width))
        self.missing = nn.Parameter(0.02 * torch.randn(count, width))
        self.queries = nn.Parameter(0.5 * torch.randn(QUERIES, width))
        self.attention = nn.MultiheadAttention(width, HEADS, dropout=settings.dropout, batch_first=True)
        self.head = nn.Sequential(
            nn.LayerNorm(QUERIES * width), nn.Dropout(settings.dropout), nn.Linear(QUERIES * width, outputs)
        )
        self.alone = nn.ModuleList(nn.Linear(width, outputs) for _ in widths)

    def forward(self, inputs: list[Any], here: Any) -> Any:
        """Return scores, (n, outputs); `here` is boolean, (n, modalities)."""
        return self.answers(inputs, here)[0]

    def answers(self, inputs: list[Any], here: Any) -> tuple[Any, list[tuple[Any, Any]]]:
        """Return the scores of all, and each modality's own with the rows that have it."""
        made = [token(x) for token, x in zip(self.tokens, inputs, strict=True)]
        tokens = torch.stack(made, dim=1)  # (n, modalities, width)
        tokens = torch.where(here[:, :, None], tokens, self.missing) + self.place
        hidden = ~here & here.any(dim=1, keepdim=True)  # a row without anything sees the missing tokens
        queries = self.queries.expand(len(here), -1, -1)
        seen, _ = self.attention(queries, tokens, tokens, key_padding_mask=hidden, need_weights=False)
        whole = self.head((seen + queries).flatten(1))
        return whole, [(head(x), here[:, i]) for i, (head, x) in enumerate(zip(self.alone, made, strict=True))]

    def drop(self, here: Any) -> Any:
        """Drop modalities at random, but never all that a row has."""
        kept = here & (torch.rand(here.shape) >= self.dropped)
        return torch.where(kept.any(dim=1, keepdim=True), kept, here)


@dataclass(frozen=True, eq=False)
class Model:
    """The trained network.

    Parameters
    ----------
    views
        How each modality becomes a matrix.
    centre, scale
        Of a regression target.
    """

    kind: str
    views: tuple[tuple[str, View | tabular.Dense], ...]
    network: Network
    centre: float
    scale: float
    settings: Learner

    def predict(self, features: Features, threads: int = 1) -> NDArray[np.float64]:
        """Return margins, shape (n, scores)."""
        torch.set_num_threads(threads)
        with torch.inference_mode():
            out = self.network(*_tensors(self.views, features)).double().numpy()
        if self.kind == "regression":
            return np.asarray(out * self.scale + self.centre)
        return np.asarray(out[:, 1:] - out[:, :1] if self.kind == "binary" else out)

    def save(self, folder: Path) -> None:
        """Write model.json, views.npz and network.safetensors."""
        about = {"kind": self.kind, "centre": self.centre, "scale": self.scale, "settings": asdict(self.settings)}
        outputs = self.network.head[2].out_features
        widths = [token[0].in_features for token in self.network.tokens]
        names = [name for name, _ in self.views]
        write_json(folder / "model.json", about | {"widths": widths, "outputs": outputs, "modalities": names})
        arrays = {f"{i}.{key}": a for i, (_, view) in enumerate(self.views) for key, a in view.arrays().items()}
        np.savez(folder / "views.npz", allow_pickle=False, **arrays)
        save_file({k: t.contiguous() for k, t in self.network.state_dict().items()}, folder / "network.safetensors")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        about = read_json(folder / "model.json")
        with np.load(folder / "views.npz", allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        views = []
        for i, name in enumerate(about["modalities"]):
            own = {n.partition(".")[2]: a for n, a in arrays.items() if n.partition(".")[0] == str(i)}
            views.append((name, tabular.Dense.restore(own) if name == TABLE else View.restore(name, own)))
        settings = Learner(**about["settings"])
        network = Network(about["widths"], about["outputs"], settings)
        network.load_state_dict(load_file(folder / "network.safetensors"))
        return cls(about["kind"], tuple(views), network.eval(), about["centre"], about["scale"], settings)


@dataclass(frozen=True)
class _Goal:
    """The target as the network sees it, and its loss."""

    outputs: int
    absolute: bool = False
    centre: float = 0.0
    scale: float = 1.0

    @classmethod
    def of(cls, target: NDArray[Any], task: Task, loss: str) -> _Goal:
        if task.kind != "regression":
            return cls(max(2, task.scores))
        return cls(1, loss == "absolute", float(np.mean(target)), float(np.std(target)) or 1.0)

    def encode(self, target: NDArray[Any]) -> Any:
        if self.outputs > 1:
            return torch.from_numpy(np.asarray(target, dtype=np.int64))
        return torch.from_numpy(((target - self.centre) / self.scale).astype(np.float32))

    def loss(self, out: Any, target: Any, here: Any = None) -> Any:
        """Return the mean loss, of the rows that are `here` where given."""
        if self.outputs > 1:
            each = nn.functional.cross_entropy(out, target, reduction="none")
        else:
            gap = out[:, 0] - target
            each = gap.abs() if self.absolute else gap.square()
        return each.mean() if here is None else (each * here).sum() / here.sum().clamp(min=1)


def _view(name: str, train: Sample, task: Task, limits: Limits) -> tuple[str, View | tabular.Dense]:
    if name != TABLE:
        return name, View.fit(train.features, name)
    return name, tabular.fit(_plain(train.features), train.target, task, limits.seed.child("table"))[0]


def _plain(features: Features) -> Features:
    at = features.modalities[TABLE]
    outputs = tuple(features.outputs[i] for i in at)
    return replace(features, dense=np.ascontiguousarray(features.dense[:, at]), outputs=outputs, sparse=None, terms=())


def _tensors(views: tuple[tuple[str, View | tabular.Dense], ...], features: Features) -> tuple[list[Any], Any]:
    """Return one float32 matrix a modality, and which rows have it, boolean (n, modalities)."""
    dense = replace(features, sparse=None, terms=())
    matrices = [view.transform(_plain(dense) if name == TABLE else dense) for name, view in views]
    scaled = [m if name == TABLE else m * np.sqrt(m.shape[1]) for (name, _), m in zip(views, matrices, strict=True)]
    here = np.column_stack([~features.absent(name) for name, _ in views])
    return [torch.from_numpy(np.ascontiguousarray(m, dtype=np.float32)) for m in scaled], torch.from_numpy(here)
