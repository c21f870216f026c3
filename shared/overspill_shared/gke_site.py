"""What a deployment says about its clusters at GKE, whatever burst they are for. A value; the adapter reads it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ReleaseChannel(StrEnum):
    """Where GKE takes its versions from (google.container.v1.ReleaseChannel)."""

    NONE = "none"
    """No channel: the only one in which GKE lets nodes be neither repaired nor upgraded under a job."""
    RAPID = "rapid"
    REGULAR = "regular"
    STABLE = "stable"
    EXTENDED = "extended"


@dataclass(frozen=True, slots=True, kw_only=True)
class GkeSite:
    """What a deployment says about its clusters, whatever burst they are for; empty texts leave it to GKE."""

    node_service_account: str = ""
    """Email of the account that nodes run as; empty: the project's default one, which can do far too much."""
    network: str = ""
    """Name, or full path in a host project."""
    subnetwork: str = ""
    pods_range: str = ""
    """Name of the subnetwork's secondary range for pods."""
    services_range: str = ""
    release_channel: ReleaseChannel = ReleaseChannel.NONE
    system_machine_type: str = "e2-standard-2"
    are_nodes_private: bool = True
    """Without external addresses: images, and the lead, must be reachable by other ways."""
    has_ip_endpoint: bool = False
    """Whether the control plane also listens on an IP address, beside its DNS name."""
