"""What the embedded GKE needs of whoever runs it: something that brings Kubernetes APIs up, and somebody who listens.

Ports and their values; how a cluster's Kubernetes API is run does not stand here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from overspill_local.gke.protobufs import ClusterMessage


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a cluster's Kubernetes API listens, and who vouches for its certificate."""

    host_port: str
    """HOST:PORT, which a client turns into https://HOST:PORT."""
    ca_pem: bytes
    dns_host_port: str = ""
    """NAME:PORT of the same by a name, as a cluster's DNS endpoint; empty: it has none."""


class ClusterBackend(Protocol):
    """What brings a cluster's Kubernetes API up and down.

    It is told names, not locations: two clusters of one name in two zones would meet in it.
    """

    async def up(self, cluster: ClusterMessage) -> Endpoint:
        """Start the Kubernetes API of a google.container.v1.Cluster; return when it answers."""

    async def resized(self, cluster: ClusterMessage) -> None:
        """Learn that a node pool of a cluster that is up has another size."""

    async def down(self, name: str) -> None:
        """Stop it and everything that runs in it; a cluster that is not up is none the worse for it."""


class ClusterEvent(StrEnum):
    """What happens to clusters, for a timeline."""

    PROVISIONING = "cluster-provisioning"
    RUNNING = "cluster-running"
    STOPPING = "cluster-stopping"
    DELETED = "cluster-deleted"
    ERROR = "cluster-error"


EventCallback: TypeAlias = Callable[[ClusterEvent, str, str], None]
"""Is told what happened, to the cluster of which name, and a detail for people. Must not raise or block."""
