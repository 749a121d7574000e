"""A folder that a fit may write to: empty, ours, or without any name that a fit uses."""

import sys
from pathlib import Path

import pytest

from autoglm.core.errors import FolderError
from autoglm.engine import claim
from autoglm.engine.journal import Journal


@pytest.mark.parametrize(
    "name", ["manifest.json", "report.html", "members/list.csv", "run/fits/m31.fits", "run/run.json"]
)
def test_what_somebody_else_has_put_there_is_not_written_over(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text('{"mine": []}')
    with pytest.raises(FolderError, match=rf"holds '{name[:7]}.*choose another folder"):
        claim.check(tmp_path)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [tmp_path / name]


def test_a_link_that_leads_nowhere_is_something(tmp_path: Path) -> None:
    (tmp_path / "background").symlink_to(tmp_path / "away")
    with pytest.raises(FolderError, match="holds 'background'"):
        claim.check(tmp_path)


def test_other_names_may_lie_beside_a_fit(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,y\n")
    (tmp_path / "run" / "logs").mkdir(parents=True)
    (tmp_path / "run" / "logs" / "1.txt").write_text("")
    claim.check(tmp_path)
    claim.check(tmp_path / "new")


def test_a_folder_with_a_run_is_ours_from_the_first_moment(tmp_path: Path) -> None:
    (tmp_path / "run" / "fits").mkdir(parents=True)
    claim.check(tmp_path)
    Journal(tmp_path / "run").open({"rows": 10}, fresh=False)
    (tmp_path / "run" / "data").mkdir()
    (tmp_path / "run" / "data" / "target.npy").write_bytes(b"")
    claim.check(tmp_path)


def test_a_folder_is_one_fit_s_at_a_time(tmp_path: Path) -> None:
    busy = pytest.raises(FolderError, match="another fit is writing to folder")
    with claim.claimed(tmp_path / "x"), busy, claim.claimed(tmp_path / "x"):
        pass
    with claim.claimed(tmp_path / "x"):
        assert (tmp_path / "x" / "run" / "lock").exists()


def test_where_no_run_has_begun_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for place in (tmp_path / "x", tmp_path / "mine"):
        with pytest.raises(KeyboardInterrupt), claim.claimed(place):
            raise KeyboardInterrupt
    assert list(tmp_path.rglob("*")) == [tmp_path / "mine"]
    with claim.claimed(tmp_path / "x"):
        Journal(tmp_path / "x" / "run").open({"rows": 10}, fresh=False)
    assert sorted(p.name for p in (tmp_path / "x" / "run").iterdir()) == ["lock", "run.json"]


def test_a_lock_that_was_removed_meanwhile_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flock = pytest.importorskip("fcntl").flock

    def late(lock: int, how: int) -> None:
        (tmp_path / "run" / "lock").unlink()
        flock(lock, how)

    monkeypatch.setattr("fcntl.flock", late)
    with pytest.raises(FolderError, match="another fit is writing"), claim.claimed(tmp_path):
        pass


def test_without_locks_fits_are_not_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise OSError("no locks here")

    monkeypatch.setattr("fcntl.flock", unknown)
    with claim.claimed(tmp_path), claim.claimed(tmp_path):
        pass
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with claim.claimed(tmp_path), claim.claimed(tmp_path):
        pass
