"""Meters: names that dashboards know, on a registry of their own."""

import pytest

pytest.importorskip("prometheus_client", reason="needs the extra serve")

from prometheus_client import REGISTRY, CollectorRegistry

from autoglm.kit.meters import Meters


def test_meters_live_on_their_own_registry() -> None:
    registry = CollectorRegistry()
    meters, others = Meters(registry), Meters()  # two services in one process
    assert meters.registry is registry and others.registry is not registry
    meters.of(meters.succeeded, "churn").inc()
    assert 'model_infer_request_success_total{model="churn"} 1.0' in meters.text().decode()
    assert "churn" not in others.text().decode()
    assert REGISTRY.get_sample_value("model_infer_request_success_total", {"model": "churn"}) is None


def test_children_are_looked_up_once() -> None:
    meters = Meters()
    assert meters.of(meters.stages, "encode") is meters.of(meters.stages, "encode")


def test_a_stage_that_fails_is_timed_too() -> None:
    meters = Meters()
    with pytest.raises(ValueError, match="broken"), meters.stage("model"):
        raise ValueError("broken")
    assert meters.registry.get_sample_value("autoglm_stage_seconds_count", {"stage": "model"}) == 1.0
