"""What it costs to look at images and sounds: the first time, and when they were seen before.

``python benchmarks/encoders.py`` prints milliseconds an item, items a second, and how many times as fast the second
look is (wanted: 20). Images are pieces of the two photographs that scikit-learn ships, sounds are made up: their
content does not change what they cost.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

COUNT = 300
LIMIT = 20


def images(folder: Path, side: int) -> None:
    from sklearn.datasets import load_sample_images

    from autoglm.prep import pixels

    draw = np.random.default_rng(0)
    photos = load_sample_images().images
    for i in range(COUNT):
        photo = photos[i % 2]
        y, x = draw.integers(0, photo.shape[0] - side), draw.integers(0, photo.shape[1] - side)
        (folder / f"{i}.jpg").write_bytes(pixels.jpeg(photo[y : y + side, x : x + side]))


def sounds(folder: Path, seconds: float) -> None:
    import soundfile

    draw = np.random.default_rng(0)
    for i in range(COUNT):
        soundfile.write(folder / f"{i}.wav", 0.1 * draw.normal(size=int(16_000 * seconds)), 16_000)


def look(kind: str, folder: Path) -> float:
    from autoglm import encoders
    from autoglm.core.columns import column
    from autoglm.core.seed import Seed

    rows = column(pd.Series(sorted(p.name for p in folder.iterdir()), name="file"), folder)
    began = time.perf_counter()
    (seen,) = encoders.within([rows], [kind], float("inf"), 2, Seed(0))
    assert not seen.missing.any()
    return time.perf_counter() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as cache:
        os.environ["AUTOGLM_CACHE"] = cache
        print(f"{'':24}{'ms an item':>12}{'items/s':>10}{'second look':>14}{'times as fast':>15}")
        cases = [("image", images, 32), ("image", images, 128), ("image", images, 400), ("audio", sounds, 1.0)]
        for kind, make, size in cases:
            with tempfile.TemporaryDirectory() as place:
                make(Path(place), size)
                look(kind, Path(place))  # imports, and one look that is not counted
                for file in Path(cache).rglob("*"):
                    if file.is_file():
                        file.write_bytes(b"")
                from autoglm.prep import store

                store.store.cache_clear()
                first, second = look(kind, Path(place)), look(kind, Path(place))
            unit = "pixels a side" if kind == "image" else "seconds"
            ratio = first / second
            row = f"{1000 * first / COUNT:12.2f}{COUNT / first:10.0f}{1000 * second / COUNT:11.3f} ms{ratio:15.1f}"
            print(f"{f'{kind}, {size} {unit}':24}{row}{'' if ratio >= LIMIT else f'  below {LIMIT}'}")


if __name__ == "__main__":
    main()
