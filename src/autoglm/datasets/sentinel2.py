"""EuroSAT: land use on patches of Sentinel-2 images, in colour (JPEG) or in all 13 bands (TIFF); no image is opened."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm.core.dataset import PART, Archive, Card, Dataset, Mini
from autoglm.core.errors import DataError, MissingExtraError, OptionError, nearest
from autoglm.core.files import write_bytes
from autoglm.core.published import part

_PLACES = {
    "rgb": ("EuroSAT_RGB", "2750"),
    "bands": ("EuroSAT_MS", "ds/images/remote_sensing/otherDatasets/sentinel_2/tif"),
}
_SUFFIXES = {"rgb": (".jpg", ".jpeg", ".png"), "bands": (".tif", ".tiff")}
_SIDE = 15  # pixels (of 10 m) of a patch of the miniature: 20 × 20 patches of 300 × 300 pixels
_RED, _GREEN, _BLUE, _INFRARED = 2, 1, 0, 3  # rows of B02, B03, B04, B08
_WHITE = 3000  # reflectance × 10,000 shown as white, the usual stretch of Sentinel-2's true colour
_MD5 = {"EuroSAT_RGB.zip": "f46e308c4d50d4bf32fedad2d3d62f3b", "EuroSAT_MS.zip": "091174add3c8e680a49244acf185b9f0"}


def _card(task: str, title: str, file: str, size: str) -> Card:
    return Card(
        name=f"sentinel2/{task}",
        title=title,
        modality="image",
        kind="multiclass",
        target="land use",
        metric="accuracy",
        split="hashed",
        folder="EuroSAT",
        source="https://zenodo.org/records/7711810",
        licence="MIT; Sentinel data are free under the Copernicus terms",
        citation="Helber, Bischke, Dengel & Borth (2019): EuroSAT: A Novel Dataset and Deep Learning Benchmark for "
        "Land Use and Land Cover Classification. IEEE J-STARS 12(7)",
        size=size,
        archives=(
            Archive(
                f"https://zenodo.org/records/7711810/files/{file}",
                f"md5:{_MD5[file]}",
                "the Zenodo record, as quoted by projects that download from it",
            ),
        ),
        media=("image",),
        note="The publishers give no split. A fifth of the images, by a hash of the name (AnnualCrop_1), is the test "
        "part, the same in both tasks; results on other splits cannot be compared with it.",
    )


CARDS = {
    "rgb": _card(
        "rgb", "EuroSAT: land use in colour", "EuroSAT_RGB.zip", "27,000 images of 64 × 64 pixels; 95 MB packed"
    ),
    "bands": _card(
        "bands", "EuroSAT: land use in 13 bands", "EuroSAT_MS.zip", "27,000 images of 64 × 64 × 13; 2.1 GB packed"
    ),
}
MINI = Mini(
    title="How green is a patch of one Sentinel-2 image? In the layout of EuroSAT",
    note="Not EuroSAT: 400 patches of 15 × 15 pixels of the one image (B02, B03, B04, B08) that comes with spyndex. "
    "The class is derived, not seen by people: the third of the patches by their mean NDVI, (B08 - B04) / (B08 + B04). "
    "'bands' holds B04 and B08, so it can be solved exactly; 'rgb' lacks B08. The bands are "
    "TIFF without georeference. Patches share no pixel, but neighbours are alike. Needs the extra `satellite`.",
    source="https://pypi.org/project/spyndex/",
    licence="MIT (spyndex); Sentinel data are free under the Copernicus terms",
    size="400 images of one place",
)


def read(folder: Path, task: str) -> Dataset:
    """Find the class folders in ``EuroSAT_RGB`` or ``2750`` (task ``rgb``), ``EuroSAT_MS`` or ``ds/…/tif`` (``bands``).

    Returns
    -------
    Dataset
        Columns ``image`` (path relative to `folder`), ``land use`` and `PART`.

    Raises
    ------
    DataError
        No class folders, or a single one.
    OptionError
        No such task.
    """
    if task not in CARDS:
        raise OptionError(f"sentinel2 has no task {task!r}{nearest(task, CARDS)} (known: {', '.join(CARDS)})")
    place = next((p for p in _PLACES[task] if (folder / p).is_dir()), None)
    if place is None:
        raise DataError(f"{folder}: expected {' or '.join(map(repr, _PLACES[task]))} with one folder a class in it")
    rows = []
    for group in sorted(e.name for e in os.scandir(folder / place) if e.is_dir()):
        found = sorted(e.name for e in os.scandir(folder / place / group) if e.name.lower().endswith(_SUFFIXES[task]))
        rows += [(f"{place}/{group}/{name}", group, part(Path(name).stem)) for name in found]
    if len({group for _, group, _ in rows}) < 2:
        raise DataError(
            f"{folder / place}: {len(rows)} images ({', '.join(_SUFFIXES[task])}) in fewer than two class folders; "
            "is the archive unpacked?"
        )
    return Dataset(CARDS[task], pd.DataFrame(rows, columns=["image", "land use", PART]), folder)


def write_mini(folder: Path) -> None:
    """Write patches of spyndex's Sentinel-2 image, as JPEG and as TIFF; see `MINI`.

    Raises
    ------
    MissingExtraError
        spyndex or tifffile is not installed.
    """
    from autoglm.prep import pixels

    try:
        import tifffile
    except ImportError as error:
        raise MissingExtraError(_CURE) from error
    image = _image()
    side = image.shape[1] // _SIDE
    patches = image.reshape(4, side, _SIDE, side, _SIDE).transpose(1, 3, 2, 4, 0).reshape(-1, _SIDE, _SIDE, 4)
    for number, (patch, label) in enumerate(zip(patches, _greenness(patches), strict=True)):
        colour = np.clip(patch[..., [_RED, _GREEN, _BLUE]] * (255 / _WHITE), 0, 255).round().astype(np.uint8)
        for task, suffix in (("rgb", "jpg"), ("bands", "tif")):
            (folder / _PLACES[task][0] / label).mkdir(parents=True, exist_ok=True)
            path = folder / _PLACES[task][0] / label / f"{label}_{number}.{suffix}"
            if task == "rgb":
                write_bytes(path, pixels.jpeg(colour))
            else:
                tifffile.imwrite(path, patch.round().astype(np.uint16), photometric="minisblack", planarconfig="contig")


_CURE = "the miniature is made of spyndex's image, as TIFF: pip install 'open-autoglm[satellite]'"


def _image() -> NDArray[np.float64]:
    """Read spyndex's file as it lies, without importing spyndex, which needs more packages; shape (4, 300, 300)."""
    found = importlib.util.find_spec("spyndex")
    if found is None or found.origin is None:
        raise MissingExtraError(_CURE)
    path = Path(found.origin).parent / "data" / "S2_10m.json"
    try:
        values = np.array(json.loads(path.read_bytes()), dtype=np.float64)
    except (OSError, ValueError, TypeError) as error:
        raise MissingExtraError(f"{path} cannot be read ({error}); {_CURE}") from None
    if values.shape != (4, 300, 300):
        raise MissingExtraError(f"{path} holds {values.shape}, expected (4, 300, 300); {_CURE}")
    return values


def _greenness(patches: NDArray[np.float64]) -> list[str]:
    red, infrared = patches[..., _RED], patches[..., _INFRARED]
    ndvi = ((infrared - red) / np.maximum(infrared + red, 1e-9)).mean(axis=(1, 2))
    thirds = np.digitize(ndvi, np.quantile(ndvi, [1 / 3, 2 / 3]))
    return [("Bare", "Mixed", "Green")[third] for third in thirds]
