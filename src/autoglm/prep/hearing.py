"""What a network trained on speech hears in a sound: the speech embedding of openWakeWord, weights in a package.

Lin et al. 2020 (doi:10.48550/arXiv.2002.01322). The package's code is under Apache-2.0; of its weights it is not clear
whether they are under Apache-2.0 or CC BY-NC-SA 4.0, so nothing installs it unasked.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm.core.errors import MissingExtraError
from autoglm.core.seed import Seed
from autoglm.prep import sound

CURE = "pip install onnxruntime && pip install --no-deps openwakeword==0.4.0 (see docs/guide/media.md on its licence)"

try:
    import onnxruntime
except ImportError as error:
    raise MissingExtraError(f"onnxruntime is not installed: {CURE}") from error

_FOUND = find_spec("openwakeword")  # found, not imported: it would ask for more than its weights
if _FOUND is None or not _FOUND.submodule_search_locations:
    raise MissingExtraError(f"openwakeword is not installed: {CURE}")
MODELS = Path(next(iter(_FOUND.submodule_search_locations))) / "resources" / "models"

VERSION = "openwakeword-1"
"""Of the numbers; it changes whenever they do."""

WINDOW, STEP, SIZE = 76, 8, 96  # mel frames of a window and between windows, numbers of an embedding
SHORTEST = 2.0  # seconds; shorter sounds stand in the middle of as much silence
PEAK, FLOOR = 0.5, 1e-3  # level that sounds are brought to, and the noise that is added: digital silence misleads it
POOLS = ("mean", "max", "std", "start", "middle", "end")

NAMES = tuple(f"hearing.{pool}{i + 1}" for pool in POOLS for i in range(SIZE))
"""The columns of `features`."""


def features(source: bytes | Path) -> NDArray[np.float32]:
    """Return mean, maximum and spread of the embeddings of a sound, and the means of its thirds; float32, shape (576,).

    Raises
    ------
    DataError
        As for `sound.standard`.
    """
    samples = _level(sound.standard(source))
    mel, embedding = _networks()
    frames = mel.run(None, {mel.get_inputs()[0].name: samples[None]})[0].squeeze((0, 1)) / 10 + 2  # (n_frames, 32)
    starts = range(0, max(1, len(frames) - WINDOW + 1), STEP)
    windows = np.stack([frames[s : s + WINDOW] for s in starts])[..., None].astype(np.float32)
    name = embedding.get_inputs()[0].name
    seen = np.concatenate([embedding.run(None, {name: window[None]})[0].reshape(1, SIZE) for window in windows])
    thirds = [seen[part].mean(axis=0) for part in np.array_split(np.arange(len(seen)), 3) if len(part)]
    thirds = (thirds * 3)[:3] if len(thirds) < 3 else thirds  # a single window is its own beginning and end
    return np.concatenate([seen.mean(axis=0), seen.max(axis=0), seen.std(axis=0), *thirds]).astype(np.float32)


def _level(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring a sound to one level, at least `SHORTEST` seconds, in the range of 16 bits."""
    peak = float(np.abs(samples).max(initial=0.0))
    level = samples * (PEAK / peak) if peak > 0 else samples
    short = max(0, int(SHORTEST * sound.RATE) - len(level))
    level = np.pad(level, (short // 2, short - short // 2))
    noise = Seed(0).child("hearing").generator().normal(0.0, FLOOR, len(level))
    return ((level + noise) * 32767).astype(np.float32)


@lru_cache(maxsize=1)
def _networks() -> tuple[Any, Any]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    names = ("melspectrogram.onnx", "embedding_model.onnx")
    found = [onnxruntime.InferenceSession(str(MODELS / name), options, ["CPUExecutionProvider"]) for name in names]
    return found[0], found[1]
