"""The Helm chart: Helm takes it, Kubernetes takes what it makes, and what does not fit together is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.packages.tool import GO_TOOLS, ROOT, passed, run

CHART = ROOT / "packages" / "helm" / "revurb"
APP = "app.id=1,app.key=k,app.secret=s"
WHOLE = (
    f"{APP},replicas=3,workers=4,redis.enabled=true,redis.url=redis://redis:6379,ingress.enabled=true,ingress.host=ws.example.com,"
    "ingress.tlsSecret=tls,serviceMonitor.enabled=true,autoscaling.enabled=true,env.REVERB_SERVER_PATH=/ws"
)
CASES = {
    "smallest": APP,
    "own secret": "app.existingSecret=mine,replicas=2,redis.enabled=true",
    "everything": WHOLE,
    "without admin": f"{APP},admin.enabled=false,podDisruptionBudget.enabled=false,serviceAccount.create=false",
}


def rendered(values: str, release: str = "r") -> Iterator[dict[str, Any]]:
    text = passed(GO_TOOLS / "helm", "template", release, CHART, "--kube-version", "1.35.0", "--set", values)
    return (document for document in yaml.safe_load_all(text) if document)


def test_helm_takes_it() -> None:
    passed(GO_TOOLS / "helm", "lint", "--strict", CHART, "--set", APP)


@pytest.mark.parametrize("values", CASES.values(), ids=CASES)
@pytest.mark.parametrize("version", ["1.31", "1.35"])
def test_kubernetes_takes_what_it_makes(version: str, values: str) -> None:
    kinds = set()
    for document in rendered(values):
        kinds.add(document["kind"])
        if document["kind"] != "ServiceMonitor":  # of the Prometheus operator
            kubernetes_validate.validate(document, version, strict=True)
    assert {"Deployment", "Service"} <= kinds


def test_a_pod_has_time_to_drain_and_nothing_it_does_not_need() -> None:
    (pod,) = (d["spec"]["template"]["spec"] for d in rendered(WHOLE) if d["kind"] == "Deployment")
    (container,) = pod["containers"]
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    drain_s = int(environment["REVURB_DRAIN_DELAY"]) + int(environment["REVURB_DRAIN_TIMEOUT"])
    assert pod["terminationGracePeriodSeconds"] > drain_s
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["readinessProbe"]["httpGet"]["path"] == "/ws/ready"


@pytest.mark.parametrize("release", ["123", "true"])
def test_a_release_with_a_name_that_is_no_text_in_yaml(release: str) -> None:
    for document in rendered(APP, release):
        assert document["metadata"]["labels"]["app.kubernetes.io/instance"] == release
        kubernetes_validate.validate(document, "1.35", strict=True)


@pytest.mark.parametrize(("path", "expected"), [("ws", "/ws/ready"), ("/ws/", "/ws/ready"), ("/", "/ready")])
def test_probes_ask_below_the_path(path: str, expected: str) -> None:
    values = f"{APP},env.REVERB_SERVER_PATH={path}"
    (pod,) = (d["spec"]["template"]["spec"] for d in rendered(values) if d["kind"] == "Deployment")
    assert pod["containers"][0]["readinessProbe"]["httpGet"]["path"] == expected


def test_its_variables_are_options_of_a_server() -> None:
    """A misspelt one would end the start of every pod."""
    reference = (ROOT / "docs" / "configuration.md").read_text()
    (pod,) = (d["spec"]["template"]["spec"] for d in rendered(WHOLE) if d["kind"] == "Deployment")
    names = {entry["name"] for entry in pod["containers"][0]["env"]}
    (secret,) = (d["stringData"] for d in rendered(WHOLE) if d["kind"] == "Secret")
    assert [name for name in {*names, *secret} if f"`{name}`" not in reference] == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("app.id=1", "app.key is not set"),
        (f"{APP},replicas=2", "more than one node needs Redis"),
        (f"{APP},autoscaling.enabled=true", "more than one node needs Redis"),
        (f"{APP},redis.enabled=true", "redis.url is not set"),
        (f"{APP},replica=2", "additional properties 'replica' not allowed"),
        (f"{APP},redis.url=http://x", "does not match pattern"),
        (f"{APP},ingress.enabled=true", "ingress.host is not set"),
        (f"{APP},ingress=null", "missing property 'ingress'"),
        (f"{APP},admin.port=8080", "admin.port is 8080"),
        (
            f"{APP},env.REVURB_DRAIN_DELAY=5s",
            "env.REVURB_DRAIN_DELAY is the chart's own: set drain.delaySeconds",
        ),
        (f"{APP},admin.enabled=false,serviceMonitor.enabled=true", "serviceMonitor needs admin.enabled"),
    ],
)
def test_what_does_not_fit_together_is_refused(values: str, message: str) -> None:
    done = run(GO_TOOLS / "helm", "template", "r", CHART, "--kube-version", "1.35.0", "--set", values)
    assert done.returncode != 0
    assert message in done.stderr
