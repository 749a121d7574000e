import re
import tomllib
from pathlib import Path

import pytest

from autoglm.commands import doctor
from autoglm.core import shelf

from .conftest import Run

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


def test_a_healthy_machine(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_problems", lambda found, absent: [])
    done = run("doctor")
    assert done.code == 0 and "all is well" in done.out
    for words in ("python", "memory", "OMP_WAIT_POLICY", "lightgbm", "ready", "tpe", "text"):
        assert words in done.out


def test_json(run: Run) -> None:
    found = run("doctor", "--json").json
    assert found["parts"]["numpy"] and found["machine"]["threads"] >= 1
    assert set(found["learners"]) == set(shelf.plugins("learners"))


def test_parts_are_the_dependencies() -> None:
    assert list(doctor.PARTS) == sorted(re.split("[<>=]", d)[0] for d in PROJECT["dependencies"])
    assert set(doctor.EXTRAS.values()) <= set(PROJECT["optional-dependencies"])


def test_what_is_missing_is_cured_by_a_pip_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "missing", lambda path: ["xgboost"] if path.endswith(".xgboost") else [])
    monkeypatch.setattr(doctor, "_openmp", lambda: False)
    done = run("doctor")
    assert done.code == 1
    assert "learner 'xgboost' cannot be used: pip install xgboost-cpu" in done.out
    assert "libgomp1" in done.out


def test_a_missing_part(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: None)
    done = run("doctor")
    assert done.code == 1 and "pip install pandas" in done.out
