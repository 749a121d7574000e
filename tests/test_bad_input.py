"""Bad input: a clear error or a sensible answer, never a traceback, never a silent wrong result."""

import errno
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from autoglm import AutoML, Predictor
from autoglm.core import reading
from autoglm.core.errors import DataError, FitError, FolderError
from autoglm.engine.journal import Journal

QUICK: dict[str, Any] = {"work": 3, "threads": 1, "learners": ["linear"], "search": "none"}
BARE: dict[str, Any] = QUICK | {"learners": ["constant"]}


def fit(frame: Any, target: str = "y", **options: Any) -> Predictor:
    """A fit that reads and encodes everything, but learns next to nothing."""
    return AutoML(**BARE | options).fit(frame, target)


def frame(rows: int = 60, **columns: Any) -> pd.DataFrame:
    draw = np.random.default_rng(3)
    x = draw.normal(size=rows)
    return pd.DataFrame({"x": x, **columns, "y": np.where(x + draw.normal(size=rows) > 0, "yes", "no")})


# Tables from which nothing can be learned


@pytest.mark.parametrize("empty", [pd.DataFrame(), pd.DataFrame({"x": [], "y": []}), pl.DataFrame(), {}], ids=repr)
def test_an_empty_frame(empty: Any) -> None:
    with pytest.raises(DataError, match="the table is empty"):
        fit(empty)


def test_no_table_at_all() -> None:
    with pytest.raises(DataError, match="cannot read a table from"):
        fit(7)


@pytest.mark.parametrize("nothing", [None, np.nan, np.inf, "  "], ids=repr)
def test_no_rows_with_a_target(nothing: Any) -> None:
    with pytest.raises(DataError, match="target 'y' is missing in all 60 rows"):
        fit(frame().assign(y=nothing))


def test_an_absent_target_and_the_nearest_name() -> None:
    with pytest.raises(DataError, match=r"target 'yy' is not among the columns; did you mean 'y'\?"):
        fit(frame(), "yy")
    with pytest.raises(DataError, match=r"target 'price' is not among the columns; the table has 'x', 'y'$"):
        fit(frame(), "price")


def test_names_are_offered_in_whatever_case() -> None:
    with pytest.raises(DataError, match=r"did you mean 'y'\?"):
        fit(frame(), "Y")


@pytest.mark.parametrize("value", ["yes", 1, 2.5, True])
def test_one_class_only(value: Any) -> None:
    with pytest.raises(DataError, match=r"single value .* in all 60 rows: nothing can be learned"):
        fit(frame().assign(y=value))


def test_one_row_per_class() -> None:
    with pytest.raises(DataError, match=r"60 classes in 60 rows .*each has a single row"):
        fit(frame().assign(y=[f"name {i}" for i in range(60)]))
    with pytest.raises(DataError, match="2 classes in 2 rows"):
        fit(frame(2).assign(y=["a", "b"]))
    with pytest.raises(DataError, match="number written as text"):
        fit(frame().assign(y=[f"{i / 7:.3f} m" for i in range(60)]))


def test_nothing_but_the_target() -> None:
    with pytest.raises(DataError, match="no column but 'y'"):
        fit(frame()[["y"]])


def test_columns_of_one_name() -> None:
    twice = pd.DataFrame(np.zeros((9, 3)), columns=["a", "b", "a"])
    with pytest.raises(DataError, match="column names occur more than once: 'a'"):
        fit(twice, "b")


# Tables that hold odd things and are learned from all the same


@pytest.fixture(scope="module")
def odd() -> pd.DataFrame:
    """One column for each oddity of the list, 80 rows."""
    draw, n = np.random.default_rng(6), 80
    x = draw.normal(size=n)
    mixed = np.resize(np.array([1, "two", 3.5, None, True, b"\xff", ("a", 1)], dtype=object), n)
    frame = pd.DataFrame(
        {
            "x": x,
            "all missing": np.full(n, np.nan),
            "all none": np.full(n, None, dtype=object),
            "constant": "same",
            "infinite": np.where(np.arange(n) % 9 == 0, np.inf, np.where(np.arange(n) % 11 == 0, -np.inf, x)),
            "huge": x * 1e300,
            "mixed": mixed,
            "long": ["lorem ipsum dolor " * 280 + str(i % 7) for i in range(n)],
            "zoned": pd.date_range("2019-03-30", periods=n, freq="7h", tz="Europe/Berlin"),
            "broken": [f"2021-02-{i % 31 + 1:02}" for i in range(n)],
            "nul": [f"a\x00b{i % 3}" for i in range(n)],
            "class": draw.integers(0, 3, n),
            "<b>&amp;</b> \"'": draw.normal(size=n),
            "": draw.normal(size=n),
            "number": pd.array(draw.integers(0, 9, n), dtype="Int64"),
            "flag": pd.array(np.resize([True, False, None], n), dtype="boolean"),
            "duration": pd.to_timedelta(draw.integers(0, 99, n), unit="h"),
            "y": np.where(x + 0.3 * draw.normal(size=n) > 0, "yes", "no"),
        },
        index=pd.Index(np.arange(n)[::-1] * 3 + 7),
    )
    return frame.assign(surrogate=pd.Series(["\ud800x", "y"] * (n // 2), dtype=object, index=frame.index))


@pytest.fixture(scope="module")
def learned(odd: pd.DataFrame) -> Predictor:
    return AutoML(**QUICK | {"work": 6, "learners": ["linear", "lightgbm"]}).fit(odd, "y")


def test_odd_columns_are_learned_from(learned: Predictor, odd: pd.DataFrame) -> None:
    share = learned.predict_proba(odd)
    assert np.isfinite(share.to_numpy()).all() and share.index.equals(odd.index)
    assert learned.evaluate(odd)["roc_auc"] > 0.7
    unused = {c["name"] for c in learned.about["columns"] if not c["used"]}
    assert {"all missing", "all none", "constant"} <= unused and "x" not in unused


@pytest.mark.parametrize("note", ["infinite values read as missing", "mixed types"])
def test_repairs_are_told(learned: Predictor, note: str) -> None:
    assert note in str(learned.summary["findings"])


def test_names_do_no_harm_in_the_report(learned: Predictor) -> None:
    assert "<b>&amp;</b> \"'" not in learned.report().read_text(encoding="utf-8")


def test_rows_with_other_oddities_are_answered(learned: Predictor, odd: pd.DataFrame) -> None:
    rows = odd.head(3).astype(object)
    rows.iloc[0] = None
    rows.iloc[1] = "never seen before"
    rows.iloc[2] = 1e308
    assert np.isfinite(learned.predict_proba(rows).to_numpy().astype(float)).all()


def test_only_columns_that_say_nothing() -> None:
    bare = pd.DataFrame({"a": [1] * 40, "b": [None] * 40, "y": ["p", "q", "q", "q"] * 10})
    predictor = AutoML(**QUICK).fit(bare, "y")
    assert predictor.columns == []
    assert predictor.predict(bare.head(7)).tolist() == ["q"] * 7
    assert predictor.predict_proba(bare)["q"].to_numpy() == pytest.approx(0.75, abs=0.05)


def test_rows_without_a_target_are_left_out_and_counted() -> None:
    rows = frame()
    rows.loc[::4, "y"] = None
    predictor = fit(rows)
    assert predictor.summary["data"]["rows"] == 45
    assert "15" in str([f for f in predictor.summary["findings"] if "target" in str(f)])
    assert len(predictor.predict(rows)) == 60


@pytest.mark.parametrize("rows", [3, 20])
def test_few_rows(rows: int) -> None:
    few = frame(rows).assign(y=[1.5, 2.5, 4.0] * (rows // 3) + [9.0] * (rows % 3))
    assert np.isfinite(AutoML(**QUICK).fit(few, "y").predict(few)).all()
    few = frame(rows).assign(y=["a", "b", "b"] * (rows // 3) + ["a"] * (rows % 3))
    assert set(fit(few).predict(few)) <= {"a", "b"}


# Targets


@pytest.mark.parametrize(
    ("values", "kind", "classes"),
    [
        (["1", "2"], "binary", ["1", "2"]),
        (["01", "02", "1"], "multiclass", ["01", "02", "1"]),
        ([1, 2, 3], "multiclass", [1, 2, 3]),
        ([1.0, 2.0], "binary", [1.0, 2.0]),
        ([True, False], "binary", [False, True]),
        (["yes", 1, 2.5], "multiclass", ["1", "2.5", "yes"]),
    ],
    ids=str,
)
def test_a_target_that_looks_numeric_but_is_a_class(values: list[Any], kind: str, classes: list[Any]) -> None:
    rows = frame().assign(y=pd.Series(np.resize(np.array(values, dtype=object), 60)).infer_objects())
    predictor = fit(rows)
    assert predictor.task.kind == kind and list(predictor.task.classes) == classes
    answers = predictor.predict(rows)
    assert set(answers) <= set(classes) and {type(v) for v in answers.tolist()} <= {type(c) for c in classes}


def test_many_distinct_numbers_are_a_quantity() -> None:
    assert fit(frame().assign(y=range(60))).task.kind == "regression"


def test_a_quantity_with_marks_for_missing_values_is_no_class() -> None:
    prices = [f"1.{i:03},5{i % 10}" if i % 6 else "-" for i in range(60)]
    rows = frame().assign(y=prices)
    predictor = fit(rows)
    assert predictor.task.kind == "regression" and predictor.summary["data"]["rows"] == 50
    assert "'y' is text that was read as numbers; 10 values that are no number ('-')" in str(
        predictor.summary["findings"]
    )
    assert predictor.predict(rows).between(1000, 1060).all()
    assert predictor.evaluate(rows)["rmse"] < 60


def test_classes_with_spaces_around_them_are_those_without_and_told() -> None:
    rows = frame()
    rows["y"] = rows["y"].where(rows.index % 2 == 0, rows["y"] + " ")
    predictor = fit(rows)
    assert predictor.task.classes == ("no", "yes")
    assert "spaces around them, which are left out ('no ', 'yes ')" in str(predictor.summary["findings"])
    assert predictor.evaluate(rows) == predictor.evaluate(rows.assign(y=rows["y"].str.strip()))
    assert "spaces" not in str(fit(frame()).summary["findings"])


def test_nothing_to_score() -> None:
    predictor = fit(frame())
    with pytest.raises(DataError, match="nothing to score"):
        predictor.evaluate(frame().assign(y=None))


def test_a_target_of_text_cannot_be_a_quantity() -> None:
    with pytest.raises(
        DataError, match=r"target 'y' is text \(for instance 'no'\) but task='regression' needs numbers"
    ):
        fit(frame(), task="regression")


# Frames of every library


@pytest.mark.parametrize("kind", ["nullable", "arrow types", "categories", "polars", "pyarrow", "dict"])
def test_every_kind_of_frame_is_learned_from_and_comes_back(kind: str) -> None:
    rows = frame(n=pd.array([1, None, 3] * 20, dtype="Int64"), c=["u", "v", None] * 20)
    made: dict[str, Any] = {
        "nullable": lambda: rows.convert_dtypes(),
        "arrow types": lambda: rows.convert_dtypes(dtype_backend="pyarrow"),
        "categories": lambda: rows.astype({"c": "category", "y": "category"}),
        "polars": lambda: pl.from_pandas(rows),
        "pyarrow": lambda: pa.Table.from_pandas(rows),
        "dict": lambda: rows.to_dict("list"),
    }
    given = made[kind]()
    answers = fit(given).predict(given)
    assert set(np.asarray(answers).tolist()) <= {"yes", "no"} and len(answers) == 60
    expected = {"polars": pl.Series, "pyarrow": (pa.Array, pa.ChunkedArray), "dict": list}
    assert isinstance(answers, expected.get(kind, pd.Series))  # type: ignore[arg-type]


# Files


def test_notes_of_the_user_s_own_are_no_findings() -> None:
    rows = frame()
    rows.attrs["notes"] = "from ERP"
    assert "reading" not in {f["check"] for f in fit(rows).summary["findings"]}


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    text = "stadt,y\n" + "Köln,ja\nMünchen,nein\n" * 20
    (tmp_path / "t.csv").write_bytes(text.encode("cp1252"))
    rows = reading.read(tmp_path / "t.csv")
    assert set(rows["stadt"]) == {"Köln", "München"}
    assert "not UTF-8" in str(fit(rows).summary["findings"])


def test_a_ragged_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b,y\n" + "1,2,p\n3,q\n5,6,q,9\n7,8,p\n" * 15)
    rows = reading.read(tmp_path / "t.csv")
    assert list(rows.columns)[:3] == ["a", "b", "y"] and rows.attrs[reading.NOTES]
    assert fit(rows).task.target == "y"


def test_nul_bytes_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"a,y\n" + b"1\x00,p\n2,q\n3,p\n" * 20)
    rows = reading.read(tmp_path / "t.csv")
    assert "NUL bytes left out" in str(rows.attrs[reading.NOTES])
    assert fit(rows).task.classes == ("p", "q")


# Folders


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match=r"cannot write to folder .*Not a directory"):
        fit(frame(), folder=tmp_path / "file" / "below")


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Journal, "put", full)
    with pytest.raises(FolderError, match=r"cannot write to folder .*No space left on device"):
        fit(frame(), folder=tmp_path / "x")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 128 KiB, where the tests may mount one."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=128k", "none", str(place)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("file systems cannot be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("rows", [500, 40_000])
def test_a_disk_that_fills_up(small_disk: Path, rows: int) -> None:
    with pytest.raises((FolderError, FitError), match=r"No space left on device"):
        AutoML(**QUICK | {"work": 40, "folder": small_disk / "x"}).fit(frame(rows), "y")
