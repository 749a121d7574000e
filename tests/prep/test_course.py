"""The numbers of a sound's course mean what they are called: length, beginning, end, pulses, pitch, parts in order."""

import numpy as np
import pytest

pytest.importorskip("soundfile")
from autoglm.prep import course, sound

TIME = np.arange(16_000) / 16_000


def measured(mono: np.ndarray) -> dict[str, float]:
    row = sound._summary(mono.astype(np.float32))
    assert np.isfinite(row).all()
    return dict(zip(sound.NAMES, row, strict=True))


def harmonics(hertz: float) -> np.ndarray:
    return sum(np.sin(2 * np.pi * hertz * n * TIME) / n for n in range(1, 20))  # type: ignore[return-value]


def test_silence_around_a_sound_changes_little() -> None:
    short = harmonics(200)[:8000] * np.hanning(8000)
    bare, wrapped = measured(short), measured(np.pad(short, 8000))
    for name in ("seconds", "balance", "pitch", "cepstrum1.mean", "part2.cepstrum1"):
        assert wrapped[name] == pytest.approx(bare[name], rel=0.1, abs=0.15), name
    assert np.exp(bare["seconds"]) == pytest.approx(0.45, abs=0.1)


def test_a_stroke_begins_at_once_and_dies_away() -> None:
    stroke = measured(harmonics(200) * np.exp(-8 * TIME))
    swell = measured(harmonics(200) * np.exp(-8 * TIME[::-1]))
    assert stroke["attack"] < swell["attack"] and stroke["balance"] < 0.2 < 0.8 < swell["balance"]
    assert stroke["decay"] > swell["decay"]


@pytest.mark.parametrize("hertz", [110.0, 220.0, 330.0])
def test_pitch_is_the_frequency(hertz: float) -> None:
    found = measured(harmonics(hertz))
    assert np.exp(found["pitch"]) == pytest.approx(hertz, rel=0.05)
    assert found["voiced"] > measured(np.random.default_rng(0).normal(size=16_000))["voiced"]


def test_beats_are_counted() -> None:
    rhythm = np.random.default_rng(0).normal(size=32_000) * (np.arange(32_000) % 4000 < 800)
    found = measured(rhythm)
    assert found["pulses"] == pytest.approx(4, abs=1)
    assert found["beat.seconds"] % 0.25 == pytest.approx(0, abs=0.02) and found["beat"] > 0.3


def test_noise_is_flatter_than_a_tone() -> None:
    noise, tone = np.random.default_rng(0).normal(size=16_000), np.sin(2 * np.pi * 440 * TIME)
    assert measured(noise)["flatness"] > measured(tone)["flatness"] + 1


def test_parts_tell_the_order() -> None:
    low, high = np.sin(2 * np.pi * 300 * TIME), np.sin(2 * np.pi * 3000 * TIME)
    rising, falling = measured(np.concatenate([low, high])), measured(np.concatenate([high, low]))
    last = f"part{course.PARTS}.cepstrum1"
    assert rising["part1.cepstrum1"] == pytest.approx(falling[last], abs=0.5)
    assert rising["part1.cepstrum1"] > 1 > -1 > rising[last]


@pytest.mark.parametrize("size", [1, 2, 400, 560, 561, 720])
def test_few_frames_are_enough(size: int) -> None:
    measured(np.random.default_rng(0).normal(size=size))
