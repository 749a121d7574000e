"""ImageNet (ILSVRC 2012): photos in 1,000 classes, read from the official folders; no image is opened.

Two layouts are read: the archives unpacked as torchvision does it (``train/n01440764/*.JPEG``, ``val/`` in class
folders or flat beside the development kit), and Kaggle's (``ILSVRC/Data/CLS-LOC/`` with ``LOC_val_solution.csv``).
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pandas as pd

from autoglm.core import published
from autoglm.core.dataset import PART, Card, Dataset, Mini
from autoglm.core.errors import DataError, listing
from autoglm.core.files import write_bytes

SYNSETS = "LOC_synset_mapping.txt"
SOLUTION = "LOC_val_solution.csv"
DEVKIT = "ILSVRC2012_devkit_t12/data"
TRUTH = "ILSVRC2012_validation_ground_truth.txt"
_SYNSET = re.compile(r"n\d{8}")
_SUFFIXES = (".jpeg", ".jpg", ".png")
_STRIPS, _SIDE, _TEST_ROWS = 5, 64, (2, 5)  # of the miniature

CARDS = {
    "": Card(
        name="imagenet",
        title="ImageNet (ILSVRC 2012): what is in the photo?",
        modality="image",
        kind="multiclass",
        target="class",
        metric="top-1 accuracy",
        split="official",
        folder="ILSVRC2012",
        source="https://image-net.org/challenges/LSVRC/2012/",
        licence="ImageNet's terms of access: research and education without profit; the photos keep their owners",
        citation="Russakovsky et al. (2015): ImageNet Large Scale Visual Recognition Challenge. IJCV 115(3)",
        size="1,281,167 training, 50,000 validation images; 145 GB packed",
        media=("image",),
        note="Access is granted on request. torchvision names ILSVRC2012_img_train.tar (MD5 "
        "1d675b47d978889d74fa0da5fadfb00e), ILSVRC2012_img_val.tar (29b22e2961454d5413ddabcf34fc5622) and "
        "ILSVRC2012_devkit_t12.tar.gz (fa75699e90414af021442c21a62c3abf); unpack them into train/, val/ and beside. "
        "The labels of the official test set are not public: the validation images are the test part here.",
    )
}
MINI = Mini(
    title="Which tenth of two photos is a crop of 64 by 64 pixels from? In the layout of ImageNet",
    note="Not ImageNet: crops of scikit-learn's photos china.jpg and flower.jpg, each cut into five upright strips, "
    "the ten classes (their numbers n0000000x are none of WordNet's). Crops share no pixel; every third row is "
    "the test part.",
    source="https://scikit-learn.org/stable/modules/generated/sklearn.datasets.load_sample_images.html",
    licence="CC BY 2.0 (Flickr; credits in sklearn/datasets/images/README.txt); they come with scikit-learn",
    size="80 training, 40 test images",
)


def read(folder: Path, task: str = "") -> Dataset:
    """Find the images and their classes.

    Returns
    -------
    Dataset
        Columns ``image`` (path relative to `folder`), ``class`` (WordNet number such as ``n02124075``) and `PART`.
        ``frame.attrs["names"]`` maps classes to names, where ``LOC_synset_mapping.txt`` gives them.

    Raises
    ------
    DataError
        Folders or lists are missing, empty, or do not fit each other.
    """
    root = next((folder / p for p in ("", "ILSVRC/Data/CLS-LOC") if (folder / p / "train").is_dir()), None)
    if root is None:
        raise DataError(f"{folder}: no folder 'train' (nor ILSVRC/Data/CLS-LOC/train) with one folder a class in it")
    train = _classed(root / "train")
    if not train:
        raise DataError(f"{root / 'train'}: no image in a folder such as n01440764; are the class archives unpacked?")
    test = _validation(folder, root / "val")
    unknown = sorted({c for _, c in test} - {c for _, c in train})
    if unknown:
        raise DataError(f"{root}: validation images of classes that train lacks: {listing(unknown)}")
    prefix = "" if root == folder else f"{root.relative_to(folder).as_posix()}/"
    rows = [(prefix + path, label, part) for part, found in (("train", train), ("test", test)) for path, label in found]
    frame = pd.DataFrame(rows, columns=["image", "class", PART])
    frame.attrs["names"] = _class_names(folder)
    return Dataset(CARDS[task], frame, folder)


def write_mini(folder: Path) -> None:
    """Write crops of scikit-learn's two photos in class folders; see `MINI`."""
    from sklearn.datasets import load_sample_images

    from autoglm.prep import pixels

    bunch, lines = load_sample_images(), []
    for photo, (file, image) in enumerate(zip(bunch.filenames, bunch.images, strict=True)):
        width = image.shape[1] // _STRIPS
        for strip in range(_STRIPS):
            synset = f"n{photo * _STRIPS + strip + 1:08}"
            lines.append(f"{synset} {Path(file).stem} {strip + 1}\n")
            for row in range(image.shape[0] // _SIDE):
                for left in range(strip * width, (strip + 1) * width - _SIDE + 1, _SIDE):
                    crop = image[row * _SIDE : (row + 1) * _SIDE, left : left + _SIDE]
                    place = folder / ("val" if row in _TEST_ROWS else "train") / synset
                    place.mkdir(parents=True, exist_ok=True)
                    write_bytes(place / f"{synset}_{row}_{left}.JPEG", pixels.jpeg(crop))
    write_bytes(folder / SYNSETS, "".join(lines).encode())


def _classed(place: Path) -> list[tuple[str, str]]:
    """List (path relative to the parent of `place`, class) of the images in class folders, in order."""
    found = []
    for group in sorted(e.name for e in os.scandir(place) if e.is_dir() and _SYNSET.fullmatch(e.name)):
        found += [(f"{place.name}/{group}/{name}", group) for name in _images(place / group)]
    return found


def _images(place: Path) -> list[str]:
    return sorted(e.name for e in os.scandir(place) if e.name.lower().endswith(_SUFFIXES) and e.is_file())


def _validation(folder: Path, place: Path) -> list[tuple[str, str]]:
    if not place.is_dir():
        raise DataError(f"{place}: no such folder; expected the validation images, flat or in class folders")
    classed = _classed(place)
    if classed:
        return classed
    names = _images(place)
    if not names:
        raise DataError(f"{place}: no image in it")
    if (folder / SOLUTION).is_file():
        labels = _solution(folder / SOLUTION)
        lacking = [name for name in names if Path(name).stem not in labels]
        if lacking:
            raise DataError(f"{folder / SOLUTION}: no class for {listing(lacking, 3)}; is the file whole?")
        return [(f"{place.name}/{name}", labels[Path(name).stem]) for name in names]
    if (folder / DEVKIT / TRUTH).is_file():
        given = _truth(folder / DEVKIT)
        if len(given) != len(names):
            raise DataError(f"{place}: {len(names)} images, but {len(given)} lines in {folder / DEVKIT / TRUTH}")
        return [(f"{place.name}/{name}", label) for name, label in zip(names, given, strict=True)]
    raise DataError(
        f"{place}: images without class folders, and neither {SOLUTION} nor {DEVKIT}/{TRUTH} is in {folder}; "
        "unpack ILSVRC2012_devkit_t12.tar.gz there"
    )


def _solution(path: Path) -> dict[str, str]:
    """Read Kaggle's list: ``ILSVRC2012_val_00048981,n03995372 85 1 499 272``."""
    found = {}
    for number, line in enumerate(published.text(path).splitlines()[1:], 2):
        image, _, boxes = line.partition(",")
        if not _SYNSET.fullmatch(boxes[:9]):
            raise DataError(f"{path}, line {number}: {line[:60]!r} has no class such as n03995372")
        found[image] = boxes[:9]
    return found


def _truth(kit: Path) -> list[str]:
    """Read the development kit: a number a line, which ``meta.mat`` maps to WordNet's."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        synsets = loadmat(kit / "meta.mat", squeeze_me=True)["synsets"]
        known = {int(n): str(w) for n, w in zip(synsets["ILSVRC2012_ID"], synsets["WNID"], strict=True)}
        lines = (kit / TRUTH).read_text(encoding="ascii").split()
        return [known[int(line)] for line in lines]
    except (OSError, ValueError, KeyError, IndexError, TypeError, NotImplementedError, MatReadError) as error:
        raise DataError(
            f"{kit}: meta.mat and {TRUTH} cannot be read together ({error!r}); unpack the kit again"
        ) from None


def _class_names(folder: Path) -> dict[str, str]:
    path = folder / SYNSETS
    if not path.is_file():
        return {}
    lines = [line.partition(" ") for line in published.text(path).splitlines() if line.strip()]
    wrong = [key for key, _, name in lines if not _SYNSET.fullmatch(key) or not name]
    if wrong:
        raise DataError(f"{path}: {listing(wrong, 3)} is no line such as 'n01440764 tench, Tinca tinca'")
    return {key: name.partition(",")[0] for key, _, name in lines}
