"""LibriSpeech: read English speech at 16 kHz; who speaks, and which single word is said."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from autoglm.core import published
from autoglm.core.dataset import PART, Archive, Card, Dataset
from autoglm.core.errors import DataError, OptionError, listing, nearest

SUBSETS = (
    "train-clean-100",
    "train-clean-360",
    "train-other-500",
    "dev-clean",
    "dev-other",
    "test-clean",
    "test-other",
)
_MD5 = {
    "train-clean-100": "2a93770f6d5c6c964bc36631d331a522",
    "train-clean-360": "c0e676e450a7ff2f54aeade5171606fa",
    "train-other-500": "d1a0fd59409feb2c614ce4d30c387708",
    "dev-clean": "42e2234ba48799c1f50f24a7926300a1",
    "dev-other": "c8d0bcc9cca99d4f8b62fcc847357931",
    "test-clean": "32fa31d27d2e1cad72775fee3f4849a9",
    "test-other": "fb5a50374b501bb3bac4815ee91d3135",
}
_NAME = re.compile(r"(\d+)-(\d+)-(\d+)")


def _card(task: str, title: str, target: str, note: str) -> Card:
    return Card(
        name=f"librispeech/{task}",
        title=title,
        modality="audio",
        kind="multiclass",
        target=target,
        metric="accuracy",
        split="official",
        folder="LibriSpeech",
        source="https://www.openslr.org/12/",
        licence="CC BY 4.0",
        citation="Panayotov, Chen, Povey & Khudanpur (2015): Librispeech: an ASR Corpus Based on Public Domain "
        "Audio Books. ICASSP",
        size="about 1,000 hours; train-clean-100 has 28,539 utterances in 6 GB, test-clean 2,620",
        archives=tuple(
            Archive(
                f"https://www.openslr.org/resources/12/{subset}.tar.gz",
                f"md5:{_MD5[subset]}",
                "openslr.org, md5sum.txt",
            )
            for subset in SUBSETS
        ),
        media=("sound",),
        note=note,
    )


CARDS = {
    "speaker": _card(
        "speaker",
        "LibriSpeech: who speaks?",
        "speaker",
        "Not an official task: LibriSpeech keeps the speakers of its subsets apart, so the one subset that comes first "
        f"in {', '.join(SUBSETS[:2])} and so on is split by chapter. The last fifth of each speaker's chapters, "
        "at least one, is the test part; of a speaker with a single chapter every fifth utterance. The transcript is a "
        "column too: leave it out to judge by sound alone.",
    ),
    "word": _card(
        "word",
        "LibriSpeech: which word is said?",
        "transcript",
        "Not an official task: the utterances of one word only, of which the corpus has few. train-* subsets are the "
        "training part, test-* the test part (dev-*, if there is no test-*). Words that the training part lacks are "
        "left out.",
    ),
}


def read(folder: Path, task: str) -> Dataset:
    """Read a tree ``<subset>/<speaker>/<chapter>/<speaker>-<chapter>-<number>.flac`` with its ``.trans.txt`` files.

    No sound is opened; the column ``sound`` holds paths relative to `folder`.

    Raises
    ------
    DataError
        No subset, a sound or a transcript without the other, a speaker whom ``SPEAKERS.TXT`` does not know, or no
        utterance of one word.
    OptionError
        No such task.
    """
    if task not in CARDS:
        raise OptionError(f"librispeech has no task {task!r}{nearest(task, CARDS)} (known: {', '.join(CARDS)})")
    present = [subset for subset in SUBSETS if (folder / subset).is_dir()]
    if not present:
        raise DataError(
            f"{folder}: no subset in it; expected a folder such as {SUBSETS[0]}, {SUBSETS[3]} or {SUBSETS[5]}"
        )
    frame = _speakers(folder, present[0]) if task == "speaker" else _words(folder, present)
    return Dataset(CARDS[task], frame[["sound", "speaker", "transcript", PART]].reset_index(drop=True), folder)


def _speakers(folder: Path, subset: str) -> pd.DataFrame:
    frame = _utterances(folder, subset)
    if frame["speaker"].nunique() < 2:
        raise DataError(f"{folder / subset}: a single speaker; expected at least two to tell apart")
    test = frame.groupby("speaker", sort=False)["chapter"].transform(_later)
    alone = frame.groupby("speaker", sort=False)["chapter"].transform("nunique") == 1
    nth = frame.groupby("speaker", sort=False).cumcount()
    test = test.astype(bool).where(~alone, nth % 5 == 4)
    return frame.assign(**{PART: test.map({True: "test", False: "train"})})


def _later(chapters: pd.Series[int]) -> pd.Series[bool]:
    """Mark the last fifth of a speaker's chapters."""
    ordered = sorted(set(chapters))
    return chapters.isin(ordered[-max(1, len(ordered) // 5) :])


def _words(folder: Path, present: list[str]) -> pd.DataFrame:
    fallback = not any(subset.startswith("test") for subset in present)
    names = {"train": "train", "test": "test", "dev": "test" if fallback else "validation"}
    frames = [_utterances(folder, subset).assign(**{PART: names[subset.partition("-")[0]]}) for subset in present]
    frame = pd.concat(frames)
    single = frame[~frame["transcript"].str.contains(r"\s")]
    for part in ("train", "test"):
        if not (single[PART] == part).any():
            raise DataError(
                f"{folder}: no utterance of one word in the {part} part ({len(frame)} utterances in "
                f"{', '.join(present)}); the task 'word' needs a train-* subset and a test-* or dev-* one that have "
                "some, the task 'speaker' does not"
            )
    known = single["transcript"].isin(single.loc[single[PART] == "train", "transcript"])
    return single[known]


def _utterances(folder: Path, subset: str) -> pd.DataFrame:
    """List the utterances of a subset in the order of their numbers: sound, speaker, chapter, transcript."""
    rows = []
    for path in sorted((folder / subset).glob("*/*"), key=lambda p: [*map(_number, p.parts[-2:])]):
        if path.is_dir():
            rows += [
                (sound.relative_to(folder).as_posix(), path.parent.name, _number(path.name), text)
                for sound, text in _chapter(path)
            ]
    if not rows:
        raise DataError(f"{folder / subset}: no utterance; expected folders <speaker>/<chapter> with .flac files")
    frame = pd.DataFrame(rows, columns=["sound", "speaker", "chapter", "transcript"])
    _check_speakers(folder / "SPEAKERS.TXT", set(frame["speaker"]), subset)
    return frame


def _number(name: str) -> int:
    return int(name) if name.isdigit() else -1


def _chapter(path: Path) -> list[tuple[Path, str]]:
    """Match the sounds of a chapter with their transcripts."""
    stem = f"{path.parent.name}-{path.name}"
    listed = path / f"{stem}.trans.txt"
    if not listed.is_file():
        raise DataError(f"{listed}: no such file; each chapter of LibriSpeech has its transcripts in one")
    texts: dict[str, str] = {}
    for number, line in enumerate(published.text(listed).split("\n"), 1):
        name, _, text = line.rstrip("\r").partition(" ")
        if name and (not _NAME.fullmatch(name) or not name.startswith(f"{stem}-") or not text.strip()):
            raise DataError(f"{listed}, line {number}: {line[:60]!r}; expected {stem}-0000 and the words")
        if name:
            texts[name] = text.strip()
    sounds = {sound.stem: sound for sound in path.glob("*.flac")}
    unpaired = sorted(sounds.keys() ^ texts.keys())
    if unpaired:
        lacks = "transcript" if unpaired[0] in sounds else ".flac file"
        raise DataError(f"{path}: {unpaired[0]} has no {lacks} ({len(unpaired)} such); unpack the subset anew")
    return [(sounds[name], texts[name]) for name in sorted(texts)]


def _check_speakers(path: Path, found: set[str], subset: str) -> None:
    """Hold the folders against ``SPEAKERS.TXT``, where there is one: lines of ID | SEX | SUBSET | MINUTES | NAME."""
    if not path.is_file():
        return
    lines = [line.split("|") for line in published.text(path).split("\n") if not line.startswith(";")]
    known = {cells[0].strip() for cells in lines if len(cells) >= 3 and cells[2].strip() == subset}
    strange = sorted(found - known)
    if strange:
        raise DataError(f"{path}: does not list {listing(strange)} in {subset}; are the folders of another corpus?")
