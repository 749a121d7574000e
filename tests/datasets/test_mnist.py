"""MNIST's IDX files, made byte by byte."""

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from autoglm.core.dataset import PART
from autoglm.core.errors import DataError
from autoglm.datasets import mnist

TRAIN, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
# Two images of 2 by 3 pixels: magic number 2051, then 2, 2, 3, all big-endian.
IMAGES = bytes.fromhex("00000803 00000002 00000002 00000003") + bytes([0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255])
DIGITS = bytes.fromhex("00000801 00000002") + bytes([7, 0])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / TRAIN).write_bytes(IMAGES)
    (tmp_path / LABELS).write_bytes(DIGITS)
    image = IMAGES[:4] + b"\0\0\0\1" + IMAGES[8:-6]
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(image, mtime=0))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(DIGITS[:4] + b"\0\0\0\1\3", mtime=0))
    return tmp_path


def test_packed_and_plain_files(folder: Path) -> None:
    frame = mnist.read(folder).frame
    assert frame["digit"].tolist() == [7, 0, 3]
    assert frame[PART].tolist() == ["train", "train", "test"]
    images = [np.asarray(Image.open(io.BytesIO(v))) for v in frame["image"]]
    assert images[0].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert images[1].tolist() == [[250, 251, 252], [253, 254, 255]]


def test_idx_writes_what_is_read() -> None:
    pixels = np.frombuffer(IMAGES[16:], np.uint8).reshape(2, 2, 3)
    assert mnist.idx(pixels) == IMAGES
    assert mnist.idx(np.array([7, 0], dtype=np.uint8)) == DIGITS


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (TRAIN, None, "neither 'train-images-idx3-ubyte' nor"),
        (TRAIN, b"", "starts with nothing"),
        (TRAIN, DIGITS, "starts with 00000801, expected 00000803"),
        (TRAIN, b"\x80\x02}q", "starts with 8002"),
        (TRAIN, IMAGES[:10], "the header alone has 16"),
        (TRAIN, IMAGES[:-1], "27 bytes, its header says 28"),
        (TRAIN, IMAGES + b"x", "29 bytes"),
        (LABELS, DIGITS[:4] + b"\0\0\0\3\1\2\3", "holds 2 images, .* 3 labels"),
        (LABELS, DIGITS[:-1] + b"\x0a", "a label 10"),
        ("t10k-labels-idx1-ubyte.gz", gzip.compress(DIGITS, mtime=0)[:-9], "not a whole gzip file"),
        ("t10k-labels-idx1-ubyte.gz", DIGITS, "not a whole gzip file"),
    ],
)
def test_damage_is_named(folder: Path, name: str, content: bytes | None, words: str) -> None:
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        mnist.read(folder)
    assert name.removesuffix(".gz") in str(caught.value)
