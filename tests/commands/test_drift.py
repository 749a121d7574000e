from pathlib import Path

import numpy as np
import pandas as pd

from .conftest import Run, customers


def test_training_rows_have_not_shifted(run: Run, model: Path, table: Path) -> None:
    done = run("drift", model, table)
    assert done.code == 0 and "age" in done.out and "large" not in done.out


def test_a_shift_is_named_and_is_the_exit_code(run: Run, model: Path, tmp_path: Path) -> None:
    old = customers(300).assign(age=lambda frame: frame["age"] + 40)
    old.to_csv(tmp_path / "old.csv", index=False)
    done = run("drift", model, tmp_path / "old.csv", "--json")
    assert done.code == 3
    shifts = {shift["name"]: shift for shift in done.json["shifts"]}
    assert shifts["age"]["verdict"] == "large" and shifts["plan"]["verdict"] == "none"
    assert set(shifts) == {"age", "plan", "answer:churn"} and shifts["plan"]["ks"] is None
    assert done.json["rows"] == 300 and np.isfinite(shifts["age"]["psi"])


def test_a_missing_column_is_one_line(run: Run, model: Path, tmp_path: Path) -> None:
    pd.DataFrame({"plan": ["plus"]}).to_csv(tmp_path / "rows.csv", index=False)
    done = run("drift", model, tmp_path / "rows.csv")
    assert done.code == 1 and done.err.startswith("error: ") and "'age'" in done.err
