"""How a sound goes on in time: how long, how it begins and dies away, its pulses and pitch, and its parts in order."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal

PARTS, CEPSTRA = 4, 12  # eight parts tell digits no better, samples of instruments worse
QUIET = 35 / 10 * math.log(10)  # 35 dB below the loudest frame a sound counts as silent: there begins the room
SLOW = 0.15, 1.5  # seconds between pulses that make a beat
LOUDEST = 8  # frames in which a pitch is looked for
HIGH, LOW = 0.0025, 0.0125  # seconds of a period: 400 to 80 Hz, voices and most instruments

NAMES = (
    "seconds",
    "active",
    "attack",
    "balance",
    "decay",
    "flatness",
    "flatness.std",
    "rolloff",
    "width",
    "flux",
    "flux.std",
    "flux.most",
    "pulses",
    "beat",
    "beat.seconds",
    "voiced",
    "pitch",
    *(f"cepstrum{i + 1}.mean" for i in range(CEPSTRA)),
    *(f"cepstrum{i + 1}.std" for i in range(CEPSTRA)),
    *(f"part{p + 1}.cepstrum{i + 1}" for p in range(PARTS) for i in range(CEPSTRA)),
)
"""The numbers of `measure`, in order."""


Row = NDArray[np.float64]


def measure(power: Row, mels: Row, hertz: Row, hop: float) -> Row:
    """Return the numbers of one sound; see `NAMES`.

    The cepstral coefficients of the parts are taken from their mean over the sound, so that they tell how it changes
    and less who speaks or which microphone listened (Atal 1974, cepstral mean subtraction).

    Parameters
    ----------
    power
        Of each frame and frequency, shape (n_frames, n_bins).
    mels
        Logarithms of the power in mel bands, shape (n_frames, n_bands).
    hertz
        Of each bin.
    hop
        Seconds between frames.
    """
    energy = power.sum(axis=1) + 1e-12
    loud = np.log(energy)
    heard = np.flatnonzero(loud >= loud.max() - QUIET)
    first, end = int(heard[0]), int(heard[-1]) + 1
    power, mels, energy, loud = power[first:end], mels[first:end], energy[first:end], loud[first:end]
    cepstra = fft.dct(mels, norm="ortho", axis=1)[:, 1 : CEPSTRA + 1]  # (n_active, CEPSTRA)
    mean = cepstra.mean(axis=0)
    edges = np.linspace(0, len(cepstra), PARTS + 1)
    parts = [cepstra[int(a) : math.ceil(b)].mean(axis=0) for a, b in pairwise(edges)]
    return np.concatenate(
        [
            [math.log(hop * len(heard)), len(heard) / (end - first)],
            _envelope(energy, loud, hop),
            _spectrum(power, energy, hertz),
            _pulses(mels, hop),
            _pitch(power[np.argsort(-energy, kind="stable")[:LOUDEST]], hertz),
            mean,
            cepstra.std(axis=0),
            *(part - mean for part in parts),
        ]
    )


def _envelope(energy: Row, loud: Row, hop: float) -> list[float]:
    """Return seconds to the loudest moment, the middle of the energy (0 to 1), and how fast it dies away in dB/s."""
    peak = int(energy.argmax())
    middle = float(energy @ np.arange(len(energy))) / float(energy.sum()) / max(1, len(energy) - 1)
    after = loud[peak:]
    fall = 10 / math.log(10) * float(after[0] - after[-1]) / (hop * max(1, len(after) - 1))
    return [math.log(hop * (peak + 1)), middle, math.log1p(fall)]


def _spectrum(power: Row, energy: Row, hertz: Row) -> list[float]:
    """Return flatness (mean and spread), the frequency below which 85 % of the energy lies, and the bandwidth."""
    flat = np.log(power[:, 1:] + 1e-10).mean(axis=1) - np.log(power[:, 1:].mean(axis=1) + 1e-10)
    whole = power.sum(axis=0) / float(energy.sum())
    centre = float(whole @ hertz)
    width = math.sqrt(max(0.0, float(whole @ np.square(hertz - centre))))
    rolloff = float(hertz[min(len(hertz) - 1, int(np.searchsorted(np.cumsum(whole), 0.85)))])
    return [float(flat.mean()), float(flat.std()), rolloff, width]


def _pulses(mels: Row, hop: float) -> list[float]:
    """Return rises of the bands (mean, spread, most), pulses a second, and how regular they come and how often."""
    if len(mels) < 2:
        return [0.0] * 6
    rise = np.maximum(np.diff(mels, axis=0), 0).mean(axis=1)
    peaks, _ = signal.find_peaks(rise, height=rise.mean() + rise.std(), distance=max(1, round(0.05 / hop)))
    basic = [float(rise.mean()), float(rise.std()), float(rise.max()), len(peaks) / (hop * len(rise))]
    low, high = (round(s / hop) for s in SLOW)
    if len(rise) < 2 * low:
        return [*basic, 0.0, 0.0]
    level = rise - rise.mean()
    same = fft.irfft(np.square(np.abs(fft.rfft(level, 2 * len(level)))))[: len(level)]
    some = same[low : min(high, len(same))] / max(float(same[0]), 1e-12)
    return [*basic, float(some.max()), hop * (low + int(some.argmax()))]


def _pitch(power: Row, hertz: Row) -> list[float]:
    """Return how periodic some frames are and the logarithm of their frequency, by the cepstrum (Noll 1967)."""
    cepstrum = fft.irfft(np.log(power + 1e-6).mean(axis=0))
    rate = 2 * float(hertz[-1])
    low, high = round(HIGH * rate), round(LOW * rate)
    best = low + int(cepstrum[low:high].argmax())
    return [float(cepstrum[best]), math.log(rate / best)]
