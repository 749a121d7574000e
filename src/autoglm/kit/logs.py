"""Logs: one JSON object a line with the trace they belong to, or plain lines on a terminal."""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

from autoglm.core.errors import MissingExtraError
from autoglm.kit.traces import current, span_id, trace_id


def logger(stream: TextIO | None = None, plain: bool | None = None) -> Any:
    """Return a structlog logger that writes to a stream.

    A line written within a span of `autoglm.kit.traces`, or with ``traceparent=...``, has ``trace_id`` and ``span_id``.

    Parameters
    ----------
    stream
        By default standard error.
    plain
        Lines for people; by default where the stream is a terminal.

    Raises
    ------
    MissingExtraError
        structlog is not installed.
    """
    try:
        import orjson
        import structlog
    except ImportError as error:
        raise MissingExtraError("a service needs the extra serve: pip install 'open-autoglm[serve]'") from error
    stream = stream or sys.stderr
    plain = stream.isatty() if plain is None else plain

    def write(value: Any, default: Any) -> str:
        return orjson.dumps(value, default=default).decode()

    last = structlog.dev.ConsoleRenderer(colors=False) if plain else structlog.processors.JSONRenderer(serializer=write)
    return structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[
            _traced,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            last,
        ],
    )


def _traced(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Say which trace a line belongs to."""
    traceparent = event.pop("traceparent", "") or current()
    found = trace_id(traceparent)
    if found:
        event.update(trace_id=found, span_id=span_id(traceparent))
    return event
