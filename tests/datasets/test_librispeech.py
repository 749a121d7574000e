"""LibriSpeech's tree: subsets, speakers, chapters, sounds with their transcripts. No sound is opened."""

from pathlib import Path

import pytest

from autoglm.core.dataset import PART
from autoglm.core.errors import DataError, OptionError
from autoglm.datasets import librispeech


def chapter(folder: Path, subset: str, speaker: int, number: int, texts: list[str]) -> Path:
    path = folder / subset / str(speaker) / str(number)
    path.mkdir(parents=True)
    names = [f"{speaker}-{number}-{i:04}" for i in range(len(texts))]
    (path / f"{speaker}-{number}.trans.txt").write_text(
        "".join(f"{n} {t}\n" for n, t in zip(names, texts, strict=True))
    )
    for name in names:
        (path / f"{name}.flac").write_bytes(b"fLaC")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    chapter(tmp_path, "train-clean-100", 103, 9, ["YES", "IT IS SO"])
    chapter(tmp_path, "train-clean-100", 103, 1240, ["NO", "YES"])
    chapter(tmp_path, "train-clean-100", 26, 495, ["NO", "B", "C", "D", "YES", "F"])
    chapter(tmp_path, "dev-clean", 84, 1, ["YES", "NEVER HEARD"])
    return tmp_path


def test_speakers_are_split_by_chapter(folder: Path) -> None:
    data = librispeech.read(folder, "speaker")
    frame = data.frame
    assert data.card.media == ("sound",)
    assert frame.columns.tolist() == ["sound", "speaker", "transcript", PART]
    assert set(frame["speaker"]) == {"26", "103"}
    tested = frame.loc[frame[PART] == "test", "sound"].tolist()
    assert tested == [
        "train-clean-100/26/495/26-495-0004.flac",  # a single chapter: the fifth utterance
        "train-clean-100/103/1240/103-1240-0000.flac",  # the later chapter, by number and not by spelling
        "train-clean-100/103/1240/103-1240-0001.flac",
    ]
    assert all((data.folder / sound).is_file() for sound in frame["sound"])


def test_words_come_from_utterances_of_one_word(folder: Path) -> None:
    frame = librispeech.read(folder, "word").frame
    assert frame.loc[frame[PART] == "train", "transcript"].tolist() == [
        "NO",
        "B",
        "C",
        "D",
        "YES",
        "F",
        "YES",
        "NO",
        "YES",
    ]
    assert frame.loc[frame[PART] == "test", "sound"].tolist() == ["dev-clean/84/1/84-1-0000.flac"]


def test_dev_is_validation_beside_a_test_subset(folder: Path) -> None:
    chapter(folder, "test-other", 7, 2, ["NO", "UNHEARD"])
    frame = librispeech.read(folder, "word").frame
    assert frame.loc[frame[PART] == "validation", "transcript"].tolist() == ["YES"]
    assert frame.loc[frame[PART] == "test", "transcript"].tolist() == ["NO"]


def test_no_utterance_of_one_word(tmp_path: Path) -> None:
    chapter(tmp_path, "train-clean-100", 1, 1, ["TWO WORDS"])
    with pytest.raises(
        DataError, match=r"no utterance of one word in the train part \(1 utterances in train-clean-100\)"
    ):
        librispeech.read(tmp_path, "word")


def test_a_single_speaker(tmp_path: Path) -> None:
    chapter(tmp_path, "dev-clean", 1, 1, ["A", "B"])
    with pytest.raises(DataError, match="a single speaker"):
        librispeech.read(tmp_path, "speaker")


def test_unpaired_files(folder: Path) -> None:
    path = folder / "train-clean-100" / "103" / "9"
    (path / "103-9-0001.flac").unlink()
    with pytest.raises(DataError, match=r"103-9-0001 has no \.flac file"):
        librispeech.read(folder, "speaker")
    (path / "103-9-0001.flac").write_bytes(b"fLaC")
    (path / "103-9-0002.flac").write_bytes(b"fLaC")
    with pytest.raises(DataError, match="103-9-0002 has no transcript"):
        librispeech.read(folder, "speaker")
    (path / "103-9.trans.txt").unlink()
    with pytest.raises(DataError, match=r"103-9\.trans\.txt: no such file"):
        librispeech.read(folder, "speaker")


@pytest.mark.parametrize("line", ["103-9-0001", "999-9-0001 TEXT", "TEXT"])
def test_malformed_transcripts(line: str, folder: Path) -> None:
    path = folder / "train-clean-100" / "103" / "9" / "103-9.trans.txt"
    path.write_text(f"103-9-0000 YES\n{line}\n")
    with pytest.raises(DataError, match=r"103-9\.trans\.txt, line 2"):
        librispeech.read(folder, "speaker")


@pytest.mark.parametrize("name", ["train-clean-100/103/9/103-9.trans.txt", "SPEAKERS.TXT"])
def test_lists_that_are_not_utf_8(name: str, folder: Path) -> None:
    (folder / name).write_bytes(b"103-9-0000 YES\xff\n")
    with pytest.raises(DataError, match=rf"{Path(name).name}: not UTF-8 text"):
        librispeech.read(folder, "speaker")


def test_speakers_txt_is_held_against_the_folders(folder: Path) -> None:
    head = ";ID  |SEX| SUBSET           |MINUTES| NAME\n26   | M | train-clean-100  | 25.08 | Denny\n"
    (folder / "SPEAKERS.TXT").write_text(f"{head}103  | F | train-clean-100  | 25.0 | Karen\n", encoding="utf-8")
    assert len(librispeech.read(folder, "speaker").frame) == 10
    (folder / "SPEAKERS.TXT").write_text(f"{head}103  | F | dev-clean  | 25.0 | Karen\n", encoding="utf-8")
    with pytest.raises(DataError, match="does not list '103' in train-clean-100"):
        librispeech.read(folder, "speaker")


def test_nothing_there_and_unknown_task(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no subset in it"):
        librispeech.read(tmp_path, "speaker")
    (tmp_path / "dev-clean").mkdir()
    with pytest.raises(DataError, match="no utterance"):
        librispeech.read(tmp_path, "speaker")
    with pytest.raises(OptionError, match="did you mean 'word'"):
        librispeech.read(tmp_path, "words")
