"""The standard form of images, and the numbers that sum them up."""

import io
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

from autoglm.core.errors import DataError
from autoglm.prep import pixels

ORANGE = (255, 128, 0)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def plain(mode: str = "RGB", colour: Any = ORANGE) -> Image.Image:
    return Image.new(mode, (6, 4), colour)


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (encoded(plain()), (1, 128 / 255, 0)),
        (encoded(plain(), "BMP"), (1, 128 / 255, 0)),
        (encoded(plain().quantize(4)), (1, 128 / 255, 0)),  # palette
        (encoded(plain().convert("CMYK"), "TIFF"), (1, 128 / 255, 0)),
        (encoded(plain("L", 51)), (0.2, 0.2, 0.2)),
        (encoded(plain("1", 1)), (1, 1, 1)),
        (encoded(plain("I;16", 65_535)), (1, 1, 1)),
        (encoded(plain("I;16", 13_107)), (0.2, 0.2, 0.2)),
        (encoded(plain("RGBA", (*ORANGE, 255))), (1, 128 / 255, 0)),
        (encoded(plain("RGBA", (*ORANGE, 0))), (1, 1, 1)),  # clear: white shows
        (encoded(plain("LA", (0, 0))), (1, 1, 1)),
        (encoded(plain("L", 7), transparency=7), (1, 1, 1)),
        (encoded(plain("F", 3.0), "TIFF"), (1, 1, 1)),
    ],
)
def test_every_kind_of_file_becomes_colour(data: bytes, expected: tuple[float, ...]) -> None:
    found = pixels.standard(data)
    assert (found.dtype, found.shape) == (np.float32, (4, 6, 3))
    assert np.allclose(found, expected, atol=1 / 255)


def test_size_and_place(tmp_path: Path) -> None:
    half = Image.new("RGB", (100, 50), "black")
    half.paste("white", (50, 0, 100, 50))
    path = tmp_path / "half.png"
    half.save(path)
    found = pixels.standard(path, 224)
    assert found.shape == (224, 224, 3) and found[:, 0].max() == 0 and found[:, -1].min() == 1


def test_a_photo_is_turned_as_its_camera_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    assert pixels.standard(encoded(plain(), "JPEG", exif=exif)).shape == (6, 4, 3)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_a_small_file_of_a_huge_image_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    with pytest.raises(DataError, match="at most 100,000,000 pixels"):
        pixels.standard(bomb)
    monkeypatch.setattr(pixels, "MOST_PIXELS", 20)
    with pytest.raises(DataError, match="6 by 4 pixels, at most 20"):
        pixels.standard(encoded(plain()))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not an image that Pillow reads"),
        (b"text", "not an image that Pillow reads"),
        (encoded(plain())[:-30], "damaged image"),
        (encoded(noise(64, 64), "JPEG")[:700], "damaged image"),
        (Path("nowhere.png"), "nowhere.png: no such file"),
    ],
)
def test_damage_is_named(data: bytes | Path, words: str) -> None:
    with pytest.raises(DataError, match=words):
        pixels.standard(data)


@pytest.mark.skipif("AVIF" not in pixels.FORMATS or not features.check("avif"), reason="Pillow reads no AVIF")
def test_any_damaged_byte_of_avif_is_an_error_or_an_image() -> None:
    whole = encoded(noise(16, 16).convert("RGB"), "AVIF")
    unread = set()
    for place in range(len(whole)):  # Pillow's decoder raises RuntimeError for some of them
        try:
            pixels.standard(whole[:place] + b"\0" + whole[place + 1 :])
        except DataError as error:
            unread.add("a damaged image" in str(error))
    assert unread == {True, False}


def test_only_pixels_are_opened_whatever_a_file_is_called(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(plain(), "EPS"))  # Pillow would start Ghostscript
    for source in (path, path.read_bytes()):
        with pytest.raises(DataError, match="not an image that Pillow reads"):
            pixels.standard(source)
    for kind in ("PPM", "ICO", "TGA", "DDS", "MPO"):
        assert pixels.standard(encoded(Image.new("RGB", (16, 16), ORANGE), kind)).shape == (16, 16, 3)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_damage_is_an_error_or_an_image(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP"]))
    whole = bytearray(encoded(noise(16, 16).convert("RGB"), kind))
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=4)):
        whole[place] = data.draw(st.integers(0, 255))
    try:
        found = pixels.standard(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    except DataError:
        return
    assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1


def named(image: Image.Image) -> dict[str, float]:
    (row,) = pixels.features([encoded(image)])
    return dict(zip(pixels.NAMES, row.tolist(), strict=True))


def test_features_of_one_colour() -> None:
    found = named(plain())
    assert len(found) == 342
    assert found["red 1-1"] == found["red mean"] == 1 and found["blue 8-8"] == found["blue std"] == 0
    assert not any(v for name, v in found.items() if name.startswith("edges"))


@pytest.mark.parametrize(("upright", "strong"), [(True, "0"), (False, "100")])
def test_edges_have_a_direction(upright: bool, strong: str) -> None:
    stripes = np.zeros((32, 32), dtype=np.uint8)
    stripes[:, np.arange(32) // 4 % 2 == 0] = 255
    found = named(Image.fromarray(stripes if upright else stripes.T))
    directions = {name.rpartition(" ")[2]: found[name] for name in found if name.startswith("edges 2-2 ")}
    assert directions[strong] == 1, directions
    assert directions["40"] == 0 and directions["140"] == 0, directions


def test_coarse_colours_know_their_place() -> None:
    left = Image.new("RGB", (64, 64), "blue")
    left.paste("red", (0, 0, 32, 64))
    found = named(left)
    assert found["red 4-4"] == 1 and found["red 4-5"] == 0 and found["blue 8-8"] == 1
    assert found["red mean"] == pytest.approx(0.5) and found["red std"] == pytest.approx(1, abs=0.03)


def test_features_do_not_depend_on_the_neighbours() -> None:
    images = [encoded(noise(s, 20)) for s in (8, 20, 90)]
    together = pixels.features(images)
    assert together.dtype == np.float32 and np.isfinite(together).all() and together.min() >= 0 and together.max() <= 1
    assert np.array_equal(together, np.vstack([pixels.features([image]) for image in images]))
    assert pixels.features([]).shape == (0, 342)


@pytest.mark.clock
def test_features_take_about_a_millisecond() -> None:
    images = [encoded(noise(32, 32).convert("RGB"))] * 200
    start = time.perf_counter()
    pixels.features(images)
    assert (time.perf_counter() - start) / len(images) < 0.005


def test_encoders() -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(pixels.png(grey)))), grey)
    colour = np.full((16, 16, 3), 99, dtype=np.uint8)
    assert np.abs(np.asarray(Image.open(io.BytesIO(pixels.jpeg(colour)))).astype(int) - 99).max() <= 2
