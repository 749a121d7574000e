"""What it costs to look at images, sounds and texts: the first time, when they were seen before, and in a whole fit.

``python benchmarks/encoders.py`` prints milliseconds an item, items a second, and how many times as fast the second
look is (wanted: 20), for the plain numbers and for each network that is installed. ``--fits`` fits 10,000 images in 60
seconds (wanted: at most two more) and 2,000 rows of prose and numbers, and answers 500 (wanted: 90 seconds for all of
it). Images are pieces of the two photographs that scikit-learn ships, sounds and texts are made up: their content does
not change what they cost.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

COUNT = 300
LIMIT = 20
IMAGES, ROWS, NEW = 10_000, 2_000, 500
SECONDS, SLACK, WHOLE = 60.0, 2.0, 90.0


def images(folder: Path, side: int, count: int = COUNT) -> list[str]:
    from sklearn.datasets import load_sample_images

    from autoglm.prep import pixels

    draw = np.random.default_rng(0)
    photos = load_sample_images().images
    for i in range(count):
        photo = photos[i % 2]
        y, x = draw.integers(0, photo.shape[0] - side), draw.integers(0, photo.shape[1] - side)
        (folder / f"{i}.jpg").write_bytes(pixels.jpeg(photo[y : y + side, x : x + side]))
    return [f"{i}.jpg" for i in range(count)]


def sounds(folder: Path, seconds: float) -> list[str]:
    import soundfile

    draw = np.random.default_rng(0)
    for i in range(COUNT):
        soundfile.write(folder / f"{i}.wav", 0.1 * draw.normal(size=int(16_000 * seconds)), 16_000)
    return [f"{i}.wav" for i in range(COUNT)]


def texts(words: int, count: int = COUNT) -> list[str]:
    draw = np.random.default_rng(0)
    known = ["".join(draw.choice(list("aeiourstlnmkd"), draw.integers(2, 9))) for _ in range(3_000)]
    return [" ".join(draw.choice(known, words)) for _ in range(count)]


def look(summary: Any, cells: list[str], folder: Path, threads: int) -> float:
    """Return the seconds that a look at all cells takes."""
    from autoglm.core.columns import column
    from autoglm.core.seed import Seed
    from autoglm.prep import media

    rows = column(pd.Series(cells, name="cell"), folder)
    began = time.perf_counter()
    seen = media.within(rows, summary, float("inf"), threads, Seed(0))
    assert not seen.missing.any()
    return time.perf_counter() - began


def looks(name: str, make: Callable[[], Any], cells: list[str], folder: Path, cache: Path, threads: int) -> None:
    """Print what a first and a second look cost; nothing is said of a network that is not installed."""
    from autoglm.core.errors import MissingExtraError
    from autoglm.prep import store

    try:
        summary = make()
    except MissingExtraError as missing:
        print(f"{name:34}{missing}")
        return
    look(summary, cells[:20], folder, threads)  # imports, and one look that is not counted
    for file in cache.rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    store.store.cache_clear()
    first, second = (look(summary, cells, folder, threads) for _ in range(2))
    row = f"{1000 * first / COUNT:12.2f}{COUNT / first:10.0f}{1000 * second / COUNT:11.3f} ms{first / second:15.1f}"
    print(f"{name:34}{row}{'' if first >= LIMIT * second else f'  below {LIMIT}'}", flush=True)


def single(cache: Path, threads: int) -> None:
    from autoglm.encoders import audio, image, text

    print(f"{'':34}{'ms an item':>12}{'items/s':>10}{'second look':>14}{'times as fast':>15}")
    for side in (32, 128, 400):
        with tempfile.TemporaryDirectory() as place:
            cells = images(Path(place), side)
            looks(f"image, {side} pixels a side", image.classical, cells, Path(place), cache, threads)
            if side == 32:
                looks(f"image, {side} pixels, network", image.network, cells, Path(place), cache, threads)
    with tempfile.TemporaryDirectory() as place:
        cells = sounds(Path(place), 1.0)
        looks("audio, 1 second", audio.classical, cells, Path(place), cache, threads)
        looks("audio, 1 second, network", audio.network, cells, Path(place), cache, threads)
    looks("text, 20 words, network", text.network, texts(20), Path(), cache, threads)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def fits(threads: int) -> None:
    from autoglm import AutoML

    with tempfile.TemporaryDirectory() as place:
        frame = pd.DataFrame({"file": images(Path(place), 32, IMAGES)})
        frame["photo"] = [f"p{i % 2}" for i in range(IMAGES)]
        began = time.monotonic()
        predictor = AutoML(seconds=SECONDS, threads=threads, files=place).fit(frame, "photo")
        told(f"{IMAGES:,} images, {SECONDS:.0f} s", time.monotonic() - began, SECONDS + SLACK)
        notes = [f["message"] for f in predictor.summary["findings"] if f["column"] == "file"]
        print("   " + "\n   ".join([f"score {predictor.summary['score']['value']:.4f}", *notes]))
    draw = np.random.default_rng(1)
    numbers = {f"x{i}": draw.normal(size=ROWS + NEW) for i in range(10)}
    frame = pd.DataFrame({"prose": texts(60, ROWS + NEW)} | numbers)
    frame["y"] = np.where(frame["prose"].str.count("a") + 5 * frame["x0"] > frame["prose"].str.count("e"), "yes", "no")
    for name in ("first", "second"):
        began = time.monotonic()
        predictor = AutoML(seconds=SECONDS, threads=threads).fit(frame[:ROWS], "y")
        predictor.predict_proba(frame[ROWS:])
        told(f"{ROWS:,} rows of prose and numbers, {NEW} answers, {name} time", time.monotonic() - began, WHOLE)


def told(what: str, seconds: float, limit: float) -> None:
    print(f"{'kept  ' if seconds <= limit else 'MISSED'}  {what}: {seconds:.1f} s, at most {limit:.0f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fits", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["AUTOGLM_CACHE"] = cache
        single(Path(cache), given.threads)
        if given.fits:
            fits(given.threads)


if __name__ == "__main__":
    main()
