"""Downloads from a server that breaks off, refuses to resume, or gives something else; archives that lead outside."""

import errno
import hashlib
import io
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from autoglm.core.dataset import Archive
from autoglm.core.errors import DataError
from autoglm.datasets import _archives

DATA = bytes(range(256)) * 64
MD5 = f"md5:{hashlib.md5(DATA).hexdigest()}"


@dataclass
class Behaviour:
    """How the server behaves; `asked` is what it was asked for."""

    data: bytes = DATA
    breaks: int = 0  # answers that end after half of what they announced
    resumes: bool = True
    codes: list[int] = field(default_factory=list)  # answers before the first good one
    kind: str = "application/octet-stream"
    asked: list[str] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Behaviour]:
    behaviour = Behaviour()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            behaviour.asked.append(asked)
            if behaviour.codes:
                self.send_error(behaviour.codes.pop(0))
                return
            start = int(asked[6:-1]) if asked and behaviour.resumes else 0
            whole, rest = len(behaviour.data), behaviour.data[start:]
            if start >= whole:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{whole}")
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
            self.send_header("Content-Length", str(len(rest)))
            self.send_header("Content-Type", behaviour.kind)
            self.end_headers()
            if behaviour.breaks:
                behaviour.breaks -= 1
                rest = rest[: len(rest) // 2]
            self.wfile.write(rest)

        def log_message(self, *_: object) -> None: ...

    monkeypatch.setattr(_archives, "PAUSE", 0)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        behaviour.url = f"http://127.0.0.1:{running.server_address[1]}"
        yield behaviour
        running.shutdown()
        thread.join()


def archive(server: Behaviour, name: str = "set.bin?download=1", checksum: str = MD5) -> Archive:
    return Archive(f"{server.url}/{name}", checksum, "this test")


def test_a_whole_file(server: Behaviour, tmp_path: Path) -> None:
    path = _archives.download(archive(server), tmp_path)
    assert path == tmp_path / "set.bin" and path.read_bytes() == DATA
    assert [p.name for p in tmp_path.iterdir()] == ["set.bin"]


def test_it_goes_on_where_it_broke_off(server: Behaviour, tmp_path: Path) -> None:
    server.breaks = 2
    assert _archives.download(archive(server), tmp_path).read_bytes() == DATA
    half = len(DATA) // 2
    assert server.asked == ["", f"bytes={half}-", f"bytes={half + half // 2}-"]


def test_a_later_call_goes_on(server: Behaviour, tmp_path: Path) -> None:
    server.breaks = _archives.TRIES
    with pytest.raises(DataError, match=r"bytes are kept in .*set.bin.part: call again"):
        _archives.download(archive(server), tmp_path)
    kept = (tmp_path / "set.bin.part").stat().st_size
    assert 0 < kept < len(DATA)
    assert _archives.download(archive(server), tmp_path).read_bytes() == DATA
    assert server.asked[-1] == f"bytes={kept}-"


def test_a_server_that_cannot_resume(server: Behaviour, tmp_path: Path) -> None:
    server.resumes, server.breaks = False, 1
    assert _archives.download(archive(server), tmp_path).read_bytes() == DATA


@pytest.mark.parametrize(("kept", "calls"), [(DATA, 1), (DATA + b"more", 2)])
def test_all_bytes_or_too_many_were_kept(server: Behaviour, tmp_path: Path, kept: bytes, calls: int) -> None:
    (tmp_path / "set.bin.part").write_bytes(kept)
    assert _archives.download(archive(server), tmp_path).read_bytes() == DATA
    assert len(server.asked) == calls


def test_another_file_than_expected(server: Behaviour, tmp_path: Path) -> None:
    server.data = b"something else"
    with pytest.raises(DataError, match=r"its md5 is .*, expected .* \(stated by this test\)"):
        _archives.download(archive(server), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_busy_servers_are_asked_again_and_refusals_are_not(server: Behaviour, tmp_path: Path) -> None:
    server.codes = [503, 429]
    assert _archives.download(archive(server), tmp_path).read_bytes() == DATA
    server.codes, server.asked = [403], []
    with pytest.raises(DataError, match=r"403 .*get the file by other means"):
        _archives.download(archive(server), tmp_path)
    assert len(server.asked) == 1


def test_a_login_page_is_no_file(server: Behaviour, tmp_path: Path) -> None:
    server.kind = "text/html; charset=utf-8"
    with pytest.raises(DataError, match="a page, not a file"):
        _archives.download(archive(server, checksum=""), tmp_path)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y.zip", "https://x/", "set.zip"])
def test_addresses_that_are_none(url: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected an http\(s\) address"):
        _archives.download(Archive(url), tmp_path)


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_archives, "PAUSE", 0)
    with pytest.raises(DataError, match=r"0 bytes are kept"):
        _archives.download(Archive("http://127.0.0.1:9/set.bin"), tmp_path)


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return out.getvalue()


def tarred(*members: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as packed:
        for member in members:
            member.size = 3 if member.isreg() else 0
            packed.addfile(member, io.BytesIO(b"abc"))
    return out.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, target
    return found


def test_fetch_unpacks_once(server: Behaviour, tmp_path: Path) -> None:
    server.data, told = zipped(**{"MySet/a/1.txt": b"one", "__MACOSX/MySet/x": b""}), []
    one = Archive(f"{server.url}/set.zip")
    for _ in range(2):
        _archives.fetch([one], tmp_path / "MySet", told.append)
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()) == [
        "MySet/.fetched.json",
        "MySet/a/1.txt",
    ]
    assert len(server.asked) == 1 and "already" in told[-1]


@pytest.mark.parametrize("name", ["set.tar.gz", "set.tgz"])
def test_tar(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(tarred(member("other", tarfile.DIRTYPE), member("other/x"), member("./y")))
    _archives.unpack(tmp_path / name, tmp_path / "MySet")
    assert (tmp_path / "MySet/other/x").read_bytes() == (tmp_path / "MySet/y").read_bytes() == b"abc"


OUTSIDE = ["../x", "/x", "a/../../x", "..\\x", "C:/x", "a/../x"]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_paths_that_lead_outside(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / f"set.{kind}"
    good = "good/file"
    path.write_bytes(zipped(**{good: b"", name: b"evil"}) if kind == "zip" else tarred(member(good), member(name)))
    with pytest.raises(DataError, match="leads out of the folder"):
        _archives.unpack(path, tmp_path / "in" / "MySet")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_tar(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "set.tar.gz"
    path.write_bytes(tarred(member("a"), member("b", kind, "a")))
    with pytest.raises(DataError, match="'b' is a link or a device"):
        _archives.unpack(path, tmp_path / "MySet")


def test_links_in_zip(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("b")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as packed:
        packed.writestr(info, "/etc")
    with pytest.raises(DataError, match="'b' is a link"):
        _archives.unpack(tmp_path / "set.zip", tmp_path / "MySet")


@pytest.mark.parametrize("name", ["set.zip", "set.tar.gz"])
def test_damaged_archives_leave_nothing(tmp_path: Path, name: str) -> None:
    whole = zipped(a=DATA) if name == "set.zip" else tarred(*(member(f"m{i}") for i in range(300)))
    for content in (b"", b"text", whole[: len(whole) // 2], whole[:60] + b"xxxx" + whole[64:]):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="a damaged archive"):
            _archives.unpack(tmp_path / name, tmp_path / "MySet")
        assert not (tmp_path / "MySet").exists() or not any((tmp_path / "MySet").iterdir())


def packed_as(kind: str, data: bytes) -> bytes:
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("a", data)
    else:
        info = tarfile.TarInfo("a")
        info.size = len(data)
        with tarfile.open(fileobj=out, mode=f"w:{kind.removeprefix('tar.')}") as tar:
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.bz2", "tar.xz"])
def test_packed_bytes_that_are_damaged(tmp_path: Path, kind: str) -> None:
    whole = packed_as(kind, np.random.default_rng(0).bytes(100_000).hex().encode() + bytes(100_000))
    path, told = tmp_path / f"set.{kind}", []
    for place in [*range(10, len(whole), len(whole) // 20), *range(len(whole) - 120, len(whole), 10)]:
        path.write_bytes(whole[:place] + bytes(b ^ 0xFF for b in whole[place : place + 40]) + whole[place + 40 :])
        try:
            _archives.unpack(path, tmp_path / "MySet")
        except DataError as error:
            told.append(str(error))
    assert len(told) > 9 and all("a damaged archive" in words for words in told)


def test_a_disk_that_is_full_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "set.zip"
    path.write_bytes(zipped(a=DATA))

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(OSError, match="No space left"):
        _archives.unpack(path, tmp_path / "MySet")
