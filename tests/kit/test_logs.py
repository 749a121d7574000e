"""Logs: a JSON object a line, or words for people."""

import io
import json

import pytest

pytest.importorskip("structlog", reason="needs the extra serve")

from autoglm.kit.logs import logger
from autoglm.kit.traces import Traces


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


def test_a_line_says_which_trace_it_belongs_to() -> None:
    stream = io.StringIO()
    log, parent = logger(stream, plain=False), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with Traces(None, "test").span("job", parent):
        log.info("within")
    log.info("told", traceparent=parent)
    log.info("without")
    log.info("wrong", traceparent="abc")
    within, told, without, wrong = map(json.loads, stream.getvalue().splitlines())
    for line in (within, told):
        assert (line["trace_id"], line["span_id"]) == (parent.split("-")[1], parent.split("-")[2])
        assert "traceparent" not in line
    assert "trace_id" not in without and "trace_id" not in wrong
