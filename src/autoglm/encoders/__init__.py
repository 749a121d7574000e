"""Encoders, one file a kind of column: each says whether a column is its own, and turns it into features.

An encoder module holds

* ``claims(column) -> float`` in 0..1: how sure it is that the column is of its kind (0: cannot encode it);
* ``fit(column, seed) -> Encoding``: learn from the training rows, without ever seeing the target;
* where it reads texts that may be none of its kind, ``unread`` in the encoding: how many of training were not;
* where many columns are encoded faster in one step, the class method ``together(encodings, columns)`` in the encoding:
  what `transform` would make of each, one dense output each, shape (n_rows, n_columns);
* where a value takes long to encode, ``within(column, until, threads, seed) -> Column``: encode what there is time
  for, keep it, and return the column with what nothing can be said of as missing, saying so in its notes;
* where it takes more than numbers, dates and text as they are, ``READS``: the other storages of `Column`;
* one class whose ``kind`` is the module's name: the encoding, found by `read` when a saved folder is opened.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar, Protocol, Self, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from autoglm.core import numerals, shelf
from autoglm.core.columns import Column
from autoglm.core.errors import FolderError, OptionError, nearest
from autoglm.core.features import Block, Features, Output
from autoglm.core.files import read_json, write_bytes, write_json
from autoglm.core.seed import Seed
from autoglm.prep.gate import Gate

PLAIN = ("number", "boolean", "date", "text")
"""Storages that every encoder reads."""


FEW = 1_000
"""Rows up to which columns are encoded together where they can be: calls then cost more than their numbers."""

MOST_UNREAD = 0.2
"""Share of a column's texts that may be no number (or date) without a word; training allows 0.05."""


@dataclass(frozen=True)
class State:
    """What an encoding writes to disk: plain JSON and numeric arrays, nothing that runs code when read."""

    json: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


class Encoding(Protocol):
    """One fitted column: the same rows always give the same features, whatever rows stand beside them."""

    kind: ClassVar[str]

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The dense feature columns it makes (may be none)."""

    @property
    def terms(self) -> int:
        """The number of sparse columns it makes."""

    def transform(self, column: Column) -> Block:
        """Encode rows; what cannot be read or was never seen becomes missing.

        A category never seen becomes "rare" instead where training had rare ones.
        """

    def describe(self) -> str:
        """Say in one line what is done to the column, for the report."""

    def state(self) -> State:
        """Return what `restore` needs."""

    @classmethod
    def restore(cls, state: State) -> Self:
        """Rebuild the encoding."""


def choose(column: Column, kinds: Mapping[str, str] | None = None) -> str:
    """Return the kind of a column: what the user said, else the encoder with the highest claim.

    Parameters
    ----------
    column
        Training rows.
    kinds
        Column name → kind, for the columns where the user knows better.

    Raises
    ------
    OptionError
        `kinds` names a kind that does not exist.
    """
    known = shelf.plugins("encoders")
    if kinds and column.name in kinds:
        kind = kinds[column.name]
        if kind not in known:
            cure = f"{nearest(kind, known)} (known: {', '.join(known)})"
            raise OptionError(f"column {column.name!r}: no kind named {kind!r}{cure}")
        return kind
    return max(known, key=partial(claim, column=column))


def claim(kind: str, column: Column) -> float:
    """Return how sure an encoder is that a column is of its kind, 0 to 1."""
    return float(shelf.plugin("encoders", kind).claims(_seen(column, kind)))


def within(columns: Sequence[Column], chosen: Sequence[str], until: float, threads: int, seed: Seed) -> list[Column]:
    """Do the slow part of the encoding before `until` (`time.monotonic()`); the rest of the cells becomes missing."""
    places = [i for i, kind in enumerate(chosen) if slow(kind)]
    done = list(columns)
    for left, i in zip(range(len(places), 0, -1), places, strict=True):
        share = monotonic() + (until - monotonic()) / left
        done[i] = shelf.plugin("encoders", chosen[i]).within(columns[i], share, threads, seed)
    return done


def slow(kind: str) -> bool:
    """Whether a kind's values take long to encode, milliseconds each."""
    return hasattr(shelf.plugin("encoders", kind), "within")


def _seen(column: Column, kind: str) -> Column:
    """Show cells that an encoder does not read, bytes for instance, as text."""
    return column if column.storage in _storages(kind) else column.astext()


def _storages(kind: str) -> frozenset[str]:
    """Return the storages that an encoder reads."""
    return frozenset((*PLAIN, *getattr(shelf.plugin("encoders", kind), "READS", ())))


def encode(columns: Sequence[Column], chosen: Sequence[str], seed: Seed) -> tuple[Encoding, ...]:
    """Fit one encoding a column; `chosen` holds their kinds in the same order."""
    return tuple(
        cast(Encoding, shelf.plugin("encoders", kind).fit(_seen(column, kind), seed.child("encoder", column.name)))
        for column, kind in zip(columns, chosen, strict=True)
    )


def assemble(columns: Sequence[Column], encodings: Sequence[Encoding], names: Sequence[str] | None = None) -> Features:
    """Encode rows and put the blocks side by side; see `Layout.features`."""
    return Layout(tuple(encodings)).features(columns, names)


@dataclass(frozen=True, eq=False)
class Layout:
    """Fitted columns side by side; what their features look like is found out once."""

    encodings: tuple[Encoding, ...]

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        """The dense feature columns of all."""
        return tuple(output for e in self.encodings for output in e.outputs)

    @cached_property
    def _places(self) -> tuple[slice, ...]:
        """Where the outputs of each column stand."""
        ends = np.cumsum([len(e.outputs) for e in self.encodings]).tolist()
        return tuple(slice(start, end) for start, end in zip([0, *ends], ends, strict=False))

    @cached_property
    def _reads(self) -> tuple[frozenset[str], ...]:
        return tuple(_storages(e.kind) for e in self.encodings)

    @cached_property
    def _groups(self) -> tuple[tuple[Any, tuple[int, ...], Any], ...]:
        """Columns that are encoded in one step: how, their numbers, and where their outputs stand."""
        groups: dict[Any, list[int]] = {}
        for i, encoding in enumerate(self.encodings):
            if hasattr(encoding, "together"):
                groups.setdefault(type(encoding), []).append(i)
        return tuple(
            (kind.together, tuple(numbers), _run([self._places[i].start for i in numbers]))
            for kind, numbers in groups.items()
        )

    @cached_property
    def _alone(self) -> tuple[int, ...]:
        grouped = {i for _, numbers, _ in self._groups for i in numbers}
        return tuple(i for i in range(len(self.encodings)) if i not in grouped)

    def features(self, columns: Sequence[Column], names: Sequence[str] | None = None) -> Features:
        """Encode rows.

        Parameters
        ----------
        columns
            The rows, one entry a column, in the order of `encodings`.
        names
            Names of the source columns of the sparse terms; the columns' own where not given.

        Returns
        -------
        Features
            float32, shape (n_rows, n_outputs), C order, and the sparse terms if there are any.
        """
        rows = len(columns[0]) if columns else 0
        dense = np.empty((rows, len(self.outputs)), dtype=np.float32)
        left = self._together(columns, dense) if rows <= FEW else range(len(columns))
        sparse, terms, tokens = [], [], []
        for i in left:
            column, encoding = columns[i], self.encodings[i]
            name = column.name if names is None else names[i]
            block = encoding.transform(column if column.storage in self._reads[i] else column.astext())
            dense[:, self._places[i]] = block.dense
            if block.tokens is not None:
                tokens.append((name, block.tokens))
            if block.sparse is not None:
                sparse.append(block.sparse)
                terms.append((name, encoding.terms))
        whole = sparse[0] if len(sparse) == 1 else sp.hstack(sparse, format="csr") if sparse else None
        return Features(dense, self.outputs, whole, tuple(terms), tuple(tokens))

    def _together(self, columns: Sequence[Column], dense: NDArray[np.float32]) -> Sequence[int]:
        """Encode what goes in one step; return the numbers of the columns that are left."""
        left = list(self._alone)
        for together, numbers, at in self._groups:
            if all(columns[i].storage in PLAIN for i in numbers):
                dense[:, at] = together([self.encodings[i] for i in numbers], [columns[i] for i in numbers])
            else:
                left += numbers
        return sorted(left)


def _run(places: list[int]) -> slice | list[int]:
    """Return places as a slice where they follow each other: it costs less."""
    return slice(places[0], places[-1] + 1) if places == list(range(places[0], places[-1] + 1)) else places


def unread(columns: Sequence[Column], encodings: Sequence[Encoding], features: Features) -> list[str]:
    """Say of which columns more than `MOST_UNREAD` of the texts are no number or date, as training had them."""
    if not any(column.storage == "text" for column in columns):
        return []
    said, at = [], 0
    for column, encoding in zip(columns, encodings, strict=True):
        if column.storage == "text" and hasattr(encoding, "unread"):
            told = np.flatnonzero(~column.missing)
            lost = told[np.isnan(features.dense[told, at])]
            lost = lost[[str(text).lower() not in numerals.BLANKS for text in column.values[lost]]]
            if len(lost) > MOST_UNREAD * len(told):
                odd = f"{len(lost)} of {len(told)} values are no {encoding.kind} as in training"
                said.append(
                    f"column {column.name!r}: {odd} (for instance {column.values[lost[0]]!r}) and count as missing"
                )
        at += len(encoding.outputs)
    return said


def write(encodings: Sequence[Encoding], folder: Path, gates: Sequence[Gate] = ()) -> None:
    """Write encodings, and the gates behind them, as ``encodings.json`` and ``encodings.npz``."""
    states = [e.state() for e in encodings]
    arrays = {f"{i}.{name}": array for i, s in enumerate(states) for name, array in s.arrays.items()}
    arrays |= {f"gate {i}.{name}": array for i, g in enumerate(gates) for name, array in g.arrays().items()}
    folder.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_bytes(folder / "encodings.npz", buffer.getvalue())
    write_json(
        folder / "encodings.json",
        [{"kind": e.kind, **s.json} for e, s in zip(encodings, states, strict=True)]
        + [{"gate": gate.modality} for gate in gates],
    )


def read(folder: Path) -> tuple[tuple[Encoding, ...], tuple[Gate, ...]]:
    """Read the encodings and gates that `write` wrote.

    Raises
    ------
    FolderError
        A file is missing or damaged.
    """
    try:
        entries = read_json(folder / "encodings.json")
        with np.load(folder / "encodings.npz", allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        columns = [entry for entry in entries if "gate" not in entry]
        closing = [entry["gate"] for entry in entries if "gate" in entry]
        fitted = tuple(_restored(i, dict(entry), arrays) for i, entry in enumerate(columns))
        return fitted, tuple(Gate.restore(name, _own(f"gate {i}", arrays)) for i, name in enumerate(closing))
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise FolderError(f"{folder}: the encodings cannot be read ({error}); save the predictor again") from error


def _restored(position: int, entry: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Encoding:
    kind = entry.pop("kind")
    module = shelf.plugin("encoders", kind)
    encoding = next(c for c in vars(module).values() if isinstance(c, type) and getattr(c, "kind", None) == kind)
    return cast(Encoding, encoding.restore(State(entry, _own(str(position), arrays))))  # type: ignore[attr-defined]


def _own(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {key.partition(".")[2]: array for key, array in arrays.items() if key.partition(".")[0] == prefix}
