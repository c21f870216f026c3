"""What to do next about a request, given what the cloud shows: one step, with its reason.

Pure, and level-triggered: nothing is remembered between two looks, so a repeated, late or interrupted delivery arrives
at the same step. Doing the step is not done here. Two rules are above all others: what is not ours is not touched, and
a cluster in which the MiniCluster is, or may be, is not deleted, for jobs may run there, and only the agent knows. (One
in state ERROR is no exception worth making: GKE deletes it by itself.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from overspill_provision.cluster_spec import build_cluster_spec
from overspill_shared import names
from overspill_shared.clusters import (
    USABLE,
    Cluster,
    ClusterOperation,
    ClusterSpec,
    ClusterStatus,
    Complaint,
    OperationKind,
    failure_of,
)
from overspill_shared.errors import CapacityUnavailable, CloudError, ConfigError, OverspillError, RequestRefused
from overspill_shared.pods import Pod, PodPhase, count

if TYPE_CHECKING:
    from overspill_shared.messages import BurstRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstObjects:
    """What the cluster's Kubernetes API shows of the burst."""

    has_minicluster: bool
    pods: tuple[Pod, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the cloud shows."""

    cluster: Cluster | None
    operations: tuple[ClusterOperation, ...] = ()
    """Read only where the cluster is missing or broken."""
    objects: BurstObjects | None = None
    """Read only where the cluster can be used, and is ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCluster:
    """Nothing is there: make the cluster."""

    spec: ClusterSpec
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitCluster:
    """The cluster is on its way."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """The cluster runs: put operator, keys and MiniCluster into it."""

    cluster: Cluster
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitPods:
    """The MiniCluster is there: its pods are on their way."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Every pod runs."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """There is nothing to do, and nothing to tell."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """It will not become what it should: tell so, and delete the cluster where that is safe."""

    error: OverspillError
    delete_cluster: bool

    @property
    def reason(self) -> str:
        """Say why."""
        return str(self.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """The request must not be fulfilled; what exists stays as it is."""

    error: RequestRefused

    @property
    def reason(self) -> str:
        """Say why."""
        return str(self.error)


Step = CreateCluster | AwaitCluster | Deploy | AwaitPods | Ready | Ignore | GiveUp | Refuse


def plan(request: BurstRequest, observed: Observed, *, now: float) -> Step:
    """Decide the next step."""
    cluster = observed.cluster
    if cluster is None:
        return _without_cluster(request, observed.operations, now)
    if not is_ours(request, cluster):
        return GiveUp(error=_name_taken(cluster), delete_cluster=False)
    if cluster.status is ClusterStatus.STOPPING:
        return GiveUp(error=_being_deleted(cluster.name), delete_cluster=False)
    if cluster.status is ClusterStatus.ERROR:
        complaints = cluster.complaints + _create_complaints(observed.operations)
        return GiveUp(error=failure_of(complaints, f"cluster {cluster.name}"), delete_cluster=True)
    if (other := _other_revision(request, cluster)) is not None:
        return other
    if cluster.status not in USABLE or observed.objects is None:
        return _with_cluster_on_its_way(request, cluster, now)
    return _with_cluster(request, cluster, observed.objects, now)


def is_ours(request: BurstRequest, cluster: Cluster) -> bool:
    """Tell whether a cluster is this request's, beyond doubt."""
    return names.is_ours(
        cluster.name,
        cluster.labels,
        deployment=request.deployment,
        burst=request.burst_id,
        lead=request.lead.id,
    )


def _without_cluster(request: BurstRequest, operations: tuple[ClusterOperation, ...], now: float) -> Step:
    name = names.cluster_name(request.burst_id)
    deletions = [operation for operation in operations if operation.kind is OperationKind.DELETE]
    if any(not deletion.is_done for deletion in deletions):
        return GiveUp(error=_being_deleted(name), delete_cluster=False)
    if deletions:
        return Ignore(reason=f"late duplicate: cluster {name} was deleted, and is never made again")
    if complaints := _create_complaints(operations):
        return GiveUp(error=failure_of(complaints, f"cluster {name}"), delete_cluster=False)
    if now >= request.deadline_at:
        return GiveUp(
            error=_too_late(CloudError, request, "the request came too late, nothing was created"),
            delete_cluster=False,
        )
    return CreateCluster(
        spec=build_cluster_spec(request),
        reason=f"no cluster {name} exists in {request.zone}: {request.size} nodes are wanted",
    )


def _with_cluster_on_its_way(request: BurstRequest, cluster: Cluster, now: float) -> Step:
    if now >= request.deadline_at:
        # GKE reports a stock-out half an hour late: a cluster that does not come up is most often one.
        return GiveUp(
            error=_too_late(CapacityUnavailable, request, f"cluster {cluster.name} is still {cluster.status}"),
            delete_cluster=True,
        )
    return AwaitCluster(reason=f"cluster {cluster.name} is {cluster.status}")


def _with_cluster(request: BurstRequest, cluster: Cluster, objects: BurstObjects, now: float) -> Step:
    is_late = now >= request.deadline_at
    if not objects.has_minicluster:
        if is_late:
            error = _too_late(CloudError, request, "the cluster runs, but its MiniCluster was not created in time")
            return GiveUp(error=error, delete_cluster=True)
        return Deploy(cluster=cluster, reason="the cluster runs and has no MiniCluster")
    running = count(objects.pods, PodPhase.RUNNING)
    if running >= request.size:
        return Ready(reason=f"{running} of {request.size} pods run")
    if count(objects.pods, PodPhase.SUCCEEDED):
        return Ignore(reason="late duplicate: brokers of this burst have left already")
    if is_late:
        return Ignore(
            reason=f"{running} of {request.size} pods run at the deadline: what becomes of them is the agent's decision"
        )
    return AwaitPods(reason=f"{running} of {request.size} pods run")


def _other_revision(request: BurstRequest, cluster: Cluster) -> Step | None:
    """Give the step for a request that asks for another size than the one that the cluster was made for."""
    label = cluster.labels.get(names.LABEL_REVISION, "")
    made_for = int(label) if re.fullmatch(r"[0-9]+", label) else 1
    if request.revision < made_for:
        return Ignore(reason=f"stale: revision {request.revision}, the cluster is of revision {made_for}")
    if request.revision > made_for:
        return Refuse(
            error=RequestRefused(
                f"revision is {request.revision}, the burst's cluster was made for {made_for}: "
                "this release does not resize a burst.",
                remedy="Let the agent burst into another slot.",
                code="resize-unsupported",
            )
        )
    return None


def _create_complaints(operations: tuple[ClusterOperation, ...]) -> tuple[Complaint, ...]:
    return tuple(
        complaint
        for operation in operations
        if operation.kind is OperationKind.CREATE
        for complaint in operation.complaints
    )


def _too_late(kind: type[CloudError], request: BurstRequest, text: str) -> CloudError:
    return kind(
        f"deadline_at ({request.deadline_at:.0f}) has passed: {text}.",
        remedy="Raise the agent's join deadline if the cloud needs longer, or try another zone.",
        code="deadline-passed",
    )


def _name_taken(cluster: Cluster) -> ConfigError:
    return ConfigError(
        f"a cluster {cluster.name} exists in the zone, but its labels are not this burst's: it is left alone.",
        remedy="Find out whose it is (gcloud container clusters describe), and delete or rename it by hand.",
        code="name-taken",
    )


def _being_deleted(name: str) -> CloudError:
    return CloudError(
        f"cluster {name} is being deleted: nothing is created under its name.",
        remedy="Let the agent try again, as a new burst.",
        code="name-being-deleted",
    )
