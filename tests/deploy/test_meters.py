"""Dashboard and alerts: every meter that they ask for is one that the code has, and Prometheus can read them."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("prometheus_client", reason="needs the extra serve")

from prometheus_client import CollectorRegistry

from autoglm.kit import breaker
from autoglm.kit.meters import Meters
from autoglm.serving.shadow_meters import ShadowMeters

from .conftest import DEPLOY, yaml

NAME = re.compile(r"\b(?:autoglm_|http_server_|rpc_server_|request_|model_infer_)\w+")
ENDINGS = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}


def known() -> set[str]:
    """Return the names under which the code's meters are stored."""
    registry = CollectorRegistry()
    Meters(registry)
    ShadowMeters(registry)
    breaker.gauge(registry)
    found = {family.name + end for family in registry.collect() for end in ENDINGS.get(family.type, ())}
    source = (DEPLOY.parent / "src" / "autoglm" / "serving" / "drift.py").read_text()
    gauges = set(re.findall(r'"(autoglm_drift_\w+)"', source)) - {"autoglm_drift_left_out"}
    return found | gauges | {"autoglm_drift_left_out_total"}


def dashboard() -> Iterator[str]:
    for panel in json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def alerts() -> Iterator[str]:
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


@pytest.mark.parametrize("asked", [dashboard, alerts])
def test_every_meter_that_is_asked_for_is_there(asked) -> None:
    names = {name for expression in asked() for name in NAME.findall(expression)}
    assert len(names) >= 9 and names - known() == set()


def test_the_dashboard_shows_what_an_operator_needs() -> None:
    shown = " ".join(dashboard())
    for name in (
        "http_server_request_duration_seconds",
        "rpc_server_call_duration_seconds",
        "autoglm_stage_seconds",
        "autoglm_explanation_additivity_error",
        "autoglm_drift_psi",
        "autoglm_shadow_dropped_total",
        "autoglm_dlq_depth",
        "autoglm_circuit_state",
    ):
        assert name in shown, name


def test_panels_do_not_lie_on_each_other() -> None:
    panels = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())["panels"]
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels) == len({panel["id"] for panel in panels})


def test_prometheus_reads_its_files(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: it comes with Prometheus")
    file = DEPLOY / "prometheus" / "prometheus.yml"
    done = subprocess.run([promtool, "check", "config", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
