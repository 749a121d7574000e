"""Traces: W3C traceparent in and out; spans are exported by OTLP where an endpoint is told, else nothing is made."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from autoglm.core.errors import MissingExtraError

_CURRENT: ContextVar[str] = ContextVar("traceparent", default="")
_PARENT = re.compile(r"^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$")


def trace_id(traceparent: str) -> str:
    """Return the trace that a traceparent names; "" for none, or a wrong one."""
    found = _PARENT.match(traceparent)
    return found[1] if found and set(found[1]) != {"0"} else ""


def span_id(traceparent: str) -> str:
    """Return the span that a traceparent names; "" for none, or a wrong one."""
    return traceparent.split("-")[2] if trace_id(traceparent) else ""


def current() -> str:
    """Return the traceparent of the span that is open here; "" outside of spans."""
    return _CURRENT.get()


def fresh() -> str:
    """Return the traceparent of a new trace."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


class Traces:
    """Spans of one service.

    Parameters
    ----------
    endpoint
        OTLP/HTTP collector; None makes no spans and passes traceparents on.
    service
        What the service is called.
    exporter
        Instead of OTLP's, for tests.
    """

    def __init__(self, endpoint: str | None, service: str, exporter: Any = None) -> None:
        self._tracer, self._provider = None, None
        if endpoint is None and exporter is None:
            return
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise MissingExtraError("traces need the extra serve: pip install 'open-autoglm[serve]'") from error
        self._provider = TracerProvider(resource=Resource.create({"service.name": service}))
        exporter = exporter or OTLPSpanExporter(endpoint=f"{str(endpoint).rstrip('/')}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("autoglm")

    @contextmanager
    def span(self, name: str, traceparent: str = "", **attributes: Any) -> Iterator[str]:
        """Make a span below a traceparent, or the current span; yield the traceparent to hand on."""
        with self._below(name, traceparent, attributes) as inner:
            before = _CURRENT.set(inner)
            try:
                yield inner
            finally:
                _CURRENT.reset(before)

    @contextmanager
    def _below(self, name: str, traceparent: str, attributes: dict[str, Any]) -> Iterator[str]:
        if self._tracer is None:
            yield traceparent
            return
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carry = TraceContextTextMapPropagator()
        parent = carry.extract({"traceparent": traceparent}) if traceparent else None
        with self._tracer.start_as_current_span(name, context=parent, attributes=attributes):
            carrier: dict[str, str] = {}
            carry.inject(carrier)
            yield carrier.get("traceparent", "")

    def close(self) -> None:
        """Export what is left."""
        if self._provider is not None:
            self._provider.shutdown()
