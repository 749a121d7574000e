"""A small table, a predictor fitted on it by the command line, and a way to run commands."""

import contextlib
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autoglm.commands import main

SMALL = ["--work", "3", "--learner", "linear", "--search", "none", "--threads", "1"]


@dataclass(frozen=True)
class Done:
    """What a command printed and returned."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Done]


def customers(rows: int = 120) -> pd.DataFrame:
    draw = np.random.default_rng(7)
    age, plan = draw.integers(18, 80, rows), draw.choice(["basic", "plus", "família"], rows)
    leaves = (age < 40) + (plan == "basic") + draw.normal(0, 0.4, rows)
    return pd.DataFrame({"age": age, "plan": plan, "churn": np.where(leaves > 1, "yes", "no")})


def call(*arguments: object) -> Done:
    """Run a command in this process."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(a) for a in arguments])
        out.flush()
    return Done(code, out.buffer.getvalue().decode(), err.getvalue())  # type: ignore[attr-defined]


@pytest.fixture
def run() -> Run:
    return call


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "train.csv"
    customers().to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def fitted(table: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """The folder and what `fit --json` said."""
    folder = tmp_path_factory.mktemp("fitted") / "model"
    return folder, call("fit", table, "--target", "churn", "--out", folder, "--json", "--test", table, *SMALL)


@pytest.fixture
def model(fitted: tuple[Path, Done]) -> Path:
    return fitted[0]


@pytest.fixture
def copied(model: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    return Path(shutil.copytree(model, tmp_path / "copied"))
