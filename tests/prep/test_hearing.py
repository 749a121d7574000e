"""The speech network hears a sound of any form, alike however loud and however little silence is around it."""

import io

import numpy as np
import pytest
import soundfile

from autoglm.core.errors import MissingExtraError

hearing = pytest.importorskip("autoglm.prep.hearing", exc_type=ImportError)


def encoded(values: np.ndarray, rate: int = 16_000) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, values, rate, format="WAV", subtype="FLOAT")
    return out.getvalue()


def noise(size: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, size)


@pytest.mark.parametrize("size", [1, 2, 16_000, 32_000, 100_000])
def test_any_length(size: int) -> None:
    found = hearing.features(encoded(noise(size)))
    assert found.shape == (len(hearing.NAMES),) and found.dtype == np.float32 and np.isfinite(found).all()
    np.testing.assert_array_equal(found, hearing.features(encoded(noise(size))))


def test_silence_and_loudness() -> None:
    assert np.isfinite(hearing.features(encoded(np.zeros(9)))).all()
    loud, soft = hearing.features(encoded(noise(9_000))), hearing.features(encoded(noise(9_000) / 50))
    np.testing.assert_allclose(loud, soft, rtol=1e-2, atol=1e-2)


def test_one_pass_hears_what_each_window_would() -> None:
    samples = hearing._level(noise(40_000).astype(np.float32))
    mel, embedding = hearing._networks()
    frames = mel.run(None, {mel.get_inputs()[0].name: samples[None]})[0].reshape(-1, hearing.BANDS) / 10 + 2
    starts = range(0, len(frames) - hearing.WINDOW + 1, hearing.STEP)
    windows = [frames[s : s + hearing.WINDOW][None, :, :, None].astype(np.float32) for s in starts]
    name = embedding.get_inputs()[0].name
    alone = [embedding.run(None, {name: window})[0].reshape(-1) for window in windows]
    np.testing.assert_allclose(hearing._embed(samples), np.array(alone), rtol=1e-4, atol=1e-3)


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:  # type: ignore[no-untyped-def]
    for name in ("melspectrogram.onnx", "embedding_model.onnx"):
        (tmp_path / name).write_bytes(b"something else")
    monkeypatch.setattr(hearing, "MODELS", tmp_path)
    hearing._networks.cache_clear()
    with pytest.raises(MissingExtraError, match="another network"):
        hearing._networks()
    hearing._networks.cache_clear()
