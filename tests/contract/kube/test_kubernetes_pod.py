"""The agent's reading of its own pod, against the embedded Kubernetes API over TLS."""

from __future__ import annotations

import logging
import socket
import urllib.parse

import pytest
import trustme

from overspill_agent.kubernetes_pod import KubernetesPod, find_own_pod, read_own_pod
from overspill_agent.lead_address import find_lead_address
from overspill_agent.own_pod import Node, PodFacts, Service, ServicePort, ServiceType

DIGEST = "sha256:" + "0123456789abcdef" * 4
SELECTOR = {"job-name": "lead"}
LABELS = {"job-name": "lead", "batch.kubernetes.io/job-completion-index": "0"}


def status(name, image, image_id):
    return {
        "name": name,
        "image": image,
        "imageID": image_id,
        "ready": True,
        "restartCount": 0,
        "started": True,
        "state": {"running": {}},
    }


def pod_manifest(name="lead-0-x7k2p", *, phase="Running", hostname="lead-0", **statuses):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": LABELS},
        "spec": {
            "hostname": hostname,
            "nodeName": "node-b",
            "initContainers": [
                {
                    "name": "flux-view",
                    "image": "ghcr.io/converged-computing/flux-view-rocky:tag-9",
                    "command": ["/bin/bash", "/flux_operator/flux-init.sh"],
                }
            ],
            "containers": [
                {"name": "overspill", "image": "example.org/overspill:1"},
                {
                    "name": "lead",
                    "image": "rockylinux:9",
                    "command": ["/bin/bash", "/flux_operator/wait-1.sh"],
                    "ports": [{"name": "overlay", "containerPort": 8050}, {"containerPort": 80}],
                },
            ],
        },
        "status": {
            "phase": phase,
            "containerStatuses": [
                status("overspill", "example.org/overspill:1", f"example.org/overspill@{DIGEST}"),
                status("lead", "rockylinux:9", f"docker.io/library/rockylinux@{DIGEST}"),
            ],
            "initContainerStatuses": [
                status("flux-view", "ghcr.io/flux/view:1", f"docker-pullable://ghcr.io/flux/view@{DIGEST}")
            ],
            **statuses,
        },
    }


def service_manifest(name, kind, *, ingress=(), **port):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"type": kind, "selector": SELECTOR, "ports": [{"port": 8050, "protocol": "TCP", **port}]},
        "status": {"loadBalancer": {"ingress": list(ingress)} if ingress else {}},
    }


NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "node-b"},
    "status": {
        "addresses": [
            {"type": "InternalIP", "address": "10.0.0.2"},
            {"type": "ExternalIP", "address": "198.51.100.2"},
            {"type": "Hostname", "address": "node-b"},
        ]
    },
}


@pytest.fixture
def folder(backend, namespace, tmp_path):
    """A service account as Kubernetes mounts it."""
    (tmp_path / "token").write_text(backend.token + "\n")
    (tmp_path / "namespace").write_text(namespace)
    (tmp_path / "ca.crt").write_bytes(backend.ca_file.read_bytes())
    return tmp_path


@pytest.fixture
def environ(backend):
    url = urllib.parse.urlsplit(backend.host)
    return {"KUBERNETES_SERVICE_HOST": url.hostname, "KUBERNETES_SERVICE_PORT": str(url.port), "HOSTNAME": "lead-0"}


@pytest.fixture
def read(environ, folder):
    """Return a function that reads the pod of a name."""
    host, port = environ["KUBERNETES_SERVICE_HOST"], int(environ["KUBERNETES_SERVICE_PORT"])

    def read_as(name="lead-0", **options):
        return KubernetesPod(**{"host": host, "port": port, "name": name, "folder": folder, **options}).read()

    return read_as


@pytest.fixture
def put_pod(core, namespace):
    """Return a function that makes a pod as kubelet would leave it."""

    def put(manifest):
        core.create_namespaced_pod(namespace, manifest)
        core.patch_namespaced_pod_status(manifest["metadata"]["name"], namespace, {"status": manifest["status"]})

    return put


@pytest.fixture
def put_service(core, namespace):
    made = []

    def put(manifest):
        core.create_namespaced_service(namespace, manifest)
        made.append(manifest["metadata"]["name"])
        core.patch_namespaced_service_status(made[-1], namespace, {"status": manifest["status"]})

    yield put
    # A node port is taken in the whole cluster.
    for name in made:
        core.delete_namespaced_service(name, namespace)


@pytest.fixture
def node(core):
    core.create_node(NODE)
    core.patch_node_status("node-b", {"status": NODE["status"]})
    yield
    core.delete_node("node-b")


def test_pod_is_told_with_labels_and_images_by_digest(put_pod, read):
    put_pod(pod_manifest())

    facts = read()

    assert facts == PodFacts(
        labels=LABELS,
        named_ports={"overlay": 8050},
        node_name="node-b",
        app_image=f"docker.io/library/rockylinux@{DIGEST}",
        view_image=f"ghcr.io/flux/view@{DIGEST}",
    )
    assert read("lead-0-x7k2p") == facts


@pytest.mark.parametrize("image_id", ["", DIGEST, f"docker://{DIGEST}"], ids=["none", "bare", "docker"])
def test_image_without_a_digest_that_can_be_pulled_is_as_the_pod_names_it(put_pod, read, image_id):
    put_pod(pod_manifest(containerStatuses=[status("lead", "rockylinux:9", image_id)], initContainerStatuses=[]))

    facts = read()

    assert facts.app_image == "rockylinux:9"
    assert facts.view_image == "ghcr.io/converged-computing/flux-view-rocky:tag-9"


def test_image_is_not_guessed_where_several_containers_may_run_flux(put_pod, read):
    manifest = pod_manifest()
    for container in manifest["spec"]["containers"]:
        container.pop("command", None)
    put_pod(manifest)

    assert read().app_image is None


def test_pod_of_a_job_that_tried_again_is_the_one_that_runs(put_pod, read):
    put_pod(pod_manifest("lead-0-a", phase="Failed", containerStatuses=[]))
    put_pod(pod_manifest("lead-0-b"))
    put_pod(pod_manifest("lead-1-c", hostname="lead-1"))

    assert read().app_image == f"docker.io/library/rockylinux@{DIGEST}"


def test_services_and_nodes_give_the_lead_s_address(put_pod, put_service, node, read):
    put_pod(pod_manifest())
    put_service(service_manifest("cluster", "ClusterIP"))
    put_service(service_manifest("node-port", "NodePort", targetPort="overlay", nodePort=30517))

    facts = read()

    assert facts.services == (
        Service(
            name="cluster", type=ServiceType.OTHER, selector=SELECTOR, ports=(ServicePort(port=8050, target=8050),)
        ),
        Service(
            name="node-port",
            type=ServiceType.NODE_PORT,
            selector=SELECTOR,
            ports=(ServicePort(port=8050, target="overlay", node_port=30517),),
        ),
    )
    assert facts.nodes == (Node(name="node-b", external_ips=("198.51.100.2",), internal_ips=("10.0.0.2",)),)
    address = find_lead_address({"bootstrap": {"hosts": ["lead-0"]}}, pod=facts)
    assert (address.host, address.port) == ("198.51.100.2", 30517)


@pytest.mark.parametrize("ingress", [{"ip": "203.0.113.7"}, {"hostname": "lb.example.com"}], ids=["ip", "hostname"])
def test_load_balancer_gives_the_lead_s_address_without_a_look_at_nodes(put_pod, put_service, node, read, ingress):
    put_pod(pod_manifest())
    put_service(service_manifest("lb", "LoadBalancer", ingress=[ingress], port=9000, targetPort=8050))

    facts = read()

    (point,) = ingress.values()
    assert facts.services[0].ingress == (point,)
    assert facts.nodes == ()
    address = find_lead_address({"bootstrap": {"hosts": ["lead-0"]}}, pod=facts)
    assert (address.host, address.port) == (point, 9000)


def test_pod_that_is_not_there_is_a_problem(read, namespace):
    assert read().problems == (f"no pod in the namespace {namespace} is called lead-0",)


def test_token_that_is_refused_is_a_problem_that_says_what_to_do(read, folder):
    (folder / "token").write_text("stale")

    facts = read()

    assert (facts.labels, facts.services) == ({}, ())
    assert "401 Unauthorized; give the pod's service account a role" in facts.problems[0]
    assert "stale" not in str(facts)


def test_authority_that_is_not_the_api_s_is_a_problem(read, folder):
    trustme.CA().cert_pem.write_to_path(str(folder / "ca.crt"))

    assert "certificate verify failed" in read().problems[0]


def test_api_that_does_not_answer_is_a_problem_soon(read):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        (problem, _) = read(port=silent.getsockname()[1], timeout_s=0.2).problems

    assert "timed out" in problem


@pytest.mark.parametrize("missing", ["namespace", "ca.crt"])
def test_service_account_without_a_file_is_a_problem(read, folder, missing):
    (folder / missing).unlink()

    assert "the service account in" in read().problems[0]


def test_outside_of_a_cluster_there_is_no_pod(environ, folder, tmp_path_factory):
    assert find_own_pod({}, folder=folder) is None
    assert find_own_pod(environ, folder=tmp_path_factory.mktemp("none")) is None
    assert read_own_pod({}, folder=folder) is None


def test_inside_of_a_cluster_the_pod_is_found_by_its_environment(environ, folder, put_pod, caplog):
    put_pod(pod_manifest())

    assert read_own_pod(environ, folder=folder).labels == LABELS
    assert caplog.records == []
    with caplog.at_level(logging.WARNING):
        assert read_own_pod({**environ, "POD_NAME": "another"}, folder=folder).labels == {}
    assert [record.message for record in caplog.records] == ["own-pod.unread"]
