"""KubernetesApiClient, the adapter that the provision function uses, against each API server."""

from __future__ import annotations

import base64
import contextlib
import socket
import time
from pathlib import Path

import pytest
import trustme

from overspill_shared.adapters.kubernetes_api import KubernetesApiClient
from overspill_shared.errors import CloudError, Conflict, NotFound, PermissionDenied, Unavailable
from overspill_shared.lease import build_lease, read_lease, renew_lease
from overspill_shared.pods import Pod, PodPhase, Trouble

NOW = 1_760_000_000.0

GADGET_DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "gadgets.adapter.overspill.dev"},
    "spec": {
        "group": "adapter.overspill.dev",
        "scope": "Namespaced",
        "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {"type": "object", "properties": {"size": {"type": "integer", "maximum": 10}}}
                        },
                    }
                },
            }
        ],
    },
}
DEFINITION = (GADGET_DEFINITION["apiVersion"], GADGET_DEFINITION["kind"], GADGET_DEFINITION["metadata"]["name"])
GADGET = ("adapter.overspill.dev/v1", "Gadget")


@pytest.fixture
def make_kubernetes(backend):
    with contextlib.ExitStack() as stack:

        def make(*, token=backend.token, ca_pem=None, endpoint=None, retry_for_s=0):
            endpoint = endpoint or backend.host.removeprefix("https://")
            ca_pem = ca_pem or Path(backend.ca_file).read_bytes()
            adapter = KubernetesApiClient(endpoint, ca_pem, lambda: token, retry_for_s=retry_for_s)
            return stack.enter_context(contextlib.closing(adapter))

        yield make


@pytest.fixture
def kubernetes(make_kubernetes):
    return make_kubernetes()


@pytest.fixture
def gadgets(kubernetes):
    """A custom kind that is served, made by the adapter itself."""
    kubernetes.apply(GADGET_DEFINITION)
    eventually(lambda: is_established(kubernetes.read(*DEFINITION)))
    eventually(lambda: kubernetes.read(*GADGET, "none", namespace="default") is None)


def eventually(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)


def is_established(definition):
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)


def config_map(namespace, **data):
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": namespace},
        "data": data,
    }


def pod(name, *, job="burst-0"):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"job-name": job}},
        "spec": {"containers": [{"name": "c", "image": "example.org/app:1"}]},
    }


def test_apply_creates_an_object_and_again_changes_nothing(kubernetes, namespace):
    kubernetes.apply(config_map(namespace, a="1"))
    first = kubernetes.read("v1", "ConfigMap", "settings", namespace=namespace)
    kubernetes.apply(config_map(namespace, a="1"))
    second = kubernetes.read("v1", "ConfigMap", "settings", namespace=namespace)

    assert first["data"] == {"a": "1"}
    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]
    assert {entry["manager"] for entry in first["metadata"]["managedFields"]} == {"overspill"}


def test_apply_takes_over_what_somebody_else_set(kubernetes, core, namespace):
    core.create_namespaced_config_map(namespace, config_map(namespace, a="theirs", b="theirs"))

    kubernetes.apply(config_map(namespace, a="ours"))

    found = kubernetes.read("v1", "ConfigMap", "settings", namespace=namespace)
    assert found["data"] == {"a": "ours", "b": "theirs"}


def test_apply_cluster_scoped_object_needs_no_namespace(kubernetes):
    kubernetes.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "adapter-case"}})

    assert kubernetes.read("v1", "Namespace", "adapter-case")["metadata"]["name"] == "adapter-case"


def test_apply_secret_arrives_as_it_was(kubernetes, core, namespace):
    content = bytes(range(256))
    data = {"curve.cert": base64.b64encode(content).decode()}
    manifest = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {}, "data": data}
    manifest["metadata"] = {"name": "overspill-keys", "namespace": namespace}

    kubernetes.apply(manifest)

    assert base64.b64decode(core.read_namespaced_secret("overspill-keys", namespace).data["curve.cert"]) == content


def test_apply_wrong_secret_says_nothing_of_its_content(kubernetes, namespace):
    manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": namespace}}

    with pytest.raises(CloudError) as caught:
        kubernetes.apply({**manifest, "data": {"curve.cert": "canary canary"}})

    assert "canary" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_apply_kind_that_is_defined_a_moment_ago_is_found(kubernetes, gadgets, namespace):
    gadget = {"apiVersion": GADGET[0], "kind": GADGET[1], "metadata": {"name": "g", "namespace": namespace}}

    kubernetes.apply({**gadget, "spec": {"size": 4}})

    assert kubernetes.read(*GADGET, "g", namespace=namespace)["spec"] == {"size": 4}


def test_apply_against_its_schema_is_refused_in_the_servers_words(kubernetes, gadgets, namespace):
    gadget = {"apiVersion": GADGET[0], "kind": GADGET[1], "metadata": {"name": "g", "namespace": namespace}}

    with pytest.raises(CloudError, match=r"spec\.size") as caught:
        kubernetes.apply({**gadget, "spec": {"size": 99}})

    assert not caught.value.retryable


@pytest.mark.parametrize("kind", [("v1", "Gizmo"), ("nowhere.overspill.dev/v1", "Gizmo")])
def test_kind_that_the_server_does_not_know_is_not_found(kubernetes, kind):
    api_version, name = kind

    with pytest.raises(NotFound):
        kubernetes.apply({"apiVersion": api_version, "kind": name, "metadata": {"name": "g"}})
    assert kubernetes.read(api_version, name, "g") is None


def test_apply_over_a_version_that_is_no_longer_the_newest_is_a_conflict(kubernetes, namespace):
    kubernetes.apply(config_map(namespace, a="1"))
    first = kubernetes.read("v1", "ConfigMap", "settings", namespace=namespace)["metadata"]["resourceVersion"]

    def renewed(value):
        manifest = config_map(namespace, a=value)
        return {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": first}}

    kubernetes.apply(renewed("2"))
    with pytest.raises(Conflict):
        kubernetes.apply(renewed("3"))

    assert kubernetes.read("v1", "ConfigMap", "settings", namespace=namespace)["data"] == {"a": "2"}


def test_apply_over_an_object_that_is_gone_makes_none(kubernetes, namespace):
    kubernetes.apply(config_map(namespace, a="1"))
    found = kubernetes.read("v1", "ConfigMap", "settings", namespace=namespace)
    kubernetes.delete("v1", "ConfigMap", "settings", namespace=namespace)
    manifest = config_map(namespace, a="2")
    manifest["metadata"] |= {key: found["metadata"][key] for key in ("uid", "resourceVersion")}

    with pytest.raises(Conflict):
        kubernetes.apply(manifest)

    assert kubernetes.read("v1", "ConfigMap", "settings", namespace=namespace) is None


def test_apply_into_no_namespace_is_not_found(kubernetes):
    with pytest.raises(NotFound, match="nowhere"):
        kubernetes.apply(config_map("nowhere", a="1"))


def test_read_of_no_object_is_none(kubernetes, namespace):
    assert kubernetes.read("v1", "ConfigMap", "settings", namespace=namespace) is None


def names_of(objects):
    return sorted(item["metadata"]["name"] for item in objects)


def labelled(namespace, name, **labels):
    manifest = config_map(namespace, a="1")
    return {**manifest, "metadata": {"name": name, "namespace": namespace, "labels": labels}}


def test_list_gives_those_of_the_label_in_one_namespace(kubernetes, core, namespace):
    other = core.create_namespace({"metadata": {"generateName": "case-"}}).metadata.name
    kubernetes.apply(labelled(namespace, "mine", case=namespace))
    kubernetes.apply(labelled(namespace, "another", case="another"))
    kubernetes.apply(labelled(other, "elsewhere", case=namespace))

    def listed(**where):
        return kubernetes.list("v1", "ConfigMap", label_selector=f"case={namespace}", **where)

    assert names_of(listed(namespace=namespace)) == ["mine"]
    assert names_of(listed()) == ["elsewhere", "mine"]
    assert {"mine", "another"} <= set(names_of(kubernetes.list("v1", "ConfigMap", namespace=namespace)))
    assert listed(namespace=namespace)[0] == kubernetes.read("v1", "ConfigMap", "mine", namespace=namespace)


def test_list_of_cluster_scoped_and_of_custom_objects(kubernetes, gadgets, namespace):
    gadget = {"apiVersion": GADGET[0], "kind": GADGET[1], "metadata": {"name": "g", "namespace": namespace}}
    kubernetes.apply({**gadget, "spec": {"size": 4}})

    assert namespace in names_of(kubernetes.list("v1", "Namespace"))
    (found,) = kubernetes.list(*GADGET, namespace=namespace)
    assert found["spec"] == {"size": 4}


@pytest.mark.parametrize("kind", [("v1", "Gizmo"), ("nowhere.overspill.dev/v1", "Gizmo"), ("v1", "ConfigMap")])
def test_list_of_no_kind_or_no_namespace_is_empty(kubernetes, kind):
    assert kubernetes.list(*kind, namespace="nowhere") == ()


def test_delete_takes_an_object_away_and_again_is_no_fault(kubernetes, namespace):
    kubernetes.apply(config_map(namespace, a="1"))

    for _ in range(2):
        kubernetes.delete("v1", "ConfigMap", "settings", namespace=namespace)

    assert kubernetes.read("v1", "ConfigMap", "settings", namespace=namespace) is None


@pytest.mark.parametrize("kind", [("v1", "Gizmo"), ("nowhere.overspill.dev/v1", "Gizmo"), ("v1", "ConfigMap")])
def test_delete_of_no_kind_or_no_namespace_is_no_fault(kubernetes, kind):
    kubernetes.delete(*kind, "g", namespace="nowhere")

    assert kubernetes.list(*kind, namespace="nowhere") == ()


def test_delete_lets_what_is_owned_follow(kubernetes, gadgets, core, namespace, needs_controllers):
    gadget = {"apiVersion": GADGET[0], "kind": GADGET[1], "metadata": {"name": "g", "namespace": namespace}}
    kubernetes.apply(gadget)
    uid = kubernetes.read(*GADGET, "g", namespace=namespace)["metadata"]["uid"]
    owned = config_map(namespace, a="1")
    owner = {"apiVersion": GADGET[0], "kind": GADGET[1], "name": "g", "uid": uid}
    owned["metadata"]["ownerReferences"] = [owner]
    core.create_namespaced_config_map(namespace, owned)

    kubernetes.delete(*GADGET, "g", namespace=namespace)

    eventually(lambda: kubernetes.read("v1", "ConfigMap", "settings", namespace=namespace) is None)


def test_list_and_delete_with_a_wrong_token_are_permission_denied(make_kubernetes, namespace):
    stranger = make_kubernetes(token="ya29.another")

    with pytest.raises(PermissionDenied):
        stranger.list("v1", "ConfigMap", namespace=namespace)
    with pytest.raises(PermissionDenied):
        stranger.delete("v1", "ConfigMap", "settings", namespace=namespace)


def test_list_pods_gives_those_of_the_label_with_their_phases(kubernetes, core, namespace):
    for name in ("burst-0-0-a", "burst-0-1-b"):
        core.create_namespaced_pod(namespace, pod(name))
    core.create_namespaced_pod(namespace, pod("other", job="other"))
    core.patch_namespaced_pod_status("burst-0-1-b", namespace, {"status": {"phase": "Running"}})

    pods = kubernetes.list_pods(namespace, "job-name=burst-0")

    assert sorted(pods, key=lambda each: each.name) == [
        Pod(name="burst-0-0-a", phase=PodPhase.PENDING),
        Pod(name="burst-0-1-b", phase=PodPhase.RUNNING),
    ]


def test_list_pods_shows_which_are_leaving(kubernetes, core, namespace):
    body = pod("burst-0-0-a")
    body["metadata"]["finalizers"] = ["overspill.dev/hold"]
    core.create_namespaced_pod(namespace, body)
    core.delete_namespaced_pod("burst-0-0-a", namespace)

    (found,) = kubernetes.list_pods(namespace, "job-name=burst-0")

    assert found.is_leaving
    core.patch_namespaced_pod("burst-0-0-a", namespace, {"metadata": {"finalizers": None}})


def test_list_pods_of_no_namespace_is_empty(kubernetes):
    assert kubernetes.list_pods("nowhere", "job-name=burst-0") == ()


def test_wrong_token_is_permission_denied(make_kubernetes):
    with pytest.raises(PermissionDenied):
        make_kubernetes(token="ya29.another").read("v1", "Namespace", "default")


def test_token_is_fetched_once_and_reused(backend):
    fetched = []

    def fetch():
        fetched.append(1)
        return backend.token

    ca_pem = Path(backend.ca_file).read_bytes()
    with contextlib.closing(KubernetesApiClient(backend.host.removeprefix("https://"), ca_pem, fetch)) as kubernetes:
        for _ in range(3):
            kubernetes.read("v1", "Namespace", "default")

    assert len(fetched) == 1


def test_server_that_another_authority_vouches_for_is_unavailable(make_kubernetes):
    with pytest.raises(Unavailable, match="SSL"):
        make_kubernetes(ca_pem=trustme.CA().cert_pem.bytes()).read("v1", "Namespace", "default")


def test_server_that_is_not_up_yet_is_tried_again_for_a_while(make_kubernetes):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{nobody.getsockname()[1]}"
        start = time.monotonic()

        with pytest.raises(Unavailable, match="cannot be reached"):
            make_kubernetes(endpoint=endpoint, retry_for_s=0.3).read("v1", "Namespace", "default")

        assert 0.25 < time.monotonic() - start < 5


def test_close_leaves_no_file_and_no_connection(make_kubernetes):
    kubernetes = make_kubernetes()
    kubernetes.read("v1", "Namespace", "default")
    ca_file = Path(kubernetes._ca_file.name)
    pools = kubernetes._client.rest_client.pool_manager.pools
    assert (ca_file.exists(), len(pools)) == (True, 1)

    kubernetes.close()

    assert (ca_file.exists(), len(pools)) == (False, 0)


def test_lease_is_renewed_forward_and_only_over_what_was_read(kubernetes, namespace, burst_request):
    lease = build_lease(burst_request(), now=NOW)
    lease["metadata"]["namespace"] = namespace
    kubernetes.apply(lease)

    def stored():
        return kubernetes.read(lease["apiVersion"], lease["kind"], lease["metadata"]["name"], namespace=namespace)

    first = stored()
    assert read_lease(first).expires_at == NOW + 900
    kubernetes.apply(renew_lease(first, expires_at=NOW + 1800, now=NOW + 600))
    with pytest.raises(Conflict):
        kubernetes.apply(renew_lease(first, expires_at=NOW + 1200, now=NOW + 601))
    assert read_lease(stored()).expires_at == NOW + 1800
    assert stored()["spec"]["holderIdentity"] == "lead"

    kubernetes.delete(lease["apiVersion"], lease["kind"], lease["metadata"]["name"], namespace=namespace)
    with pytest.raises(Conflict):
        kubernetes.apply(renew_lease(first, expires_at=NOW + 1800, now=NOW + 600))


def test_list_pods_shows_what_keeps_one_from_running(kubernetes, core, namespace):
    for name in ("burst-0-0-a", "burst-0-1-b", "burst-0-2-c"):
        core.create_namespaced_pod(namespace, pod(name))
    waiting = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "x"'}
    container = {"name": "c", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
    status = {"containerStatuses": [{**container, "state": {"waiting": waiting}}]}
    core.patch_namespaced_pod_status("burst-0-0-a", namespace, {"status": status})
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
    core.patch_namespaced_pod_status("burst-0-1-b", namespace, {"status": {"conditions": [unscheduled]}})
    about = {"kind": "Pod", "name": "burst-0-2-c", "namespace": namespace}
    event = {"metadata": {"name": "e"}, "involvedObject": about, "type": "Warning"}
    event |= {"reason": "FailedMount", "message": "no such bucket", "lastTimestamp": "2026-01-01T00:00:00Z"}
    core.create_namespaced_event(namespace, event)

    pods = kubernetes.list_pods(namespace, "job-name=burst-0")

    assert {each.name: each.trouble for each in pods} == {
        "burst-0-0-a": Trouble(reason="ImagePullBackOff", text='Back-off pulling image "x"'),
        "burst-0-1-b": Trouble(reason="Unschedulable", text="0/1 nodes"),
        "burst-0-2-c": Trouble(reason="FailedMount", text="no such bucket"),
    }
