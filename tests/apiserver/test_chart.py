"""The chart and the kustomize folder, by what the API server and the operator say to them."""

import itertools
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.controlplane import ControlPlane
from tests.support.accounts import kubeconfig_with_token
from tests.support.helm import CHART, RELEASE, ROOT, SYSTEM, Helm, HelmError, Values
from tests.support.operator import OperatorProcess
from tests.support.runs import Document, Runs, manifest
from tests.support.waiting import wait_for

MONITORING = "monitoring.coreos.com"
TEAMS = ["team-a", "team-b"]
SELECTOR = "kubernetes.io/metadata.name in (team-a, team-b)"
EVERYTHING: Values = {
    "fullnameOverride": "prun",
    "commonLabels": {"team": "data"},
    "image": {"repository": "images/pipelinerun", "digest": f"sha256:{'0' * 64}"},
    "imagePullSecrets": [{"name": "pull"}],
    "replicas": 2,
    "leaderElection": {"leaseDuration": 30},
    "updateStrategy": {"type": "Recreate", "rollingUpdate": None},
    "watchNamespaces": [*TEAMS, SYSTEM],
    "inProcess": {"namespaces": TEAMS, "capacity": 4},
    "workers": {
        "image": "images/worker:1",
        "podTemplate": {
            "metadata": {"labels": {"cost": "data"}},
            "spec": {
                "tolerations": [{"key": "data", "operator": "Exists"}],
                "containers": [{"name": "pipeline", "resources": {"limits": {"memory": "1Gi"}}}],
            },
        },
    },
    "api": {"qps": 1.5, "burst": 1},
    "history": {"succeeded": 0, "failed": 1000},
    "operator": {
        "extraEnv": [{"name": "A", "value": "b"}],
        "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
    },
    "ray": {"sharedMemory": "2Gi", "extraEnv": [{"name": "PIPELINERUN_RAY_CPUS", "value": "1"}]},
    "extraVolumes": [{"name": "more", "emptyDir": {}}],
    "podLabels": {"a": "b"},
    "podAnnotations": {"a": "b"},
    "nodeSelector": {"a": "b"},
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
    ],
    "priorityClassName": "system-cluster-critical",
    "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"a": "b"}, "longestWaitSeconds": 60},
    "dashboard": {"enabled": True, "annotations": {"grafana_folder": "Data"}},
    "networkPolicy": {
        "enabled": True,
        "from": [{"namespaceSelector": {}}],
        "restrictEgress": True,
        "extraEgress": [{"ports": [{"port": 9000}]}],
    },
    "podDisruptionBudget": {"enabled": True},
    "extraObjects": [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": "{{ .Release.Name }}-extra",
                "namespace": "{{ .Release.Namespace }}",
            },
        }
    ],
}
VALUES: dict[str, Values] = {
    "defaults": {},
    "namespaces": {"watchNamespaces": TEAMS, "serviceMonitor": {"enabled": True}},
    "everything": EVERYTHING,
    "no in-process runs": {"inProcess": {"enabled": False}, "networkPolicy": {"enabled": True}},
    "a shard": {"watchNamespaceSelector": "shard=a", "inProcess": {"enabled": False}},
    "accounts of others": {
        "serviceAccount": {"create": False, "name": "mine"},
        "rbac": {"create": False},
        "crds": {"install": False},
    },
}


@pytest.fixture(scope="package")
def helm(cluster: ControlPlane) -> Helm:
    """Helm, with the namespaces and kinds that a release may name."""
    for namespace in (*TEAMS, SYSTEM):
        cluster.kubectl("create", "namespace", namespace)
    restricted = "pod-security.kubernetes.io/enforce=restricted"
    cluster.kubectl("label", "namespace", SYSTEM, restricted)
    kinds = [*map(monitoring_kind, ("PodMonitor", "ServiceMonitor", "PrometheusRule"))]
    cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(kinds))
    names = [f"crd/{it['metadata']['name']}" for it in kinds]
    cluster.wait_established(*names)
    return Helm(cluster)


def monitoring_kind(kind: str) -> Document:
    """A kind of the Prometheus operator's, as far as a chart can go wrong with it."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": kind, "plural": f"{kind.lower()}s"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.lower()}s.{MONITORING}"},
        "spec": {
            "group": MONITORING,
            "scope": "Namespaced",
            "names": names,
            "versions": [version],
        },
    }


@pytest.mark.parametrize("values", VALUES.values(), ids=list(VALUES))
def test_the_chart_is_clean_and_the_api_server_takes_it(
    cluster: ControlPlane, helm: Helm, values: Values
) -> None:
    helm.lint(values)
    objects = helm.render(values)
    said = cluster.kubectl(
        *("apply", "--dry-run=server", "-f", "-"), stdin=yaml.safe_dump_all(objects)
    )
    assert len(said.splitlines()) == len(objects)


@pytest.mark.parametrize("values", VALUES.values(), ids=list(VALUES))
def test_every_pod_keeps_to_the_restricted_level(
    cluster: ControlPlane, helm: Helm, values: Values
) -> None:
    for number, pod in enumerate(pods_of(helm.render(values))):
        pod["metadata"] = {"name": f"pod-{number}", "namespace": SYSTEM}
        cluster.kubectl("create", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(pod))


def test_only_the_operators_container_has_a_token(helm: Helm) -> None:
    operator = deployment_of(helm.render(EVERYTHING))["spec"]["template"]["spec"]
    assert operator["automountServiceAccountToken"] is False
    mounts = {
        container["name"]: {it["name"]: it for it in container["volumeMounts"]}
        for container in operator["containers"]
    }
    tokens = [it["name"] for it in operator["volumes"] if "projected" in it]
    assert tokens == ["token"]
    assert "token" in mounts["operator"]
    assert set(mounts["ray"]) == {"gateway", "ray-tmp", "shared-memory"}
    # Stages write beside the gateway's socket, but not into what the operator reads or runs.
    shared = set(mounts["ray"]) & set(mounts["operator"])
    assert shared == {"gateway"}
    assert mounts["operator"]["gateway"]["readOnly"] is True
    assert not operator.get("shareProcessNamespace")


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"inProces": {}}, "inProces"),
        ({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
        ({"ray": {"sharedMemory": "much"}}, "sharedMemory"),
        ({"inProcess": {"capacity": 0}}, "capacity"),
        ({"watchNamespaces": ["A B"]}, "watchNamespaces"),
        ({"replicas": "many"}, "replicas"),
        ({"leaderElection": {"leaseDuration": 0}}, "leaseDuration"),
        ({"history": {"failed": -1}}, "failed"),
        ({"prometheusRule": {"longestWaitSeconds": "1h"}}, "longestWaitSeconds"),
    ],
)
def test_a_value_that_is_wrong_is_refused_by_its_name(
    helm: Helm, values: Values, complaint: str
) -> None:
    with pytest.raises(HelmError, match=complaint):
        helm.render(values)


def test_the_crds_are_the_generated_ones_and_are_kept(helm: Helm) -> None:
    rendered = {
        it["metadata"]["name"]: it
        for it in helm.render({})
        if it["kind"] == "CustomResourceDefinition"
    }
    for path in (ROOT / "crds").glob("*.yaml"):
        assert (CHART / "files" / "crds" / path.name).read_bytes() == path.read_bytes()
        crd = yaml.safe_load(path.read_text())
        found = rendered.pop(crd["metadata"]["name"])
        assert found["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
        assert found == crd
    assert rendered == {}


@pytest.mark.parametrize("namespaces", [[], TEAMS])
def test_the_rights_are_least(helm: Helm, namespaces: list[str]) -> None:
    objects = helm.render({"watchNamespaces": namespaces}, "--skip-tests")
    of_lease = f"{RELEASE}-lease"
    kind = "Role" if namespaces else "ClusterRole"
    roles = [
        it
        for it in objects
        if it["kind"] == kind
        and it["metadata"]["name"] != of_lease
        and "aggregate-to" not in json.dumps(it["metadata"]["labels"])
    ]
    found = [it["metadata"].get("namespace", "") for it in roles]
    assert found == (namespaces or [""])
    for role in roles:
        granted = {
            (group, resource): rule["verbs"]
            for rule in role["rules"]
            for group, resource in itertools.product(rule["apiGroups"], rule["resources"])
        }
        assert granted == {
            ("pipelinerun.dev", "pipelineruns"): ["get", "list", "watch", "delete"],
            ("pipelinerun.dev", "pipelineruns/status"): ["update"],
            ("", "pods"): ["get", "list", "watch", "create", "patch", "delete"],
            ("", "events"): ["create"],
            ("", "configmaps"): ["get"],
        }
    (lease,) = (it for it in objects if (it["kind"], it["metadata"]["name"]) == ("Role", of_lease))
    assert lease["metadata"]["namespace"] == SYSTEM
    named, created = lease["rules"]
    assert (named["resourceNames"], named["verbs"]) == ([of_lease[:-6]], ["get", "update"])
    assert (created["resources"], created["verbs"]) == (["leases"], ["create"])


@pytest.mark.parametrize("enabled", [True, False])
def test_there_are_rights_to_clusters_of_kuberay_only_where_it_is_enabled(
    helm: Helm, enabled: bool
) -> None:
    rules = [
        rule
        for it in helm.render({"kuberay": {"enabled": enabled}}, "--skip-tests")
        for rule in it.get("rules", [])
        if "rayclusters" in rule["resources"]
    ]
    assert [rule["verbs"] for rule in rules] == ([["get", "create", "delete"]] if enabled else [])


@pytest.mark.parametrize("selector", [SELECTOR, ""])
def test_namespaces_are_watched_only_to_choose_among_them(helm: Helm, selector: str) -> None:
    values = {"watchNamespaceSelector": selector, "inProcess": {"enabled": not selector}}
    rules = [
        rule
        for it in helm.render(values, "--skip-tests")
        for rule in it.get("rules", [])
        if "namespaces" in rule["resources"]
    ]
    assert [rule["verbs"] for rule in rules] == ([["list", "watch"]] if selector else [])


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"watchNamespaceSelector": SELECTOR}, "inProcess.enabled"),
        (
            {"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}},
            "count everything twice",
        ),
        (
            {
                "watchNamespaceSelector": SELECTOR,
                "watchNamespaces": TEAMS,
                "inProcess": {"enabled": False},
            },
            "watchNamespaces",
        ),
    ],
)
def test_values_that_do_not_go_together_are_refused(
    helm: Helm, values: Values, complaint: str
) -> None:
    with pytest.raises(HelmError, match=complaint):
        helm.render(values)


RIGHTS = "rights-of-the-chart"
CHOICES: dict[str, tuple[Values, list[str]]] = {
    "cluster": ({}, []),
    "namespaces": ({"watchNamespaces": TEAMS}, [word for it in TEAMS for word in ("-n", it)]),
    "selector": (
        {"watchNamespaceSelector": SELECTOR, "inProcess": {"enabled": False}},
        ["--namespace-selector", SELECTOR],
    ),
}


@pytest.fixture(params=list(CHOICES))
def account(
    request: pytest.FixtureRequest, cluster: ControlPlane, helm: Helm, tmp_path: Path
) -> Iterator[tuple[Path, list[str]]]:
    """Credentials of the chart's service account, and the options for what it may watch."""
    values, options = CHOICES[request.param]
    # Not the name of the account that the other tests' operators have.
    objects = helm.render({**values, "fullnameOverride": RIGHTS}, "--skip-tests")
    kinds = {"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
    text = yaml.safe_dump_all([it for it in objects if it["kind"] in kinds])
    cluster.kubectl("apply", "-f", "-", stdin=text)
    (name,) = (it["metadata"]["name"] for it in objects if it["kind"] == "ServiceAccount")
    path = tmp_path / "kubeconfig"
    path.write_text(kubeconfig_with_token(cluster, name, SYSTEM))
    variables = {it["name"]: str(it.get("value")) for it in variables_of(objects)}
    lease = ["--lease-namespace", SYSTEM, "--lease-name", variables["PIPELINERUN_LEASE_NAME"]]
    yield path, [*options, "--leader-elect", *lease]
    cluster.kubectl("delete", "-f", "-", stdin=text)


def test_the_rights_are_enough(
    cluster: ControlPlane, account: tuple[Path, list[str]], runs: Runs, tmp_path: Path
) -> None:
    kubeconfig, options = account
    log = tmp_path / "operator.log"
    operator = OperatorProcess(kubeconfig, log, "--no-in-process", "--worker-image", "none")
    operator.add_options(*options)
    namespace = TEAMS[0]
    user = f"system:serviceaccount:{SYSTEM}:{RIGHTS}"
    before = runs.writes(user)
    operator.start()
    try:
        runs.apply(manifest("refused", namespace=namespace, mode="InProcess"))
        runs.apply(manifest("taken-up", namespace=namespace, mode="Subprocess"))
        wait_for(lambda: runs.events("refused", namespace) == [("Warning", "ModeNotSupported")])
        wait_for(lambda: bool(cluster.pods(namespace)))
        runs.change("refused", namespace, ttlSecondsAfterFinished=0)
        wait_for(lambda: not runs.exists("refused", namespace))
    finally:
        operator.stop()
        for name in ("refused", "taken-up"):
            runs.delete(name, namespace, missing_ok=True)
        cluster.kubectl("delete", "pods", "-n", namespace, "--all", "--grace-period=0", "--force")
        cluster.kubectl("delete", "events", "-n", namespace, "--all")
    assert "Leading" in log.read_text()
    assert "given back" in log.read_text()
    assert "orbidden" not in log.read_text()
    assert "permission" not in log.read_text()
    writes = runs.writes(user) - before
    assert set(writes) == {
        *("update pipelineruns/status", "delete pipelineruns"),
        *("create pods", "create events"),
    }


def test_the_limits_of_the_history_reach_the_operator(helm: Helm) -> None:
    def given(values: Values) -> dict[str, str]:
        variables = {it["name"]: it.get("value", "") for it in variables_of(helm.render(values))}
        return {name: value for name, value in variables.items() if "HISTORY" in name}

    assert given({}) == {}
    assert given(EVERYTHING) == {
        "PIPELINERUN_SUCCEEDED_HISTORY_LIMIT": "0",
        "PIPELINERUN_FAILED_HISTORY_LIMIT": "1000",
    }


@pytest.mark.parametrize("monitor", ["podMonitor", "serviceMonitor"])
def test_with_either_monitor_worker_pods_are_scraped_unless_they_are_not_to_be(
    helm: Helm, monitor: str
) -> None:
    def monitors(**values: Any) -> list[str]:
        objects = helm.render({monitor: {"enabled": True}} | values)
        return [it["metadata"]["name"] for it in objects if it["kind"].endswith("Monitor")]

    name = RELEASE
    assert sorted(monitors()) == [name, f"{name}-workers"]
    workers = {"enabled": monitor == "podMonitor", "workers": False}
    assert monitors(podMonitor=workers) == [name]


def test_the_dashboard_is_found_by_grafanas_sidecar(helm: Helm) -> None:
    objects = helm.render({"dashboard": {"enabled": True}})
    (found,) = (it for it in objects if "grafana_dashboard" in it["metadata"].get("labels", {}))
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    file = (CHART / "files" / "dashboard.json").read_text()
    assert json.loads(found["data"]["pipelinerun.json"]) == json.loads(file)


def test_the_kustomize_folder_is_the_chart(cluster: ControlPlane, helm: Helm) -> None:
    rendered = cluster.kubectl("kustomize", str(ROOT / "deploy"))
    cluster.kubectl("apply", "--dry-run=server", "-f", "-", stdin=rendered)
    objects = [it for it in yaml.safe_load_all(rendered) if it["kind"] != "Namespace"]
    chart = helm.render({"fullnameOverride": "pipelinerun-operator"}, "--skip-tests")
    assert sorted(map(identity, objects)) == sorted(map(identity, chart))
    deployed, charted = deployment_of(objects)["spec"], deployment_of(chart)["spec"]
    assert deployed["template"]["spec"] == charted["template"]["spec"]


def test_there_is_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    (image,) = yaml.safe_load((ROOT / "deploy" / "kustomization.yaml").read_text())["images"]
    assert (chart["version"], chart["appVersion"], image["newTag"]) == (project,) * 3


def identity(document: Document) -> tuple[str, str, str]:
    metadata = document["metadata"]
    return document["kind"], metadata.get("namespace", ""), metadata["name"]


def deployment_of(objects: list[Document]) -> Document:
    (found,) = (it for it in objects if it["kind"] == "Deployment")
    return found


def variables_of(objects: list[Document]) -> list[Document]:
    """The environment of the operator's container."""
    container, *_ = deployment_of(objects)["spec"]["template"]["spec"]["containers"]
    return list(container["env"])


def pods_of(objects: list[Document]) -> Iterator[Document]:
    """Every pod that a release leads to, worker pods aside."""
    head: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod"}
    for it in objects:
        if it["kind"] == "Deployment":
            yield head | {"spec": it["spec"]["template"]["spec"]}
        if it["kind"] == "Pod":
            yield head | {"spec": it["spec"]}
