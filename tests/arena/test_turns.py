"""Turns on a shared machine."""

import subprocess
import time
from pathlib import Path

import pytest

from autoglm_arena import turns


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ARENA_LOCK", str(tmp_path / "lock"))
    monkeypatch.setattr(turns, "PAUSE", 0.0)
    return tmp_path / "lock"


def test_without_a_lock_it_is_always_our_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARENA_LOCK", raising=False)
    with turns.turn(), turns.turn():
        pass
    with pytest.raises(turns.Late), turns.turn(time.monotonic()):
        pytest.fail("began too late")


def test_who_waits_gets_the_lock_when_it_is_free(lock: Path) -> None:
    other = subprocess.Popen(["flock", lock, "sleep", "0.5"])
    time.sleep(0.2)
    began = time.monotonic()
    with turns.turn(began + 30):
        assert other.wait(1) == 0
    assert 0.1 < time.monotonic() - began < 10


def test_who_waits_too_long_leaves(lock: Path) -> None:
    other = subprocess.Popen(["flock", lock, "sleep", "20"])
    time.sleep(0.2)
    began = time.monotonic()
    with pytest.raises(turns.Late), turns.turn(began + 0.3):
        pytest.fail("two held the lock")
    assert time.monotonic() - began < 5
    other.kill()
    other.wait()


def test_a_failure_frees_the_lock(lock: Path) -> None:
    with pytest.raises(ZeroDivisionError), turns.turn():
        raise ZeroDivisionError
    with turns.turn(time.monotonic() + 1):
        pass
