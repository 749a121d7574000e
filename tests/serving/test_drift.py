"""Drift of served rows: a window, meters, and what happens at a reload."""

import shutil
import time
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from autoglm import AutoML, Predictor
from autoglm.core.columns import Column, column
from autoglm.core.errors import FolderError
from autoglm.serving.drift import Drift
from autoglm.serving.observer import Seen

from .conftest import Start, as_json


def columns(rows: pd.DataFrame) -> list[Column]:
    return [column(rows[name]) for name in rows]


def seen(predictor: Predictor, rows: pd.DataFrame, version: str = "") -> Seen:
    return Seen("r", columns(rows[predictor.columns]), predictor.blend(predictor.encode(rows)), "", 0.0, version)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def drift(folder: Path, registry: CollectorRegistry):
    found = Drift(folder, registry, window=400, least=50)
    yield found
    found.close()


def test_the_rows_of_training_are_no_drift(drift: Drift, predictor: Predictor, frame: pd.DataFrame) -> None:
    draw = np.random.default_rng(1)
    for _ in range(20):
        drift.saw(seen(predictor, frame.sample(20, random_state=int(draw.integers(1e6)))))
    drift.flush()
    found = drift.json()
    assert found["rows"] == 400 and found["left_out"] == 0
    names = {shift["name"] for shift in found["shifts"]}
    assert names == {*predictor.columns, "answer:species"}
    inputs = [s for s in found["shifts"] if s["name"] != "answer:species"]
    assert {s["verdict"] for s in inputs} == {"none"}


def test_a_shifted_column_is_a_meter(
    drift: Drift, registry: CollectorRegistry, predictor: Predictor, frame: pd.DataFrame
) -> None:
    drift.saw(seen(predictor, frame.assign(petal_width=frame["petal_width"] + 2)))
    drift.flush()
    assert registry.get_sample_value("autoglm_drift_psi", {"column": "petal_width"}) > 0.25
    assert registry.get_sample_value("autoglm_drift_alarm", {"column": "petal_width"}) == 2
    assert registry.get_sample_value("autoglm_drift_alarm", {"column": "sepal_width"}) == 0
    assert registry.get_sample_value("autoglm_drift_rows") == len(frame)
    assert b"autoglm_drift_left_out_total 0.0" in generate_latest(registry)


def test_the_window_slides(drift: Drift, predictor: Predictor, frame: pd.DataFrame) -> None:
    far, near = frame.assign(petal_width=frame["petal_width"] + 2), frame
    for rows in (far, far, near, near, near, near):
        drift.saw(seen(predictor, rows))
    drift.flush()
    assert {s.name: s.verdict for s in drift.shifts()}["petal_width"] == "none", "the far rows have left the window"


def test_too_few_rows_say_nothing(drift: Drift, predictor: Predictor, frame: pd.DataFrame) -> None:
    drift.saw(seen(predictor, frame.head(49)))
    drift.flush()
    assert drift.shifts() == []


def test_rows_that_cannot_be_counted_are_left_out(drift: Drift, predictor: Predictor, frame: pd.DataFrame) -> None:
    drift.saw(Seen("r", columns(frame[["shape"]]), np.zeros((len(frame), 1)), "", 0.0))
    drift.flush()
    drift.saw(seen(predictor, frame))
    drift.flush()
    assert (drift.left_out, drift.rows) == (len(frame), len(frame))


def test_one_row_takes_little(drift: Drift, predictor: Predictor, frame: pd.DataFrame) -> None:
    many = [seen(predictor, frame.iloc[[i]]) for i in range(100)] * 5
    began = time.thread_time()
    for each in many:
        drift.saw(each)
    told = (time.thread_time() - began) / len(many)
    began = time.thread_time()
    drift.flush()
    counted = (time.thread_time() - began) / len(many)
    assert told < 50e-6, f"{told * 1e6:.1f} us for the service"
    assert counted < 200e-6, f"{counted * 1e6:.1f} us in the background"


def test_another_predictor_starts_another_window(
    folder: Path, predictor: Predictor, frame: pd.DataFrame, tmp_path: Path
) -> None:
    place = tmp_path / "model"
    shutil.copytree(folder, place)
    drift = Drift(place, least=10)
    before = drift.version
    drift.saw(seen(predictor, frame, before))
    drift.flush()
    AutoML(work=3, threads=1, learners=["linear"], search="none", seed=7).fit(frame, "species").save(place)
    drift.saw(seen(predictor, frame.head(20), before))
    drift.flush()
    assert drift.rows == len(frame) + 20, "the old one still answers"
    newer = Drift(place)
    drift.saw(seen(predictor, frame.head(30), newer.version))
    drift.flush()
    assert (drift.version, drift.rows) == (newer.version, 30) and newer.version != before
    drift.close()
    newer.close()


def test_a_folder_without_profile(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "model")
    (tmp_path / "model" / "profile.json").unlink()
    with pytest.raises(FolderError, match=r"profile\.json"):
        Drift(tmp_path / "model")


def test_behind_a_service(start: Start, folder: Path, frame: pd.DataFrame) -> None:
    drift = Drift(folder, least=50)
    running = start(observers=[drift], http=0)
    rows = [as_json(row) for _, row in frame.drop(columns="species").iterrows()]
    assert httpx.post(f"http://127.0.0.1:{running.http}/predict", json={"rows": rows}).status_code == 200
    drift.flush()
    assert drift.rows == len(rows) and drift.version == running.service.model.version
    assert {s.name: s.verdict for s in drift.shifts() if s.name in frame} == dict.fromkeys(
        [shape.name for shape in drift.profile.columns], "none"
    )
