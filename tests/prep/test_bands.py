"""TIFF files of many bands."""

from pathlib import Path

import numpy as np
import pytest

tifffile = pytest.importorskip("tifffile")

from autoglm.core.errors import DataError  # noqa: E402
from autoglm.prep import bands  # noqa: E402


def written(path: Path, values: np.ndarray, **options: object) -> Path:
    tifffile.imwrite(path, values, photometric="minisblack", **options)
    return path


@pytest.mark.parametrize("shape", [(5, 7, 13), (5, 7, 4)])
def test_bands_side_by_side_and_band_after_band(tmp_path: Path, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).integers(0, 10_000, shape, dtype=np.uint16)
    side = bands.standard(written(tmp_path / "a.tif", values, planarconfig="contig"))
    after = bands.standard(written(tmp_path / "b.tif", np.moveaxis(values, -1, 0), planarconfig="separate"))
    assert side.dtype == np.float32 and np.array_equal(side, values) and np.array_equal(after, values)


def test_one_band(tmp_path: Path) -> None:
    assert bands.standard(written(tmp_path / "a.tif", np.ones((5, 7), np.uint16))).shape == (5, 7, 1)


def test_features(tmp_path: Path) -> None:
    values = np.zeros((2, 2, 3), dtype=np.uint16)
    values[..., 1] = [[0, 10], [20, 30]]
    found, names = bands.features([written(tmp_path / "a.tif", values, planarconfig="contig")])
    row = dict(zip(names, found[0].tolist(), strict=True))
    assert len(row) == 15
    assert row["band 2 mean"] == row["band 2 50 %"] == 15 and row["band 1 std"] == 0
    assert row["band 2 std"] == pytest.approx(np.std([0, 10, 20, 30]))


def test_damage_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.tif", np.ones((50, 70, 3), np.uint16), planarconfig="contig")
    whole = path.read_bytes()
    for content in (b"", b"II*\0", b"text", whole[:100], whole[:-1000]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"a.tif: not a whole TIFF"):
            bands.standard(path)
    path.write_bytes(whole)
    monkeypatch.setattr(bands, "MOST_BYTES", 1000)
    with pytest.raises(DataError, match="21000 bytes of pixels"):
        bands.standard(path)
    with pytest.raises(DataError, match="no such file"):
        bands.standard(tmp_path / "b.tif")


def test_images_of_different_bands_are_not_one_set(tmp_path: Path) -> None:
    a = written(tmp_path / "a.tif", np.ones((5, 5, 3), np.uint16), planarconfig="contig")
    b = written(tmp_path / "b.tif", np.ones((5, 5, 4), np.uint16), planarconfig="contig")
    with pytest.raises(DataError, match=r"3 in .*a.tif, 4 in .*b.tif"):
        bands.features([a, b])
