"""UrbanSound8K: city sounds of ten classes, at most four seconds each, in ten folds that are never shuffled anew."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.io import wavfile

from autoglm.core import published
from autoglm.core.dataset import PART, Archive, Card, Dataset, Mini
from autoglm.core.errors import DataError, MissingExtraError, OptionError, listing
from autoglm.core.files import write_bytes

COLUMNS = ("slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class")
FOLDS = 10
SAMPLES = Path("/usr/share/sonic-pi/samples")
"""Where Debian's package sonic-pi-samples puts its files."""

MINI_CLASSES = {
    "ambi": "ambience",
    "bd": "bass drum",
    "drum": "drum kit",
    "elec": "electronic",
    "loop": "loop",
    "perc": "percussion",
    "tabla": "tabla",
}
"""First word of a sample's name → class. Those with at least ten files; packs named after their author are left out."""

CARDS = {
    "": Card(
        name="urbansound8k",
        title="UrbanSound8K: which sound of the city?",
        modality="audio",
        kind="multiclass",
        target="class",
        metric="accuracy",
        split="folds",
        folder="UrbanSound8K",
        source="https://urbansounddataset.weebly.com/urbansound8k.html",
        licence="CC BY-NC 4.0",
        citation="Salamon, Jacoby & Bello (2014): A Dataset and Taxonomy for Urban Sound Research. ACM Multimedia",
        size="8,732 sounds, 6 GB",
        archives=(
            Archive(
                "https://zenodo.org/record/1203745/files/UrbanSound8K.tar.gz",
                "md5:9aa69802bbf37fb986f71ec1483a196e",
                "soundata, soundata/datasets/urbansound8k.py",
            ),
        ),
        media=("sound",),
        note="The publishers ask for the ten given folds and the mean over them: slices of one recording share a fold.",
    )
}
MINI = Mini(
    title="Samples of musical instruments in the layout of UrbanSound8K",
    note="Not city sounds: one-shot samples and loops of seven kinds that come with Sonic Pi, made 16 kHz mono and cut "
    "after four seconds. Samples of one family (tabla_ghe1 to tabla_ghe8) share a fold. "
    "Needs `apt install sonic-pi-samples` and the extra `audio`.",
    source="https://packages.debian.org/sonic-pi-samples",
    licence="CC0",
    size="122 sounds",
)


def read(folder: Path, task: str = "") -> Dataset:
    """Read ``metadata/UrbanSound8K.csv`` and find its files in ``audio/fold1`` to ``audio/fold10``.

    No sound is opened; the column ``sound`` holds paths relative to `folder`. The part of a row is its fold.

    Raises
    ------
    DataError
        The list is missing, cut off or malformed, or a file that it names is not there.
    """
    if task not in CARDS:
        raise OptionError(f"urbansound8k has no task {task!r}; leave it empty")
    path = folder / "metadata" / "UrbanSound8K.csv"
    rows = _listed(path)
    sounds = [f"audio/fold{row['fold']}/{row['slice_file_name']}" for row in rows]
    present = {f"audio/{p.parent.name}/{p.name}" for p in (folder / "audio").glob("fold*/*.wav")}
    missing = [sound for sound in sounds if sound not in present]
    if missing:
        raise DataError(f"{folder}: {len(missing)} of {len(sounds)} sounds are missing: {listing(missing, 3)}")
    frame = pd.DataFrame(
        {"sound": sounds, "class": [row["class"] for row in rows], PART: [f"fold {row['fold']}" for row in rows]}
    )
    return Dataset(CARDS[""], frame, folder)


def write_mini(folder: Path) -> None:
    """Write the samples of Sonic Pi that are on this machine in the layout of UrbanSound8K; see `MINI`.

    Raises
    ------
    MissingExtraError
        The samples or soundfile are not installed.
    """
    from autoglm.prep import sound  # needs the extra "audio"; the list alone is read without it

    files = [p for p in sorted(SAMPLES.glob("*.flac")) if p.stem.partition("_")[0] in MINI_CLASSES]
    if not files:
        raise MissingExtraError(
            f"no sound in {SAMPLES}, which the miniature is made from: apt install sonic-pi-samples"
        )
    written, classes = [], list(MINI_CLASSES)
    for number, (file, fold) in enumerate(zip(files, _folds(files), strict=True)):
        signal = sound.standard(file, seconds=4)
        code = classes.index(file.stem.partition("_")[0])
        name = f"{number}-{code}-0-0.wav"
        buffer = io.BytesIO()
        wavfile.write(buffer, sound.RATE, np.round(np.clip(signal, -1, 1) * 32767).astype(np.int16))
        target = folder / "audio" / f"fold{fold}" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(target, buffer.getvalue())
        seconds = f"{len(signal) / sound.RATE:.6f}"
        written.append((name, number, "0.0", seconds, 1, fold, code, MINI_CLASSES[classes[code]]))
    (folder / "metadata").mkdir(parents=True, exist_ok=True)
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([COLUMNS, *written])
    write_bytes(folder / "metadata" / "UrbanSound8K.csv", out.getvalue().encode())


def _listed(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        raise DataError(f"{path}: no such file; expected the unpacked UrbanSound8K with the folders metadata and audio")
    reader = csv.DictReader(io.StringIO(published.text(path, "utf-8-sig")))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise DataError(f"{path}: columns {reader.fieldnames}; expected {', '.join(COLUMNS)}")
    rows = list(reader)
    if not rows:
        raise DataError(f"{path}: no row below the header")
    for number, row in enumerate(rows, 2):
        if row["fold"] not in map(str, range(1, FOLDS + 1)) or not row["class"] or None in row:
            raise DataError(
                f"{path}, line {number}: fold {row['fold']!r}, class {row['class']!r}; expected eight cells, a fold "
                f"from 1 to {FOLDS} and a class. Was the file cut off?"
            )
    return rows


def _folds(files: list[Path]) -> list[int]:
    """Give each family of samples, such as ``tabla_ghe1`` to ``tabla_ghe8``, the fold with the fewest of its class."""
    folds: dict[str, int] = {}
    filled: Counter[tuple[str, int]] = Counter()
    total: Counter[int] = Counter()
    families = [re.sub(r"\d+$", "", "_".join(file.stem.split("_")[:2])) for file in files]
    for family, size in sorted(Counter(families).items(), key=lambda item: (-item[1], item[0])):
        kind = family.partition("_")[0]
        fold = min(range(1, FOLDS + 1), key=lambda f: (filled[kind, f], total[f], f))
        folds[family] = fold
        filled[kind, fold] += size
        total[fold] += size
    return [folds[family] for family in families]
