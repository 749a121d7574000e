"""The real servers of the benchmarks; a test whose server is not installed is skipped."""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import daemons
from daemons import Server

__all__ = ["BROKERS", "LIBRARIES", "Server", "prometheus", "pushgateway", "rabbitmq", "redis", "rotel"]

Given, Made = ParamSpec("Given"), TypeVar("Made")


def skipping(make: Callable[Given, Made]) -> Callable[Given, Made]:
    """Skip the test where a server is not installed."""

    @wraps(make)
    def made(*given: Given.args, **named: Given.kwargs) -> Made:
        try:
            return make(*given, **named)
        except daemons.MissingProgramError as error:
            pytest.skip(str(error))

    return made


LIBRARIES = {"nats": "nats", "rabbitmq": "pika", "redis": "redis"}  # what a broker's queue is made with
BROKERS = {name: skipping(make) for name, make in daemons.BROKERS.items()}
rabbitmq, redis, rotel = skipping(daemons.rabbitmq), skipping(daemons.redis), skipping(daemons.rotel)
prometheus, pushgateway = skipping(daemons.prometheus), skipping(daemons.pushgateway)
