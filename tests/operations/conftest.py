"""Brokers that run for one test."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .servers import BROKERS, Server

pytest.importorskip("stamina", reason="needs the extra serve")


@dataclass
class Broker:
    """A broker that runs, and where."""

    server: Server
    url: str


@pytest.fixture(params=sorted(BROKERS))
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    pytest.importorskip(request.param, reason="needs the extra brokers")
    folder = tmp_path / "broker"
    folder.mkdir()
    server, url = BROKERS[request.param](folder)
    server.start()
    yield Broker(server, url)
    server.stop()
