"""UrbanSound8K's list and folds, and the miniature made of the samples of Sonic Pi."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from autoglm.core.dataset import PART
from autoglm.core.errors import DataError, MissingExtraError, OptionError
from autoglm.datasets import urbansound8k

HEADER = "slice_file_name,fsID,start,end,salience,fold,classID,class\n"
ROWS = [
    ("100032-3-0-0.wav", "100032,0.0,0.317551,1,5,3,dog_bark", 5),
    ("100263-2-0-117.wav", "100263,58.5,62.5,1,10,2,children_playing", 10),
    ("100648-1-0-0.wav", "100648,4.823402,5.471927,2,1,1,car_horn", 1),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "metadata").mkdir()
    lines = "".join(f"{name},{rest}\n" for name, rest, _ in ROWS)
    (tmp_path / "metadata" / "UrbanSound8K.csv").write_text(HEADER + lines)
    for name, _, fold in ROWS:
        (tmp_path / "audio" / f"fold{fold}").mkdir(parents=True)
        (tmp_path / "audio" / f"fold{fold}" / name).write_bytes(b"RIFF")
    return tmp_path


def test_folds_are_kept(folder: Path) -> None:
    data = urbansound8k.read(folder, "")
    assert data.card.split == "folds"
    assert data.frame.columns.tolist() == ["sound", "class", PART]
    assert data.frame[PART].tolist() == ["fold 5", "fold 10", "fold 1"]
    assert data.frame["class"].tolist() == ["dog_bark", "children_playing", "car_horn"]
    assert all((folder / sound).is_file() for sound in data.frame["sound"])


def test_a_missing_sound_is_named(folder: Path) -> None:
    (folder / "audio" / "fold10" / "100263-2-0-117.wav").rename(folder / "audio" / "fold5" / "100263-2-0-117.wav")
    with pytest.raises(DataError, match=r"1 of 3 sounds are missing: 'audio/fold10/100263-2-0-117\.wav'"):
        urbansound8k.read(folder, "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns None; expected slice_file_name"),
        ("slice_file_name,class\nx.wav,siren\n", "columns .*'class'.*; expected slice_file_name"),
        (HEADER, "no row below the header"),
        (f"{HEADER}a.wav,1,0.0,1.0,1,11,3,dog_bark\n", "line 2: fold '11'"),
        (f"{HEADER}a.wav,1,0.0,1.0,1,1,3,dog_bark\nb.wav,1,0.0,1.", "line 3: fold None"),
        (f"{HEADER}a.wav,1,0.0,1.0,1,1,3,dog_bark,more\n", "line 2"),
    ],
)
def test_cut_and_wrong_lists(text: str, message: str, folder: Path) -> None:
    (folder / "metadata" / "UrbanSound8K.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        urbansound8k.read(folder, "")


def test_a_list_that_is_not_utf_8(folder: Path) -> None:
    (folder / "metadata" / "UrbanSound8K.csv").write_bytes(f"{HEADER}a.wav,1,0.0,1.0,1,1,3,".encode() + b"\xff\n")
    with pytest.raises(DataError, match=r"UrbanSound8K\.csv: not UTF-8 text \(invalid start byte\)"):
        urbansound8k.read(folder, "")


def test_nothing_there_and_unknown_task(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"UrbanSound8K\.csv: no such file"):
        urbansound8k.read(tmp_path, "")
    with pytest.raises(OptionError, match="no task 'fold1'"):
        urbansound8k.read(tmp_path, "fold1")


def test_miniature_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("soundfile")
    monkeypatch.setattr(urbansound8k, "SAMPLES", tmp_path / "none")
    with pytest.raises(MissingExtraError, match="apt install sonic-pi-samples"):
        urbansound8k.write_mini(tmp_path / "mini")


def test_miniature_is_in_the_official_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile = pytest.importorskip("soundfile")
    samples = tmp_path / "samples"
    samples.mkdir()
    draw = np.random.default_rng(0)
    names = [f"tabla_ghe{i}" for i in range(8)] + [f"bd_{c}" for c in "abcdefghijkl"] + ["misc_crow", "loop_long"]
    for name in names:
        seconds = 5 if name == "loop_long" else 0.1
        soundfile.write(samples / f"{name}.flac", 0.1 * draw.normal(size=(int(44_100 * seconds), 2)), 44_100)
    monkeypatch.setattr(urbansound8k, "SAMPLES", samples)
    urbansound8k.write_mini(tmp_path / "mini")
    data = urbansound8k.read(tmp_path / "mini", "")
    frame = data.frame
    assert frame["class"].value_counts().to_dict() == {"bass drum": 12, "tabla": 8, "loop": 1}  # misc is left out
    assert frame.loc[frame["class"] == "tabla", PART].nunique() == 1  # one family, one fold
    assert frame.loc[frame["class"] == "bass drum", PART].nunique() == 10
    rates = {wavfile.read(data.folder / sound)[0] for sound in frame["sound"]}
    longest = max(len(wavfile.read(data.folder / sound)[1]) for sound in frame["sound"])
    assert rates == {16_000}
    assert longest == 4 * 16_000
