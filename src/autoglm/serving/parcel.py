"""Parcel: answered requests as bytes, for a pipe or a table: rows as Arrow, margins as in memory; no pickle."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from autoglm.core.columns import Column, joined
from autoglm.serving.observer import Seen

HEAD = struct.Struct("<II")  # bytes of what says what is in it, and of the rows


@dataclass(frozen=True)
class Request:
    """What is told of a request besides its rows.

    Parameters
    ----------
    key
        Ours, unlike that of any other; clients may give two requests one id.
    rows
        How many.
    """

    key: str
    request: str
    rows: int
    traceparent: str
    time: float


@dataclass(frozen=True, eq=False)
class Parcel:
    """Requests that one version answered.

    Parameters
    ----------
    columns
        Of all requests, one behind the other, each of length n_rows.
    margins
        As answered, shape (n_rows, scores).
    """

    version: str
    requests: tuple[Request, ...]
    columns: tuple[Column, ...]
    margins: NDArray[np.float64]

    @classmethod
    def of(cls, seen: Sequence[tuple[str, Seen]]) -> Parcel:
        """Put keys and requests together; they must be of one version and have the same columns."""
        requests = tuple(Request(key, s.request, len(s), s.traceparent, s.time) for key, s in seen)
        columns = tuple(joined([s.columns for _, s in seen]))
        return cls(seen[0][1].version, requests, columns, np.concatenate([s.margins for _, s in seen]))

    def named(self, names: Sequence[str]) -> list[Column]:
        """Return columns in the order that a predictor wants."""
        given = {column.name: column for column in self.columns}
        return [given[name] for name in names]

    def each(self) -> list[Parcel]:
        """Return one parcel a request."""
        starts = np.cumsum([0, *(request.rows for request in self.requests)])
        return [
            Parcel(self.version, (request,), _cut(self.columns, slice(a, b)), self.margins[a:b])
            for request, a, b in zip(self.requests, starts[:-1], starts[1:], strict=True)
        ]

    def pack(self) -> bytes:
        """Return everything as bytes."""
        head = {
            "version": self.version,
            "scores": int(self.margins.shape[1]),
            "storages": [column.storage for column in self.columns],
            "requests": [vars(request) for request in self.requests],
        }
        written, rows = json.dumps(head).encode(), arrow(self.columns)
        margins = np.ascontiguousarray(self.margins, dtype="<f8").tobytes()
        return b"".join((HEAD.pack(len(written), len(rows)), written, rows, margins))

    @classmethod
    def unpack(cls, data: bytes) -> Parcel:
        """Read what `pack` wrote."""
        size, rows = HEAD.unpack_from(data)
        head: dict[str, Any] = json.loads(data[HEAD.size : HEAD.size + size])
        at = HEAD.size + size
        margins = np.frombuffer(data, dtype="<f8", offset=at + rows).reshape(-1, head["scores"]).astype(np.float64)
        requests = tuple(Request(**request) for request in head["requests"])
        named = zip(_arrays(data[at : at + rows]).items(), head["storages"], strict=True)
        columns = tuple(Column(name, values, storage) for (name, values), storage in named)
        return cls(head["version"], requests, columns, margins)


def arrow(columns: Sequence[Column]) -> bytes:
    """Write columns as an Arrow stream."""
    arrays = [pa.array(column.values, from_pandas=False) for column in columns]
    batch = pa.RecordBatch.from_arrays(arrays, names=[column.name for column in columns])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def frame(data: bytes) -> pd.DataFrame:
    """Read what `arrow` wrote as a frame."""
    return pd.DataFrame(_arrays(data))


def _arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """Return the values of each column as they were."""
    table = pa.ipc.open_stream(data).read_all().combine_chunks()
    return {name: _values(table[name]) for name in table.column_names}


def _values(chunked: Any) -> NDArray[Any]:
    if pa.types.is_null(chunked.type):
        return np.full(len(chunked), None, dtype=object)
    return np.array(chunked.to_numpy())


def _cut(columns: Sequence[Column], rows: slice) -> tuple[Column, ...]:
    return tuple(replace(column, values=column.values[rows]) for column in columns)
