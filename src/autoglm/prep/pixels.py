"""Images: one standard form for every file, and classical numbers that sum one up for any learner.

The standard form is what models for images ask for: colour, 0 to 1, one size. The numbers are fitted to nothing, so
they cannot leak: coarse colours, the directions of edges (histograms of oriented gradients, Dalal & Triggs 2005,
doi:10.1109/CVPR.2005.177) and the mean and spread of each colour.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoglm.core.errors import DataError, MissingExtraError

try:
    from PIL import Image, ImageOps, UnidentifiedImageError
except ImportError as error:
    raise MissingExtraError("images need Pillow: pip install 'open-autoglm[images]'") from error

MOST_PIXELS = 100_000_000
"""An image that says it has more is refused unopened: a few kilobytes can hold gigabytes of nothing."""

VERSION = "1"
"""Of the numbers; it changes whenever they do, so that none are mixed with what is kept of an older version."""

Image.init()
FORMATS = tuple(
    name
    for name in (
        *("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF", "JPEG2000"),
        *("DDS", "DIB", "ICNS", "ICO", "PCX", "PSD", "QOI", "SGI", "SUN", "TGA"),
    )
    if name in Image.OPEN  # older releases of Pillow lack some
)
"""What is opened: pixels only. Pillow would hand EPS to another program (Ghostscript), whatever a file is called."""

COARSE = 8  # side of the colour mosaic
SIDE, CELLS, DIRECTIONS = 32, 4, 9  # edges are looked at on 32 by 32 pixels, in 4 by 4 cells; 9 as in the paper
CLIP = 0.2  # of a cell's normalised histogram, as in the paper
NAMES = (
    *(f"{colour} {y + 1}-{x + 1}" for y in range(COARSE) for x in range(COARSE) for colour in ("red", "green", "blue")),
    *(
        f"edges {y + 1}-{x + 1} at {180 * d // DIRECTIONS}"
        for y in range(CELLS)
        for x in range(CELLS)
        for d in range(DIRECTIONS)
    ),
    *(f"{colour} {what}" for what in ("mean", "std") for colour in ("red", "green", "blue")),
)
"""The columns of `features`; no comma in them, which LightGBM would refuse."""

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601


def standard(image: bytes | Path, side: int | None = None) -> NDArray[np.float32]:
    """Decode an image to colour, whatever it was: grey, palette, CMYK, 16 bits a channel, with transparency (on white).

    Parameters
    ----------
    image
        The encoded bytes, or a file.
    side
        Height and width to resize to (bilinear, edges not kept in proportion); as it is where not given. Encoders name
        theirs, often 224.

    Returns
    -------
    ndarray
        float32, shape (height, width, 3), 0 to 1.

    Raises
    ------
    DataError
        No file, no image, cut off, or more than `MOST_PIXELS`.

    Examples
    --------
    >>> import numpy as np
    >>> standard(png(np.zeros((8, 6), dtype=np.uint8)), side=4).shape
    (4, 4, 3)
    """
    opened = _colour(image)
    if side is not None and opened.size != (side, side):
        opened = opened.resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(opened, dtype=np.float32) / np.float32(255)


def features(images: Iterable[bytes | Path]) -> NDArray[np.float32]:
    """Sum up images, one row each; see `NAMES`.

    Red, green and blue of an 8 by 8 mosaic; in each of 4 by 4 cells how strong the edges are at each of 9 directions
    (0 is a vertical edge, 90 a horizontal one), by their share; mean and standard deviation of each colour.

    Returns
    -------
    ndarray
        float32, shape (n_images, 342), finite, 0 to 1.

    Raises
    ------
    DataError
        As for `standard`.
    """
    rows = [_summary(image) for image in images]
    return np.array(rows, dtype=np.float32).reshape(len(rows), len(NAMES))


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode pixels, shape (height, width) or (height, width, 3), without loss."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=1)  # small images: speed matters, size hardly
    return out.getvalue()


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """Encode pixels, shape (height, width, 3), as the JPEG files of photo collections."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=95)
    return out.getvalue()


def _colour(image: bytes | Path) -> Image.Image:
    where = str(image) if isinstance(image, Path) else f"image of {len(image)} bytes"
    if isinstance(image, Path) and not image.is_file():
        raise DataError(f"{where}: no such file; expected an image")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own limit, and transparency that is left out
            with Image.open(io.BytesIO(image) if isinstance(image, bytes) else image, formats=FORMATS) as opened:
                if opened.width * opened.height > MOST_PIXELS:
                    raise DataError(
                        f"{where}: {opened.width} by {opened.height} pixels, at most {MOST_PIXELS:,} are read"
                    )
                opened.load()
                return _flat(ImageOps.exif_transpose(opened))
    except DataError:
        raise
    except Image.DecompressionBombError as error:
        raise DataError(f"{where}: {error}; at most {MOST_PIXELS:,} pixels are read") from None
    except UnidentifiedImageError:
        raise DataError(
            f"{where}: not an image that Pillow reads; expected PNG, JPEG, TIFF, WebP or the like"
        ) from None
    except Exception as error:  # SyntaxError: a damaged PNG; RuntimeError: a damaged AVIF; and whatever else comes
        raise DataError(f"{where}: a damaged image ({error}); download it again or leave the row out") from None


def _flat(image: Image.Image) -> Image.Image:
    """Bring any mode to 8-bit colour."""
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bits(image).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey by its full range; other numbers, which have no known range, by their own."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    sixteen = image.mode.startswith("I;16") or (image.mode == "I" and 255 < values.max(initial=0) < 65_536)
    low, high = (0.0, 65_535.0) if sixteen else (min(0.0, values.min(initial=0)), max(values.max(initial=0), 1.0))
    return Image.fromarray(np.round((values - low) / (high - low) * 255).astype(np.uint8))


def _summary(image: bytes | Path) -> NDArray[np.float32]:
    opened = _colour(image)
    mosaic = np.asarray(opened.resize((COARSE, COARSE), Image.Resampling.BOX), dtype=np.float32) / 255
    small = np.asarray(opened.resize((SIDE, SIDE), Image.Resampling.BILINEAR), dtype=np.float32) / 255
    colours = small.reshape(-1, 3)
    edges = _edges(np.asarray(small @ _LUMA, dtype=np.float32))
    return np.concatenate([mosaic.ravel(), edges, colours.mean(axis=0), 2 * colours.std(axis=0)])


def _edges(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Histogram of the gradients' directions in each cell; each gradient is shared by its two nearest directions."""
    padded = np.pad(luma, 1, mode="edge")
    across, down = padded[1:-1, 2:] - padded[1:-1, :-2], padded[2:, 1:-1] - padded[:-2, 1:-1]
    strength = np.hypot(across, down)
    place = (np.arctan2(down, across) % np.pi) * (DIRECTIONS / np.pi)
    first = np.floor(place)
    share = place - first
    size = SIDE // CELLS
    cell = (np.arange(SIDE)[:, None] // size) * CELLS + np.arange(SIDE)[None, :] // size
    count = CELLS * CELLS * DIRECTIONS
    histogram = np.zeros(count)
    for offset, weight in ((0, strength * (1 - share)), (1, strength * share)):
        direction = (first.astype(int) + offset) % DIRECTIONS
        histogram += np.bincount((cell * DIRECTIONS + direction).ravel(), weight.ravel(), count)
    cells = histogram.reshape(-1, DIRECTIONS)
    # 0.1 keeps the noise of a flat cell small; the length of a clear edge is several.
    normal = np.minimum(cells / np.sqrt(np.square(cells).sum(axis=1, keepdims=True) + 0.1**2), CLIP) / CLIP
    return np.asarray(normal.ravel(), dtype=np.float32)
