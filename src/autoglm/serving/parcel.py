"""Parcel: answered requests as bytes, for a pipe or a table: rows as Arrow, margins as in memory; no pickle."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from autoglm.core.columns import Column, column
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
    rows
        Of all requests, one behind the other.
    margins
        As answered, shape (n_rows, scores).
    """

    version: str
    requests: tuple[Request, ...]
    rows: pd.DataFrame
    margins: NDArray[np.float64]

    @classmethod
    def of(cls, seen: Sequence[tuple[str, Seen]]) -> Parcel:
        """Put keys and requests together; they must be of one version."""
        requests = tuple(Request(key, s.request, len(s.rows), s.traceparent, s.time) for key, s in seen)
        rows = [s.rows for _, s in seen]
        joined = pd.concat(rows, ignore_index=True) if len(rows) > 1 else rows[0]
        return cls(seen[0][1].version, requests, joined, np.concatenate([s.margins for _, s in seen]))

    def columns(self, names: Sequence[str]) -> list[Column]:
        """Return rows as a predictor takes them."""
        return [column(self.rows[name]) for name in names]

    def each(self) -> list[Parcel]:
        """Return one parcel a request."""
        starts = np.cumsum([0, *(request.rows for request in self.requests)])
        return [
            Parcel(self.version, (request,), self.rows.iloc[a:b].reset_index(drop=True), self.margins[a:b])
            for request, a, b in zip(self.requests, starts[:-1], starts[1:], strict=True)
        ]

    def pack(self) -> bytes:
        """Return everything as bytes."""
        head = {
            "version": self.version,
            "scores": int(self.margins.shape[1]),
            "requests": [asdict(request) for request in self.requests],
        }
        written, rows = json.dumps(head).encode(), arrow(self.rows)
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
        return cls(head["version"], requests, frame(data[at : at + rows]), margins)


def arrow(rows: pd.DataFrame) -> bytes:
    """Write rows as an Arrow stream."""
    arrays = [_array(rows[name].to_numpy()) for name in rows]
    batch = pa.RecordBatch.from_arrays(arrays, names=[str(name) for name in rows])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def frame(data: bytes) -> pd.DataFrame:
    """Read what `arrow` wrote."""
    table = pa.ipc.open_stream(data).read_all().combine_chunks()
    return pd.DataFrame({name: _values(table[name]) for name in table.column_names})


def _array(values: NDArray[Any]) -> Any:
    """Return a column as Arrow has it; among objects NaN is a missing value, among numbers it is NaN."""
    return pa.array(values, from_pandas=values.dtype == object)


def _values(chunked: Any) -> Any:
    """Return a column as it was; pandas would make NaN of a missing text."""
    if pa.types.is_null(chunked.type):
        return pd.Series([None] * len(chunked), dtype=object)
    values = np.asarray(chunked.to_numpy())
    return pd.Series(values, dtype=object) if values.dtype == object else values
