"""A small predictor, and real servers around it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import autoglm

from .servers import BROKERS, LIBRARIES, Server

pytest.importorskip("grpc", reason="needs the extra serve")
pytest.importorskip("stamina", reason="needs the extra serve")

SOURCE = str(Path(autoglm.__file__).parents[1])
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"

Command = Callable[..., subprocess.Popen[str]]


@dataclass
class Broker:
    """A broker that runs, and where."""

    server: Server
    url: str


@pytest.fixture(params=sorted(BROKERS))
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    pytest.importorskip(LIBRARIES[request.param], reason="needs the extra brokers")
    folder = tmp_path / "broker"
    folder.mkdir()
    server, url = BROKERS[request.param](folder)
    server.start()
    yield Broker(server, url)
    server.stop()


@pytest.fixture(scope="session")
def frame() -> pd.DataFrame:
    return pd.DataFrame({"x": [0.1 * n for n in range(80)], "y": ["no", "yes"] * 10 + ["yes", "no", "yes", "yes"] * 15})


@pytest.fixture(scope="session")
def folder(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("operated") / "model"
    return autoglm.AutoML(work=3, threads=1, learners=["linear"], search="none").fit(frame, "y").save(place)


@pytest.fixture
def table(frame: pd.DataFrame, tmp_path: Path) -> Path:
    frame[["x"]].to_csv(tmp_path / "new.csv", index=False)
    return tmp_path / "new.csv"


@pytest.fixture
def command() -> Iterator[Command]:
    """Start commands of ours as processes, killed at the end."""
    with ExitStack() as stack:

        def start(*words: object, **environment: str) -> subprocess.Popen[str]:
            path = os.pathsep.join([SOURCE, os.environ.get("PYTHONPATH", "")])
            process = subprocess.Popen(
                [sys.executable, "-m", "autoglm", *map(str, words)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=os.environ | {"PYTHONPATH": path} | environment,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield start


def said(process: subprocess.Popen[str], code: int = 0) -> tuple[str, str]:
    """Return what a command printed, when it has ended."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    return out.strip(), err.strip()


def until(found: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Return what `found` returns as soon as that is true; at last, what it returned."""
    import time

    end = time.monotonic() + seconds
    while not (seen := found()) and time.monotonic() < end:
        time.sleep(0.1)
    return seen
