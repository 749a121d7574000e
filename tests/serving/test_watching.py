"""Who looks on: what settings name, and nobody else."""

import shutil
import threading
from pathlib import Path

import httpx
import pandas as pd
import pytest
from prometheus_client import CollectorRegistry

from autoglm import AutoML, bundle
from autoglm.checks.profile import FILE
from autoglm.core.errors import AutoGLMError, FolderError, OptionError
from autoglm.kit.settings import ServeSettings
from autoglm.serving import agreement
from autoglm.serving.drift import Drift
from autoglm.serving.shadow import Shadow
from autoglm.serving.store import Store
from autoglm.serving.watching import observers

from .conftest import Start, as_json


@pytest.fixture
def bare(folder: Path, tmp_path: Path) -> Path:
    """A folder without a profile."""
    place = tmp_path / "bare"
    shutil.copytree(folder, place)
    (place / FILE).unlink()
    about = bundle.unseal(folder)
    files = [place / name for name in about.pop("files") if name != FILE]
    bundle.seal(place, {name: value for name, value in about.items() if name not in ("format", "version")}, files)
    return place


def kinds(folder: Path, **settings: object) -> list[type]:
    found = observers(folder, ServeSettings(**settings), CollectorRegistry())
    for observer in found:
        observer.close()
    return [type(observer) for observer in found]


def test_drift_is_on_where_it_can_be(folder: Path, bare: Path) -> None:
    assert kinds(folder) == kinds(folder, drift=True) == [Drift]
    assert kinds(folder, drift=False) == kinds(bare) == []
    with pytest.raises(FolderError, match="no profile"):
        kinds(bare, drift=True)


def test_a_shadow_answers_and_explains(start: Start, folder: Path, frame: pd.DataFrame, tmp_path: Path) -> None:
    other = AutoML(work=3, threads=1, learners=["linear"], search="none", seed=9).fit(frame, "species")
    other.save(tmp_path / "other")
    place = str(tmp_path / "shadow.sqlite")
    running = start(http=0, metrics=0, shadow=tmp_path / "other", explain="shadow", store=place)
    rows = [as_json(row) for _, row in frame.drop(columns="species").head(20).iterrows()]
    for row in rows:
        assert httpx.post(f"http://127.0.0.1:{running.http}/predict", json={"rows": [row]}).status_code == 200
    shadow, drift = running.service.observers
    assert isinstance(shadow, Shadow) and isinstance(drift, Drift)
    assert shadow.drain(60)
    drift.close()
    assert drift.rows == 20
    text = httpx.get(f"http://127.0.0.1:{running.metrics}/metrics").text
    assert "autoglm_drift_rows" not in text and "autoglm_shadow_taken_total" in text
    found = agreement.report(Store(place))
    assert found["coverage"]["share"] == 1.0 and found["agreement"]["rows"] == 20
    assert found["explanations"]["pearson"] > 0.999999 and found["explanations"]["top_equal"] == 1.0


def test_who_cannot_look_on_leaves_nobody_behind(folder: Path, bare: Path, tmp_path: Path) -> None:
    told = ServeSettings(explain="shadow", store=str(tmp_path / "shadow.sqlite"), drift=True)
    with pytest.raises(FolderError, match="no profile"):
        observers(bare, told, CollectorRegistry())
    assert "shadow" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(AutoGLMError, match="store"):
        kinds(folder, explain="shadow", store=str(tmp_path / "none" / "shadow.sqlite"))
    with pytest.raises(OptionError, match="same task"):
        length = AutoML(work=3, threads=1, learners=["linear"], search="none")
        table = pd.DataFrame({"a": range(60), "b": [i % 7 for i in range(60)]}, dtype=float)
        kinds(folder, shadow=length.fit(table, "a").save(tmp_path / "length"), store=str(tmp_path / "s.sqlite"))
