"""EuroSAT's folders, and the miniature made of one real Sentinel-2 image."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from autoglm.core.dataset import PART
from autoglm.core.errors import DataError, MissingExtraError, OptionError
from autoglm.datasets import sentinel2


def classes(root: Path, suffix: str, count: int = 30) -> None:
    for group in ("AnnualCrop", "SeaLake"):
        (root / group).mkdir(parents=True)
        for i in range(1, count + 1):
            (root / group / f"{group}_{i}.{suffix}").write_bytes(b"")


@pytest.mark.parametrize("place", ["EuroSAT_RGB", "2750"])
def test_colour(tmp_path: Path, place: str) -> None:
    classes(tmp_path / place, "jpg")
    frame = sentinel2.read(tmp_path, "rgb").frame
    assert frame["image"][0] == f"{place}/AnnualCrop/AnnualCrop_1.jpg"
    assert frame["land use"].value_counts().to_dict() == {"AnnualCrop": 30, "SeaLake": 30}


def test_the_split_is_by_name_alone_and_the_same_for_both_tasks(tmp_path: Path) -> None:
    classes(tmp_path / "EuroSAT_RGB", "jpg", 500)
    classes(tmp_path / "ds/images/remote_sensing/otherDatasets/sentinel_2/tif", "tif", 500)
    rgb, bands = (sentinel2.read(tmp_path, task).frame for task in ("rgb", "bands"))
    assert rgb[PART].equals(bands[PART])
    assert 0.17 < (rgb[PART] == "test").mean() < 0.23
    part = dict(zip(rgb["image"].str.rpartition("/")[2], rgb[PART], strict=True))
    (tmp_path / "EuroSAT_RGB/AnnualCrop/AnnualCrop_1.jpg").unlink()
    again = sentinel2.read(tmp_path, "rgb").frame
    assert all(part[Path(i).name] == p for i, p in zip(again["image"], again[PART], strict=True))


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected 'EuroSAT_RGB' or '2750'"):
        sentinel2.read(tmp_path, "rgb")
    (tmp_path / "EuroSAT_MS").mkdir()
    with pytest.raises(DataError, match=r"0 images .* fewer than two class folders"):
        sentinel2.read(tmp_path, "bands")
    with pytest.raises(OptionError, match="did you mean 'rgb'"):
        sentinel2.read(tmp_path, "rbg")


def test_the_third_of_a_patch_follows_from_its_index() -> None:
    patches = np.zeros((6, 2, 2, 4))
    patches[..., 2] = 100
    patches[..., 3] = np.array([50, 100, 200, 300, 400, 500])[:, None, None]
    assert sentinel2._greenness(patches) == ["Bare", "Bare", "Mixed", "Mixed", "Green", "Green"]


def test_the_miniature_holds_the_pixels_of_the_image(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    if importlib.util.find_spec("spyndex") is None:
        pytest.skip("needs spyndex")
    sentinel2.write_mini(tmp_path)
    frame = sentinel2.read(tmp_path, "bands").frame
    assert len(frame) == 400 and frame["land use"].value_counts().between(133, 134).all()
    whole = np.zeros((300, 300, 4))
    for path in frame["image"]:
        row, column = divmod(int(Path(path).stem.rpartition("_")[2]), 20)
        whole[row * 15 : row * 15 + 15, column * 15 : column * 15 + 15] = tifffile.imread(tmp_path / path)
    assert np.array_equal(np.moveaxis(whole, -1, 0), sentinel2._image())


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'open-autoglm\[satellite\]'"):
        sentinel2.write_mini(tmp_path)
