"""ExistingClusters, the cluster port over namespaces, against each API server."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from pathlib import Path

import pytest

from overspill_shared import names
from overspill_shared.adapters.existing_clusters import DELETION_KEPT_S, RECORDS_NAMESPACE, ExistingClusters
from overspill_shared.adapters.kubeconfig import endpoint_of, read_kubeconfig
from overspill_shared.adapters.kubernetes_api import KubernetesApiClient
from overspill_shared.clusters import ClusterSpec, ClusterStatus, OperationKind
from overspill_shared.errors import AlreadyExists, ConfigError, NotFound, Unavailable
from overspill_shared.templates import NodeShape

ZONE = "us-central1-a"
SHAPE = NodeShape(machine_type="c2-standard-8", cores=4, memory_mib=32768, zones=(ZONE,))


class Clock:
    """The time of day, which a test may move."""

    def __init__(self):
        self.offset = 0.0

    def now(self):
        return time.time() + self.offset


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def kubernetes(backend, tmp_path):
    """Give the API as a kubeconfig file leads to it."""
    content = {
        "clusters": [
            {"name": "c", "cluster": {"server": backend.host, "certificate-authority": str(Path(backend.ca_file))}}
        ],
        "users": [{"name": "u", "user": {"token": backend.token}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(content))
    configuration = read_kubeconfig(file)
    assert endpoint_of(configuration) == backend.host.removeprefix("https://")
    api = KubernetesApiClient("", b"", lambda: "", retry_for_s=5, configuration=configuration)
    with contextlib.closing(api):
        yield api


@pytest.fixture
def clusters(kubernetes, clock):
    return ExistingClusters(kubernetes, "kubernetes.example:6443", clock)


@pytest.fixture
def spec(request):
    """Give the spec of a burst of the test's own."""
    burst = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:32]
    labels = names.cluster_labels(deployment="prod", lead="lead", burst=burst, generation=7, expires_at=2e9)
    return ClusterSpec(
        name=names.cluster_name(burst),
        labels={**labels, names.LABEL_SPEC_HASH: "f" * 32},
        shape=SHAPE,
        node_count=2,
        max_node_count=4,
        starts_at=1e9,
        ends_at=2e9,
    )


def deploy(kubernetes, spec):
    """Make the namespace, as what is put into it does."""
    burst = spec.labels[names.LABEL_BURST_ID]
    labels = names.object_labels(deployment="prod", lead="lead", burst=burst)
    kubernetes.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": spec.name, "labels": labels}})


def listed(clusters, spec):
    return [cluster for cluster in clusters.list().clusters if cluster.name == spec.name]


def test_create_makes_a_burst_that_runs_at_once_and_is_ours(clusters, spec):
    before = int(time.time())
    clusters.create(ZONE, spec)

    cluster = clusters.get(ZONE, spec.name)

    assert (cluster.status, cluster.zone, cluster.endpoint) == (ClusterStatus.RUNNING, ZONE, "kubernetes.example:6443")
    assert cluster.labels == spec.labels
    assert cluster.spec_hash == "f" * 32
    assert before <= cluster.created_at <= time.time() + 1
    assert names.is_ours(cluster.name, cluster.labels, deployment="prod", lead="lead")
    assert cluster.pools == ()
    assert listed(clusters, spec) == [cluster]
    assert clusters.list().missing_zones == ()


def test_get_of_no_burst_is_none_and_changing_it_is_not_found(clusters, spec):
    assert clusters.get(ZONE, spec.name) is None
    assert clusters.operations(ZONE, spec.name) == ()
    with pytest.raises(NotFound):
        clusters.delete(ZONE, spec.name)
    with pytest.raises(NotFound):
        clusters.resize(ZONE, spec.name, 2)


def test_create_again_exists_already(clusters, kubernetes, spec):
    clusters.create(ZONE, spec)

    with pytest.raises(AlreadyExists):
        clusters.create(ZONE, spec)


def test_create_over_a_foreign_namespace_exists_already_and_is_not_ours(clusters, kubernetes, spec):
    metadata = {"name": spec.name, "labels": {"owner": "somebody"}}
    kubernetes.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})

    with pytest.raises(AlreadyExists):
        clusters.create(ZONE, spec)

    cluster = clusters.get(ZONE, spec.name)
    assert not names.is_ours(cluster.name, cluster.labels, deployment="prod")
    assert listed(clusters, spec) == []


def test_record_whose_namespace_is_somebody_elses_is_not_ours(clusters, kubernetes, spec):
    clusters.create(ZONE, spec)
    metadata = {"name": spec.name, "labels": {"owner": "somebody"}}
    kubernetes.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})

    for cluster in (clusters.get(ZONE, spec.name), *listed(clusters, spec)):
        assert not names.is_ours(cluster.name, cluster.labels, deployment="prod")


def test_resize_leaves_the_nodes_alone(clusters, spec):
    clusters.create(ZONE, spec)

    clusters.resize(ZONE, spec.name, 4)

    assert clusters.get(ZONE, spec.name).pools == ()


@pytest.mark.usefixtures("needs_controllers")
def test_delete_removes_namespace_and_volumes_of_this_burst_and_remembers_it(clusters, kubernetes, spec, eventually):
    burst = spec.labels[names.LABEL_BURST_ID]
    clusters.create(ZONE, spec)
    deploy(kubernetes, spec)
    kubernetes.apply(volume(f"{spec.name}-home", names.object_labels(deployment="prod", lead="lead", burst=burst)))
    kubernetes.apply(volume(f"other-{spec.name}", {"overspill": "true", names.LABEL_BURST_ID: "0" * 32}))

    clusters.delete(ZONE, spec.name)

    eventually(lambda: clusters.get(ZONE, spec.name) is None, "the namespace is gone")
    assert listed(clusters, spec) == []
    assert [operation.kind for operation in clusters.operations(ZONE, spec.name)] == [
        OperationKind.CREATE,
        OperationKind.DELETE,
    ]
    assert all(operation.is_done for operation in clusters.operations(ZONE, spec.name))
    assert kubernetes.read("v1", "PersistentVolume", f"{spec.name}-home") is None
    assert kubernetes.read("v1", "PersistentVolume", f"other-{spec.name}") is not None
    with pytest.raises(AlreadyExists):
        clusters.create(ZONE, spec)


def volume(name, labels):
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"]}
    spec |= {"persistentVolumeReclaimPolicy": "Retain", "nfs": {"server": "10.0.0.2", "path": "/vol1"}}
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name, "labels": labels}, "spec": spec}


@pytest.mark.usefixtures("needs_controllers")
def test_delete_that_was_cut_off_is_seen_and_can_be_repeated(clusters, kubernetes, spec, eventually):
    clusters.create(ZONE, spec)
    deploy(kubernetes, spec)
    record = kubernetes.read("v1", "ConfigMap", spec.name, namespace=RECORDS_NAMESPACE)
    metadata = {"name": f"{spec.name}.deleted", "namespace": record["metadata"]["namespace"]}
    kubernetes.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})

    assert clusters.get(ZONE, spec.name).status is ClusterStatus.RUNNING
    clusters.delete(ZONE, spec.name)

    eventually(lambda: clusters.get(ZONE, spec.name) is None, "the namespace is gone")


@pytest.mark.usefixtures("needs_controllers")
def test_namespace_that_is_leaving_is_stopping(clusters, kubernetes, spec, eventually):
    clusters.create(ZONE, spec)
    deploy(kubernetes, spec)
    held = {"name": "held", "namespace": spec.name, "finalizers": ["test.overspill.dev/held"]}
    kubernetes.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": held})

    clusters.delete(ZONE, spec.name)

    assert clusters.get(ZONE, spec.name).status is ClusterStatus.STOPPING
    assert not clusters.operations(ZONE, spec.name)[-1].is_done
    kubernetes.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**held, "finalizers": []}})
    eventually(lambda: clusters.get(ZONE, spec.name) is None, "the namespace is gone")


@pytest.mark.usefixtures("needs_controllers")
def test_deletion_is_forgotten_when_no_message_can_come_any_more(clusters, kubernetes, clock, spec, eventually):
    clusters.create(ZONE, spec)
    clusters.delete(ZONE, spec.name)
    clock.offset = DELETION_KEPT_S + 60
    other = ClusterSpec(
        name=names.cluster_name("e" * 32),
        labels=spec.labels,
        shape=SHAPE,
        node_count=1,
        max_node_count=1,
        starts_at=1e9,
        ends_at=2e9,
    )
    clusters.create(ZONE, other)

    clusters.delete(ZONE, other.name)

    assert clusters.operations(ZONE, spec.name) == ()
    clusters.create(ZONE, spec)


def test_api_that_cannot_be_reached_is_unavailable_and_no_empty_listing(backend, clock, tmp_path):
    file = tmp_path / "kubeconfig"
    cluster = {"server": "https://127.0.0.1:1", "certificate-authority": str(Path(backend.ca_file))}
    contexts = [{"name": "x", "context": {"cluster": "c", "user": "u"}}]
    content = {"clusters": [{"name": "c", "cluster": cluster}], "users": [{"name": "u", "user": {"token": "t"}}]}
    file.write_text(json.dumps({**content, "contexts": contexts, "current-context": "x"}))
    api = KubernetesApiClient("", b"", lambda: "", retry_for_s=0, configuration=read_kubeconfig(file))

    with contextlib.closing(api), pytest.raises(Unavailable):
        ExistingClusters(api, "nowhere", clock).list()


@pytest.mark.parametrize("content", [None, "{", "apiVersion: v1", '{"contexts": []}'])
def test_kubeconfig_that_cannot_be_used_is_a_config_error(tmp_path, content):
    file = tmp_path / "kubeconfig"
    if content is not None:
        file.write_text(content)

    with pytest.raises(ConfigError, match="kubeconfig"):
        read_kubeconfig(file)
