"""What to do next about a request, given what the cloud shows: one step, with its reason.

Pure, and level-triggered: nothing is remembered between two looks, so a repeated, late or interrupted delivery arrives
at the same step. Doing the step is not done here. Two rules are above all others: what is not ours is not touched, and
a cluster in which the MiniCluster is, or may be, is not deleted, for jobs may run there, and only the agent knows. (One
in state ERROR is: GKE calls it unusable, and would delete it by itself.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from overspill_provision import failures, resizing
from overspill_provision.cluster_spec import build_cluster_spec, spec_hash
from overspill_provision.limits import Limits, check_room, check_still_room, check_times
from overspill_provision.steps import (
    AwaitAnswer,
    AwaitCluster,
    AwaitPods,
    BurstObjects,
    CreateCluster,
    Deploy,
    GiveUp,
    Ignore,
    Observed,
    Ready,
    Step,
)
from overspill_shared import names
from overspill_shared.clusters import (
    BURST_POOL,
    Cluster,
    ClusterListing,
    ClusterOperation,
    ClusterStatus,
    OperationKind,
)
from overspill_shared.errors import CloudError, LimitReached, RequestRefused
from overspill_shared.pods import PodPhase, count, troubles
from overspill_shared.refuse import Refuse

if TYPE_CHECKING:
    from overspill_shared.messages import BurstRequest


def plan(request: BurstRequest, observed: Observed, limits: Limits, *, now: float) -> Step:
    """Decide the next step."""
    cluster = observed.cluster
    if cluster is None:
        return _without_cluster(request, observed, limits, now)
    if (broken := _not_to_be_used(request, cluster, observed.operations)) is not None:
        return broken
    if (surplus := _surplus(cluster, observed, limits)) is not None:
        return surplus
    if observed.objects is None:
        return _with_cluster_on_its_way(request, cluster, limits, now)
    return _with_objects(request, cluster, observed.objects, limits, now)


def is_ours(request: BurstRequest, cluster: Cluster) -> bool:
    """Tell whether a cluster is this request's, beyond doubt."""
    return names.is_ours(
        cluster.name,
        cluster.labels,
        deployment=request.deployment,
        burst=request.burst_id,
        lead=request.lead.id,
    )


def _without_cluster(request: BurstRequest, observed: Observed, limits: Limits, now: float) -> Step:
    name = names.cluster_name(request.burst_id)
    if (ended := _remembered(name, observed.operations)) is not None:
        return ended
    if request.size == 0:
        return _without_wanted_nodes(request, now)
    try:
        check_times(request, limits, now)
        if now >= request.deadline_at:
            late = failures.too_late(CloudError, request, "the request came too late, nothing was created")
            return GiveUp(error=late, delete_cluster=False)
        if observed.listing is None or observed.listing.missing_zones:
            return _partial(observed.listing)
        check_room(observed.listing.clusters, limits)
    except RequestRefused as refusal:
        return Refuse(error=refusal)
    return CreateCluster(
        spec=build_cluster_spec(request),
        reason=f"no cluster {name} exists in {request.zone}: {request.size} nodes are wanted",
    )


def _without_wanted_nodes(request: BurstRequest, now: float) -> Step:
    """The revision before may come after this one, and must find it, until nothing is made any more."""
    reason = "no nodes are wanted, and no cluster is there"
    return Ignore(reason=reason) if now >= request.deadline_at else AwaitAnswer(reason=f"{reason} yet")


def _remembered(name: str, operations: tuple[ClusterOperation, ...]) -> Step | None:
    """Give the step for a cluster that is gone, and was there: it is never made again."""
    if complaints := failures.create_complaints(operations):
        return GiveUp(error=failures.of_complaints(complaints, f"cluster {name}"), delete_cluster=False)
    deletions = [operation for operation in operations if operation.kind is OperationKind.DELETE]
    if any(not deletion.is_done for deletion in deletions):
        return GiveUp(error=failures.being_deleted(name), delete_cluster=False)
    if deletions:
        return Ignore(reason=f"late duplicate: cluster {name} was deleted, and is never made again")
    return None


def _partial(listing: ClusterListing | None) -> AwaitAnswer:
    missing = ", ".join(listing.missing_zones) if listing else "all"
    return AwaitAnswer(reason=f"bursts cannot be counted: no answer from zones {missing}")


def _not_to_be_used(request: BurstRequest, cluster: Cluster, operations: tuple[ClusterOperation, ...]) -> GiveUp | None:
    """Give the end for a cluster of which nothing can come."""
    if not is_ours(request, cluster):
        return GiveUp(error=failures.name_taken(cluster), delete_cluster=False)
    complaints = cluster.complaints + failures.create_complaints(operations)
    if cluster.status is ClusterStatus.STOPPING and not complaints:
        return GiveUp(error=failures.being_deleted(cluster.name), delete_cluster=False)
    if cluster.status is ClusterStatus.STOPPING:
        return GiveUp(error=failures.of_complaints(complaints, f"cluster {cluster.name}"), delete_cluster=False)
    if cluster.status is ClusterStatus.ERROR:
        return GiveUp(error=failures.of_complaints(complaints, f"cluster {cluster.name}"), delete_cluster=True)
    if cluster.spec_hash not in ("", spec_hash(request)):
        return GiveUp(error=failures.other_spec(cluster), delete_cluster=False)
    return None


def _surplus(cluster: Cluster, observed: Observed, limits: Limits) -> GiveUp | None:
    """Give the end of a cluster that others, made at the same moment, leave no room for.

    A partial answer shows too few at most: those that it shows are there.
    """
    if observed.listing is None:
        return None  # the MiniCluster exists, or it was counted before
    try:
        check_still_room(cluster, observed.listing.clusters, limits)
    except LimitReached as error:
        return GiveUp(error=error, delete_cluster=_is_surely_empty(cluster, observed.objects))
    return None


def _is_surely_empty(cluster: Cluster, objects: BurstObjects | None) -> bool:
    """Tell whether no MiniCluster can be in a cluster: it was never up yet, or its API shows none.

    One in a state that this release does not know, or without an endpoint, may have been up for long.
    """
    if objects is not None:
        return objects.size is None
    return cluster.status is ClusterStatus.PROVISIONING


def _with_cluster_on_its_way(request: BurstRequest, cluster: Cluster, limits: Limits, now: float) -> Step:
    state = f"cluster {cluster.name} is {cluster.status}"
    if not _is_surely_empty(cluster, None):
        if now >= request.deadline_at:
            return Ignore(reason=f"{state} at the deadline: what becomes of it is the agent's decision")
        return AwaitCluster(reason=state)
    waited_s = now - cluster.created_at
    # One cause for both: the second may be reached while the first one's deletion is still refused.
    if waited_s >= limits.stockout_timeout_s or now >= request.deadline_at:
        return GiveUp(error=failures.slow_stockout(state, waited_s), delete_cluster=True)
    return AwaitCluster(reason=state)


def _with_objects(request: BurstRequest, cluster: Cluster, objects: BurstObjects, limits: Limits, now: float) -> Step:
    if request.revision < objects.revision:
        return Ignore(reason=f"stale: revision {request.revision}, the burst is at {objects.revision}")
    if request.size == 0:
        return resizing.emptying(request, cluster, objects)
    if objects.size is None:
        return _without_minicluster(request, cluster, now)
    if (resize := resizing.resizing(request, cluster, objects, limits, now)) is not None:
        return resize
    return _with_pods(request, cluster, objects, now)


def _without_minicluster(request: BurstRequest, cluster: Cluster, now: float) -> Step:
    if now >= request.deadline_at:
        text = "the cluster runs, but its MiniCluster was not created in time"
        return GiveUp(error=failures.too_late(CloudError, request, text), delete_cluster=True)
    if (failure := failures.of_new_cluster(cluster)) is not None:
        return GiveUp(error=failure, delete_cluster=True)
    return Deploy(cluster=cluster, reason="the cluster runs and has no MiniCluster")


def _with_pods(request: BurstRequest, cluster: Cluster, objects: BurstObjects, now: float) -> Step:
    running = count(objects.pods, PodPhase.RUNNING)
    state = f"{running} of {request.size} pods run"
    if running >= request.size:
        return Ready(reason=state, made_at=objects.made_at)
    if count(objects.pods, PodPhase.SUCCEEDED):
        return Ignore(reason="late duplicate: brokers of this burst have left already")
    pool = cluster.pool(BURST_POOL)
    if not running and pool is not None and pool.complaints:
        return GiveUp(error=failures.of_complaints(pool.complaints, f"node pool {pool.name}"), delete_cluster=False)
    if now >= request.deadline_at:
        return Ignore(reason=f"{state} at the deadline: what becomes of them is the agent's decision")
    words = sorted({pod.trouble.reason for pod in objects.pods if pod.trouble and not pod.is_leaving})
    return AwaitPods(reason=state, trouble=troubles(objects.pods), trouble_reasons=tuple(words))
