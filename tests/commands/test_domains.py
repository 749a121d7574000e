from pathlib import Path

import numpy as np
import pandas as pd

from .conftest import Run


def _frame() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    a = draw.normal(size=180)
    shops = np.repeat(["films", "books", "games"], 60)
    return pd.DataFrame({"a": a, "shop": shops, "verdict": np.where(a > 0, "good", "bad")})


def test_matrix_on_standard_output_and_in_a_file(run: Run, tmp_path: Path) -> None:
    table, out = tmp_path / "reviews.csv", tmp_path / "found.csv"
    _frame().to_csv(table, index=False)
    ask = (
        "domains",
        table,
        "--target",
        "verdict",
        "--domain",
        "shop",
        "--seconds",
        "2",
        "--shots",
        "",
        "--learner",
        "linear",
    )
    done = run(*ask, "-o", out)
    assert done.code == 0 and "macro F1, learned from" in done.out and "games" in done.out
    assert len(pd.read_csv(out)) == 9 + 3


def test_wrong_columns_and_shots_are_said(run: Run, tmp_path: Path) -> None:
    table = tmp_path / "reviews.csv"
    _frame().to_csv(table, index=False)
    done = run("domains", table, "--target", "verdict", "--domain", "shopp")
    assert done.code != 0 and "no column named 'shopp'" in done.err and "shop" in done.err
    done = run("domains", table, "--target", "verdict", "--domain", "shop", "--shots", "many")
    assert done.code != 0 and "expected whole numbers" in done.err
