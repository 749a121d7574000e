from pathlib import Path

import pandas as pd
import pytest

from .conftest import Run, customers

GIVEN = ("--target", "churn", "--domain", "shop", "--method", "linear", "--shots", "6", "--quiet")


@pytest.fixture
def shops(tmp_path: Path) -> Path:
    path = tmp_path / "shops.csv"
    frame = customers(160)
    frame.assign(shop=["north", "south"] * 80).to_csv(path, index=False)
    return path


def test_tables_and_files(run: Run, shops: Path, tmp_path: Path) -> None:
    done = run("domains", shops, *GIVEN, "--out", tmp_path / "out")
    assert (done.code, done.err) == (0, "")
    assert "macro F1: trained on (rows)" in done.out and "left out" in done.out and "6 shots" in done.out
    assert len(pd.read_csv(tmp_path / "out" / "cells.csv")) == 8
    assert (tmp_path / "out" / "report.html").is_file() and (tmp_path / "out" / "domains.json").is_file()


def test_json(run: Run, shops: Path, tmp_path: Path) -> None:
    found = run("domains", shops, *GIVEN, "--out", tmp_path / "out", "--json").json
    assert found["domains"] == ["north", "south"] and found["classes"] == ["no", "yes"]
    assert [row["kind"] for row in found["means"]] == ["in domain", "across", "left out", "6 shots"]
    assert Path(found["files"]["report"]).is_file()


def test_the_engine_says_what_it_fits(run: Run, shops: Path, tmp_path: Path) -> None:
    engine = ("--work", "2", "--learner", "linear", "--threads", "1", "--shots", "")
    done = run("domains", shops, "--target", "churn", "--domain", "shop", *engine, "--out", tmp_path / "out")
    assert done.code == 0 and "engine: north" in done.err and "engine: all but south" in done.err


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--domain", "shp"), 1, "did you mean 'shop'"),
        (("--text", "plam"), 1, "text: no column named 'plam'; did you mean 'plan'"),
        (("--shots", "600"), 1, "shots=600: expected a number from 1 to"),
        (("--shots", "few"), 2, "expected positive whole numbers"),
        (("--domain", "age"), 1, "expected at least 20"),
    ],
)
def test_errors_are_one_line(
    run: Run, shops: Path, tmp_path: Path, options: tuple[str, ...], code: int, words: str
) -> None:
    done = run("domains", shops, *GIVEN, "--out", tmp_path / "out", *options)
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("error: ") and done.err.count("\n") == 1 and words in done.err
    assert not (tmp_path / "out").exists()
