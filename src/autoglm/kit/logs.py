"""Logs: one JSON object a line with the trace they belong to, or plain lines on a terminal."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from autoglm.core.errors import MissingExtraError


def logger(stream: TextIO | None = None, plain: bool | None = None) -> Any:
    """Return a structlog logger that writes to a stream.

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
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            last,
        ],
    )
