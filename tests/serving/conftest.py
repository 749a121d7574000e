"""One small predictor of real rows, and services in front of it."""

import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy
from sklearn.datasets import load_iris

from autoglm import AutoML, Predictor

pytest.importorskip("grpc", reason="needs the extra serve")

from autoglm.kit.logs import logger
from autoglm.kit.settings import ServeSettings
from autoglm.serving import store
from autoglm.serving.running import Running

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import daemons

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


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Where a real PostgreSQL is."""
    pytest.importorskip("psycopg", reason="needs the extra postgres")
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:  # pytest's own is closed to the user postgres
        try:
            server, url = daemons.postgres(Path(folder))
        except daemons.MissingProgramError as error:
            pytest.skip(str(error))
        server.start()
        yield url
        server.stop()


@pytest.fixture
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Make a fresh place for a store: a file, or a base of a real PostgreSQL."""

    def make(kind: str) -> str:
        if kind == "sqlite":
            return str(tmp_path / "shadow.sqlite")
        url, name = request.getfixturevalue("postgres"), f"b{uuid.uuid4().hex}"
        with sqlalchemy.create_engine(store.url(url), isolation_level="AUTOCOMMIT").connect() as base:
            base.exec_driver_sql(f"CREATE DATABASE {name}")
        return f"{url.rpartition('/')[0]}/{name}"

    return make
