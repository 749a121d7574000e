"""An arena of its own for every test: small data, small contestants, this interpreter as their environment."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autoglm_arena import contestants, data, venvs

HEADER = '# /// script\n# requires-python = ">=3.11"\n# dependencies = []\n# ///\n'
BODY = '''
"""A contestant of the tests."""
from job import play
{before}
def fit(job, train):
    {fit}

play(fit)
'''
FAIR = """import pandas as pd
    shares = train[job.target].value_counts(normalize=True)
    return lambda rows: pd.DataFrame([shares.to_dict()] * len(rows))"""


@pytest.fixture(autouse=True)
def arena(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and an install that takes no time."""
    monkeypatch.setenv("AUTOGLM_ARENA", str(tmp_path / "home"))
    here = venvs.Venv(Path(sys.executable), "lock", {"numpy": np.__version__}, 1.0, 1.0)
    monkeypatch.setattr(venvs, "get", lambda script: here)
    monkeypatch.setattr("autoglm_arena.match.PATIENCE", 0.0)
    monkeypatch.setattr("autoglm_arena.match.GRACE", 20.0)
    monkeypatch.setattr("autoglm_arena.match.CALM", 1e9)  # other tests run beside these
    return tmp_path


@pytest.fixture
def write_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., data.Data]:
    """Make a data set that the arena knows by name."""

    def write(name: str = "small", rows: pd.DataFrame | None = None, **card: Any) -> data.Data:
        folder = tmp_path / f"data-{name}"
        folder.mkdir(exist_ok=True)
        if rows is None:
            generator = np.random.default_rng(0)
            number = generator.normal(size=120)
            rows = pd.DataFrame(
                {"a": number, "b": generator.choice(["x", "y"], 120), "y": np.where(number > 0, "yes", "no")}
            )
        rows.to_parquet(folder / "rows.parquet")
        known = {"name": name, "modality": "table", "task": "binary", "target": "y", "split": "random", "list": "tests"}
        (folder / "card.json").write_text(json.dumps(known | card))
        found = data.Data(known | card, folder, "hash")
        monkeypatch.setattr(data, "get", lambda asked, features=False: found)
        monkeypatch.setattr(data, "lists", lambda: {"tests": [name]})
        return found

    return write


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., contestants.Contestant]:
    """Write a contestant's script."""

    def write(name: str = "fair", fit: str = FAIR, before: str = "") -> contestants.Contestant:
        path = tmp_path / f"{name}.py"
        path.write_text(HEADER + BODY.format(fit=fit, before=before))
        return contestants.get(str(path))

    return write
