"""What provisioning sees, and what it can do next: the values between looking, deciding and doing.

Values only. Which step follows from what is seen is decided in `plan`, and done in `apply`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from overspill_shared.refuse import Refuse

if TYPE_CHECKING:
    from overspill_shared.clusters import Cluster, ClusterListing, ClusterOperation, ClusterSpec
    from overspill_shared.errors import OverspillError
    from overspill_shared.pods import Pod


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstObjects:
    """What the cluster's Kubernetes API shows of the burst."""

    revision: int = 0
    """The highest revision that was ever begun here; 0 before the first."""
    size: int | None = None
    """What its MiniCluster asks for; None if there is none."""
    made_at: float = 0.0
    """When its MiniCluster was made, in epoch seconds; 0 if there is none."""
    pods: tuple[Pod, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the cloud shows."""

    cluster: Cluster | None
    operations: tuple[ClusterOperation, ...] = ()
    """Read only where the cluster is missing or broken."""
    listing: ClusterListing | None = None
    """All clusters of all zones, read only where one is to be made, or was just made."""
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
class AwaitAnswer:
    """The cloud did not show all that must be known: nothing is done, and nothing told."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """The cluster runs: put operator, keys and MiniCluster into it."""

    cluster: Cluster
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizePool:
    """The burst's node pool has the wrong size: nothing runs on nodes that go, or pods wait for nodes that come."""

    cluster: Cluster
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeMiniCluster:
    """The MiniCluster has the wrong size, or is to go for a size of 0."""

    cluster: Cluster
    made_at: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitPods:
    """Pods are on their way, or on their way out."""

    reason: str
    trouble: str = ""
    """What keeps them from running, as far as Kubernetes says so."""
    trouble_reasons: tuple[str, ...] = ()
    """The same in Kubernetes' single words, in order: what is news, and what only another number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Every pod that is wanted runs, and no other."""

    reason: str
    made_at: float
    """When the MiniCluster was made, in epoch seconds; 0 where there is none."""


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


Step = (
    CreateCluster
    | AwaitCluster
    | AwaitAnswer
    | Deploy
    | ResizePool
    | ResizeMiniCluster
    | AwaitPods
    | Ready
    | Ignore
    | GiveUp
    | Refuse
)
