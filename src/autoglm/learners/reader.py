"""Fine-tuning (PyTorch): the upper layers of a language model are trained to read the texts for this target.

Two or more texts are read as one, so that words of a pair can attend to each other (Devlin et al. 2019,
doi:10.18653/v1/N19-1423). The lower layers are not trained: they read each row once (Lee et al. 2019,
doi:10.48550/arXiv.1911.03090: a quarter of the layers bring nine tenths of the gain).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from autoglm.core.errors import MissingExtraError
from autoglm.core.features import Features
from autoglm.core.files import read_json, write_json
from autoglm.core.metrics import log_loss, softmax
from autoglm.core.task import Task
from autoglm.learners import Limits, Sample

try:
    import torch
    from safetensors.torch import load_file, save_file
    from torch import nn

    from autoglm.deep import loop
    from autoglm.prep.reader import Reader
except ImportError as error:
    raise MissingExtraError(f"{error.name} is not installed: pip install 'open-autoglm[pretrained]'") from error

if TYPE_CHECKING:
    import optuna

NEEDS = "tokens"
PRICE = 0.001  # seconds x threads a token: a third of what the epochs take, with which little is learned
BEGIN, END = 101, 102  # tokens of MiniLM
LONGEST = 128  # tokens of a row; training takes four times as long as reading
MOST_STATES = 2_500_000  # tokens whose states are held: 2 GB in half precision
MOST_JUDGED = 1_500


@dataclass(frozen=True)
class Learner:
    """Settings of the training.

    Parameters
    ----------
    upper
        Layers that are trained, 1 to 6.
    lr
        Highest learning rate.
    epochs
        Passes over the rows at most.
    """

    name: ClassVar[str] = "reader"

    upper: int = 4  # on CoLA, three epochs with these have log-loss .558; 2 layers .583, 6 layers and 3e-4 .609
    lr: float = 1e-4
    epochs: int = 3
    batch: int = 16
    decay: float = 0.01

    def fit(self, train: Sample, valid: Sample, task: Task, limits: Limits) -> Model:
        """Train on `train`; the best epoch is picked on `valid`."""
        torch.set_num_threads(limits.threads)
        numbers = task.kind == "regression"
        centre, scale = (float(np.mean(train.target)), float(np.std(train.target)) or 1.0) if numbers else (0.0, 1.0)
        outputs = 1 if numbers else max(2, task.scores)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(limits.seed.child("start").integer)
            reader = Reader(self.upper, outputs)
        rows = _joined(train.features)
        most = max(self.batch, int(MOST_STATES / max(1.0, float(np.mean([len(r[0]) for r in rows])))))
        some = limits.seed.child("rows").sample(np.arange(len(rows)), most)
        states, target = reader.begin(*_split([rows[i] for i in some])), train.target[some]
        judged = valid.thinned(MOST_JUDGED, limits.seed.child("judged"))
        held = reader.begin(*_split(_joined(judged.features)))
        goal = ((target - centre) / scale).astype(np.float32) if numbers else target.astype(np.int64)
        wanted = torch.from_numpy(goal)
        size = min(self.batch, len(states))

        def batches(epoch: int) -> Iterator[tuple[Any, ...]]:
            for part in _parts([len(s) for s in states], size, limits.seed.child("order", epoch).generator()):
                yield [states[i] for i in part], wanted[part]

        def loss(batch: tuple[Any, ...]) -> Any:
            out = reader(batch[0])
            if not numbers:
                return nn.functional.cross_entropy(out, batch[1])
            gap = out[:, 0] - batch[1]
            return gap.abs().mean() if limits.loss == "absolute" else gap.square().mean()

        def judge() -> float:
            margins = _margins(reader, held, task.kind, centre, scale)
            if numbers:
                return float(np.sqrt(np.mean(np.square(margins[:, 0] - judged.target))))
            return log_loss(judged.target, softmax(margins, task))

        recipe = loop.Recipe(self.epochs, self.lr, decay=self.decay, patience=2)
        left = max(0.05, limits.started + 0.85 * limits.seconds - time.monotonic())
        steps = -(-len(states) // size)
        loop.train(reader, batches, loss, judge, recipe, limits.seed.child("train"), steps=steps, seconds=left)
        return Model(task.kind, reader, centre, scale, outputs, self)

    @classmethod
    def suggest(cls, trial: optuna.Trial) -> Self:
        """Draw settings around the defaults."""
        return cls(
            upper=trial.suggest_int("reader.upper", 1, 6),
            lr=trial.suggest_float("reader.lr", 3e-5, 1e-3, log=True),
        )


@dataclass(frozen=True, eq=False)
class Model:
    """The trained reader.

    Parameters
    ----------
    centre, scale
        Of a regression target.
    """

    kind: str
    reader: Reader
    centre: float
    scale: float
    outputs: int
    settings: Learner

    def predict(self, features: Features, threads: int = 1) -> NDArray[np.float64]:
        """Return margins, shape (n, scores)."""
        torch.set_num_threads(threads)
        margins = []
        rows = _joined(features)
        for start in range(0, len(rows), 2_000):  # states of long texts take memory
            states = self.reader.begin(*_split(rows[start : start + 2_000]))
            margins.append(_margins(self.reader, states, self.kind, self.centre, self.scale))
        width = 1 if self.kind in ("binary", "regression") else self.outputs
        return np.concatenate(margins) if margins else np.empty((0, width))

    def save(self, folder: Path) -> None:
        """Write model.json and reader.safetensors: the trained weights alone, in half precision."""
        about = {"kind": self.kind, "centre": self.centre, "scale": self.scale, "outputs": self.outputs}
        write_json(folder / "model.json", about | {"settings": asdict(self.settings)})
        save_file({k: t.contiguous() for k, t in self.reader.trained().items()}, folder / "reader.safetensors")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        about = read_json(folder / "model.json")
        settings = Learner(**about.pop("settings"))
        reader = Reader(settings.upper, about["outputs"])
        reader.load_state_dict(load_file(folder / "reader.safetensors"), strict=False)
        return cls(reader=reader.eval(), settings=settings, **about)


Row = tuple[NDArray[np.uint16], NDArray[np.uint16]]  # tokens, and which text each belongs to (0 or 1)


def _joined(features: Features) -> list[Row]:
    """Join the texts of each row, each with its end; where they are too long, all are cut alike."""
    texts = [ragged for _, ragged in features.tokens]
    room = (LONGEST - 1) // len(texts) - 1
    joined = []
    for row in range(len(features)):
        parts = [np.append(text[row][:room], np.uint16(END)).astype(np.uint16) for text in texts]
        tokens = np.concatenate([np.array([BEGIN], dtype=np.uint16), *parts])
        kinds = (np.arange(len(tokens)) > len(parts[0])).astype(np.uint16)
        joined.append((tokens, kinds))
    return joined


def _split(rows: list[Row]) -> tuple[list[NDArray[np.uint16]], list[NDArray[np.uint16]]]:
    return [tokens for tokens, _ in rows], [kinds for _, kinds in rows]


def _parts(lengths: list[int], size: int, generator: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Yield batches in a drawn order, of rows about as long as each other: little is padded."""
    jittered = np.array(lengths) * generator.uniform(0.8, 1.2, len(lengths))
    order = np.argsort(jittered, kind="stable")
    starts = np.arange(0, len(order), size)
    for start in generator.permutation(starts):
        yield order[start : start + size]


def _margins(reader: Reader, states: list[Any], kind: str, centre: float, scale: float) -> NDArray[np.float64]:
    """Answer rows, those of one length together: no padding, so that an answer does not depend on its company."""
    lengths = np.array([len(s) for s in states])
    out: NDArray[np.float64] = np.empty((len(states), reader.answer[1].out_features))
    with torch.inference_mode():
        for length in np.unique(lengths):
            rows = np.flatnonzero(lengths == length)
            for start in range(0, len(rows), 64):
                some = rows[start : start + 64]
                out[some] = reader([states[i] for i in some]).double().numpy()
    if kind == "regression":
        return out * scale + centre
    return out[:, 1:] - out[:, :1] if kind == "binary" else out
