"""Looking at what the cloud shows of a burst: no more than its next step needs to be decided by.

Reads only, through ports. What follows from what is seen is decided in `plan`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from overspill_provision.plan import is_ours
from overspill_provision.steps import Observed
from overspill_shared import names
from overspill_shared.clusters import USABLE, Cluster, ClusterListing, ClusterStatus, OperationKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from overspill_provision.steps import BurstObjects
    from overspill_shared.messages import BurstRequest
    from overspill_shared.ports import Clusters, KubernetesApi


class Observer:
    """One delivery's eyes; its connection to the burst's cluster serves the steps too."""

    def __init__(self, request: BurstRequest, clusters: Clusters, connect: Callable[[Cluster], KubernetesApi]) -> None:
        """`connect` opens a cluster's Kubernetes API."""
        self._request = request
        self._clusters = clusters
        self._connect = connect
        self._connection: KubernetesApi | None = None
        self._is_counted = False
        self.may_run_jobs = True
        """Whether a MiniCluster is in the burst's cluster, or may be, as far as the last look showed."""

    def look(self) -> Observed:
        """Look at the burst's cluster, or at what became of it, and at all others where their number matters.

        Raises CloudError.
        """
        zone, name = self._request.zone, names.cluster_name(self._request.burst_id)
        cluster = self._clusters.get(zone, name)
        self.may_run_jobs = cluster is not None and cluster.status in USABLE
        if cluster is None:
            operations = self._clusters.operations(zone, name)
            is_ended = any(operation.kind is OperationKind.DELETE for operation in operations)
            listing = None if is_ended else self._clusters.list()
            return Observed(cluster=None, operations=operations, listing=listing)
        if not is_ours(self._request, cluster):
            return Observed(cluster=cluster)
        if cluster.status in (ClusterStatus.ERROR, ClusterStatus.STOPPING):
            return Observed(cluster=cluster, operations=self._clusters.operations(zone, name))
        objects = self._look_inside(cluster)
        self.may_run_jobs = objects is not None and objects.size is not None
        listing = self._count() if objects is None or objects.size is None else None
        return Observed(cluster=cluster, objects=objects, listing=listing)

    def kubernetes(self, cluster: Cluster) -> KubernetesApi:
        """Give the Kubernetes API of the burst's cluster, connected to once."""
        if self._connection is None:
            self._connection = self._connect(cluster)
        return self._connection

    def close(self) -> None:
        """Let go of the cluster."""
        if self._connection is not None:
            self._connection.close()

    def _look_inside(self, cluster: Cluster) -> BurstObjects | None:
        if cluster.status not in USABLE or not cluster.endpoint:
            return None
        from overspill_provision.burst_objects import observe_objects  # noqa: PLC0415 - slow, and seldom needed

        return observe_objects(self._request, self.kubernetes(cluster))

    def _count(self) -> ClusterListing | None:
        """List all clusters once a delivery, after ours was made: others may have been made at the same moment."""
        if self._is_counted:
            return None
        listing = self._clusters.list()
        self._is_counted = not listing.missing_zones
        return listing
