"""The command that explains: lines for people, a table, a page, JSON."""

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
    customers().drop(columns="churn").head(12).to_csv(path, index=False)
    return path


def test_lines_name_the_answer_and_what_decided_it(run: Run, model: Path, rows: Path) -> None:
    done = run("explain", model, rows, "--top", "1")
    assert done.code == 0 and "2 further rows" in done.err
    said = done.out.splitlines()
    answers = autoglm.load(model).predict(pd.read_csv(rows))
    assert [line.partition(" (")[0] for line in said[::2]] == [f"row {i + 1}: {answers[i]}" for i in range(10)]
    assert all(line.strip()[0] in "+−" and ("age =" in line or "plan =" in line) for line in said[1::2])


def test_a_table_and_a_page(run: Run, model: Path, rows: Path, tmp_path: Path) -> None:
    done = run("explain", model, rows, "-o", tmp_path / "why.parquet", "--html", tmp_path / "why.html")
    assert (done.code, done.out) == (0, "")
    table = pd.read_parquet(tmp_path / "why.parquet")
    assert table["row"].unique().tolist() == list(range(1, 13)) and set(table["column"]) == {"age", "plan"}
    page = (tmp_path / "why.html").read_text()
    assert (
        page.count("<svg") == 1 + 2 + 12
        and "What age adds" in page
        and "http" not in page.replace("http-equiv", "")
        and "age = " in page
    )


def test_what_acts_together(run: Run, rows: Path, tmp_path: Path) -> None:
    frame = customers()
    churn = np.where((frame["age"] > 50) == (frame["plan"] == "basic"), "yes", "no")
    fitted = autoglm.AutoML(work=3, threads=1, learners=["lightgbm"], search="none").fit(
        frame.assign(churn=churn), "churn"
    )
    model, expected = fitted.save(tmp_path / "trees"), fitted.interactions(pd.read_csv(rows)).pairs
    assert expected["strength"][0] > 0.1
    told = run("explain", model, rows, "--interactions", "--json").json
    (pair,) = told["interactions"]["pairs"]
    assert set(pair["columns"]) == {"age", "plan"} and pair["strength"] == pytest.approx(expected["strength"][0])
    assert len(pair["values"]) == 12
    column = told["dependence"][0]
    assert column["cells"] == pd.read_csv(rows)[column["column"]].tolist()
    assert [row["values"][told["columns"].index(column["column"])] for row in told["rows"]] == column["values"]
    said = run("explain", model, rows, "--interactions", "--html", tmp_path / "why.html")
    page = (tmp_path / "why.html").read_text()
    assert said.code == 0 and "Columns that act together" in page and "plan, from blue to red: " in page
    assert "columns that act together" in run("explain", model, rows, "--interactions").out


def test_json_from_standard_input(run: Run, model: Path, rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(rows.read_bytes())))
    found = run("explain", model, "-", "--json").json
    assert len(found["rows"]) == len(found["answers"]) == 12
    first = found["rows"][0]
    assert first["base"][0] + sum(v[0] for v in first["values"]) == pytest.approx(first["margin"][0], abs=1e-4)


def test_a_column_that_is_missing_is_named(run: Run, model: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("age,plam\n1,basic\n")
    done = run("explain", model, tmp_path / "new.csv")
    assert done.code == 1 and "did you mean 'plam'" in done.err
