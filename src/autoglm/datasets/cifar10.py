"""CIFAR-10: photos of 32 by 32 pixels in ten classes, read from the official Python batches without running them.

The official files are pickles, which could call any function when opened. Here they can build nothing but lists,
dictionaries, numbers and strings; what they say of an array is noted, checked, and only then made one.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm.core.dataset import PART, Archive, Card, Dataset, Mini
from autoglm.core.errors import DataError
from autoglm.core.files import write_bytes

SIDE = 32
_TRAIN = tuple(f"data_batch_{i}" for i in range(1, 6))
_TEST, _META = "test_batch", "batches.meta"
_REGIONS = 5  # upright strips of a photo, each a class of the miniature
_TEST_ROWS = (2, 6, 10)  # of the 13 rows of patches in a strip

CARDS = {
    "": Card(
        name="cifar10",
        title="CIFAR-10: what is in the photo?",
        modality="image",
        kind="multiclass",
        target="class",
        metric="accuracy",
        split="official",
        folder="cifar-10-batches-py",
        source="https://www.cs.toronto.edu/~kriz/cifar.html",
        licence="None stated; the page asks for the citation",
        citation="Krizhevsky (2009): Learning Multiple Layers of Features from Tiny Images. University of Toronto",
        size="50,000 training, 10,000 test images; 163 MB packed",
        archives=(
            Archive(
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                "md5:c58f30108f718f92721af3b95e74349a",
                "the publisher's page; torchvision, torchvision/datasets/cifar.py",
            ),
        ),
        media=("image",),
        note="Some test images have near twins in the training part (Barz & Denzler 2020, ciFAIR).",
    )
}
MINI = Mini(
    title="Which tenth of two photos is a patch of 32 by 32 pixels from? In the layout of CIFAR-10",
    note="Not CIFAR-10: patches of scikit-learn's photos china.jpg and flower.jpg, each cut into five upright strips, "
    "the ten classes. Patches lie on a grid and share no pixel; every fourth row of patches is the test part.",
    source="https://scikit-learn.org/stable/modules/generated/sklearn.datasets.load_sample_images.html",
    licence="CC BY 2.0 (Flickr; credits in sklearn/datasets/images/README.txt); they come with scikit-learn",
    size="400 training, 120 test images",
)


def read(folder: Path, task: str = "") -> Dataset:
    """Read ``data_batch_1`` to ``data_batch_5``, ``test_batch`` and the names of the classes in ``batches.meta``.

    Returns
    -------
    Dataset
        Columns ``image`` (PNG bytes), ``class`` (its name) and `PART`.

    Raises
    ------
    DataError
        A file is missing, cut off, not a batch, or names anything that a batch has no need of.
    """
    from autoglm.prep import pixels

    names = _names(folder / _META)
    frames = []
    for file in (*_TRAIN, _TEST):
        data, labels = _batch(folder / file, len(names))
        images = data.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
        encoded = pd.Series([pixels.png(np.ascontiguousarray(image)) for image in images], dtype=object)
        part = "test" if file == _TEST else "train"
        frames.append(pd.DataFrame({"image": encoded, "class": [names[i] for i in labels], PART: part}))
    return Dataset(CARDS[task], pd.concat(frames, ignore_index=True), folder)


def write_mini(folder: Path) -> None:
    """Write patches of scikit-learn's two photos in the batches' own format; see `MINI`."""
    from sklearn.datasets import load_sample_images

    bunch = load_sample_images()
    stems = [Path(name).stem for name in bunch.filenames]
    train: list[tuple[bytes, int]] = []
    test: list[tuple[bytes, int]] = []
    for photo, image in enumerate(bunch.images):
        width = image.shape[1] // _REGIONS
        for row in range(image.shape[0] // SIDE):
            for column in range(width * _REGIONS // SIDE):
                patch = image[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE]
                label = photo * _REGIONS + column * SIDE // width
                (test if row in _TEST_ROWS else train).append((patch.transpose(2, 0, 1).tobytes(), label))
    for i, file in enumerate(_TRAIN):
        write_bytes(folder / file, _packed(train[i :: len(_TRAIN)], f"training batch {i + 1} of 5"))
    write_bytes(folder / _TEST, _packed(test, "testing batch 1 of 1"))
    names = [f"{stem} {strip + 1}" for stem in stems for strip in range(_REGIONS)]
    meta = _item("num_cases_per_batch", _integer(80)) + _item("label_names", _list([_string(n) for n in names]))
    write_bytes(folder / _META, _pickle(meta + _item("num_vis", _integer(3 * SIDE * SIDE))))


class _Array:
    """What a file says of an array. NumPy's own way to restore one believes the file, and crashes on a damaged one."""

    def __init__(self, *_: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def pixels(self) -> NDArray[np.uint8] | None:
        """Return the array, shape (n, 3072), if it is one of bytes."""
        match self.state:
            case (1, (int(rows), int(columns)), _Type(name="u1"), bool(fortran), bytes(data)):
                if columns == 3 * SIDE * SIDE and rows >= 0 and rows * columns == len(data):
                    return np.frombuffer(data, np.uint8).reshape((rows, columns), order="F" if fortran else "C")
        return None


class _Type:
    """What a file says of the type of an array."""

    def __init__(self, name: Any, *_: Any) -> None:
        self.name = name.decode("latin1") if isinstance(name, bytes) else name

    def __setstate__(self, state: Any) -> None:
        """Leave out the byte order, which bytes have none of."""


class _Bytes:
    """How Python 3 writes bytes in old protocols."""

    def __new__(cls, text: str, encoding: str) -> bytes:  # type: ignore[misc]
        if encoding != "latin1":
            raise ValueError(f"bytes encoded as {encoding!r}")
        return text.encode("latin1")

    def __setstate__(self, state: Any) -> None:
        """Never called; without it a file could set attributes of the class."""


_ADMITTED: dict[tuple[str, str], type] = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _Bytes,
}
"""What a batch may name, and what stands in for it; everything else is refused before it is looked up."""


class _Unpickler(pickle._Unpickler):
    """The one written in Python: the one in C takes gigabytes where a damaged file says so."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in of one of the few functions that an array needs."""
        if (module, name) not in _ADMITTED:
            raise DataError(f"wants to use {module}.{name}, which no batch needs: the file is not to be trusted")
        return _ADMITTED[module, name]


def _opened(path: Path) -> dict[bytes, Any]:
    if not path.is_file():
        raise DataError(f"{path}: no such file; expected the folder 'cifar-10-batches-py' as the publisher packs it")
    try:
        found = _Unpickler(io.BytesIO(path.read_bytes()), encoding="bytes").load()
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except Exception as error:  # a damaged pickle fails in any way
        raise DataError(f"{path}: not a whole batch of CIFAR-10 ({error}); unpack the archive again") from error
    if not isinstance(found, dict):
        raise DataError(f"{path}: holds {type(found).__name__}, expected a dictionary")
    # Python 3 writes the keys as text, the official files of Python 2 as bytes.
    return {key.encode() if isinstance(key, str) else key: value for key, value in found.items()}


def _names(path: Path) -> list[str]:
    names = _opened(path).get(b"label_names")
    if not isinstance(names, list) or not names or not all(isinstance(n, bytes | str) for n in names):
        raise DataError(f"{path}: no list 'label_names' in it; expected the ten names of the classes")
    return [n.decode("utf-8", "replace") if isinstance(n, bytes) else n for n in names]


def _batch(path: Path, classes: int) -> tuple[NDArray[np.uint8], list[int]]:
    found = _opened(path)
    array, labels = found.get(b"data"), found.get(b"labels")
    data = array.pixels() if isinstance(array, _Array) else None
    if data is None:
        raise DataError(f"{path}: its 'data' are not rows of {3 * SIDE * SIDE} bytes; unpack the archive again")
    if not isinstance(labels, list) or len(labels) != len(data):
        raise DataError(f"{path}: {len(data)} images, but not as many 'labels'; unpack the archive again")
    if not all(type(label) is int and 0 <= label < classes for label in labels):
        raise DataError(f"{path}: a label is not one of 0 to {classes - 1}; does batches.meta belong to it?")
    return data, labels


# The few instructions of pickle protocol 2 that Python 2 wrote the official files with; pickle's own writer in
# Python 3 would write other ones.
def _packed(rows: Sequence[tuple[bytes, int]], title: str) -> bytes:
    labels, images = _list([_integer(label) for _, label in rows]), b"".join(image for image, _ in rows)
    shape = _integer(len(rows)) + _integer(3 * SIDE * SIDE) + b"\x86"
    dtype = b"cnumpy\ndtype\n" + _string("u1") + _integer(0) + _integer(1) + b"\x87R"
    dtype += b"(" + _integer(3) + _string("|") + b"NNN" + _integer(-1) + _integer(-1) + _integer(0) + b"tb"
    empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + _integer(0) + b"\x85" + _string("b") + b"\x87R"
    content = b"T" + struct.pack("<i", len(images)) + images
    array = empty + b"(" + _integer(1) + shape + dtype + b"\x89" + content + b"tb"
    return _pickle(_item("batch_label", _string(title)) + _item("labels", labels) + _item("data", array))


def _pickle(items: bytes) -> bytes:
    return b"\x80\x02}(" + items + b"u."


def _item(key: str, value: bytes) -> bytes:
    return _string(key) + value


def _string(text: str) -> bytes:
    return b"U" + bytes([len(text)]) + text.encode("ascii")


def _integer(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def _list(values: Sequence[bytes]) -> bytes:
    return b"](" + b"".join(values) + b"e"
