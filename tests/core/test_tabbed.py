"""Tab-separated lines: what is read as it stands, and what is reported with its line number."""

from pathlib import Path

import pytest

from autoglm.core.errors import DataError
from autoglm.core.tabbed import parse_tabbed, read_tabbed


def test_a_quotation_mark_is_a_character() -> None:
    frame = parse_tabbed(b'a\tb\n"never closed\t1\nx "y" z\t2\n', "f")
    assert frame["a"].tolist() == ['"never closed', 'x "y" z']
    assert frame.index.tolist() == [2, 3]


def test_only_a_line_feed_ends_a_line() -> None:
    frame = parse_tabbed("a\tb\nnext\x85line\u2028here\t1\r\n".encode(), "f")
    assert frame.iloc[0].tolist() == ["next\x85line\u2028here", "1"]


def test_byte_order_mark_empty_lines_and_given_names() -> None:
    assert parse_tabbed(b"\xef\xbb\xbfa\tb\n1\t2\n", "f").columns.tolist() == ["a", "b"]
    frame = parse_tabbed(b"1\t2\n\n3\t4", "f", ("x", "y"))
    assert frame["y"].tolist() == ["2", "4"]
    assert frame.index.tolist() == [1, 3]


def test_words_like_na_stay_words() -> None:
    assert parse_tabbed(b"a\tb\nNA\tnull\n", "f").iloc[0].tolist() == ["NA", "null"]


def test_one_malformed_line_of_a_thousand_is_left_out_with_its_number() -> None:
    lines = [b"a\tb", *[b"x\ty"] * 1000]
    lines[7] = b"alone"
    with pytest.warns(UserWarning, match=r"1 of 1000 lines do not have 2 cells \(lines 8\)"):
        assert len(parse_tabbed(b"\n".join(lines), "f")) == 999


def test_more_malformed_lines_are_an_error() -> None:
    with pytest.raises(DataError, match=r"f: 2 of 3 lines .* \(lines 3, 4\)"):
        parse_tabbed(b"a\tb\n1\t2\n1\t2\t3\n4\n", "f")


@pytest.mark.parametrize("data", [b"", b"\n\n", b"a\tb\n"])
def test_no_row_is_an_error(data: bytes) -> None:
    with pytest.raises(DataError, match="f: no row"):
        parse_tabbed(data, "f")


def test_bytes_that_are_no_text_name_the_line() -> None:
    with pytest.raises(DataError, match="f, line 2: not utf-8-sig text"):
        parse_tabbed(b"a\tb\n\xff\t1\n", "f")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.tsv: no such file"):
        read_tabbed(tmp_path / "x.tsv")
