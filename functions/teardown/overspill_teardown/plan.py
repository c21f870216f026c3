"""What to do next about a teardown, given what the cloud shows: one step, with its reason.

Pure, and level-triggered: nothing is remembered between two looks, so each look checks everything again. Doing the step
is not done here. Only what is ours beyond doubt is deleted, and a burst is removed only once every zone has said that
nothing of it is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from overspill_shared import names
from overspill_shared.clusters import Cluster, ClusterListing, ClusterOperation, ClusterStatus, OperationKind
from overspill_shared.errors import RequestRefused
from overspill_shared.refuse import Refuse
from overspill_teardown.judging import REJUDGED, Keep, Verdict

if TYPE_CHECKING:
    from overspill_shared.messages import TeardownRequest

LOAD_BALANCER_PATIENCE_S: Final = 300.0
"""A load balancer that takes longer to go than this does not keep the cluster, and its cost, any longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadBalancer:
    """A Service that has, or is to have, a load balancer outside of the cluster."""

    service: str
    deleted_at: float | None
    """Epoch seconds; None if nobody has deleted it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the cloud shows of a burst."""

    cluster: Cluster | None
    """The one of its name in its zone; where that is gone, the first of `left`."""
    operations: tuple[ClusterOperation, ...] = ()
    """On the cluster's name; read where there is no such cluster in its zone."""
    left: tuple[Cluster, ...] = ()
    """Every other cluster of the burst, found by its labels; looked for where there is none of its name in its zone."""
    missing_zones: tuple[str, ...] = ()
    """Zones that did not answer then."""
    verdict: Verdict | None = None
    """Whether it may exist; asked only where the request's reason must still hold."""
    load_balancers: tuple[LoadBalancer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveServices:
    """The cluster is to be removed, and would leave load balancers behind: remove their Services."""

    cluster: Cluster
    services: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitServices:
    """Load balancers are being removed."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """The cluster is there: delete it."""

    cluster: Cluster
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitRemoval:
    """The cluster is being deleted."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitZones:
    """Nothing of the burst was seen, but not every zone has answered."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """The cloud says that the burst is gone."""

    was_there: bool
    """The zone remembers its deletion; otherwise it may never have existed."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """What was the reason for the request holds no longer: nothing is done."""

    reason: str


Step = RemoveServices | AwaitServices | Delete | AwaitRemoval | AwaitZones | Removed | Cancel | Refuse


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


def plan(request: TeardownRequest, observed: Observed, *, now: float) -> Step:
    """Decide the next step."""
    cluster = observed.cluster
    if cluster is None:
        return _without_cluster(request, observed)
    if not is_ours(request, cluster):
        return Refuse(error=_not_ours(cluster))
    if cluster.status is ClusterStatus.STOPPING:
        return AwaitRemoval(reason=f"cluster {cluster.name} is being deleted")
    if request.reason in REJUDGED and isinstance(observed.verdict, Keep):
        return Cancel(reason=f"cluster {cluster.name} is kept: {observed.verdict.reason}")
    waiting = [item for item in observed.load_balancers if _is_waited_for(item, now)]
    if unasked := tuple(item.service for item in waiting if item.deleted_at is None):
        reason = f"{len(unasked)} Services of cluster {cluster.name} have load balancers"
        return RemoveServices(cluster=cluster, services=unasked, reason=reason)
    if waiting:
        return AwaitServices(reason=f"{len(waiting)} load balancers are being removed")
    return Delete(
        cluster=cluster, reason=f"cluster {cluster.name} is {cluster.status}, and to be removed: {request.reason}"
    )


def is_ours(request: TeardownRequest, cluster: Cluster) -> bool:
    """Tell whether a cluster is the one that the request may remove, beyond doubt."""
    return names.is_ours(
        cluster.name, cluster.labels, deployment=request.deployment, burst=request.burst_id, lead=request.lead
    )


def of_burst(request: TeardownRequest, listing: ClusterListing) -> tuple[Cluster, ...]:
    """Give the burst's clusters in all zones, those last that are being deleted already."""
    found = [cluster for cluster in listing.clusters if is_ours(request, cluster)]
    return tuple(sorted(found, key=lambda cluster: cluster.status is ClusterStatus.STOPPING))


def _without_cluster(request: TeardownRequest, observed: Observed) -> Step:
    name = names.cluster_name(request.burst_id)
    if is_being_changed(observed.operations):
        return AwaitRemoval(reason=f"an operation on cluster {name} is still running")
    if observed.missing_zones:
        return AwaitZones(reason=f"zones did not answer, and may hold it: {', '.join(observed.missing_zones)}")
    return Removed(
        was_there=any(operation.kind is OperationKind.DELETE for operation in observed.operations),
        reason=f"there is no cluster {name} in {request.zone}, nor in any other zone",
    )


def is_being_changed(operations: tuple[ClusterOperation, ...]) -> bool:
    """Tell whether an operation runs."""
    return any(not operation.is_done for operation in operations)


def _is_waited_for(item: LoadBalancer, now: float) -> bool:
    return item.deleted_at is None or now < item.deleted_at + LOAD_BALANCER_PATIENCE_S


def _not_ours(cluster: Cluster) -> RequestRefused:
    return RequestRefused(
        f"cluster {cluster.name} is not this burst's beyond doubt: its labels differ. It is left alone.",
        remedy="Find out whose it is (gcloud container clusters describe); delete it by hand if it is not wanted.",
        code="not-ours",
    )
