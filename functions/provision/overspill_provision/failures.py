"""Why a burst will not become what it should, as errors with a class, a code and a remedy.

Values only. When one of them is the case is decided in `plan`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from overspill_shared.clusters import (
    BURST_POOL,
    Cluster,
    ClusterOperation,
    ClusterStatus,
    Complaint,
    NodePoolStatus,
    OperationKind,
    failure_of,
)
from overspill_shared.errors import (
    BootFailure,
    CapacityUnavailable,
    CloudError,
    ConfigError,
    OverspillError,
    PermissionDenied,
)
from overspill_shared.messages import NAME_BEING_DELETED

if TYPE_CHECKING:
    from overspill_shared.messages import BurstRequest

E = TypeVar("E", bound=OverspillError)

TOO_LATE: Final = "deadline-passed"
_PERMISSION_MARKS: Final = (
    "GKE_SERVICE_ACCOUNT_DELETED",
    "NODE_SERVICE_ACCOUNT_MISSING_PERMISSIONS",
    "CLOUD_KMS_KEY_ERROR",
)
"""google.container.v1.StatusCondition.Code: what a person must grant again."""


def of_complaints(complaints: tuple[Complaint, ...], what: str) -> CloudError:
    """Give the error that the cloud's complaints about `what` amount to; BootFailure where they name no known cause."""
    failure = failure_of(complaints, what)
    if type(failure) is not CloudError:
        return failure
    if any(complaint.code in _PERMISSION_MARKS for complaint in complaints):
        return PermissionDenied(failure.text, remedy="Give the account that is named its right back.")
    return BootFailure(failure.text, remedy=failure.remedy, code=failure.code)


def of_new_cluster(cluster: Cluster) -> CloudError | None:
    """Give what is wrong with a cluster that runs and is still empty; None if nothing is."""
    if cluster.status is ClusterStatus.DEGRADED:
        return of_complaints(cluster.complaints, f"cluster {cluster.name} is DEGRADED")
    pool = cluster.pool(BURST_POOL)
    if pool is not None and pool.status is NodePoolStatus.ERROR:
        return of_complaints(pool.complaints, f"node pool {pool.name} of cluster {cluster.name}")
    return None


def create_complaints(operations: tuple[ClusterOperation, ...]) -> tuple[Complaint, ...]:
    """Give what the operations that made a cluster complained of."""
    return tuple(
        complaint
        for operation in operations
        if operation.kind is OperationKind.CREATE
        for complaint in operation.complaints
    )


def being_deleted(name: str) -> CloudError:
    """Give the error for a cluster that is on its way out, and shows no reason."""
    return CloudError(
        f"cluster {name} is being deleted: nothing is created under its name.",
        remedy="Find out who ordered that (gcloud container operations list); the agent may ask for a new burst.",
        code=NAME_BEING_DELETED,
    )


def too_late(kind: type[E], request: BurstRequest, text: str) -> E:
    """Give the error for what was not there, or not asked for, by the burst's deadline."""
    return kind(
        f"deadline_at ({request.deadline_at:.0f}) has passed: {text}.",
        remedy="Raise the agent's join deadline if the cloud needs longer, or try another zone.",
        code=TOO_LATE,
    )


def slow_stockout(state: str, waited_s: float) -> CapacityUnavailable:
    """Give the error for a cluster that does not come up: GKE reports a stock-out half an hour late."""
    return CapacityUnavailable(
        f"{state} {waited_s:.0f} s after its creation: the zone most likely has no such nodes now.",
        remedy="Wait, or give the template more zones or another machine type; raise stockout_timeout_s if it is slow.",
    )


def name_taken(cluster: Cluster) -> ConfigError:
    """Give the error for a cluster of our name that is not ours."""
    return ConfigError(
        f"a cluster {cluster.name} exists in the zone, but its labels are not this burst's: it is left alone.",
        remedy="Find out whose it is (gcloud container clusters describe), and delete or rename it by hand.",
        code="name-taken",
    )


def other_spec(cluster: Cluster) -> ConfigError:
    """Give the error for a cluster that was made for this burst, but otherwise than the request says."""
    return ConfigError(
        f"cluster {cluster.name} exists, but was made for another template or zone: it is left alone.",
        remedy="Find out what made it (gcloud container operations list); let the agent try again, as a new burst.",
        code="other-spec",
    )
