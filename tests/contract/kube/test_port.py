"""What functions rely on of ports.KubernetesApi: the same of the fake and of the adapter before each API server."""

import contextlib
import time
from pathlib import Path

import pytest
from tests.fakes import FakeClock, FakeKubernetes, Faults

from overspill_shared.adapters.kubernetes_api import KubernetesApiClient
from overspill_shared.errors import AlreadyExists, Conflict, NotFound

LABELS = {"app": "port-test"}
SECRET = ("v1", "Secret", "port-test")


@pytest.fixture(scope="module", params=["fake", "embedded", "kube-apiserver", "kubeconfig"])
def kubernetes_and_controllers(request, start_backend):
    if request.param == "fake":
        yield FakeKubernetes(FakeClock(), Faults()), True
        return
    with start_backend(request.param) as server:
        ca_pem, endpoint = Path(server.ca_file).read_bytes(), server.host.removeprefix("https://")
        with contextlib.closing(KubernetesApiClient(endpoint, ca_pem, lambda: server.token, retry_for_s=0)) as adapter:
            yield adapter, server.has_controllers


@pytest.fixture
def kubernetes(kubernetes_and_controllers):
    return kubernetes_and_controllers[0]


@pytest.fixture
def has_controllers(kubernetes_and_controllers):
    """Tell whether something plays kube-controller-manager."""
    return kubernetes_and_controllers[1]


@pytest.fixture
def space(kubernetes, request):
    """Give a namespace of its own."""
    name = f"port-{abs(hash(request.node.name)) % 10**8}"
    kubernetes.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "annotations": {"a": "1"}}})
    return name


def secret(namespace, **changes):
    metadata = {"name": "port-test", "namespace": namespace, "labels": LABELS}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": metadata,
        "data": {"k": "dg=="},
    } | changes


def test_what_is_applied_is_read_back(kubernetes, space):
    kubernetes.apply(secret(space))

    found = kubernetes.read(*SECRET, namespace=space)
    assert found["data"] == {"k": "dg=="}
    assert found["metadata"]["labels"] == LABELS
    assert found["metadata"]["creationTimestamp"]
    assert kubernetes.read("v1", "Namespace", space)["metadata"]["annotations"]["a"] == "1"


def test_what_is_applied_again_changes_nothing_and_another_content_does(kubernetes, space):
    versions = []
    for data in ({"k": "dg=="}, {"k": "dg=="}, {"k": "dw=="}):
        kubernetes.apply(secret(space, data=data))
        versions.append(kubernetes.read(*SECRET, namespace=space)["metadata"]["resourceVersion"])

    assert versions[0] == versions[1] != versions[2]


def test_what_is_not_there_is_none_and_deleting_it_no_fault(kubernetes, space):
    assert kubernetes.read(*SECRET, namespace=space) is None
    assert kubernetes.read("v1", "Namespace", "port-nowhere") is None
    kubernetes.delete(*SECRET, namespace=space)
    kubernetes.apply(secret(space))
    kubernetes.delete(*SECRET, namespace=space)
    assert kubernetes.read(*SECRET, namespace=space) is None


def test_namespace_that_is_not_there_takes_nothing_and_shows_nothing(kubernetes):
    with pytest.raises(NotFound):
        kubernetes.apply(secret("port-nowhere"))
    assert kubernetes.list("v1", "Secret", namespace="port-nowhere") == ()
    assert kubernetes.list_pods("port-nowhere", "job-name=x") == ()


def test_kind_that_is_not_defined_is_not_found(kubernetes, space):
    manifest = {"apiVersion": "flux-framework.org/v1alpha9", "kind": "MiniCluster", "spec": {"size": 1}}
    metadata = {"name": "burst-0", "namespace": space}

    with pytest.raises(NotFound):
        kubernetes.apply({**manifest, "metadata": metadata})
    assert kubernetes.read("flux-framework.org/v1alpha9", "MiniCluster", "burst-0", namespace=space) is None


def test_list_is_chosen_by_label_and_namespace(kubernetes, space):
    kubernetes.apply(secret(space))

    assert [
        item["data"] for item in kubernetes.list("v1", "Secret", namespace=space, label_selector="app=port-test")
    ] == [{"k": "dg=="}]
    assert kubernetes.list("v1", "Secret", namespace=space, label_selector="app=other") == ()
    assert space in {
        item["metadata"]["namespace"] for item in kubernetes.list("v1", "Secret", label_selector="app=port-test")
    }


def test_apply_over_another_version_than_was_read_is_a_conflict(kubernetes, space):
    kubernetes.apply(secret(space))
    version = kubernetes.read(*SECRET, namespace=space)["metadata"]["resourceVersion"]
    kubernetes.apply(secret(space, data={"k": "dw=="}))
    stale = secret(space)
    stale["metadata"] = {**stale["metadata"], "resourceVersion": version}

    with pytest.raises(Conflict):
        kubernetes.apply(stale)


def test_what_is_created_twice_exists_already_and_may_be_applied_over(kubernetes, space):
    kubernetes.create(secret(space))
    with pytest.raises(AlreadyExists):
        kubernetes.create(secret(space, data={"k": "dw=="}))

    found = kubernetes.read(*SECRET, namespace=space)
    assert found["data"] == {"k": "dg=="}
    again = secret(space, data={"k": "dw=="})
    again["metadata"] = {**again["metadata"], "resourceVersion": found["metadata"]["resourceVersion"]}
    kubernetes.apply(again)
    assert kubernetes.read(*SECRET, namespace=space)["data"] == {"k": "dw=="}


def test_namespace_that_is_there_is_not_created_again(kubernetes, space):
    with pytest.raises(AlreadyExists):
        kubernetes.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}})
    with pytest.raises(NotFound):
        kubernetes.create(secret("port-nowhere"))


def test_namespace_deleted_takes_what_is_in_it_along(kubernetes, space, has_controllers):
    if not has_controllers:
        pytest.skip("a bare kube-apiserver has no kube-controller-manager")
    kubernetes.apply(secret(space))

    kubernetes.delete("v1", "Namespace", space)

    end = time.monotonic() + 10
    while kubernetes.read(*SECRET, namespace=space) is not None:
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)
