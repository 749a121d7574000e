"""Traces: a span below the client's, or the client's traceparent handed on."""

import pytest

pytest.importorskip("opentelemetry.sdk", reason="needs the extra serve")

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from autoglm.kit.traces import Traces, current, fresh, span_id, trace_id

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def test_spans_stand_below_the_clients() -> None:
    exporter = InMemorySpanExporter()
    traces = Traces(None, "test", exporter)
    with traces.span("predict", PARENT, rows=3) as inner:
        assert trace_id(inner) == TRACE and inner != PARENT
    traces.close()
    (span,) = exporter.get_finished_spans()
    assert (span.name, span.attributes["rows"]) == ("predict", 3)
    assert span.parent is not None and f"{span.parent.span_id:016x}" == "b7ad6b7169203331"


def test_without_an_endpoint_traceparents_are_handed_on() -> None:
    with Traces(None, "test").span("predict", PARENT) as inner:
        assert inner == PARENT


@pytest.mark.parametrize("wrong", ["", "abc", f"00-{'0' * 32}-b7ad6b7169203331-01", f"01-{TRACE}-b7ad6b7169203331-01"])
def test_wrong_traceparents_name_no_trace(wrong: str) -> None:
    assert trace_id(wrong) == ""
    assert trace_id(PARENT) == TRACE


@pytest.mark.parametrize("exporter", [None, InMemorySpanExporter()])
def test_the_open_span_is_known_where_it_is_open(exporter: InMemorySpanExporter | None) -> None:
    traces = Traces(None, "test", exporter)
    assert current() == ""
    with traces.span("outer", PARENT) as outer:
        assert current() == outer and trace_id(current()) == TRACE
        with traces.span("inner", outer) as inner:
            assert current() == inner
        assert current() == outer
    assert current() == ""
    traces.close()


def test_a_new_trace_is_another_each_time() -> None:
    first, second = fresh(), fresh()
    assert len(trace_id(first)) == 32 and len(span_id(first)) == 16 and trace_id(first) != trace_id(second)
    assert span_id("") == ""
