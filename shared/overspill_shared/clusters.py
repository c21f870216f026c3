"""Clusters as the cloud shows them, and as they are asked for.

Values, and the one rule that reads a cloud's complaint. They are read and written by the Clusters port; what follows
from a state is decided by the functions' plans.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from overspill_shared import names
from overspill_shared.errors import CapacityUnavailable, CloudError, QuotaExceeded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_shared.templates import NodeShape

BURST_POOL: Final = "burst"
"""The node pool of a burst's cluster that its brokers run on, and nothing else."""
SYSTEM_POOL: Final = "system"
"""The small one that holds what must outlive the burst's nodes: operator, dead-man, kube-system."""
POOL_LABEL: Final = "overspill/pool"
"""The label of each node that names its pool: the brokers' nodeSelector."""

_CAPACITY_MARKS: Final = ("GCE_STOCKOUT", "ZONE_RESOURCE_POOL_EXHAUSTED")
_QUOTA_MARKS: Final = ("GCE_QUOTA_EXCEEDED", "QUOTA_EXCEEDED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint:
    """A taint of a node, of the effect NoSchedule: only pods that tolerate it run there."""

    key: str
    value: str


BURST_TAINT: Final = Taint(key="overspill", value="burst")
"""Of every node of the burst pool."""


class ClusterStatus(StrEnum):
    """GKE's own (google.container.v1.Cluster.Status)."""

    UNKNOWN = "STATUS_UNSPECIFIED"
    PROVISIONING = "PROVISIONING"
    RUNNING = "RUNNING"
    RECONCILING = "RECONCILING"
    """It can be used while it changes."""
    STOPPING = "STOPPING"
    ERROR = "ERROR"
    """It cannot be used; GKE deletes it, some time."""
    DEGRADED = "DEGRADED"
    """It can be used, with something lacking."""

    @classmethod
    def _missing_(cls, value: object) -> ClusterStatus:  # noqa: ARG003 - Enum's signature
        """A state that this release does not know."""
        return cls.UNKNOWN


USABLE: Final = frozenset({ClusterStatus.RUNNING, ClusterStatus.RECONCILING, ClusterStatus.DEGRADED})
"""States in which a cluster's Kubernetes API answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What the cloud says is wrong with a cluster or an operation."""

    code: str
    """A name of google.container.v1.StatusCondition.Code, or empty."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSpec:
    """A cluster to be made."""

    name: str
    labels: Mapping[str, str]
    shape: NodeShape
    """What its burst nodes are like."""
    node_count: int
    max_node_count: int
    """What it may grow to: the slot's size."""
    starts_at: float
    """Epoch seconds of the request; no time of day is read where the spec is used, so that it stays the same."""
    ends_at: float
    """Epoch seconds of the burst's hard end."""


class NodePoolStatus(StrEnum):
    """GKE's own (google.container.v1.NodePool.Status)."""

    UNKNOWN = "STATUS_UNSPECIFIED"
    PROVISIONING = "PROVISIONING"
    RUNNING = "RUNNING"
    RUNNING_WITH_ERROR = "RUNNING_WITH_ERROR"
    """Some of its nodes are missing."""
    RECONCILING = "RECONCILING"
    STOPPING = "STOPPING"
    ERROR = "ERROR"

    @classmethod
    def _missing_(cls, value: object) -> NodePoolStatus:  # noqa: ARG003 - Enum's signature
        """A state that this release does not know."""
        return cls.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePool:
    """A node pool of a cluster that exists."""

    name: str
    node_count: int
    """The size that it was last given; an autoscaler may have gone its own way since."""
    status: NodePoolStatus
    complaints: tuple[Complaint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster that exists."""

    name: str
    zone: str
    status: ClusterStatus
    labels: Mapping[str, str]
    created_at: float
    """Epoch seconds."""
    pools: tuple[NodePool, ...] = ()
    endpoint: str = ""
    """Host, or host:port, of its Kubernetes API; empty until it runs."""
    ca_pem: bytes = b""
    """Who vouches for that API's certificate; empty: the public authorities do."""
    complaints: tuple[Complaint, ...] = ()

    @property
    def spec_hash(self) -> str:
        """The hash of what kind of nodes it was made for, which no revision changes; empty if nothing says so."""
        return self.labels.get(names.LABEL_SPEC_HASH, "")

    def pool(self, name: str) -> NodePool | None:
        """Give the node pool of this name, or None."""
        return next((pool for pool in self.pools if pool.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterListing:
    """What one look at all zones showed."""

    clusters: tuple[Cluster, ...]
    """Those labelled `overspill=true`, of every deployment; names.is_ours tells whose a cluster is."""
    missing_zones: tuple[str, ...] = ()
    """Zones that did not answer: about clusters there the listing says nothing."""


class OperationKind(StrEnum):
    """What an operation does to a cluster, as far as we tell them apart."""

    CREATE = "create"
    DELETE = "delete"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOperation:
    """A long-running operation on a cluster, finished or not."""

    kind: OperationKind
    is_done: bool
    complaints: tuple[Complaint, ...] = ()
    """Why it failed; empty where it did not."""


def failure_of(complaints: tuple[Complaint, ...], what: str) -> CloudError:
    """Give the error that the cloud's complaints about `what` amount to.

    GKE names the cause by a condition's code, or only in brackets within a text.
    """
    said = " ".join(f"[{item.code}] {item.text}" for item in complaints)
    quoted = "; ".join(dict.fromkeys(item.text.strip().rstrip(".") for item in complaints)) or "no reason was given"
    if any(mark in said for mark in _CAPACITY_MARKS):
        return CapacityUnavailable(
            f"{what}: the zone has no such nodes now: {quoted}.",
            remedy="Wait, or give the template more zones or another machine type.",
        )
    if any(mark in said for mark in _QUOTA_MARKS):
        return QuotaExceeded(
            f"{what}: the project's quota is used up: {quoted}.", remedy="Ask for more quota, or wait."
        )
    return CloudError(
        f"{what}: {quoted}.", remedy="Look at the cluster's operations in the console.", code="cluster-error"
    )
