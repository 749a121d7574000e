import os
import time
from pathlib import Path

import pytest

from autoglm.core import media
from autoglm.core.errors import DataError


@pytest.mark.parametrize(
    ("name", "sort"),
    [("a.png", "image"), ("b/C.JPEG", "image"), ("x.tar.gz", None), ("s.Flac", "audio"), ("png", None), ("", None)],
)
def test_the_ending_tells_the_sort(name: str, sort: str | None) -> None:
    assert media.named(name) == sort


@pytest.mark.parametrize(
    ("start", "sort"),
    [
        (b"\x89PNG\r\n\x1a\n....", "image"),
        (b"\xff\xd8\xff\xe0........", "image"),
        (b"RIFF....WEBPVP8 ", "image"),
        (b"RIFF....WAVEfmt ", "audio"),
        (b"FORM....AIFFCOMM", "audio"),
        (b"RIFF....AVI LIST", None),
        (b"%PDF-1.7....", None),
        (b"", None),
    ],
)
def test_the_first_bytes_tell_the_sort(start: bytes, sort: str | None) -> None:
    assert media.looks(start) == sort


def test_paths_start_from_the_folder_and_stay_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, secret = tmp_path / "data", tmp_path / "secret.png"
    (inside / "sub").mkdir(parents=True)
    for file in (inside / "sub" / "a.png", secret):
        file.write_bytes(b"x")
    (inside / "link.png").symlink_to(secret)
    os.mkfifo(inside / "pipe.png")
    assert media.Place(inside).locate("sub/a.png") == inside / "sub" / "a.png"
    assert media.Place(inside).locate(str(inside / "sub" / "a.png")) == inside / "sub" / "a.png"
    assert media.Place(inside).locate("sub/../sub/a.png") == inside / "sub" / "a.png"
    for outside in ("../secret.png", str(secret), "link.png", "/etc/passwd"):
        with pytest.raises(DataError, match=r"outside of .*allow it with files="):
            media.Place(inside).locate(outside)
    assert media.Place(tmp_path).locate("secret.png") == secret
    for odd, why in [("sub", "not a file"), ("pipe.png", "not a file"), ("a.png", "no such file"), ("a\0b", "no such")]:
        with pytest.raises(DataError, match=why):
            media.Place(inside).locate(odd)
    with pytest.raises(DataError, match="no such file"):
        media.Place(inside).locate("x" * 5000)
    with pytest.raises(DataError, match="nothing is fetched"):
        media.Place(inside).locate("https://example.org/a.png")
    monkeypatch.chdir(inside)
    assert media.Place(None).locate("sub/a.png") == inside / "sub" / "a.png"


def test_equal_content_has_an_equal_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"same")
    assert media.digest(tmp_path / "a") == media.digest(b"same") != media.digest(b"other")
    with pytest.raises(DataError, match="cannot be read"):
        media.digest(tmp_path)
    monkeypatch.setattr(media, "_HASHED", 2)
    (tmp_path / "b").write_bytes(b"sample")
    assert media.digest(tmp_path / "a") != media.digest(tmp_path / "b")


def test_a_file_is_hashed_once_and_again_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    hashed = media._read
    monkeypatch.setattr(media, "_read", lambda source: read.append(source) or hashed(source))
    monkeypatch.setattr(media, "_FRESH", 0.0)
    file = tmp_path / "sound.wav"
    file.write_bytes(b"one")
    assert media.digest(file) == media.digest(file) == media.digest(b"one") and len(read) == 1
    time.sleep(0.03)
    file.write_bytes(b"two")
    assert media.digest(file) == media.digest(b"two") and len(read) == 2
    monkeypatch.setattr(media, "_FRESH", 60.0)
    file.write_bytes(b"six")
    assert media.digest(file) == media.digest(file) == media.digest(b"six") and len(read) == 4


def test_bytes_that_are_text_are_not_binary() -> None:
    assert not media.binary([b"plain", "Ärger".encode()])
    assert media.binary([b"plain", b"\xff\xd8"]) and media.binary([b"a\0"])


def test_a_number_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither a path nor bytes"):
        media.Place(tmp_path).locate(1.5)  # type: ignore[arg-type]
