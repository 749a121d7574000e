"""One small predictor of real rows, and services in front of it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.datasets import load_iris

from autoglm import AutoML, Predictor

pytest.importorskip("grpc", reason="needs the extra serve")

from autoglm.kit.logs import logger
from autoglm.kit.settings import ServeSettings
from autoglm.serving.running import Running

CLOSED = {"http": -1, "grpc": -1, "metrics": -1}

Start = Callable[..., Running]


def table() -> pd.DataFrame:
    """Iris with two species, a category, a date and gaps."""
    bunch = load_iris(as_frame=True)
    frame = bunch.frame.rename(columns=lambda name: name.replace(" (cm)", "").replace(" ", "_"))
    frame = frame[frame["target"] > 0].reset_index(drop=True)
    frame["shape"] = pd.cut(frame["petal_length"], 3, labels=["short", "middle", "long"]).astype(str)
    frame["seen"] = pd.Timestamp("2024-03-01") + pd.to_timedelta(frame.index * 7 % 100, unit="D")
    frame["wild"] = frame.index % 3 == 0
    frame.loc[::9, "sepal_width"] = None
    return frame.assign(species=frame.pop("target").map({1: "versicolor", 2: "virginica"}))


@pytest.fixture(scope="session")
def frame() -> pd.DataFrame:
    return table()


@pytest.fixture(scope="session")
def folder(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("served") / "model"
    return AutoML(work=6, threads=1, learners=["linear", "lightgbm"]).fit(frame, "species").save(place)


@pytest.fixture(scope="session")
def predictor(folder: Path) -> Predictor:
    return Predictor.load(folder)


@pytest.fixture(scope="session")
def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON has them."""
    return [as_json(row) for _, row in frame.drop(columns="species").head(12).iterrows()]


def as_json(row: pd.Series) -> dict[str, Any]:
    plain = {name: None if value is None or value != value else value for name, value in row.items()}
    return plain | {"seen": row["seen"].isoformat(), "wild": bool(row["wild"])}


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Start services that end with the test."""
    with ExitStack() as stack:

        def started(place: Path | None = None, observers: Any = (), **settings: Any) -> Running:
            told = ServeSettings(**CLOSED | settings)
            return stack.enter_context(Running(place or folder, told, logger(plain=True), observers))

        yield started


@pytest.fixture(scope="session")
def served(folder: Path) -> Iterator[Running]:
    """A service with both protocols and meters."""
    with Running(folder, ServeSettings(http=0, grpc=0, metrics=0), logger(plain=True)) as running:
        yield running
