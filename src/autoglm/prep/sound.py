"""Sounds: one standard form (16 kHz, one channel), and numbers that sum up a sound for any learner."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal

from autoglm.core.errors import DataError, MissingExtraError
from autoglm.prep import course

try:
    import soundfile
except (ImportError, OSError) as error:  # OSError: libsndfile itself is not there
    raise MissingExtraError(f"sounds need soundfile ({error}): pip install 'open-autoglm[audio]'") from error

VERSION = "2"
"""Of the numbers; it changes whenever they do, so that none are mixed with what is kept of an older version."""

RATE = 16_000
"""Samples a second, the rate of speech models; nothing above 8 kHz is kept."""

RATES = (1_000, 768_000)
"""Of a file, at least and at most: a damaged header may state two thousand million, which no memory could resample."""

SECONDS = 30.0
"""No more of a sound is read: an hour of it would not say more about its class."""

MELS = 40
WINDOW, HOP, POINTS = 400, 160, 512  # 25 ms, 10 ms; the usual choice in speech recognition
SILENCE = 1e-5  # root mean square below which a sound counts as silent; half a step of 16 bits
BANDS = 20  # of two mel bands each: fewer numbers, so that those of the course of a sound are not drowned
NAMES = (*(f"band{i + 1}" for i in range(BANDS)), "level", "crossings", "centroid", *course.NAMES)
"""The columns of `features`."""


def standard(sound: bytes | Path, *, seconds: float = SECONDS) -> NDArray[np.float32]:
    """Read a sound as one channel at 16 kHz.

    Parameters
    ----------
    sound
        The encoded bytes, or a file: WAV, FLAC, OGG, AIFF and what else libsndfile reads, of any rate, depth and number
        of channels.
    seconds
        At most this much, from the start.

    Returns
    -------
    ndarray
        float32, shape (n_samples,), full scale -1 to 1; the mean over the channels.

    Raises
    ------
    DataError
        The file is missing, is no sound, holds no sample, is cut off before the end that its header states, or states a
        rate beyond `RATES`.
    """
    where = str(sound) if isinstance(sound, Path) else f"sound of {len(sound)} bytes"
    if isinstance(sound, Path) and not sound.is_file():
        raise DataError(f"{where}: no such file; expected a sound")
    size = sound.stat().st_size if isinstance(sound, Path) else len(sound)
    if size == 0:
        raise DataError(f"{where}: an empty file; expected a sound")
    try:
        with soundfile.SoundFile(io.BytesIO(sound) if isinstance(sound, bytes) else sound) as file:
            rate = file.samplerate
            if not RATES[0] <= rate <= RATES[1]:
                raise DataError(
                    f"{where}: its header states {rate:,} samples a second; expected {RATES[0]:,} to {RATES[1]:,}. "
                    "Was it damaged? Download it anew or leave it out"
                )
            expected = min(file.frames, math.ceil(seconds * rate))
            samples: NDArray[np.float32] = file.read(expected, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise DataError(f"{where}: not a whole sound file ({error}); expected WAV, FLAC or the like") from None
    if len(samples) == 0:
        raise DataError(f"{where}: holds no sample; leave it out")
    if len(samples) < expected or _wav_lacks(_head(sound), size):
        raise DataError(f"{where}: cut off before the end that its header states; download it anew")
    mono = np.nan_to_num(samples.mean(axis=1), posinf=0.0, neginf=0.0)
    if rate != RATE:
        shared = math.gcd(rate, RATE)
        mono = signal.resample_poly(mono, RATE // shared, rate // shared)
    return np.ascontiguousarray(mono, dtype=np.float32)


def features(sounds: Sequence[bytes | Path], *, seconds: float = SECONDS) -> NDArray[np.float32]:
    """Sum up sounds, one row each; see `NAMES`.

    The mean of 20 bands of the mel scale (20 Hz to 8 kHz, logarithm of the power); the level in decibels; the share of
    sign changes; the centre of the spectrum in hertz; and how the sound goes on, see `course`. All but `level` are
    taken of the sound at equal loudness.

    Returns
    -------
    ndarray
        float32, shape (n_sounds, 112), finite.

    Raises
    ------
    DataError
        As for `standard`.
    """
    out = np.empty((len(sounds), len(NAMES)), dtype=np.float32)
    for i, sound in enumerate(sounds):
        out[i] = _summary(standard(sound, seconds=seconds))
    return out


def _head(sound: bytes | Path) -> bytes:
    if isinstance(sound, bytes):
        return sound[:8]
    with open(sound, "rb") as file:
        return file.read(8)


def _wav_lacks(head: bytes, size: int) -> bool:
    """Say whether a WAV file ends more than 1 % before its stated size, which libsndfile passes over in silence.

    Streamed files state 0 or 2**32 - 1 and are believed; so are files that miss a few bytes, which old programs wrote.
    """
    stated = int.from_bytes(head[4:8], "little")
    return head[:4] == b"RIFF" and 0 < stated < 2**32 - 64 and size < 0.99 * stated


def _summary(mono: NDArray[np.float32]) -> NDArray[np.float64]:
    level = max(float(np.sqrt(np.mean(np.square(mono, dtype=np.float64)))), SILENCE)
    power = _power(mono / level)  # (n_frames, n_bins)
    mels = np.log(power @ _BANK.T + 1e-6)  # (n_frames, MELS)
    spectrum = power.mean(axis=0)
    centroid = float(spectrum @ _HERTZ / max(float(spectrum.sum()), 1e-12))
    crossings = float(np.mean(np.signbit(mono[1:]) != np.signbit(mono[:-1]))) if len(mono) > 1 else 0.0
    bands = mels.mean(axis=0).reshape(BANDS, -1).mean(axis=1)
    plain = [20 * math.log10(level), crossings, centroid]
    return np.concatenate([bands, plain, course.measure(power, mels, _HERTZ, HOP / RATE)])


def _power(mono: NDArray[np.float32]) -> NDArray[np.float64]:
    """Power of each window; a sound shorter than one window is filled up with silence."""
    padded = np.pad(mono, (0, max(0, WINDOW - len(mono))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    spectrum = fft.rfft(frames * _HANN, POINTS, axis=1)
    return np.square(np.abs(spectrum), dtype=np.float64)


def _mel_bank() -> NDArray[np.float64]:
    """Triangles of equal width on the mel scale (O'Shaughnessy 1987); shape (MELS, n_bins)."""
    mel = np.linspace(_mel(20.0), _mel(RATE / 2), MELS + 2)
    hertz = 700 * (10 ** (mel / 2595) - 1)
    low, middle, high = hertz[:-2, None], hertz[1:-1, None], hertz[2:, None]
    return np.maximum(0, np.minimum((_HERTZ - low) / (middle - low), (high - _HERTZ) / (high - middle)))


def _mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)


_HERTZ = np.arange(POINTS // 2 + 1) * RATE / POINTS
_HANN = signal.get_window("hann", WINDOW)
_BANK = _mel_bank()
