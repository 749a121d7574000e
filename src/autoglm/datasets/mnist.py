"""MNIST: handwritten digits, 28 by 28 pixels, read from the four official IDX files, packed or not."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm.core.dataset import PART, Archive, Card, Dataset, Mini
from autoglm.core.errors import DataError
from autoglm.core.files import write_bytes

_HOST = "https://ossci-datasets.s3.amazonaws.com/mnist"
_MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
_PARTS = {"train": "train", "t10k": "test"}  # name in the files → part
_UBYTE = 8  # code of unsigned bytes in the header of IDX
_TEST_ROWS = 360  # of the miniature: the last fifth

CARDS = {
    "": Card(
        name="mnist",
        title="MNIST: which handwritten digit is this?",
        modality="image",
        kind="multiclass",
        target="digit",
        metric="accuracy",
        split="official",
        folder="MNIST/raw",
        source="http://yann.lecun.com/exdb/mnist/",
        licence="Stated by none of the files; the page names none",
        citation="LeCun, Bottou, Bengio & Haffner (1998): Gradient-based learning applied to document recognition. "
        "Proceedings of the IEEE 86(11)",
        size="60,000 training, 10,000 test images; 11 MB packed",
        archives=tuple(
            Archive(f"{_HOST}/{name}", f"md5:{md5}", "torchvision, torchvision/datasets/mnist.py")
            for name, md5 in _MD5.items()
        ),
        media=("image",),
        note="The files come from the mirror that torchvision names. Writers of the two parts are different people.",
    )
}
MINI = Mini(
    title="Handwritten digits of 8 by 8 pixels in the layout of MNIST",
    note="Not MNIST: scikit-learn's copy of the UCI digits (its test part, 13 writers), grey levels 0 to 16 spread "
    f"over 0 to 255. The last {_TEST_ROWS} in file order are the test part; a writer may be in both.",
    source="https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
    licence="CC BY 4.0 (UCI); it comes with scikit-learn (BSD-3-Clause)",
    size=f"{1797 - _TEST_ROWS:,} training, {_TEST_ROWS} test images",
)


def read(folder: Path, task: str = "") -> Dataset:
    """Read ``{train,t10k}-images-idx3-ubyte`` and ``-labels-idx1-ubyte``, each with ``.gz`` or without.

    Returns
    -------
    Dataset
        Columns ``image`` (PNG bytes), ``digit`` (0 to 9) and `PART`.

    Raises
    ------
    DataError
        A file is missing, no IDX, cut off, too long, or does not fit its fellow.
    """
    from autoglm.prep import pixels

    frames = []
    for stem, part in _PARTS.items():
        images, path = _found(folder, f"{stem}-images-idx3-ubyte", 3)
        digits, labels_path = _found(folder, f"{stem}-labels-idx1-ubyte", 1)
        if len(images) != len(digits):
            raise DataError(f"{path} holds {len(images)} images, {labels_path} {len(digits)} labels: not of one set")
        if len(digits) and digits.max() > 9:
            raise DataError(f"{labels_path}: a label {digits.max()}; expected digits 0 to 9")
        encoded = pd.Series([pixels.png(image) for image in images], dtype=object)
        frames.append(pd.DataFrame({"image": encoded, "digit": digits.astype("int64"), PART: part}))
    return Dataset(CARDS[task], pd.concat(frames, ignore_index=True), folder)


def write_mini(folder: Path) -> None:
    """Write scikit-learn's digits as packed IDX; see `MINI`."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.round(bunch.images * (255 / 16)).astype(np.uint8)
    digits, cut = bunch.target.astype(np.uint8), len(images) - _TEST_ROWS
    for stem, rows in (("train", slice(0, cut)), ("t10k", slice(cut, None))):
        write_bytes(folder / f"{stem}-images-idx3-ubyte.gz", gzip.compress(idx(images[rows]), mtime=0))
        write_bytes(folder / f"{stem}-labels-idx1-ubyte.gz", gzip.compress(idx(digits[rows]), mtime=0))


def idx(array: NDArray[np.uint8]) -> bytes:
    """Return an array as IDX: magic number, size of each dimension (big-endian), values."""
    return struct.pack(f">HBB{array.ndim}I", 0, _UBYTE, array.ndim, *array.shape) + array.tobytes()


def _found(folder: Path, name: str, dimensions: int) -> tuple[NDArray[np.uint8], Path]:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return _parsed(_content(path), path, dimensions), path
    raise DataError(f"{folder}: neither {name!r} nor {name + '.gz'!r} is there; expected the four files of MNIST")


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix != ".gz":
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a whole gzip file ({error}); delete it and download it again") from None


def _parsed(data: bytes, path: Path, dimensions: int) -> NDArray[np.uint8]:
    head = 4 + 4 * dimensions
    magic = bytes([0, 0, _UBYTE, dimensions])
    if data[:4] != magic:
        raise DataError(f"{path}: starts with {data[:4].hex() or 'nothing'}, expected {magic.hex()} (IDX of bytes)")
    if len(data) < head:
        raise DataError(f"{path}: {len(data)} bytes, the header alone has {head}; download it again")
    shape = struct.unpack(f">{dimensions}I", data[4:head])
    expected = head + math.prod(shape)
    if len(data) != expected:
        raise DataError(f"{path}: {len(data)} bytes, its header says {expected} (sizes {shape}); download it again")
    return np.frombuffer(data, np.uint8, offset=head).reshape(shape)
