"""The four domains, from each place where the files may lie."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from autoglm.core.dataset import PART
from autoglm.core.errors import DataError, OptionError
from autoglm.datasets import domains

TEXTS = {
    "tweets": '1\t2.5\tYay "you"\n2\t-1.25\tso sad &amp; low\n5\t0.5\tfine\n',
    "films": "1\t0.0\tIt is a film.\n10\t-0.1\tTepid.\n",
    "products": "1_1\t-0.9\tno picture .\n5_2\t1.5\tgreat zoom.\n",
    "editorials": "3_10\t-2\tBad law.\n3_11\t3.9\tGood law.",
}


def tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for domain, file in domains.DOMAINS.items():
            member = tarfile.TarInfo(f"hutto_ICWSM_2014/{file}")
            member.size = len(TEXTS[domain].encode())
            archive.addfile(member, io.BytesIO(TEXTS[domain].encode()))
    return buffer.getvalue()


def place(folder: Path, where: str) -> None:
    inside = "vaderSentiment-0.5/additional_resources/hutto_ICWSM_2014.tar.gz"
    if where == "files":
        (folder / "hutto_ICWSM_2014").mkdir()
        for domain, file in domains.DOMAINS.items():
            (folder / "hutto_ICWSM_2014" / file).write_bytes(TEXTS[domain].encode())
    elif where == "zip":
        with zipfile.ZipFile(folder / "vaderSentiment-0.5.zip", "w") as sdist:
            sdist.writestr(inside, tar())
    else:
        path = folder / (inside if where == "sdist" else "hutto_ICWSM_2014.tar.gz")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tar())


@pytest.mark.parametrize("where", ["files", "zip", "sdist", "tar"])
def test_the_same_from_everywhere(where: str, tmp_path: Path) -> None:
    place(tmp_path, where)
    frame = domains.read(tmp_path, "").frame
    assert frame.columns.tolist() == ["text", "domain", "sentiment", PART]
    assert frame["domain"].tolist() == ["tweets"] * 3 + ["films"] + ["products"] * 2 + ["editorials"] * 2
    signs = ["positive", "negative", "positive", "negative", "negative", "positive", "negative", "positive"]
    assert frame["sentiment"].tolist() == signs
    assert frame[PART].tolist() == ["train", "train", "test", "test", "train", "test", "train", "train"]
    assert frame["text"].iloc[0] == 'Yay "you"'


def test_clear_sentences_have_their_document(tmp_path: Path) -> None:
    place(tmp_path, "zip")
    frame = domains.read(tmp_path, "clear").frame
    assert frame["document"].tolist() == [
        *("tweets 1", "tweets 2"),
        *("products 1", "products 5", "editorials 3", "editorials 3"),
    ]
    assert len(frame) < len(domains.read(tmp_path, "").frame)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"pip download --no-deps --no-binary :all: vaderSentiment==0.5"):
        domains.read(tmp_path, "")
    with pytest.raises(OptionError, match="no task 'films'"):
        domains.read(tmp_path, "films")


def test_a_file_is_missing(tmp_path: Path) -> None:
    place(tmp_path, "files")
    (tmp_path / "hutto_ICWSM_2014" / domains.DOMAINS["films"]).unlink()
    with pytest.raises(DataError, match=r"movieReviewSnippets_GroundTruth\.txt: no such file"):
        domains.read(tmp_path, "")


@pytest.mark.parametrize("where", ["zip", "tar"])
def test_cut_archives(where: str, tmp_path: Path) -> None:
    place(tmp_path, where)
    path = next(p for p in tmp_path.iterdir() if p.is_file())
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="damaged or another"):
        domains.read(tmp_path, "")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1\t9.5\tx", "line 1: valence '9.5'; expected a number from -4 to 4"),
        ("a\t1.5\tx", "line 1: id 'a'; expected a number"),
        ("1\t1.5", "line"),
    ],
)
def test_wrong_lines(line: str, message: str, tmp_path: Path) -> None:
    place(tmp_path, "files")
    (tmp_path / "hutto_ICWSM_2014" / domains.DOMAINS["tweets"]).write_text(line)
    with pytest.raises(DataError, match=f"tweets_GroundTruth.txt.*{message}"):
        domains.read(tmp_path, "")
