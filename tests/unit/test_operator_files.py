"""The examples for operators in config/: every metric, label and setting that they name exists."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # ships no type information
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from adapter.counters import DeliveryCounters, FrontEndCounters, Ledger
from adapter.delivery.budget import Budget
from adapter.identity.gatekeeper import STOP_SECONDS
from adapter.reasons import ReasonCode
from adapter.service import CLOSE_SECONDS, PRODUCER_STOP_SECONDS
from adapter.settings import load_settings, warnings
from adapter.telemetry.http import STOP_TIMEOUT
from adapter.telemetry.metrics import Sources, make_registry
from tests.support.named_tests import ROOT

CONFIG = ROOT / "config"
README = (ROOT / "README.md").read_text(encoding="utf-8")
ALERTS = yaml.safe_load((CONFIG / "prometheus-alerts.example.yaml").read_text(encoding="utf-8"))
RULES: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((CONFIG / "grafana-dashboard.example.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
EXPRESSIONS = [rule["expr"] for rule in RULES] + QUERIES
MANIFESTS: dict[str, dict[str, Any]] = {
    manifest["kind"]: manifest
    for manifest in yaml.safe_load_all((CONFIG / "kubernetes.example.yaml").read_text(encoding="utf-8"))
}
POD = MANIFESTS["Deployment"]["spec"]["template"]["spec"]
[CONTAINER] = POD["containers"]
ENVIRONMENT: dict[str, str] = {variable["name"]: variable["value"] for variable in CONTAINER["env"]}
# Those that Prometheus or its client libraries add.
OTHER_LABELS = {"instance", "job", "le"}


def exported() -> dict[str, dict[str, set[str]]]:
    """Every series of an adapter that has done nothing yet: name → label → values."""
    pipeline: Any = SimpleNamespace(
        counters=DeliveryCounters(), fill=lambda: {"lanes": 0, "queued_runs": 0, "in_flight_records": 0}
    )
    producer: Any = SimpleNamespace(ready=False, replacements=0)
    listeners: Any = SimpleNamespace(certificate_expiry=2e9)
    registry = make_registry(Sources(FrontEndCounters(), Ledger(), pipeline, Budget(1000), producer, listeners))
    process = CollectorRegistry()
    ProcessCollector(registry=process)
    text = (generate_latest(registry) + generate_latest(process)).decode()
    series: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = series.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return series


EXPORTED = exported()


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_names_series_and_labels_that_the_adapter_exports(expression: str) -> None:
    named = re.findall(r"\b((?:adapter|process)_\w+)", expression)
    assert named or expression.startswith("up{")
    assert [name for name in named if name not in EXPORTED] == []
    known = set().union(*(EXPORTED[name] for name in named)) | OTHER_LABELS
    grouped = {label.strip() for by in re.findall(r"\bby \(([^)]*)\)", expression) for label in by.split(",")}
    assert grouped <= known


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_selector_names_values_that_its_label_can_have(expression: str) -> None:
    for name, selector in re.findall(r"\b(adapter_\w+)\{([^}]*)\}", expression):
        for label, value in re.findall(r'(\w+)!?="([^"]*)"', selector):
            assert label in OTHER_LABELS or value in EXPORTED[name][label], (name, label, value)


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_waits_has_a_severity_and_shows_only_labels_that_its_expression_keeps(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"[1-9]\d*m", rule["for"])
    assert rule["labels"]["severity"] in {"critical", "warning"}
    shown = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
    kept = re.search(r"\bby \(([^)]*)\)", rule["expr"])
    if kept:
        assert shown <= {label.strip() for label in kept[1].split(",")}


def test_alerts_and_panels_have_names_of_their_own() -> None:
    for names in ([rule["alert"] for rule in RULES], [panel["title"] for panel in PANELS]):
        assert len(set(names)) == len(names)
    ids = [panel["id"] for panel in PANELS]
    assert len(set(ids)) == len(ids)


def test_the_manifest_sets_settings_that_exist_and_secrets_only_by_file() -> None:
    """The files are mounted only in the pod, so for the check their values stand in their place."""
    mounted = {name.removesuffix("_FILE"): "x" for name in ENVIRONMENT if name.endswith("_FILE")}
    files = {"ADAPTER_KAFKA__SSL_CAFILE", "ADAPTER_TLS__CERTFILE", "ADAPTER_TLS__KEYFILE"}
    here = {name: str(ROOT / "README.md") for name in files & ENVIRONMENT.keys()}  # any file that can be read
    given = {name: value for name, value in ENVIRONMENT.items() if not name.endswith("_FILE")}
    settings = load_settings(given | here | mounted)  # raises for a variable that is no setting
    assert warnings(settings) == []
    assert not {name for name in ENVIRONMENT if "PASSWORD" in name and not name.endswith("_FILE")}
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    assert ports == {"mqtts": settings.tls.port, "http": settings.http.port}
    stops = int(CONTAINER["lifecycle"]["preStop"]["exec"]["command"][1]) + settings.drain_timeout
    stops += CLOSE_SECONDS + PRODUCER_STOP_SECONDS + STOP_SECONDS + STOP_TIMEOUT
    assert POD["terminationGracePeriodSeconds"] >= stops


def test_every_file_that_the_manifest_names_is_mounted() -> None:
    mounts = {mount["mountPath"]: mount["name"] for mount in CONTAINER["volumeMounts"]}
    assert {volume["name"] for volume in POD["volumes"]} == set(mounts.values())
    paths = re.findall(r"/etc/[\w/.-]+", " ".join(ENVIRONMENT.values()))
    assert paths
    assert [path for path in paths if path.rpartition("/")[0] not in mounts] == []


def test_the_manifest_probes_the_endpoint_and_runs_as_the_images_user_without_rights() -> None:
    probes = {name: CONTAINER[name]["httpGet"] for name in ("livenessProbe", "readinessProbe")}
    assert probes == {
        "livenessProbe": {"path": "/livez", "port": "http"},
        "readinessProbe": {"path": "/readyz", "port": "http"},
    }
    user = POD["securityContext"]
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert user["runAsNonRoot"]
    assert f"USER {user['runAsUser']}:{user['runAsGroup']}\n" in dockerfile
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_services_and_budgets_select_the_pods_of_the_deployment() -> None:
    labels = MANIFESTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert MANIFESTS["Service"]["spec"]["selector"] == labels
    assert MANIFESTS["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert MANIFESTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert MANIFESTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels


def test_every_metric_that_the_readme_names_is_exported() -> None:
    named = re.findall(r"`(adapter_\w+?)(?:\{[^`]*)?`", README)
    assert named
    assert [name for name in named if name not in EXPORTED and f"{name}_count" not in EXPORTED] == []


def test_every_log_event_of_the_troubleshooting_table_is_in_the_code() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "adapter").rglob("*.py"))
    table = README.split("### Troubleshooting\n")[1].split("\n### ")[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]
    events = {event for row in rows for event in re.findall(r"`([a-zA-Z][^`]* [^`]*)`", row[2])}
    assert len(events) > 5
    assert {event for event in events if f'"{event}"' not in code} == set()
    codes = {code for row in rows for code in re.findall(r"`([A-Z_]{6,})`", row[2])}
    assert codes <= set(ReasonCode.__members__)


def test_every_reason_cause_and_limit_of_the_troubleshooting_table_exists() -> None:
    table = README.split("### Troubleshooting\n")[1].split("\n### ")[0]
    words = {value for label in EXPORTED.values() for values in label.values() for value in values}
    cells = [line.split(" | ")[3] for line in table.splitlines() if line.startswith("| ")][1:]
    named = {word for cell in cells for word in re.findall(r'(?<=[`"])([a-z_]+)(?=[`"])', cell)}
    assert {word for word in named if word not in words | EXPORTED.keys()} == set()


def test_the_readme_names_each_of_these_files() -> None:
    examples = {path.name for path in CONFIG.glob("*example*")}
    assert {name for name in examples if f"config/{name}" not in README} == set()
