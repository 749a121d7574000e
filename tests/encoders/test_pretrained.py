"""Pre-trained networks read texts and hear sounds where they are installed; elsewhere nothing changes."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from autoglm import encoders
from autoglm.core.columns import Column, column
from autoglm.core.seed import Seed
from autoglm.testing.encoders import check_encoding

TEXTS = [
    f"a {size} {colour} {thing}"
    for size in ("big", "small")
    for colour in ("red", "blue", "green")
    for thing in ("car that drives on the road", "flower in a garden", "dog that barks", "song on the radio")
]


def _read(rows: Column, kind: str, seconds: float = 60.0) -> tuple[Column, encoders.Encoding]:
    (seen,) = encoders.within([rows], [kind], time.monotonic() + seconds, 1, Seed(0))
    (encoding,) = encoders.encode([seen], [kind], Seed(0))
    return seen, encoding


class TestText:
    rows = column(pd.Series([*TEXTS, None], name="told"))

    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("autoglm.prep.sentences", exc_type=ImportError)

    def test_directions_and_tokens_stand_beside_the_words(self) -> None:
        seen, encoding = _read(self.rows, "text")
        assert "directions of MiniLM" in encoding.describe() and not seen.notes
        features = encoders.assemble([seen], [encoding])
        assert sum(o.embedded for o in features.outputs) == len(TEXTS) // 4
        assert features.tokens[0][0] == "told" and features.tokens[0][1].lengths[-1] == 0
        check_encoding(encoding, seen)

    def test_like_means_near(self) -> None:
        from autoglm.prep import sentences

        car, wagon, soup = sentences.features(["a fast car", "a quick automobile", "soup with carrots"])
        assert car @ wagon > 0.6 > 0.4 > car @ soup
        assert np.linalg.norm(car) == pytest.approx(1, abs=1e-5)
        assert np.isfinite(sentences.features(["", "x " * 5000])).all()

    def test_a_text_reads_alike_alone_and_among_others(self) -> None:
        from autoglm.prep import sentences

        texts = [*TEXTS[:20], "a", "and a far longer one that says the same again " * 20]
        alone = np.concatenate([sentences.features([text]) for text in texts])
        np.testing.assert_allclose(sentences.features(texts), alone, atol=2e-6)

    def test_without_the_time_for_all_it_reads_nothing_and_says_so(self) -> None:
        other = column(pd.Series([f"{text} again" for text in TEXTS * 50], name="told"))
        seen, encoding = _read(other, "text", seconds=0.0)
        assert "MiniLM" not in encoding.describe() and "no time for a pre-trained network" in seen.notes[0]
        assert not encoders.assemble([seen], [encoding]).tokens


class TestSound:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("autoglm.prep.hearing", exc_type=ImportError)

    def test_directions_stand_beside_the_bands(self, tmp_path: Path) -> None:
        draw = np.random.default_rng(0)
        for i in range(12):
            soundfile.write(tmp_path / f"{i}.wav", 0.1 * draw.normal(size=4_000 * (i + 1)), 16_000)
        soundfile.write(tmp_path / "12.wav", np.zeros(1), 8_000, subtype="PCM_U8")
        rows = column(pd.Series([f"{i}.wav" for i in range(13)], name="call"), tmp_path)
        seen, encoding = _read(rows, "audio")
        assert "directions of a speech embedding" in encoding.describe()
        check_encoding(encoding, seen)
