"""ImageNet's folders, as torchvision and as Kaggle lay them out."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from autoglm.core.dataset import PART
from autoglm.core.errors import DataError
from autoglm.datasets import imagenet

FISH, CAT = "n01440764", "n02124075"
FLAT = ("ILSVRC2012_val_00000001.JPEG", "ILSVRC2012_val_00000002.JPEG")


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    touch(tmp_path / f"train/{FISH}/b.JPEG", tmp_path / f"train/{FISH}/a.JPEG", tmp_path / f"train/{CAT}/c.JPEG")
    return tmp_path


def kit(folder: Path, lines: str) -> None:
    place = folder / "ILSVRC2012_devkit_t12" / "data"
    place.mkdir(parents=True)
    synsets = np.array([(1, CAT), (2, FISH)], dtype=[("ILSVRC2012_ID", "O"), ("WNID", "O")])
    savemat(place / "meta.mat", {"synsets": synsets})
    (place / "ILSVRC2012_validation_ground_truth.txt").write_text(lines)


def test_class_folders(folder: Path) -> None:
    touch(folder / f"val/{CAT}/v.JPEG", folder / f"train/{CAT}/notes.txt", folder / "train/other/x.JPEG")
    frame = imagenet.read(folder).frame
    assert frame.columns.tolist() == ["image", "class", PART]
    assert frame["image"].tolist() == [
        f"train/{FISH}/a.JPEG", f"train/{FISH}/b.JPEG", f"train/{CAT}/c.JPEG", f"val/{CAT}/v.JPEG"
    ]  # fmt: skip
    assert frame["class"].tolist() == [FISH, FISH, CAT, CAT]
    assert frame[PART].tolist() == ["train"] * 3 + ["test"]


def test_flat_validation_images_with_the_development_kit(folder: Path) -> None:
    touch(*(folder / "val" / name for name in FLAT))
    kit(folder, "2\n1\n")
    frame = imagenet.read(folder).frame
    assert frame.loc[frame[PART] == "test", "class"].tolist() == [FISH, CAT]


@pytest.mark.parametrize(("lines", "words"), [("2\n", "2 images, but 1 lines"), ("2\n3\n", "cannot be read together")])
def test_a_kit_that_does_not_fit(folder: Path, lines: str, words: str) -> None:
    touch(*(folder / "val" / name for name in FLAT))
    kit(folder, lines)
    with pytest.raises(DataError, match=words):
        imagenet.read(folder)


def test_a_damaged_kit(folder: Path) -> None:
    touch(*(folder / "val" / name for name in FLAT))
    kit(folder, "2\n1\n")
    meta = folder / "ILSVRC2012_devkit_t12/data/meta.mat"
    for content in (b"", b"not a matrix", meta.read_bytes()[:150]):
        meta.write_bytes(content)
        with pytest.raises(DataError, match=r"meta\.mat .*unpack the kit again"):
            imagenet.read(folder)


def test_kaggle(tmp_path: Path) -> None:
    root = tmp_path / "ILSVRC" / "Data" / "CLS-LOC"
    touch(root / f"train/{FISH}/a.JPEG", root / f"train/{CAT}/c.JPEG", *(root / "val" / name for name in FLAT))
    (tmp_path / "LOC_val_solution.csv").write_text(
        f"ImageId,PredictionString\n{FLAT[1][:-5]},{FISH} 1 2 3 4 {FISH} 1 2 3 4 \n{FLAT[0][:-5]},{CAT} 1 2 3 4 \n"
    )
    (tmp_path / "LOC_synset_mapping.txt").write_text(f"{FISH} tench, Tinca tinca\n{CAT} Egyptian cat\n")
    found = imagenet.read(tmp_path).frame
    assert found["image"].tolist()[2] == f"ILSVRC/Data/CLS-LOC/val/{FLAT[0]}"
    assert found["class"].tolist() == [FISH, CAT, CAT, FISH]
    assert found.attrs["names"] == {FISH: "tench", CAT: "Egyptian cat"}
    (tmp_path / "LOC_val_solution.csv").write_text(f"ImageId,PredictionString\n{FLAT[1][:-5]},{FISH} 1 2 3 4\n")
    with pytest.raises(DataError, match=r"no class for 'ILSVRC2012_val_00000001.JPEG'"):
        imagenet.read(tmp_path)
    (tmp_path / "LOC_val_solution.csv").write_text("ImageId,PredictionString\nx,y\n")
    with pytest.raises(DataError, match=r"LOC_val_solution.csv, line 2"):
        imagenet.read(tmp_path)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder 'train'"):
        imagenet.read(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match="class archives unpacked"):
        imagenet.read(tmp_path)
    touch(tmp_path / f"train/{FISH}/a.JPEG")
    with pytest.raises(DataError, match="val: no such folder"):
        imagenet.read(tmp_path)
    (tmp_path / "val").mkdir()
    with pytest.raises(DataError, match="val: no image"):
        imagenet.read(tmp_path)
    touch(tmp_path / "val" / FLAT[0])
    with pytest.raises(DataError, match=r"unpack ILSVRC2012_devkit_t12.tar.gz"):
        imagenet.read(tmp_path)
    touch(tmp_path / f"val/{CAT}/v.JPEG")
    with pytest.raises(DataError, match=f"train lacks: '{CAT}'"):
        imagenet.read(tmp_path)


def test_a_mapping_that_is_none(folder: Path) -> None:
    touch(folder / f"val/{CAT}/v.JPEG")
    (folder / "LOC_synset_mapping.txt").write_text("tench\n")
    with pytest.raises(DataError, match=r"LOC_synset_mapping.txt: 'tench'"):
        imagenet.read(folder)


def test_lists_that_are_not_utf_8(folder: Path) -> None:
    touch(folder / f"val/{CAT}/v.JPEG", *(folder / "val" / name for name in FLAT))
    (folder / "LOC_synset_mapping.txt").write_bytes(f"{CAT} chat \xe9gyptien\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"LOC_synset_mapping.txt: not UTF-8 text"):
        imagenet.read(folder)
    (folder / f"val/{CAT}/v.JPEG").unlink()
    (folder / f"val/{CAT}").rmdir()
    (folder / "LOC_val_solution.csv").write_bytes(b"ImageId,PredictionString\n\xff")
    with pytest.raises(DataError, match=r"LOC_val_solution.csv: not UTF-8 text"):
        imagenet.read(folder)


def test_crops_of_the_miniature(tmp_path: Path) -> None:
    imagenet.write_mini(tmp_path)
    found = imagenet.read(tmp_path).frame
    assert found.groupby([PART, "class"]).size().unstack(0).eq([4, 8]).all(axis=None)
    assert found.attrs["names"]["n00000001"] == "china 1" and found.attrs["names"]["n00000010"] == "flower 5"
