"""Manifests: they follow their schemas, and agree with each other and with what the service listens on."""

import json
import re
from typing import Any

import pytest

from autoglm.kit.settings import ServeSettings

from .conftest import DEPLOY, documents, named, yaml

KUBERNETES = [
    (path, each) for path, each in documents("kubernetes") if each["kind"] not in ("Kustomization", "ServiceMonitor")
]


def test_every_file_is_read() -> None:
    assert len(documents(".")) >= 12
    assert json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())["uid"] == "autoglm"


@pytest.mark.parametrize(("path", "manifest"), KUBERNETES, ids=[path for path, _ in KUBERNETES])
def test_kubernetes_manifests_follow_their_schemas(path: str, manifest: Any) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="needs kubernetes-validate")
    validate.validate(manifest, validate.latest_version(), strict=True)


def test_a_wrong_manifest_does_not() -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="needs kubernetes-validate")
    wrong = json.loads(json.dumps(named("Deployment")))
    wrong["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] = "http"
    with pytest.raises(validate.ValidationError):
        validate.validate(wrong, validate.latest_version(), strict=True)


def test_kustomize_names_files_that_are_there() -> None:
    (resources,) = [d["resources"] for _, d in documents("kubernetes") if d["kind"] == "Kustomization"]
    assert {p.name for p in (DEPLOY / "kubernetes").iterdir()} == {*resources, "kustomization.yaml", "monitor.yaml"}


def test_ports_and_probes_are_the_services_own() -> None:
    settings = ServeSettings()
    (container,) = named("Deployment")["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": settings.http, "grpc": settings.grpc, "metrics": settings.metrics}
    assert {port["targetPort"] for port in named("Service")["spec"]["ports"]} == set(ports)
    served = (DEPLOY.parent / "src" / "autoglm" / "serving" / "http.py").read_text()
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert f'"{container[probe]["httpGet"]["path"]}"' in served, probe
    grace = named("Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace > settings.drain + 5, "what is in flight is finished before the process is killed"


def test_the_container_may_do_little() -> None:
    pod = named("Deployment")["spec"]["template"]["spec"]
    inner = pod["containers"][0]["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] and inner["readOnlyRootFilesystem"]
    assert not inner["allowPrivilegeEscalation"] and inner["capabilities"] == {"drop": ["ALL"]}
    assert pod["containers"][0]["resources"].keys() == {"requests", "limits"}


def test_labels_select_what_is_deployed() -> None:
    labels = named("Deployment")["spec"]["template"]["metadata"]["labels"]
    chosen = [
        named("Deployment")["spec"]["selector"]["matchLabels"],
        named("Service")["spec"]["selector"],
        named("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
    ]
    assert all(selector.items() <= labels.items() for selector in chosen)
    assert named("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == named("Deployment")["metadata"]["name"]


def test_istio_routes_to_the_service_in_time() -> None:
    service, rule = named("VirtualService"), named("DestinationRule")
    name = named("Service")["metadata"]["name"]
    assert rule["spec"]["host"] == name and service["spec"]["hosts"] == [name]
    for route in service["spec"]["http"]:
        assert route["route"] == [{"destination": {"host": name}}]
        assert "perTryTimeout" not in route["retries"], "it would give up slow answers that are not tried again"
    assert [route["timeout"] for route in service["spec"]["http"]] == ["5s", "1s"]
    assert service["spec"]["http"][1]["mirror"] == {"host": "autoglm-shadow"}


def test_the_image_runs_as_nobody_in_particular() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert text.count("FROM ") == 2 and "USER 10001" in text
    assert "/v2/health/live" in text and 'ENTRYPOINT ["autoglm", "serve"]' in text
    user = named("Deployment")["spec"]["template"]["spec"]["securityContext"]["runAsUser"]
    assert user == 10001, "the same as in the image"
    for name in re.findall(r"^COPY (?!--)(.+) \S+$", text, re.MULTILINE):
        for path in name.split():
            assert (DEPLOY.parent / path).exists(), path


def test_compose_mounts_files_that_are_there() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    volumes = [volume for service in compose["services"].values() for volume in service.get("volumes", ())]
    here = [volume.split(":")[0] for volume in volumes if volume.startswith("./")]
    assert here and all((DEPLOY / path).exists() for path in here)
    assert compose["services"]["autoglm"]["read_only"] is True
