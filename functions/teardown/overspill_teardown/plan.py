"""What to do next about a teardown, given what the cloud shows: one step, with its reason.

Pure, and level-triggered: nothing is remembered between two looks. Doing the step is not done here. Only what is ours
beyond doubt is deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from overspill_shared import names
from overspill_shared.clusters import Cluster, ClusterOperation, ClusterStatus, OperationKind
from overspill_shared.errors import RequestRefused

if TYPE_CHECKING:
    from overspill_shared.messages import TeardownRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """The cluster is there: delete it."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitRemoval:
    """The cluster is being deleted."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """The cloud says that the cluster is gone."""

    was_there: bool
    """The zone remembers its deletion; otherwise it may never have existed."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """It must not be deleted."""

    error: RequestRefused

    @property
    def reason(self) -> str:
        """Say why."""
        return str(self.error)


Step = Delete | AwaitRemoval | Removed | Refuse


def check_request(request: TeardownRequest, *, deployment: str) -> None:
    """Check that a teardown is this deployment's.

    Raises RequestRefused.
    """
    if request.deployment != deployment:
        raise RequestRefused(
            f"deployment is {request.deployment}, this function's is {deployment}.",
            remedy="Let the agent publish to its own deployment's topics.",
            code="deployment",
        )


def plan(request: TeardownRequest, cluster: Cluster | None, operations: tuple[ClusterOperation, ...]) -> Step:
    """Decide the next step; `operations` are those on the cluster's name, read where there is no cluster."""
    if cluster is None:
        return _without_cluster(request, operations)
    if not is_ours(request, cluster):
        return Refuse(error=_not_ours(cluster))
    if cluster.status is ClusterStatus.STOPPING:
        return AwaitRemoval(reason=f"cluster {cluster.name} is being deleted")
    return Delete(reason=f"cluster {cluster.name} is {cluster.status}, and to be removed: {request.reason}")


def is_ours(request: TeardownRequest, cluster: Cluster) -> bool:
    """Tell whether a cluster is the one that the request may remove, beyond doubt."""
    return names.is_ours(
        cluster.name, cluster.labels, deployment=request.deployment, burst=request.burst_id, lead=request.lead
    )


def _without_cluster(request: TeardownRequest, operations: tuple[ClusterOperation, ...]) -> Step:
    name = names.cluster_name(request.burst_id)
    if any(not operation.is_done for operation in operations):
        return AwaitRemoval(reason=f"an operation on cluster {name} is still running")
    return Removed(
        was_there=any(operation.kind is OperationKind.DELETE for operation in operations),
        reason=f"there is no cluster {name} in {request.zone}",
    )


def _not_ours(cluster: Cluster) -> RequestRefused:
    return RequestRefused(
        f"cluster {cluster.name} is not this burst's beyond doubt: its labels differ. It is left alone.",
        remedy="Find out whose it is (gcloud container clusters describe); delete it by hand if it is not wanted.",
        code="not-ours",
    )
