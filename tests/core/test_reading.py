import gzip
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from autoglm.core import delimited
from autoglm.core.errors import DataError, FolderError
from autoglm.core.reading import NOTES, read, write

FRAME = pd.DataFrame({"x": [1.5, None], "s": ['é,"\n', "b"], "d": ["2020-01-01 00:00:00", "2020-01-02 10:00:00"]})


def made(folder: Path, name: str, content: str | bytes) -> Path:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / name


@pytest.mark.parametrize(
    ("name", "content", "columns", "last"),
    [
        ("a.csv", "a,b\n1,x\n2,y\n", ["a", "b"], [2, "y"]),
        ("semicolon.csv", "a;b\n1,5;x\n2,5;y\n", ["a", "b"], [2.5, "y"]),
        ("excel.csv", "sep=|\r\na|b;c\r\n1|x\r\n2|y;z\r\n", ["a", "b;c"], [2, "y;z"]),
        ("tab.tsv", "a\tb\n1\tx,y\n2\tz\n", ["a", "b"], [2, "z"]),
        ("pipe.txt", "a|b\n1|x\n2|z\n", ["a", "b"], [2, "z"]),
        ("spaces.txt", "a  b c\n1   x 3\n2 z    4\n", ["a", "b", "c"], [2, "z", 4]),
        ("bom.csv", b"\xef\xbb\xbfa,b\n1,2\n", ["a", "b"], [1, 2]),
        ("utf16.csv", "a,b\n1,é\n".encode("utf-16"), ["a", "b"], [1, "é"]),
        ("windows.csv", "a,b\n1,café €\n".encode("cp1252"), ["a", "b"], [1, "café €"]),
        ("latin.csv", b"a,b\n1,caf\xe9\x81\n", ["a", "b"], [1, "café\x81"]),
        ("quoted.csv", 'a,b\n1,"x, ""y""\nnew"\n', ["a", "b"], [1, 'x, "y"\nnew']),
        ("r.txt", '"x" "y"\n"1" 3 4\n"2" 5 6\n', ["Unnamed: 0", "x", "y"], [2, 5, 6]),
        ("headless.csv", "1,2\n3,4\n", ["x0", "x1"], [3, 4]),
        ("codes.csv", "1_1,1_2\n3_11,x\n", ["1_1", "1_2"], ["3_11", "x"]),
        ("reviews.csv", "review\nnice film, really\nbad, too\n", ["review"], ["bad, too"]),
        ("late.csv", "a\n" + "1\n" * 9_000_000 + "x\n", ["a"], ["x"]),
        ("rows.jsonl", '{"a":1,"b":{"c":2}}\n{"a":2,"b":{"c":3}}\n', ["a", "b.c"], [2, 3]),
        ("list.json", '[{"a":1},{"a":2}]', ["a"], [2]),
        ("columns.json", '{"a":[1,2],"b":["x","y"]}', ["a", "b"], [2, "y"]),
        ("packed.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0), ["a", "b"], [1, 2]),
    ],
)
def test_read(tmp_path: Path, name: str, content: str | bytes, columns: list[str], last: list[object]) -> None:
    frame = read(made(tmp_path, name, content))
    assert list(frame.columns) == columns and frame.iloc[-1].tolist() == last


@pytest.mark.parametrize(
    ("content", "shape", "note"),
    [
        ("a,b,c\n1,2\n3,4,5,6\n7,8,9\n", (3, 3), "2 ragged lines did not have 3 cells"),
        (b"a,b\n1,x\x00y\n2,z\n", (2, 2), "1 NUL bytes left out"),
        ('a,b\n1,"x\n2,y\n3,z\n', (3, 2), "never closed"),
        (b"a,b\n1,\xe9\n", (1, 2), "Windows-1252"),
        ("1,2\n3,4\n", (2, 2), "numbers only"),
    ],
)
def test_repairs_are_noted(tmp_path: Path, content: str | bytes, shape: tuple[int, int], note: str) -> None:
    frame = read(made(tmp_path, "odd.csv", content))
    assert frame.shape == shape and note in " ".join(frame.attrs[NOTES])


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", "", "is empty"),
        ("a.csv", " \n\n", "blank space"),
        ("a.csv", bytes(range(256)) * 50, "binary"),
        ("a.jsonl", '{"a":1}\n{a:2}\n', "line 2"),
        ("a.json", "3", "without rows"),
        ("a.parquet", b"PAR1garbage", "damaged Parquet"),
        ("a.arrow", b"ARROW1garbage", "damaged Arrow"),
        ("a.csv.gz", gzip.compress(b"a,b\n1,2\n" * 1000, mtime=0)[:-9], "complete"),
        ("a.zip", b"PK\x03\x04zz", "cannot be read"),
    ],
)
def test_no_table(tmp_path: Path, name: str, content: str | bytes, says: str) -> None:
    with pytest.raises(DataError, match=says):
        read(made(tmp_path, name, content))


def test_no_file(tmp_path: Path) -> None:
    made(tmp_path, "train.csv", "a\n1\n")
    with pytest.raises(DataError, match=r"did you mean 'train\.csv'"):
        read(tmp_path / "trian.csv")
    with pytest.raises(DataError, match=r"is a folder.*train\.csv"):
        read(tmp_path)
    with pytest.raises(DataError, match="download it first"):
        read("https://example.org/a.csv")


def test_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in.csv", "a,b\n1,2\n")
    assert read(tmp_path / "a.zip").shape == (1, 2)


@pytest.mark.parametrize(
    "ending",
    [
        "csv",
        "tsv",
        "parquet",
        "feather",
        "arrow",
        "jsonl",
        "json",
        "csv.gz",
        "tsv.xz",
        "jsonl.bz2",
        "parquet.gz",
    ],
)
def test_write_and_read(tmp_path: Path, ending: str) -> None:
    write(FRAME, tmp_path / f"out.{ending}")
    frame = read(tmp_path / f"out.{ending}")
    assert frame["s"].tolist() == FRAME["s"].tolist() and frame["x"].equals(FRAME["x"])
    assert frame["d"].astype(str).tolist() == FRAME["d"].tolist()
    assert [f.name for f in tmp_path.iterdir()] == [f"out.{ending}"]


def test_write_refuses(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no format for the ending '\.foo'"):
        write(FRAME, tmp_path / "a.foo")
    with pytest.raises(FolderError, match="cannot write"):
        write(FRAME, tmp_path / "missing" / "a.csv")


@pytest.mark.parametrize("name", ["lines.jsonl", "list.json"])
def test_half_a_character_becomes_a_question_mark(tmp_path: Path, name: str) -> None:
    rows = ['{"t\\ud83d":"cut \\ud83d","l":["\\uDE00"]}', '{"t\\ud83d":"whole \\ud83d\\ude00","l":[]}']
    content = "\n".join(rows) if name == "lines.jsonl" else f"[{','.join(rows)}]"
    assert read(made(tmp_path, name, content)).to_dict("list") == {"t?": ["cut ?", "whole 😀"], "l": [["?"], []]}


def test_a_ragged_file_with_a_carriage_return_in_a_cell(tmp_path: Path) -> None:
    frame = read(made(tmp_path, "r.csv", b'a,b\n"x\ry",2\n1\n'))
    assert frame["a"].tolist() == ["x\ry", "1"] and frame["b"].iloc[0] == 2 and "ragged" in str(frame.attrs[NOTES])


def test_numbers_of_a_ragged_file_stay_numbers(tmp_path: Path) -> None:
    frame = read(made(tmp_path, "r.csv", "a,b\n1,2.5\n3\nNA,4\n"))
    assert [str(t) for t in frame.dtypes] == ["float64", "float64"] and frame["a"].isna().tolist() == [
        False,
        False,
        True,
    ]


def test_lines_that_cannot_be_repaired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise pa.ArrowInvalid("straddling object")

    monkeypatch.setattr(delimited, "_parse", never)
    with pytest.raises(DataError, match=r"r\.csv: cannot be split into rows and columns \(straddling object\)"):
        read(made(tmp_path, "r.csv", "a,b\n1,2\n"))


@pytest.mark.parametrize("ending", ["parquet", "feather"])
@pytest.mark.parametrize("cells", [[1, "two"], [[1], "x"], [10**30, 1]], ids=str)
def test_a_column_that_a_file_cannot_hold_is_named(tmp_path: Path, ending: str, cells: list[object]) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": pd.Series(cells, dtype=object)})
    with pytest.raises(DataError, match=rf"column 'b' cannot be written as {ending} .*\.csv or \.jsonl"):
        write(frame, tmp_path / f"a.{ending}")
    assert not list(tmp_path.iterdir())
