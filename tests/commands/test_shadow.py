import time
from pathlib import Path

import numpy as np
import pytest

import autoglm
from autoglm.bundle import version_of
from autoglm.core.columns import column
from autoglm.serving.observer import Seen
from autoglm.serving.parcel import Parcel
from autoglm.serving.shadowing import Orders, Shadowing
from autoglm.serving.store import Store

from .conftest import Run, customers


@pytest.fixture
def store(model: Path, tmp_path: Path) -> Path:
    """A store of six requests, one of them a dead letter, explained and compared with the predictor itself."""
    place, predictor = tmp_path / "shadow.sqlite", autoglm.load(model)
    rows = customers().drop(columns="churn")
    seen = []
    for i in range(6):
        columns = [column(rows[name].iloc[i * 3 : i * 3 + 3]) for name in predictor.columns]
        margins = predictor.blend(predictor.features(columns))
        seen.append((str(i), Seen(f"r{i}", columns, margins, "", time.time(), version_of(model))))
    opened = Store(str(place))
    opened.tell({"folder": str(model), "other": str(model)})
    shadowing = Shadowing(Orders(str(model), str(place), str(model), True), opened)
    assert len(shadowing.take(Parcel.of(seen[:5]))) == 5
    opened.bury(Parcel.of(seen[5:]), "the queue was full")
    return place


def test_a_report_for_people(run: Run, store: Path) -> None:
    done = run("shadow", "report", store)
    assert (done.code, done.err) == (0, "")
    assert "83.33% (1 wait as dead letters, 0 lost)" in done.out and "100.00% labels equal" in done.out


def test_a_report_for_scripts(run: Run, store: Path) -> None:
    found = run("shadow", "report", store, "--json").json
    assert found["requests"] == 6 and found["rows"] == 15
    assert found["agreement"] == {"rows": 15, "equal": 1.0, "difference": 0.0}
    assert found["explanations"]["pearson"] > 0.999999 and found["explanations"]["rows"] == 15
    assert np.isfinite(found["seconds"]["p95"])


def test_errors_are_one_line(run: Run, tmp_path: Path) -> None:
    done = run("shadow", "report", tmp_path / "none.sqlite")
    assert done.code == 1 and done.err.startswith("error: no store") and done.err.count("\n") == 1
    Store(str(tmp_path / "empty.sqlite")).close()
    assert "holds no answers" in run("shadow", "report", tmp_path / "empty.sqlite").err
