"""The messages of gRPC: classes made from inference.desc, in a pool of their own beside a client's in one process."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "inference"


@cache
def _pool() -> Any:
    found = descriptor_pb2.FileDescriptorSet.FromString(
        files("autoglm.serving").joinpath("protos", "inference.desc").read_bytes()
    )
    pool = descriptor_pool.DescriptorPool()
    for file in found.file:
        pool.Add(file)
    return pool


@cache
def message(name: str) -> Any:
    """Return the class of a message, for instance ``ModelInferRequest``."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{PACKAGE}.{name}"))


def methods(service: str) -> dict[str, tuple[Any, Any]]:
    """Return the calls of a service: name → classes of request and response."""
    found = _pool().FindServiceByName(f"{PACKAGE}.{service}")
    return {m.name: (message(m.input_type.name), message(m.output_type.name)) for m in found.methods}
