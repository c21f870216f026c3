"""The real `kubernetes` client over TLS against each API server that it must work with.

The embedded server always runs. A real kube-apiserver runs where KUBEBUILDER_ASSETS holds `etcd` and
`kube-apiserver`; else its cases are skipped. It comes without kube-controller-manager, so that what controllers do
(garbage collection, the end of a namespace) is only asked of the embedded one, and of a cluster that has them.

OVERSPILL_TEST_KUBECONFIG names a kubeconfig whose current context is a fresh cluster, thrown away afterwards: it is
asked the same. KUBECONFIG alone is not enough, for it may lead to one that somebody works with.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import trustme
from kubernetes import client, config, dynamic
from kubernetes.client import ApiException

from overspill_local.kube import KubeServer

TOKEN = "ya29.a-valid-token"
DEADLINE_S = 30.0
WIDGETS = ("test.overspill.dev", "v1", "widgets")

WIDGET_SCHEMA = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "required": ["items"],
            "properties": {
                "size": {"type": "integer", "format": "int32", "default": 1, "minimum": 0},
                "colour": {"type": "string", "enum": ["red", "green"]},
                "items": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
                "options": {
                    "type": "object",
                    "properties": {"level": {"type": "integer", "default": 6}, "mode": {"type": "string"}},
                },
                "volumes": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "object",
                        "required": ["path"],
                        "properties": {"path": {"type": "string"}, "readOnly": {"type": "boolean", "default": False}},
                    },
                },
            },
        },
        "status": {
            "type": "object",
            "properties": {
                "size": {"type": "integer"},
                "selector": {"type": "string"},
                "phase": {"type": "string"},
            },
        },
    },
}

WIDGET_DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.test.overspill.dev"},
    "spec": {
        "group": "test.overspill.dev",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": WIDGET_SCHEMA},
                "subresources": {
                    "status": {},
                    "scale": {
                        "specReplicasPath": ".spec.size",
                        "statusReplicasPath": ".status.size",
                        "labelSelectorPath": ".status.selector",
                    },
                },
            }
        ],
    },
}


class EmbeddedBackend:
    """The embedded server on an event loop in a thread of its own."""

    name = "embedded"
    token = TOKEN
    has_controllers = True

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self.ca_file = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        self.server = KubeServer(
            token_is_valid=lambda token: token == TOKEN,
            read_pod_log=lambda namespace, pod: f"first line of {namespace}/{pod}\nlast line\n",
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.host = f"https://127.0.0.1:{self.run(self.server.start(ssl_context=context))}"

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(DEADLINE_S)

    def close(self) -> None:
        self.run(self.server.stop())
        # What remains is the loop's own pipe, once each TLS connection has been taken leave of.
        wait_until(lambda: len(self._loop._selector.get_map()) <= 1, "all connections are closed")
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE_S)
        self._loop.close()


class RealBackend:
    """etcd and kube-apiserver, as controller-runtime's envtest starts them."""

    name = "kube-apiserver"
    token = TOKEN
    has_controllers = False
    server = None

    def __init__(self, folder: Path, assets: Path) -> None:
        etcd_port, peer_port, port = _free_ports(3)
        client_url, peer_url = f"http://127.0.0.1:{etcd_port}", f"http://127.0.0.1:{peer_port}"
        (folder / "tokens.csv").write_text(f'{TOKEN},admin,admin,"system:masters"\n')
        subprocess.run(["openssl", "genrsa", "-out", folder / "sa.key", "2048"], check=True, capture_output=True)
        etcd = [assets / "etcd", "--unsafe-no-fsync", f"--data-dir={folder / 'etcd'}"]
        etcd += [f"--listen-client-urls={client_url}", f"--advertise-client-urls={client_url}"]
        etcd += [f"--listen-peer-urls={peer_url}", f"--initial-advertise-peer-urls={peer_url}"]
        etcd += [f"--initial-cluster=default={peer_url}", "--log-level=error"]
        api = [assets / "kube-apiserver", f"--etcd-servers={client_url}", f"--secure-port={port}"]
        api += ["--bind-address=127.0.0.1", f"--cert-dir={folder / 'certs'}", "--authorization-mode=RBAC"]
        api += [f"--token-auth-file={folder / 'tokens.csv'}", "--disable-admission-plugins=ServiceAccount"]
        api += ["--service-account-issuer=https://kubernetes.default.svc"]
        api += [f"--service-account-key-file={folder / 'sa.key'}"]
        api += [f"--service-account-signing-key-file={folder / 'sa.key'}"]
        self.ca_file = folder / "certs" / "apiserver.crt"
        self.host = f"https://127.0.0.1:{port}"
        self._log = (folder / "server.log").open("wb")
        self._processes = [subprocess.Popen(argv, stdout=self._log, stderr=self._log) for argv in (etcd, api)]
        try:
            wait_until(self._is_ready, "kube-apiserver is ready")
        except BaseException:
            self.close()
            raise

    def _is_ready(self) -> bool:
        if any(process.poll() is not None for process in self._processes):
            pytest.fail(f"a server ended: {Path(self._log.name).read_text()[-2000:]}")
        if not self.ca_file.exists():
            return False
        context = ssl.create_default_context(cafile=str(self.ca_file))
        request = urllib.request.Request(f"{self.host}/readyz", headers={"Authorization": f"Bearer {TOKEN}"})
        try:
            with urllib.request.urlopen(request, context=context, timeout=5) as response:
                return response.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def close(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait(DEADLINE_S)
        self._log.close()


class KubeconfigBackend:
    """A cluster that is there already, with an account of the tests' own: a kubeconfig need not hold a token."""

    name = "kubeconfig"
    server = None

    def __init__(self, kubeconfig: Path) -> None:
        configuration = client.Configuration()
        config.load_kube_config(config_file=str(kubeconfig), client_configuration=configuration, persist_config=False)
        self.host = configuration.host
        self.ca_file = Path(configuration.ssl_ca_cert or ssl.get_default_verify_paths().cafile)
        self._api = client.ApiClient(configuration)
        core, rbac = client.CoreV1Api(self._api), client.RbacAuthorizationV1Api(self._api)
        if open_nodes := [node.metadata.name for node in core.list_node().items if not node.spec.unschedulable]:
            self._api.close()
            pytest.skip(f"nodes of {self.host} would run the tests' pods: kubectl cordon {' '.join(open_nodes)}")
        accounts = [account.metadata.name for account in core.list_namespaced_service_account("default").items]
        self.has_controllers = "default" in accounts  # it is kube-controller-manager that makes this one
        metadata = {"generateName": "overspill-contract-"}
        self.account = core.create_namespaced_service_account("default", {"metadata": metadata}).metadata.name
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
        subject = {"kind": "ServiceAccount", "namespace": "default", "name": self.account}
        rbac.create_cluster_role_binding({"metadata": {"name": self.account}, "roleRef": role, "subjects": [subject]})
        asked = {"spec": {"expirationSeconds": 3600, "audiences": []}}
        self.token = core.create_namespaced_service_account_token(self.account, "default", asked).status.token

    def close(self) -> None:
        client.RbacAuthorizationV1Api(self._api).delete_cluster_role_binding(self.account)
        client.CoreV1Api(self._api).delete_namespaced_service_account(self.account, "default")
        self._api.close()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def wait_until(condition, what: str):
    """Return what `condition` returns once that is true; fails after a deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {DEADLINE_S} s: {what}"
        time.sleep(0.02)
    return result


@pytest.fixture(scope="session")
def eventually():
    """Return a function that waits until a condition holds, or fails after a deadline."""
    return wait_until


@pytest.fixture(scope="session")
def start_backend(tmp_path_factory):
    """Give a context manager that runs an API server by its name."""

    @contextlib.contextmanager
    def start(name):
        folder = tmp_path_factory.mktemp(name)
        if name == "embedded":
            started = EmbeddedBackend(folder)
        elif name == "kubeconfig":
            kubeconfig = Path(os.environ.get("OVERSPILL_TEST_KUBECONFIG", "-"))
            if not kubeconfig.is_file():
                pytest.skip("OVERSPILL_TEST_KUBECONFIG names no kubeconfig of a cluster that tests may change")
            started = KubeconfigBackend(kubeconfig)
        else:
            assets = Path(os.environ.get("KUBEBUILDER_ASSETS", "-"))
            if not all((assets / program).exists() for program in ("etcd", "kube-apiserver")):
                pytest.skip("KUBEBUILDER_ASSETS names no folder with etcd and kube-apiserver")
            started = RealBackend(folder, assets)
        with contextlib.closing(started):
            yield started

    return start


@pytest.fixture(scope="session", params=["embedded", "kube-apiserver", "kubeconfig"])
def backend(request, start_backend):
    with start_backend(request.param) as started:
        yield started


@pytest.fixture
def needs_controllers(backend):
    """Mark what kube-controller-manager does in a real cluster."""
    if not backend.has_controllers:
        pytest.skip("a bare kube-apiserver has no kube-controller-manager")


@pytest.fixture(scope="session")
def connect(backend):
    """Return a factory of API clients, for any token."""
    with contextlib.ExitStack() as stack:

        def factory(token: str = backend.token) -> client.ApiClient:
            configuration = client.Configuration()
            configuration.host = backend.host
            configuration.ssl_ca_cert = str(backend.ca_file)
            configuration.api_key = {"authorization": f"Bearer {token}"}
            configuration.retries = False
            return stack.enter_context(client.ApiClient(configuration))

        yield factory


@pytest.fixture(scope="session")
def api(connect):
    return connect()


@pytest.fixture
def core(api):
    return client.CoreV1Api(api)


@pytest.fixture
def custom(api):
    return client.CustomObjectsApi(api)


@pytest.fixture
def namespace(core):
    """A namespace of the test's own."""
    return core.create_namespace({"metadata": {"generateName": "case-"}}).metadata.name


@pytest.fixture
def dynamic_client(api, tmp_path):
    """A dynamic client whose cache of the discovery is the test's own."""
    return dynamic.DynamicClient(api, cache_file=str(tmp_path / "discovery.json"))


def is_established(api, name: str) -> bool:
    conditions = client.ApiextensionsV1Api(api).read_custom_resource_definition(name).status.conditions or []
    return any(each.type == "Established" and each.status == "True" for each in conditions)


@pytest.fixture(scope="session")
def widgets(api):
    """The path of a custom resource with status and scale: group, version, plural."""
    client.ApiextensionsV1Api(api).create_custom_resource_definition(WIDGET_DEFINITION)
    wait_until(lambda: is_established(api, "widgets.test.overspill.dev"), "the definition is established")
    custom = client.CustomObjectsApi(api)

    def is_served() -> bool:
        with contextlib.suppress(ApiException):
            return bool(custom.list_namespaced_custom_object(*WIDGETS[:2], "default", WIDGETS[2]))
        return False

    wait_until(is_served, "the kind is served")
    yield WIDGETS
    client.ApiextensionsV1Api(api).delete_custom_resource_definition(WIDGET_DEFINITION["metadata"]["name"])


@pytest.fixture
def make_widget(custom, widgets, namespace):
    """Return a factory that creates a widget in the test's namespace."""

    def factory(name: str = "w", *, metadata=None, **spec):
        group, version, plural = widgets
        body = {"apiVersion": f"{group}/{version}", "kind": "Widget"}
        body |= {"metadata": {"name": name, **(metadata or {})}, "spec": {"items": [], **spec}}
        return custom.create_namespaced_custom_object(group, version, namespace, plural, body)

    return factory


@pytest.fixture
def refused():
    """Return a context that expects an ApiException of a code, and yields what then holds the Status body."""

    @contextlib.contextmanager
    def expectation(code: int):
        status = {}
        with pytest.raises(ApiException) as caught:
            yield status
        assert caught.value.status == code, caught.value.body
        status |= json.loads(caught.value.body)

    return expectation
