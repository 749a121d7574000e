import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import autoglm

from .conftest import Run, customers


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "new.csv"
    customers().drop(columns="churn").head(9).to_csv(path, index=False)
    return path


def test_csv_on_standard_output_beside_the_row_number(run: Run, model: Path, rows: Path) -> None:
    done = run("predict", model, rows)
    assert (done.code, done.err) == (0, "")
    found = pd.read_csv(io.StringIO(done.out))
    assert list(found.columns) == ["row", "churn"]
    assert found["row"].tolist() == list(range(1, 10))
    assert found["churn"].tolist() == autoglm.load(model).predict(pd.read_csv(rows)).tolist()


def test_probabilities_beside_the_columns(run: Run, model: Path, rows: Path, tmp_path: Path) -> None:
    done = run("predict", model, rows, "--proba", "--keep", "-o", tmp_path / "answers.parquet")
    assert (done.code, done.out) == (0, "") and "9 rows" in done.err
    found = pd.read_parquet(tmp_path / "answers.parquet")
    assert list(found.columns) == ["age", "plan", "churn", "churn=no", "churn=yes"]
    np.testing.assert_allclose(found["churn=no"] + found["churn=yes"], 1)
    assert found["plan"].tolist() == pd.read_csv(rows)["plan"].tolist()


def test_a_target_among_the_rows_is_kept(run: Run, model: Path, table: Path) -> None:
    found = pd.read_csv(io.StringIO(run("predict", model, table, "--keep").out))
    assert list(found.columns) == ["age", "plan", "churn", "churn_predicted"]
    assert (found["churn"] == found["churn_predicted"]).mean() > 0.7


def test_rows_from_standard_input(run: Run, model: Path, rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(rows.read_bytes())))
    assert run("predict", model, "-").out == run("predict", model, rows).out


def test_json(run: Run, model: Path, rows: Path, tmp_path: Path) -> None:
    found = run("predict", model, rows, "--json").json
    assert len(found) == 9 and found[0]["row"] == 1 and found[0]["churn"] in ("yes", "no")
    written = run("predict", model, rows, "--json", "-o", tmp_path / "a.csv.gz").json
    assert written["rows"] == 9 and len(pd.read_csv(written["file"])) == 9


@pytest.mark.parametrize(
    ("model_name", "content", "out", "words"),
    [
        ("", "age,plam\n1,basic\n", "a.csv", "did you mean 'plam'"),
        ("", "age,plan\n1,basic\n", "a.xls", "no format"),
        ("", "age,plan\n1,basic\n", "no/where/a.csv", "cannot write"),
        ("", "", "a.csv", "empty"),
        ("nothing", "age,plan\n1,basic\n", "a.csv", "no folder"),
    ],
)
def test_errors_are_one_line(
    run: Run, model: Path, tmp_path: Path, model_name: str, content: str, out: str, words: str
) -> None:
    (tmp_path / "rows.csv").write_text(content)
    done = run("predict", model / model_name, tmp_path / "rows.csv", "-o", tmp_path / out)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: ") and done.err.count("\n") == 1 and words in done.err


def test_repairs_of_the_file_are_told(run: Run, model: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes("age,plan\n1,família\n".encode("cp1252"))
    done = run("predict", model, tmp_path / "rows.csv")
    assert done.code == 0 and "note: " in done.err and "1252" in done.err


def test_values_that_cannot_be_read_are_told_once(run: Run, model: Path, rows: Path, tmp_path: Path) -> None:
    pd.read_csv(rows).assign(age="forty").to_csv(tmp_path / "odd.csv", index=False)
    done = run("predict", model, tmp_path / "odd.csv", "--proba")
    assert done.code == 0 and len(done.err.strip().splitlines()) == 1
    assert "column 'age': 9 of 9 values are no number as in training (for instance 'forty')" in done.err


def test_answers_beside_earlier_answers_have_names_of_their_own(
    run: Run, model: Path, table: Path, tmp_path: Path
) -> None:
    for _ in range(3):
        assert run("predict", model, table, "--keep", "--proba", "-o", tmp_path / "kept.csv").code == 0
        table = tmp_path / "kept.csv"
    found = list(pd.read_csv(table).columns)
    assert len(found) == len(set(found)) and {"churn_predicted", "churn_predicted2", "churn_predicted3"} < set(found)
    assert {"churn=no", "churn=no_predicted", "churn=no_predicted2"} < set(found)


def test_half_a_character_is_no_reason_to_fail(run: Run, model: Path, tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_text('{"age": 30, "plan": "cut \\ud83d"}')
    done = run("predict", model, tmp_path / "s.jsonl", "--keep")
    assert (done.code, done.err) == (0, "") and "cut ?" in done.out


def test_mixed_columns_that_parquet_cannot_hold(run: Run, model: Path, tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"age": 30, "plan": "plus", "k": 1}\n{"age": 31, "plan": "plus", "k": "one"}')
    done = run("predict", model, tmp_path / "m.jsonl", "--keep", "-o", tmp_path / "a.parquet")
    assert done.code == 1 and done.err.startswith("error: column 'k' cannot be written as parquet")
