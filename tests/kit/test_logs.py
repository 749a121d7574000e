"""Logs: a JSON object a line, or words for people."""

import io
import json

import pytest

pytest.importorskip("structlog", reason="needs the extra serve")

from autoglm.kit.logs import logger


def test_one_json_object_a_line() -> None:
    stream = io.StringIO()
    log = logger(stream)
    log.info("serving", port=8000)
    try:
        raise ValueError("broken\nline")
    except ValueError as error:
        log.error("call failed", method="ModelInfer", exc_info=error)
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["event"], first["level"], first["port"]) == ("serving", "info", 8000)
    assert second["level"] == "error" and "ValueError: broken" in second["exception"]


def test_words_for_people() -> None:
    stream = io.StringIO()
    logger(stream, plain=True).info("serving", port=8000)
    assert "serving" in stream.getvalue() and "port=8000" in stream.getvalue() and "{" not in stream.getvalue()
