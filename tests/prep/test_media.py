import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autoglm.core.columns import Column, column
from autoglm.core.errors import DataError
from autoglm.core.seed import Seed
from autoglm.prep import media

FOREVER = float("inf")


class Counted:
    """A summary that counts how often it is made."""

    def __init__(self) -> None:
        self.made: list[Path | bytes] = []

    def __call__(self, source: Path | bytes) -> np.ndarray:
        self.made.append(source)
        data = source if isinstance(source, bytes) else source.read_bytes()
        if data.endswith(b"bad"):
            raise DataError("a damaged image")
        return np.array([len(data), data[-1]], dtype=np.float32)


@pytest.fixture
def summary(request: pytest.FixtureRequest) -> media.Summary:
    return media.Summary("image", request.node.name, ("length", "last"), Counted())


def cells(values: list[object]) -> Column:
    return column(pd.Series(values, name="photo", dtype=object))


def pictures(count: int) -> list[object]:
    return [b"\xff\xd8\xff" + bytes([i]) for i in range(count)]


def test_equal_content_is_made_once_and_never_again(summary: media.Summary) -> None:
    rows = cells([*pictures(5), *pictures(5), None])
    seen = media.within(rows, summary, FOREVER, 2, Seed(1))
    assert len(summary.make.made) == 5 and not seen.notes  # type: ignore[attr-defined]
    numbers = media.rows(seen, summary)
    assert len(summary.make.made) == 5  # type: ignore[attr-defined]
    assert numbers[:10, 1].tolist() == [0, 1, 2, 3, 4] * 2 and np.isnan(numbers[10]).all()


def test_new_rows_are_made_but_not_kept(summary: media.Summary) -> None:
    for _ in range(2):
        media.rows(cells(pictures(3)), summary)
    assert len(summary.make.made) == 6  # type: ignore[attr-defined]


def test_contents_that_are_made_together_are_made_once_each(request: pytest.FixtureRequest) -> None:
    batches: list[list[str]] = []

    def lengths(texts: list[str]) -> np.ndarray:
        batches.append(texts)
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float32)

    named = media.Summary("text", request.node.name, ("length", "one"), lengths, find=media.written, together=True)
    texts = [*("x" * n for n in range(1, 41)), "x", None]
    seen = media.within(cells(texts), named, FOREVER, 2, Seed(1))
    assert sorted(map(len, batches)) == [8, 16, 16]
    assert all(max(map(len, b)) - min(map(len, b)) == len(b) - 1 for b in batches)  # of like length
    numbers = media.rows(seen, named)
    assert len(batches) == 3
    assert numbers[:41, 0].tolist() == [*range(1, 41), 1] and np.isnan(numbers[41]).all()
    assert media.rows(cells(["y" * 50, "yy", "y" * 50]), named)[:, 0].tolist() == [50, 2, 50]


def test_what_cannot_be_read_is_missing_and_said(summary: media.Summary) -> None:
    seen = media.within(cells([*pictures(3), b"\xff\xd8\xffbad", None]), summary, FOREVER, 2, Seed(1))
    assert seen.missing.tolist() == [False] * 3 + [True] * 2
    assert seen.notes == ("1 of 4 could not be read and count as missing (a damaged image)",)


def test_what_there_is_no_time_for_is_missing_and_said(summary: media.Summary) -> None:
    seen = media.within(cells(pictures(9)), summary, 0.0, 2, Seed(1))
    assert seen.missing.all() and "no time for 9 of 9" in seen.notes[0]


def test_a_drawn_part_is_looked_at_when_time_is_short(summary: media.Summary, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(media, "monotonic", lambda: next(clock))
    monkeypatch.setattr(media, "TOGETHER", 10)
    seen = media.within(cells(pictures(100)), summary, 4.5, 2, Seed(1))
    here = np.flatnonzero(~seen.missing)
    assert len(here) == 50 and here.max() > 60 and "no time for 50 of 100" in seen.notes[0]


def test_claims_look_at_endings_and_at_first_bytes(tmp_path: Path) -> None:
    for i in range(9):
        (tmp_path / f"scan{i}").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(9))
    bare = column(pd.Series([f"scan{i}" for i in range(9)], name="scan"), tmp_path)
    named = cells([f"photos/{i}.JPG" for i in range(9)])
    prose = cells(["I liked the photo that they call holiday in the sun and all of it a.png"] * 3)
    for sort in ("image", "audio"):
        expected = 0.99 if sort == "image" else 0.0
        assert media.claims(cells(pictures(9)), sort) == expected
        assert media.claims(bare, sort) == expected
        assert media.claims(named, sort) == expected
    assert media.claims(prose, "image") == media.claims(cells([1.0, 2.0]), "image") == 0.0
    assert media.claims(cells([f"scan{i}" for i in range(9)]), "image") == 0.0


def test_all_are_kept_once_all_were_made(summary: media.Summary) -> None:
    rows = cells([*pictures(5), None])
    assert not media.kept_all(rows, summary) and not media.kept_all(cells([None, None]), summary)
    media.within(rows.take(np.arange(4)), summary, FOREVER, 1, Seed(1))
    assert not media.kept_all(rows, summary)
    media.within(rows, summary, FOREVER, 1, Seed(1))
    assert media.kept_all(rows, summary)


def test_a_network_is_not_even_loaded_when_time_is_short(
    summary: media.Summary, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[int] = []

    def network() -> media.Summary:
        loaded.append(1)
        return summary

    monkeypatch.setattr(media, "find_spec", lambda _: True)
    rows = cells(pictures(9))
    seen = media.looked(rows, network, media.monotonic() + 0.001, 1, Seed(1))
    assert "no time for a pre-trained network" in seen.notes[0]
    assert media.found(seen, network, Seed(1)).count == 0 and not loaded
    assert media.looked(rows, network, FOREVER, 1, Seed(1)).notes == () and loaded
    monkeypatch.setattr(media, "find_spec", lambda _: None)  # not installed: saying so takes no time
    media.looked(rows, network, media.monotonic() + 0.001, 1, Seed(1))
    assert len(loaded) == 2


def test_what_is_kept_already_says_nothing_of_the_time(summary: media.Summary, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = cells(pictures(100))
    media.within(rows.take(np.linspace(0, 99, media.PROBED).astype(np.intp)), summary, FOREVER, 1, Seed(1))
    make = summary.make
    slow = replace(summary, make=lambda source: time.sleep(0.02) or make(source))  # type: ignore[func-returns-value]
    monkeypatch.setattr(media, "LOADING", 0.0)
    seen = media.looked(rows, lambda: slow, media.monotonic() + 1.0, 1, Seed(1))
    assert "no time for a pre-trained network" in seen.notes[0]
    assert not media.kept_all(rows, summary)
