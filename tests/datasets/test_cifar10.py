"""CIFAR-10's batches, written as Python 2 wrote them; and files that try to run something."""

import io
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from autoglm.core.dataset import PART
from autoglm.core.errors import DataError
from autoglm.datasets import cifar10

NAMES = ["airplane", "frog"]


def batch(rows: list[tuple[bytes, int]]) -> bytes:
    return cifar10._packed(rows, "training batch 1 of 5")


def pixel_rows(count: int) -> list[tuple[bytes, int]]:
    draw = np.random.default_rng(0)
    return [(draw.integers(0, 256, 3072, dtype=np.uint8).tobytes(), i % 2) for i in range(count)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for file in (*cifar10._TRAIN, "test_batch"):
        (tmp_path / file).write_bytes(batch(pixel_rows(2)))
    listed = cifar10._list([cifar10._string(name) for name in NAMES])
    (tmp_path / "batches.meta").write_bytes(cifar10._pickle(cifar10._item("label_names", listed)))
    return tmp_path


def test_rows_parts_and_channels(folder: Path) -> None:
    frame = cifar10.read(folder).frame
    assert frame[PART].tolist() == ["train"] * 10 + ["test"] * 2
    assert frame["class"].tolist() == NAMES * 6
    image = np.asarray(Image.open(io.BytesIO(frame["image"][0])))
    planes = np.frombuffer(pixel_rows(1)[0][0], np.uint8).reshape(3, 32, 32)  # all red, then all green, then all blue
    assert np.array_equal(image, np.moveaxis(planes, 0, -1))


def test_what_is_written_is_what_python_reads() -> None:
    found = pickle.loads(batch(pixel_rows(3)), encoding="bytes")  # noqa: S301
    assert found[b"data"].shape == (3, 3072) and found[b"data"].dtype == np.uint8
    assert found[b"data"].tobytes() == b"".join(image for image, _ in pixel_rows(3))
    assert found[b"labels"] == [0, 1, 0] and found[b"batch_label"] == b"training batch 1 of 5"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL))
def test_batches_written_by_python_3_are_read_too(folder: Path, protocol: int) -> None:
    data = np.frombuffer(b"".join(image for image, _ in pixel_rows(2)), np.uint8).reshape(2, 3072)
    expected = cifar10.read(folder).frame
    for keys in (("data", "labels"), (b"data", b"labels")):
        content = pickle.dumps(dict(zip(keys, (data, [0, 1]), strict=True)), protocol)
        (folder / "data_batch_1").write_bytes(content)
        assert cifar10.read(folder).frame.equals(expected)


class Evil:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("file", ["batches.meta", "data_batch_3"])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_nothing_is_run(folder: Path, file: str, protocol: int) -> None:
    trace = folder / "trace"
    for evil in (
        Evil(os.mkdir, str(trace)),
        Evil(eval, "1"),
        Evil(getattr, "", "join"),
        Evil(io.FileIO, str(trace), "w"),
    ):
        (folder / file).write_bytes(pickle.dumps({"data": evil, "labels": []}, protocol))
        with pytest.raises(DataError, match="not to be trusted"):
            cifar10.read(folder)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        (b"", "not a whole batch"),
        (b"\x80\x02}q\x01(", "not a whole batch"),
        (b"no pickle at all", "not a whole batch|impossible"),
        (batch(pixel_rows(2))[:-4], "not a whole batch"),
        (batch(pixel_rows(2))[:3000], "not a whole batch"),
        (pickle.dumps([1]), "holds list, expected a dictionary"),
        (pickle.dumps({"data": np.zeros((1, 3072)), "labels": [0]}), "not rows of 3072 bytes"),
        (pickle.dumps({"data": np.zeros((1, 9), np.uint8), "labels": [0]}), "not rows of 3072 bytes"),
        (pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [0, 1]}), "not as many 'labels'"),
        (pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [2]}), "not one of 0 to 1"),
        (pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [True]}), "not one of 0 to 1"),
    ],
)
def test_damage_is_named(folder: Path, content: bytes | None, words: str) -> None:
    if content is None:
        (folder / "data_batch_2").unlink()
    else:
        (folder / "data_batch_2").write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        cifar10.read(folder)
    assert "data_batch_2" in str(caught.value)


def test_a_file_cannot_ask_for_gigabytes_or_change_numpy(folder: Path) -> None:
    reach = b"\x80\x02K\x01r\xff\xff\xff\x7f."  # the value 1 noted in place 2,147,483,647
    kinds = b"\x80\x02cnumpy\ndtype\nU\x02u1\x85R(K\x03U\x01>NNNK\x09K\x09K\x09tb."  # an odd state of a type
    change = b"\x80\x02c_codecs\nencode\n}U\x01xK\x01s}\x86b."  # set an attribute of what was named
    for content in (reach, kinds, change):
        (folder / "data_batch_2").write_bytes(content)
        with pytest.raises(DataError, match=r"expected a dictionary|not a whole batch"):
            cifar10.read(folder)
    assert not hasattr(cifar10._Bytes, "x")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 6400), st.integers(0, 255)), min_size=1, max_size=5))
def test_any_damage_is_an_error_or_a_batch(folder: Path, changes: list[tuple[int, int]]) -> None:
    content = bytearray(batch(pixel_rows(2)))
    for place, value in changes:
        content[place % len(content)] = value
    (folder / "data_batch_2").write_bytes(content)
    try:
        data, labels = cifar10._batch(folder / "data_batch_2", 10)
    except DataError:
        return
    assert data.shape == (2, 3072) and len(labels) == 2


def test_names_of_classes_are_needed(folder: Path) -> None:
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": "frog"}))
    with pytest.raises(DataError, match=r"batches\.meta: no list 'label_names'"):
        cifar10.read(folder)


def test_patches_of_the_miniature_share_no_pixel(tmp_path: Path) -> None:
    cifar10.write_mini(tmp_path)
    frame = cifar10.read(tmp_path).frame
    assert frame.groupby([PART, "class"]).size().unstack(0).eq([12, 40]).all(axis=None)
    assert frame["image"].nunique() == len(frame)
