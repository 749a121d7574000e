"""Sounds of every form become one form; what is no sound is said; the numbers mean what they are called."""

from pathlib import Path

import numpy as np
import pytest

from autoglm.core.errors import DataError

soundfile = pytest.importorskip("soundfile")
from autoglm.prep import sound  # noqa: E402  (needs soundfile)


def tone(hertz: float, rate: int, seconds: float = 1.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


def save(path: Path, values: np.ndarray, rate: int, subtype: str = "PCM_16") -> Path:
    soundfile.write(path, values, rate, subtype=subtype)
    return path


def peak(values: np.ndarray) -> float:
    """Return the strongest frequency in hertz."""
    return float(np.abs(np.fft.rfft(values)).argmax() * sound.RATE / len(values))


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000])
def test_every_rate_becomes_16_khz(rate: int, tmp_path: Path) -> None:
    found = sound.standard(save(tmp_path / "a.wav", tone(440, rate), rate))
    assert found.dtype == np.float32
    assert len(found) == 16_000
    assert peak(found) == pytest.approx(440, abs=2)
    assert np.abs(found[2000:14000]).max() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("name", "subtype"), [("a.wav", "PCM_U8"), ("a.wav", "PCM_24"), ("a.wav", "FLOAT"), ("a.flac", "PCM_16")]
)
def test_every_depth(name: str, subtype: str, tmp_path: Path) -> None:
    found = sound.standard(save(tmp_path / name, tone(440, 16_000), 16_000, subtype))
    np.testing.assert_allclose(found, tone(440, 16_000), atol=0.01)


def test_what_is_above_8_khz_is_not_folded_down(tmp_path: Path) -> None:
    found = sound.standard(save(tmp_path / "a.wav", tone(12_000, 44_100), 44_100))
    assert np.abs(found[2000:14000]).max() < 0.01


def test_channels_are_averaged(tmp_path: Path) -> None:
    left, right = tone(440, 16_000), tone(1000, 16_000)
    found = sound.standard(save(tmp_path / "a.wav", np.column_stack([left, right]), 16_000))
    np.testing.assert_allclose(found, (left + right) / 2, atol=1e-4)


def test_only_the_start_of_a_long_sound_is_read(tmp_path: Path) -> None:
    path = save(tmp_path / "a.flac", np.zeros(8_000 * 600, dtype=np.int16), 8_000)
    assert len(sound.standard(path)) == 30 * 16_000
    assert len(sound.standard(path, seconds=0.5)) == 8_000


def test_values_that_are_no_numbers_are_silent(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wav", np.array([0.1, np.nan, np.inf, 0.2]), 16_000, "FLOAT")
    np.testing.assert_allclose(sound.standard(path), [0.1, 0.0, 0.0, 0.2], atol=1e-6)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file"), (b"", "an empty file"), (b"not a sound at all", "not a whole sound file")],
)
def test_what_is_no_sound(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        sound.standard(path)


@pytest.mark.parametrize("rate", [0x7FFFFFFF, 2_000_003, 768_001, 999])
def test_rates_of_damaged_headers(rate: int, tmp_path: Path) -> None:
    path = save(tmp_path / "a.wav", tone(440, 16_000), 16_000)
    data = path.read_bytes()
    with pytest.raises(DataError, match=f"states {rate:,} samples a second; expected 1,000 to 768,000"):
        sound.standard(data[:24] + rate.to_bytes(4, "little") + data[28:])


def test_no_sample(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no sample"):
        sound.standard(save(tmp_path / "a.wav", np.zeros(0), 16_000))


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_cut_off_files(name: str, tmp_path: Path) -> None:
    noise = 0.1 * np.random.default_rng(0).normal(size=16_000)
    path = save(tmp_path / name, noise, 16_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=r"cut off|not a whole sound file"):
        sound.standard(path)


def test_features_have_their_names_and_meanings(tmp_path: Path) -> None:
    low = save(tmp_path / "low.wav", tone(300, 16_000), 16_000)
    high = save(tmp_path / "high.wav", tone(3000, 16_000), 16_000)
    found = sound.features([low, high])
    assert found.shape == (2, len(sound.NAMES)) == (2, 112)
    assert found.dtype == np.float32
    column = {name: found[:, i] for i, name in enumerate(sound.NAMES)}
    np.testing.assert_allclose(column["centroid"], [300, 3000], rtol=0.05)
    np.testing.assert_allclose(column["crossings"], [600 / 16_000, 6000 / 16_000], rtol=0.02)
    np.testing.assert_allclose(column["level"], 20 * np.log10(0.5 / np.sqrt(2)), atol=0.05)
    assert found[0, : sound.BANDS].argmax() < found[1, : sound.BANDS].argmax()


def test_loudness_changes_the_level_only(tmp_path: Path) -> None:
    noise = 0.2 * np.random.default_rng(0).normal(size=16_000)
    loud, soft = sound.features(
        [save(tmp_path / "a.wav", noise, 16_000, "FLOAT"), save(tmp_path / "b.wav", noise / 10, 16_000, "FLOAT")]
    )
    level = sound.NAMES.index("level")
    assert loud[level] - soft[level] == pytest.approx(20, abs=0.01)
    np.testing.assert_allclose(np.delete(loud, level), np.delete(soft, level), rtol=1e-3, atol=1e-3)


def test_a_steady_tone_changes_less_than_noise(tmp_path: Path) -> None:
    noise = 0.1 * np.random.default_rng(0).normal(size=16_000)
    steady, rough = sound.features(
        [save(tmp_path / "a.wav", tone(440, 16_000), 16_000, "FLOAT"), save(tmp_path / "b.wav", noise, 16_000)]
    )
    flux = sound.NAMES.index("flux")
    assert steady[flux] < 0.2 * rough[flux]


@pytest.mark.parametrize("values", [np.zeros(16_000), np.zeros(1), np.full(5, 0.1)])
def test_silent_and_tiny_sounds_are_finite(values: np.ndarray, tmp_path: Path) -> None:
    assert np.isfinite(sound.features([save(tmp_path / "a.wav", values, 16_000)])).all()
