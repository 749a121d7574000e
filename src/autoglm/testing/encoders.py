"""The contract of an encoder: whatever column it is given, it never fails, and each row stands for itself."""

from __future__ import annotations

import io
import struct
import tempfile
import wave
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm import encoders
from autoglm.core.columns import Column, column
from autoglm.core.features import Features
from autoglm.core.seed import Seed


def check_encoder(kind: str, tried: list[Column] | None = None) -> None:
    """Check one encoder on many columns, its own and alien ones.

    Parameters
    ----------
    kind
        Its name on the shelf.
    tried
        Columns to try; `sample_columns` where not given.

    Raises
    ------
    AssertionError
        The encoder breaks the contract; the message says how and on which column.
    """
    for each in sample_columns() if tried is None else tried:
        where = f"encoder {kind!r} on column {each.name!r}"
        claim = encoders.claim(kind, each)
        assert 0 <= claim <= 1, f"{where}: claims {claim!r}, expected 0..1"
        assert claim == encoders.claim(kind, each), f"{where}: claims differ from call to call"
        (encoding,) = encoders.encode([each], [kind], Seed(1))
        assert encoding.kind == kind, f"{where}: its encoding calls itself {encoding.kind!r}"
        assert encoding.describe().splitlines() == [encoding.describe()], f"{where}: describe is not one line"
        check_encoding(encoding, each)


def check_encoding(encoding: encoders.Encoding, rows: Column) -> None:
    """Check one fitted column: shapes, finite values, rows on their own, their order, disk and back."""
    where = f"encoding {encoding.kind!r} of column {rows.name!r}"
    whole = encoders.assemble([rows], [encoding])
    assert whole.dense.dtype == np.float32, f"{where}: dense is {whole.dense.dtype}, expected float32"
    assert whole.dense.shape == (len(rows), len(encoding.outputs)), f"{where}: shape {whole.dense.shape}"
    assert not np.isinf(whole.dense).any(), f"{where}: infinite values"
    width = 0 if whole.sparse is None else whole.sparse.shape[1]
    assert width == encoding.terms, f"{where}: {width} sparse columns, terms says {encoding.terms}"
    assert np.isnan(whole.dense[rows.missing]).all(), f"{where}: a missing value does not stay missing"
    _check_codes(whole, where)
    backwards = np.arange(len(rows))[::-1]
    _check_rows(encoding, rows, whole, backwards, f"{where}: the order of rows matters")
    for row in np.unique(np.linspace(0, max(len(rows) - 1, 0), 5).astype(int))[: len(rows)]:
        _check_rows(encoding, rows, whole, np.array([row]), f"{where}: row {row} alone differs from the batch")
    with tempfile.TemporaryDirectory() as folder:
        encoders.write([encoding], Path(folder))
        (restored,), _ = encoders.read(Path(folder))
    assert restored.outputs == encoding.outputs, f"{where}: other outputs after saving"
    _check_rows(restored, rows, whole, np.arange(len(rows)), f"{where}: other features after saving")


def sample_columns() -> list[Column]:
    """Columns of every storage, ordinary and odd, 60 rows each."""
    n, draw = 60, np.random.default_rng(0)
    words = np.array(["good", "bad", "film", "plot", "very", "Ärger", "42", "\U0001f600"])
    gaps: dict[str, Any] = {
        "float": draw.normal(size=n),
        "huge": np.resize([1e300, -1e300, np.inf, -np.inf, 0.5], n),
        "integer": draw.integers(0, 5, n),
        "running": np.arange(n),
        "store_id": draw.integers(0, 9, n),
        "flag": draw.random(n) > 0.5,
        "yes": draw.choice(["Yes", "no"], n),
        "money": [f"${v:,}" for v in draw.integers(1, 10**6, n)],
        "zip": [f"{v:05}" for v in draw.integers(1, 9999, n)],
        "city": draw.choice(["Rome", "Paris", "New York"], n),
        "many": [f"c{v}" for v in draw.integers(0, 80, n)],
        "uuid": [f"{v:016x}" for v in draw.integers(0, 2**60, n)],
        "moment": pd.date_range("2019-01-01", periods=n, freq="31h"),
        "zoned": pd.date_range("2019-01-01", periods=n, freq="31h", tz="Asia/Tokyo"),
        "iso": [*pd.date_range("2019-01-01", periods=n - 1).strftime("%Y-%m-%d"), "2019-02-31"],
        "day_first": pd.date_range("2019-01-01", periods=n).strftime("%d.%m.%Y %H:%M"),
        "review": [" ".join(draw.choice(words, 12)) for _ in range(n)],
        "unspaced": ["".join(draw.choice(list("这是一个很好的电影"), 8)) for _ in range(n)],
        "long": ["lorem ipsum " * 500] * (n - 1) + ["dolor"],
        "mixed": np.resize(np.array([1, "a", 2.5, True, b"\xff"], dtype=object), n),
        "one": ["always"] * n,
        "vector": [*np.random.default_rng(1).normal(size=(n - 1, 5)).tolist(), [1.0]],
        "written vector": [str(v) for v in np.random.default_rng(2).normal(size=(n, 3)).round(3).tolist()],
        "picture": [_png(draw.integers(0, 256, (4, 4), dtype=np.uint8)) for _ in range(n)],
        "recording": [_wav(draw.integers(-9000, 9000, 500, dtype=np.int16)) for _ in range(n)],
    }
    full = {name: pd.Series(values, name=name) for name, values in gaps.items()}
    holed = [s.where(draw.random(n) > 0.2).rename(f"{name} with gaps") for name, s in full.items()]
    nothing = pd.Series([None] * n, name="nothing", dtype=object)
    return [column(s) for s in (*full.values(), *holed, nothing)]


def _png(grey: NDArray[np.uint8]) -> bytes:
    """Encode an image, shape (height, width), without any library."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", grey.shape[1], grey.shape[0], 8, 0, 0, 0, 0)
    lines = b"".join(b"\0" + line.tobytes() for line in grey)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def _wav(samples: NDArray[np.int16]) -> bytes:
    """Encode a sound of one channel at 8 kHz."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples.tobytes())
    return out.getvalue()


def _check_codes(whole: Features, where: str) -> None:
    for values, output in zip(whole.dense.T, whole.outputs, strict=True):
        codes = values[~np.isnan(values)]
        if output.cardinality:
            inside = (codes >= 0) & (codes < output.cardinality) & (codes == np.floor(codes))
            assert inside.all(), f"{where}: codes outside 0..{output.cardinality - 1}"


def _check_rows(
    encoding: encoders.Encoding, rows: Column, whole: Features, picked: NDArray[np.intp], complaint: str
) -> None:
    part = encoders.assemble([rows.take(picked)], [encoding])
    assert np.array_equal(part.dense, whole.dense[picked], equal_nan=True), complaint
    if whole.sparse is not None and part.sparse is not None:
        assert abs(part.sparse - whole.sparse[picked]).nnz == 0, complaint
