"""One space for all modalities of a table: what stands in one row comes to lie close, so that one finds another.

A linear projector a modality is trained with the contrastive loss of CLIP (Radford et al. 2021,
doi:10.48550/arXiv.2103.00020): of all rows of a batch, each picture shall find its own text, and each text its picture.
No hub is asked: the space is learned from the rows at hand, on top of the encoders.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, permutations
from pathlib import Path
from time import monotonic
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm import encoders
from autoglm.core import frames
from autoglm.core.columns import column
from autoglm.core.errors import DataError, FolderError, OptionError, nearest
from autoglm.core.features import Features
from autoglm.core.files import read_json, write_bytes, write_json
from autoglm.core.seed import Seed
from autoglm.prep.views import View

HELD = 0.15  # share of the rows on which the space is judged, and which have no other say in its training
STOP = 0.1  # share of the rows by which the best epoch is chosen
FEWEST = 40  # rows with two modalities or more
LOOKING = 0.6  # share of the seconds that may go into encoding
WARMTH = 0.07  # temperature of the loss
NEAREST = (1, 10)  # ranks within which a row's own partner shall be found
TIED = 1e-6  # cosines that differ by no more are equal

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class SharedSpace:
    """The recipe of a space.

    Parameters
    ----------
    size
        Numbers of a vector.
    seconds, threads, seed, kinds, files
        As for `AutoML`.
    epochs, batch, lr
        Of the training.
    """

    size: int = 64
    seconds: float = 60.0
    threads: int = 2
    seed: int = 42
    kinds: Mapping[str, str] = field(default_factory=dict)
    files: str | Path | None = None
    epochs: int = 60
    batch: int = 128
    lr: float = 3e-3

    def fit(self, frame: Any) -> Space:
        """Learn where rows of a table lie.

        The encoders of the columns are fitted to all rows, held-out ones too, but to each column alone: no partner is
        told. All that is learned of partners comes from rows that are not held out.

        Parameters
        ----------
        frame
            pandas, polars or pyarrow table with at least two modalities: text, images, audio, embeddings, and all
            plain columns together.

        Returns
        -------
        Space

        Raises
        ------
        DataError
            One modality alone, or too few rows that have two.
        MissingExtraError
            PyTorch is not installed.
        """
        started, seed = monotonic(), Seed(self.seed)
        rows = frames.to_pandas(frame)
        files = self.files or rows.attrs.get("folder")
        columns = [column(rows[name], files) for name in rows.columns]
        kinds = [encoders.choose(c, self.kinds) for c in columns]
        columns = encoders.within(columns, kinds, started + LOOKING * self.seconds, self.threads, seed)
        encodings = encoders.encode(columns, kinds, seed)
        features = encoders.assemble(columns, encodings)
        names = tuple(features.modalities)
        if len(names) < 2:
            raise DataError(f"one modality alone ({', '.join(names)}): a shared space needs two, text and images say")
        paired = np.flatnonzero(sum((~features.absent(name)).astype(int) for name in names) > 1)
        if len(paired) < FEWEST:
            raise DataError(f"{len(paired)} rows have two modalities: expected at least {FEWEST}")
        order = seed.child("held").generator().permutation(paired)
        held, stop, train = np.split(order, np.cumsum([int(HELD * len(order)), int(STOP * len(order))]))
        views = {name: View.fit(features.take(train), name) for name in names}
        matrices = {name: _matrix(views[name], features) for name in names}
        here = {name: ~features.absent(name) for name in names}
        left = max(1.0, 0.9 * self.seconds - (monotonic() - started))
        projectors = _trained(self, matrices, here, train, stop, seed, left)
        vectors = {n: _unit(matrices[n] @ projectors[n], here[n]) for n in names}
        recall = _recall({n: v[held] for n, v in vectors.items()})
        return Space(tuple(map(str, rows.columns)), encodings, views, projectors, vectors, recall, len(held), files)


@dataclass(frozen=True, eq=False)
class Space:
    """A learned space, and where the rows that it was learned from lie.

    Parameters
    ----------
    columns, encodings, views, projectors
        How a row becomes vectors.
    vectors
        Modality → float32, shape (n_rows, size), of length 1; zeros where a row lacks it.
    recall
        How often a held-out row finds its partner: ``from``, ``to``, ``at`` (rank), ``share``, ``chance``.
    held
        Rows that were held out.
    """

    columns: tuple[str, ...]
    encodings: tuple[encoders.Encoding, ...]
    views: Mapping[str, View]
    projectors: Mapping[str, Vectors]
    vectors: Mapping[str, Vectors]
    recall: pd.DataFrame
    held: int
    files: str | Path | None = None

    def embed(self, frame: Any) -> dict[str, Vectors]:
        """Return by modality where rows lie, shape (n_rows, size); columns that are not given count as missing."""
        rows = frames.to_pandas(frame, empty=True).reindex(columns=list(self.columns))
        files = self.files or getattr(frame, "attrs", {}).get("folder")
        features = encoders.assemble([column(rows[n].astype(object), files) for n in self.columns], self.encodings)
        return {
            name: _unit(_matrix(view, features) @ self.projectors[name], ~features.absent(name))
            for name, view in self.views.items()
        }

    def search(self, query: Mapping[str, Any], modality: str, count: int = 10) -> pd.DataFrame:
        """Return the rows of the training table whose modality lies nearest to a query.

        Parameters
        ----------
        query
            Values of one or more columns: ``{"caption": "a red flag with a star"}``.
        modality
            What is searched: the name of a column of text, images, audio or embeddings, or "table".
        count
            Rows to return.

        Returns
        -------
        DataFrame
            ``row`` (position) and ``likeness`` (cosine), nearest first.

        Raises
        ------
        OptionError
            No such column or modality.
        """
        for name in query:
            if name not in self.columns:
                raise OptionError(f"no column named {name!r}{nearest(name, self.columns)}")
        if modality not in self.vectors:
            known = ", ".join(self.vectors)
            raise OptionError(f"no modality named {modality!r}{nearest(modality, self.vectors)} (known: {known})")
        asked = sum(self.embed(pd.DataFrame([dict(query)])).values())
        assert isinstance(asked, np.ndarray)
        likeness = self.vectors[modality] @ _unit(asked, np.ones(1, dtype=bool))[0]
        likeness = np.where(self.vectors[modality].any(axis=1), likeness, -np.inf)
        best = np.argsort(-likeness, kind="stable")[:count]
        best = best[np.isfinite(likeness[best])]
        return pd.DataFrame({"row": best, "likeness": likeness[best]})

    def save(self, folder: str | Path) -> Path:
        """Write the space into a folder, as JSON and npz."""
        place = Path(folder)
        encoders.write(self.encodings, place)
        arrays = {f"vectors.{n}": v for n, v in self.vectors.items()}
        arrays |= {f"projector.{n}": v for n, v in self.projectors.items()}
        arrays |= {f"view.{n}.{key}": a for n, v in self.views.items() for key, a in v.arrays().items()}
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        write_bytes(place / "space.npz", buffer.getvalue())
        about = {"columns": self.columns, "modalities": list(self.views), "held": self.held}
        write_json(place / "space.json", about | {"recall": self.recall.to_dict("records")})
        return place

    @classmethod
    def load(cls, folder: str | Path, files: str | Path | None = None) -> Self:
        """Read what `save` wrote; raises FolderError where there is no space."""
        place = Path(folder)
        try:
            about = read_json(place / "space.json")
            with np.load(place / "space.npz", allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        except (OSError, ValueError) as error:
            raise FolderError(f"{place}: no shared space there ({error}); make one with `autoglm embed`") from error
        names = about["modalities"]
        views = {}
        for n in names:
            start = f"view.{n}."
            views[n] = View.restore(n, {k.removeprefix(start): a for k, a in arrays.items() if k.startswith(start)})
        projectors, vectors = ({n: arrays[f"{part}.{n}"] for n in names} for part in ("projector", "vectors"))
        encodings, _ = encoders.read(place)
        recall = pd.DataFrame(about["recall"])
        return cls(tuple(about["columns"]), encodings, views, projectors, vectors, recall, about["held"], files)


def _matrix(view: View, features: Features) -> Vectors:
    """Return the dense part of a modality: terms are there as themes already, categories as codes."""
    dense = Features(features.dense, features.outputs)
    return np.asarray(view.transform(dense), dtype=np.float32) * np.float32(np.sqrt(len(view.at)))


def _unit(rows: Vectors, here: NDArray[np.bool_]) -> Vectors:
    """Bring rows to length 1; those that are not here to 0."""
    length = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    return np.where(here[:, None], rows / np.maximum(length, 1e-9), 0.0).astype(np.float32)


def _trained(
    recipe: SharedSpace,
    matrices: Mapping[str, Vectors],
    here: Mapping[str, NDArray[np.bool_]],
    train: NDArray[np.intp],
    stop: NDArray[np.intp],
    seed: Seed,
    seconds: float,
) -> dict[str, Vectors]:
    """Train a projector a modality on the rows `train`; those of `stop` choose the best epoch."""
    import torch

    from autoglm.deep import loop

    torch.set_num_threads(recipe.threads)
    names = list(matrices)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed.child("space").integer)
        network = torch.nn.ModuleDict(
            {str(i): torch.nn.Linear(matrices[n].shape[1], recipe.size, bias=False) for i, n in enumerate(names)}
        )
    inputs = [torch.from_numpy(matrices[n]) for n in names]
    masks = [torch.from_numpy(here[n]) for n in names]

    def loss(rows: Any) -> Any:
        found = [torch.nn.functional.normalize(network[str(i)](x[rows]), dim=1) for i, x in enumerate(inputs)]
        losses = []
        for a, b in combinations(range(len(names)), 2):
            both = masks[a][rows] & masks[b][rows]
            if int(both.sum()) > 1:
                likeness = found[a][both] @ found[b][both].T / WARMTH
                own = torch.arange(len(likeness))
                cross = torch.nn.functional.cross_entropy
                losses.append((cross(likeness, own) + cross(likeness.T, own)) / 2)
        return torch.stack(losses).mean() if losses else sum(x.sum() for x in found) * 0.0

    size = min(recipe.batch, len(train))

    def batches(epoch: int) -> Iterator[tuple[Any, ...]]:
        order = seed.child("order", epoch).generator().permutation(train)
        for start in range(0, len(order) - size + 1, size):
            yield (torch.from_numpy(order[start : start + size]),)

    def judge() -> float:
        with torch.inference_mode():
            return float(loss(torch.from_numpy(stop)))

    settings = loop.Recipe(recipe.epochs, recipe.lr, decay=0.1, patience=10, half=False)
    steps = len(train) // size
    loop.train(network, batches, lambda b: loss(b[0]), judge, settings, seed, steps=steps, seconds=seconds)
    return {n: network[str(i)].weight.detach().numpy().T.copy() for i, n in enumerate(names)}


def _recall(vectors: Mapping[str, Vectors]) -> pd.DataFrame:
    """Return how often a row's own partner is among the nearest of all rows that have one.

    Which of equally near ones come first is left to chance: of 50 that are all alike, a partner is found by 1 in 50.
    """
    found = []
    for a, b in permutations(vectors, 2):
        both = vectors[a].any(axis=1) & vectors[b].any(axis=1)
        count = int(both.sum())
        if not count:
            continue
        likeness = vectors[a][both] @ vectors[b][both].T
        ahead = likeness - np.diag(likeness)[:, None]
        nearer, equal = (ahead > TIED).sum(axis=1), (np.abs(ahead) <= TIED).sum(axis=1)  # `equal` counts the partner
        for at in NEAREST:
            chance, share = min(1.0, at / count), np.clip((at - nearer) / equal, 0.0, 1.0)
            found.append({"from": a, "to": b, "at": at, "share": float(share.mean()), "chance": chance})
    return pd.DataFrame(found, columns=["from", "to", "at", "share", "chance"])
