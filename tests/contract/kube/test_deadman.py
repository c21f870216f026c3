"""The dead-man's objects and its script as they run: against the embedded server, and a real one with its RBAC."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from kubernetes import client

from overspill_local.manifests import flux_operator_path
from overspill_shared import deadman_watch, lease, minicluster
from overspill_shared.adapters.kubernetes_api import KubernetesApiClient
from overspill_shared.burst_metadata import namespace_name
from overspill_shared.deadman import NAME, build_deadman
from overspill_shared.errors import PermissionDenied

IMAGE = "example.org/python@sha256:" + "0" * 64
MINICLUSTER = ("flux-framework.org/v1alpha2", "MiniCluster")
GENERATIONS = itertools.count(1)


@pytest.fixture
def make_client(backend):
    with contextlib.ExitStack() as stack:

        def make(token):
            endpoint = backend.host.removeprefix("https://")
            ca_pem = Path(backend.ca_file).read_bytes()
            adapter = KubernetesApiClient(endpoint, ca_pem, lambda: token, retry_for_s=5)
            return stack.enter_context(contextlib.closing(adapter))

        yield make


@pytest.fixture
def kubernetes(backend, make_client, eventually):
    kubernetes = make_client(backend.token)
    for document in yaml.safe_load_all(flux_operator_path().read_text()):
        kubernetes.apply(document)
    eventually(lambda: kubernetes.list(*MINICLUSTER) is not None, "MiniClusters are served")
    return kubernetes


@pytest.fixture
def request_of_now(burst_request):
    """A request whose times are the real clock's: the script has no other."""
    now = time.time()
    return burst_request(generation=next(GENERATIONS), expires_at=now + 600, hard_end_at=now + 3600)


@pytest.fixture
def deployed(kubernetes, request_of_now):
    """Put a burst with its Lease and its dead-man into the cluster; gives the burst's namespace."""
    request = request_of_now
    other = minicluster.build_minicluster(request, now=time.time())
    other["metadata"]["name"] = "another"
    kubernetes.apply(minicluster.build_namespace(request))
    kubernetes.apply(lease.build_lease(request, now=time.time()))
    for manifest in build_deadman(request, image=IMAGE, has_pools=True):
        kubernetes.apply(manifest)
    kubernetes.apply(minicluster.build_minicluster(request, now=time.time()))
    kubernetes.apply(other)
    return namespace_name(request)


@pytest.fixture
def account_token(backend, api, deployed):
    """A token of the dead-man's own account, where the server has accounts."""
    if backend.name == "embedded":
        return backend.token
    core = client.CoreV1Api(api)
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    return core.create_namespaced_service_account_token(NAME, deployed, body).status.token


@pytest.fixture
def run_deadman(kubernetes, backend, deployed, account_token, tmp_path):
    """Return a function that starts the script that the ConfigMap holds, as its pod would, and gives its findings."""
    (tmp_path / "token").write_text(account_token)
    (tmp_path / "namespace").write_text(deployed)
    (tmp_path / "ca.crt").write_bytes(Path(backend.ca_file).read_bytes())
    script = tmp_path / "deadman_watch.py"
    script.write_text(kubernetes.read("v1", "ConfigMap", NAME, namespace=deployed)["data"][script.name])
    host, port = backend.host.removeprefix("https://").split(":")
    environ = {"PATH": os.environ["PATH"], "KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    log = (tmp_path / "deadman.log").open("wb")
    started = []

    def start():
        argv = [sys.executable, "-I", str(script), str(tmp_path), lease.NAME, "burst-0", "0.05"]
        started.append(subprocess.Popen(argv, env=environ, stdout=log, stderr=log))
        return lambda: [json.loads(line)["finding"] for line in Path(log.name).read_text().splitlines()]

    yield start
    for process in started:
        process.kill()
        process.wait(10)
    log.close()


def set_expiry(kubernetes, namespace, request, expires_at):
    manifest = lease.build_lease(request.model_copy(update={"expires_at": expires_at}), now=time.time())
    assert manifest["metadata"]["namespace"] == namespace
    kubernetes.apply(manifest)


def miniclusters(kubernetes, namespace):
    return sorted(item["metadata"]["name"] for item in kubernetes.list(*MINICLUSTER, namespace=namespace))


def test_deadman_deletes_its_minicluster_once_the_lease_has_lapsed(
    kubernetes, deployed, request_of_now, run_deadman, eventually
):
    findings = run_deadman()
    eventually(lambda: findings() == ["held"], "the lease is seen")
    assert miniclusters(kubernetes, deployed) == ["another", "burst-0"]

    set_expiry(kubernetes, deployed, request_of_now, time.time() - 1)

    eventually(lambda: miniclusters(kubernetes, deployed) == ["another"], "the MiniCluster is deleted")
    eventually(lambda: len(findings()) == 3, "it says so, and that nothing is left")
    assert findings()[1:] == ["lapsed: the MiniCluster is deleted", "lapsed: there is no MiniCluster"]


def test_deadman_leaves_a_burst_whose_lease_is_gone_or_broken(kubernetes, deployed, run_deadman, eventually):
    broken = kubernetes.read(lease.API_VERSION, lease.KIND, lease.NAME, namespace=deployed)
    kubernetes.delete(lease.API_VERSION, lease.KIND, lease.NAME, namespace=deployed)
    findings = run_deadman()
    eventually(lambda: findings() == ["no-lease: nothing is deleted"], "the lease is missed")

    metadata = {"name": lease.NAME, "namespace": deployed}
    kubernetes.apply({**broken, "metadata": metadata, "spec": {"holderIdentity": "nobody"}})

    eventually(lambda: findings()[-1].startswith("lease-unreadable: KeyError"), "the lease cannot be read")
    assert miniclusters(kubernetes, deployed) == ["another", "burst-0"]


def test_deadman_whose_token_is_refused_goes_on_with_the_next_one(
    deployed, account_token, tmp_path, run_deadman, eventually
):
    (tmp_path / "token").write_text("expired")
    findings = run_deadman()
    eventually(lambda: findings() and findings()[0].startswith("not-answered: HTTP Error 401"), "it is refused")

    (tmp_path / "token").write_text(account_token)

    eventually(lambda: findings()[-1] == "held", "the new token is read")


def test_deadman_has_no_right_but_its_two(backend, deployed, account_token, make_client):
    if backend.name == "embedded":
        pytest.skip("the embedded server has no RBAC")
    deadman = make_client(account_token)
    assert deadman.read(lease.API_VERSION, lease.KIND, lease.NAME, namespace=deployed)

    for attempt in (
        lambda: deadman.list("v1", "Secret", namespace=deployed),
        lambda: deadman.read("v1", "Secret", minicluster.SECRET_NAME, namespace=deployed),
        lambda: deadman.list(*MINICLUSTER, namespace=deployed),
        lambda: deadman.delete(*MINICLUSTER, "another", namespace=deployed),
        lambda: deadman.read(lease.API_VERSION, lease.KIND, lease.NAME, namespace="default"),
        lambda: deadman.delete("v1", "Namespace", deployed),
    ):
        with pytest.raises(PermissionDenied):
            attempt()
    deadman.delete(*MINICLUSTER, "burst-0", namespace=deployed)


def test_deadman_server_out_of_reach_is_no_lapse(tmp_path, backend):
    (tmp_path / "token").write_text("t")
    (tmp_path / "namespace").write_text("n")
    (tmp_path / "ca.crt").write_bytes(Path(backend.ca_file).read_bytes())

    api = deadman_watch.Api(str(tmp_path), "127.0.0.1", "1")

    assert deadman_watch.look(api, lease.NAME, "burst-0", time.time()).startswith("not-answered: ")
