"""Which adapter stands behind the cluster port, as a function's settings choose, and how its clusters are entered.

The choice alone; SDKs are imported with the one that is chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from overspill_shared.function_settings import ClusterKind
from overspill_shared.gke_site import GkeSite

# ruff: noqa: PLC0415 - SDKs are imported where they are needed, for a quick cold start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from overspill_shared.clusters import Cluster
    from overspill_shared.function_settings import FunctionSettings
    from overspill_shared.ports import Clock, Clusters, KubernetesApi


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAccess:
    """The bursts' clusters, and the way into each."""

    clusters: Clusters
    connect: Callable[[Cluster], KubernetesApi]
    """Opens a cluster's Kubernetes API; whoever asked closes it."""


def open_access(
    settings: FunctionSettings,
    environ: Mapping[str, str],
    clock: Clock,
    *,
    site: GkeSite | None = None,
    retry_for_s: float = 10,
) -> ClusterAccess:
    """Give access as `settings.clusters` says; a Kubernetes API that cannot be reached is tried for `retry_for_s`.

    Raises ConfigError where there are no credentials, or the kubeconfig cannot be used.
    """
    if settings.clusters is ClusterKind.EXISTING and settings.kubeconfig is not None:
        return _existing(settings.kubeconfig, settings.kubeconfig_context, clock, retry_for_s)
    from overspill_shared.adapters.gcp_clients import access_token, cluster_manager_client
    from overspill_shared.adapters.gke import GkeClusters

    def connect(cluster: Cluster) -> KubernetesApi:
        from overspill_shared.adapters.kubernetes_api import KubernetesApiClient

        return KubernetesApiClient(cluster.endpoint, cluster.ca_pem, access_token, retry_for_s=retry_for_s)

    clusters = GkeClusters(cluster_manager_client(environ), settings.clusters_in, site=site or GkeSite())
    return ClusterAccess(clusters=clusters, connect=connect)


def _existing(kubeconfig: Path, context: str, clock: Clock, retry_for_s: float) -> ClusterAccess:
    from overspill_shared.adapters.existing_clusters import ExistingClusters
    from overspill_shared.adapters.kubeconfig import endpoint_of, read_kubeconfig
    from overspill_shared.adapters.kubernetes_api import KubernetesApiClient

    configuration = read_kubeconfig(kubeconfig, context)
    endpoint = endpoint_of(configuration)

    def connect(_cluster: Cluster | None = None) -> KubernetesApi:
        return KubernetesApiClient(
            endpoint, b"", lambda: "", retry_for_s=retry_for_s, configuration=read_kubeconfig(kubeconfig, context)
        )

    return ClusterAccess(clusters=ExistingClusters(connect(), endpoint, clock), connect=connect)
