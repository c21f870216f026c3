"""What stands behind the embedded GKE: a Kubernetes API over TLS and an operator for each cluster that it brings up."""

from __future__ import annotations

import base64
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trustme

from overspill_local.faults.orders import FaultOrders
from overspill_local.flux_operator import FluxOperator
from overspill_local.flux_operator.kube_client import KubeClient
from overspill_local.flux_operator.kubelet import Kubelet
from overspill_local.gke import Endpoint
from overspill_local.kube import KubeServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from overspill_local.faults.kube import RequestFaults
    from overspill_local.faults.pods import PodFaults
    from overspill_local.flux_operator import BrokerCommand
    from overspill_local.kube import KubeStore
    from overspill_local.metadata import MetadataServer
    from overspill_local.supervisor import Supervisor

HOST = "127.0.0.1"
_EFFECTS: Final = {1: "NoSchedule", 2: "PreferNoSchedule", 3: "NoExecute"}
"""google.container.v1.NodeTaint.Effect, as Kubernetes calls it."""


@dataclass(slots=True)
class _Cluster:
    server: KubeServer
    operator: FluxOperator


class KubeBackend:
    """Implements gke.ClusterBackend."""

    def __init__(
        self,
        *,
        supervisor: Supervisor,
        metadata: MetadataServer,
        broker: BrokerCommand,
        pod_environ: Mapping[str, str],
        folder: Path,
        broker_retry_s: float,
        on_pod: Callable[[str, str, str], None],
    ) -> None:
        """`on_pod(cluster, pod, phase)` hears of each pod; `folder` holds the pods' folders."""
        self._supervisor = supervisor
        self._metadata = metadata
        self._broker = broker
        self._pod_environ = pod_environ
        self._folder = folder
        self._broker_retry_s = broker_retry_s
        self._on_pod = on_pod
        self._authority = trustme.CA()
        self.faults: RequestFaults = FaultOrders()
        """What clients of every cluster's API shall meet."""
        self.pod_faults: PodFaults = FaultOrders()
        """What shall keep pods from starting."""
        self._clusters: dict[str, _Cluster] = {}

    async def up(self, cluster: Any) -> Endpoint:
        """Start a cluster's API and its operator."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._authority.issue_cert(HOST, "localhost").configure_cert(context)
        server = KubeServer(token_is_valid=self._metadata.is_valid, faults=self.faults)
        port = await server.start(HOST, 0, ssl_context=context)
        name = str(cluster.name)
        for node in nodes_of(cluster):
            server.store.create(node)
        authority = self._authority.cert_pem.bytes()
        operator = FluxOperator(
            KubeClient(f"https://{HOST}:{port}", ca_pem=authority, token=self._metadata.token),
            Kubelet(self._supervisor, self._broker, self._pod_environ),
            folder=self._folder,
            broker_retry_s=self._broker_retry_s,
            on_pod=lambda pod, phase: self._on_pod(name, pod, phase),
            faults=self.pod_faults,
        )
        await operator.start()
        self._clusters[name] = _Cluster(server, operator)
        return Endpoint(host_port=f"{HOST}:{port}", ca_pem=authority, dns_host_port=f"localhost:{port}")

    async def resized(self, cluster: Any) -> None:
        """Add and remove nodes, last ones first, as the pools' sizes have it."""
        store = self._clusters[str(cluster.name)].server.store
        resource = store.resources.find_kind("v1", "Node")
        if resource is None:
            raise LookupError("the embedded Kubernetes has no kind Node")
        wanted = {node["metadata"]["name"]: node for node in nodes_of(cluster)}
        present = {node["metadata"]["name"]: node for node in store.list_objects(resource)}
        for name in present.keys() - wanted.keys():
            store.delete(resource, present[name])
        for name in wanted.keys() - present.keys():
            store.create(wanted[name])

    async def down(self, name: str) -> None:
        """Stop a cluster's pods, operator and API; one that is not there is no fault."""
        cluster = self._clusters.pop(name, None)
        if cluster is not None:
            await cluster.operator.stop()
            await cluster.server.stop()

    def store(self, name: str) -> KubeStore:
        """Give the objects of a cluster that is up."""
        return self._clusters[name].server.store

    @property
    def authority_pem(self) -> bytes:
        """The certificate that vouches for every cluster's API, by address and by name."""
        return self._authority.cert_pem.bytes()

    def write_authorities(self, path: Path) -> None:
        """Write the certificates of the public authorities, and ours."""
        public = Path(ssl.get_default_verify_paths().cafile or os.devnull)
        path.write_bytes(public.read_bytes() + b"\n" + self.authority_pem)

    @property
    def running(self) -> tuple[str, ...]:
        """The clusters that are up."""
        return tuple(self._clusters)


def kubeconfig(endpoint: Endpoint, token: str) -> dict[str, Any]:
    """Give a kubeconfig file's content for a cluster that is up; it holds the token."""
    authority = base64.b64encode(endpoint.ca_pem).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "embedded",
                "cluster": {"server": f"https://{endpoint.host_port}", "certificate-authority-data": authority},
            }
        ],
        "users": [{"name": "overspill", "user": {"token": token}}],
        "contexts": [{"name": "embedded", "context": {"cluster": "embedded", "user": "overspill"}}],
        "current-context": "embedded",
    }


def nodes_of(cluster: Any) -> list[dict[str, Any]]:
    """Give the Node objects of a google.container.v1.Cluster, with their pools' labels and taints."""
    return [_node(cluster, pool, index) for pool in cluster.node_pools for index in range(pool.initial_node_count)]


def _node(cluster: Any, pool: Any, index: int) -> dict[str, Any]:
    labels = {**pool.config.labels, "cloud.google.com/gke-nodepool": pool.name}
    taints = [
        {"key": taint.key, "value": taint.value, "effect": _EFFECTS[taint.effect]} for taint in pool.config.taints
    ]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": f"gke-{cluster.name}-{pool.name}-{index}", "labels": labels},
        "spec": {"taints": taints} if taints else {},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
