"""Meters of a service, in the names that dashboards know: OpenTelemetry's, with the aliases of KServe and MLServer.

Everything lives on a registry of its own, never the process's. Labelled children are looked up once: an observation
then costs a microsecond.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from time import perf_counter
from typing import Any

from autoglm.core.errors import MissingExtraError

SECONDS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
GAPS = (1e-12, 1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)


class Meters:
    """The meters of one service.

    Parameters
    ----------
    registry
        A `prometheus_client.CollectorRegistry`; by default a new one.

    Raises
    ------
    MissingExtraError
        prometheus-client is not installed.
    """

    def __init__(self, registry: Any = None) -> None:
        try:
            from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
        except ImportError as error:
            raise MissingExtraError("a service needs the extra serve: pip install 'open-autoglm[serve]'") from error
        self.registry = registry or CollectorRegistry()

        def seconds(name: str, words: str, labels: tuple[str, ...] = ()) -> Any:
            return Histogram(name, words, labels, registry=self.registry, buckets=SECONDS)

        def counter(name: str, words: str, labels: tuple[str, ...] = ()) -> Any:
            return Counter(name, words, labels, registry=self.registry)

        labels = ("http_request_method", "http_route", "http_response_status_code")
        self.http = seconds("http_server_request_duration_seconds", "HTTP requests", labels)
        self.rpc = seconds("rpc_server_call_duration_seconds", "gRPC calls", ("rpc_method", "rpc_response_status_code"))
        self.stages = seconds("autoglm_stage_seconds", "Stages of an answer", ("stage",))
        self.predicted = seconds("request_predict_seconds", "Answers (KServe's name)")
        self.explained = seconds("request_explain_seconds", "Explanations (KServe's name)")
        self.succeeded = counter("model_infer_request_success", "Requests answered (MLServer's name)", ("model",))
        self.failed = counter("model_infer_request_failure", "Requests refused (MLServer's name)", ("model",))
        self.rows = counter("autoglm_rows", "Rows answered", ("model",))
        self.reloads = counter("autoglm_reloads", "Folders read again", ("outcome",))
        self.gap = Histogram(
            "autoglm_explanation_additivity_error",
            "By how much base and values miss the margin",
            registry=self.registry,
            buckets=GAPS,
        )
        self.in_flight = Gauge("autoglm_requests_in_flight", "Requests being answered", registry=self.registry)
        self.model = Gauge("autoglm_model_info", "The model that answers", ("model", "version"), registry=self.registry)
        self._child = lru_cache(maxsize=1024)(lambda meter, *labels: meter.labels(*labels))

    def of(self, meter: Any, *labels: str) -> Any:
        """Return a meter's child for labels, looked up once."""
        return self._child(meter, *labels)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage of an answer."""
        started = perf_counter()
        try:
            yield
        finally:
            self.of(self.stages, name).observe(perf_counter() - started)

    def text(self) -> bytes:
        """Return all meters in Prometheus's text format."""
        from prometheus_client import generate_latest

        return bytes(generate_latest(self.registry))
