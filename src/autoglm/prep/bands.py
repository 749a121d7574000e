"""Satellite images of many bands (TIFF): numbers that sum one up for any learner."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoglm.core.errors import DataError, MissingExtraError

try:
    import tifffile
except ImportError as error:
    raise MissingExtraError("images of many bands need tifffile: pip install 'open-autoglm[satellite]'") from error

MOST_BYTES = 1 << 30
"""An image that says it has more is refused unopened."""

SHARES = (10, 50, 90)  # percentiles of a band


def standard(path: Path) -> NDArray[np.float32]:
    """Read a TIFF file of one or more bands.

    Returns
    -------
    ndarray
        float32, shape (height, width, bands), the values as they stand in the file (Sentinel-2: reflectance × 10,000).

    Raises
    ------
    DataError
        No file, no TIFF, cut off, or more than `MOST_BYTES`.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; expected a TIFF image")
    try:
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            if series.nbytes > MOST_BYTES:
                raise DataError(f"{path}: {series.nbytes} bytes of pixels, at most {MOST_BYTES} are read")
            values, axes = series.asarray(), series.axes
    except DataError:
        raise
    except Exception as error:  # tifffile believes a damaged file, and then fails in any way
        raise DataError(f"{path}: not a whole TIFF file ({error}); download it again") from error
    if values.ndim not in (2, 3) or values.size == 0 or values.dtype.kind not in "uif":
        raise DataError(f"{path}: {values.dtype} of shape {values.shape} ({axes}); expected height, width and bands")
    if values.ndim == 3 and not axes.endswith("S"):  # a plane a band, not a pixel's bands side by side
        values = np.moveaxis(values, 0, -1)
    return np.ascontiguousarray(np.atleast_3d(values), dtype=np.float32)


def features(paths: Sequence[Path]) -> tuple[NDArray[np.float32], list[str]]:
    """Sum up images, one row each: of each band the mean, the standard deviation and percentiles.

    Returns
    -------
    ndarray, list
        float32, shape (n_images, 5 × bands), and the names of the columns.

    Raises
    ------
    DataError
        As for `standard`; or the images differ in the number of bands.
    """
    rows = [_summary(standard(path)) for path in paths]
    widths = {len(row): path for row, path in zip(rows, paths, strict=True)}
    if len(widths) > 1:
        told = ", ".join(f"{width // 5} in {path}" for width, path in widths.items())
        raise DataError(f"the images differ in their number of bands: {told}")
    bands = next(iter(widths), 0) // 5
    what = ["mean", "std", *(f"{share} %" for share in SHARES)]
    return np.array(rows, dtype=np.float32), [f"band {b + 1} {w}" for w in what for b in range(bands)]


def _summary(values: NDArray[np.float32]) -> NDArray[np.float32]:
    flat = np.nan_to_num(values.reshape(-1, values.shape[2]), posinf=0, neginf=0)
    return np.concatenate([flat.mean(axis=0), flat.std(axis=0), *np.percentile(flat, SHARES, axis=0)])
