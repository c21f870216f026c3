"""The provision function's settings about clusters at GKE: their network, their nodes' account, how GKE keeps them.

What kind of nodes a burst gets is said by its template, not here.
"""

from __future__ import annotations

from pydantic import Field

from overspill_shared.fields import MachineType
from overspill_shared.function_settings import FunctionSettings
from overspill_shared.gke_site import GkeSite, ReleaseChannel

RANGE = r"^([a-z]([-a-z0-9]{0,61}[a-z0-9])?)?$"
NETWORK = r"^(projects/[A-Za-z0-9:._-]+/(global|regions/[a-z0-9-]+)/[a-z]+/)?[a-z]([-a-z0-9]{0,61}[a-z0-9])?$|^$"
"""A name, or the full path of a network in a host project."""


class GkeSettings(FunctionSettings):
    """What is told about clusters at GKE."""

    node_service_account: str = Field(default="", pattern=r"^([a-z0-9-]+@[a-z0-9.-]+)?$")
    """Email of the account that nodes run as, best one with few rights; default: the project's own, with many."""

    network: str = Field(default="", pattern=NETWORK)
    """Name of the VPC network of clusters, or its full path in a host project; default: GKE's, `default`."""

    subnetwork: str = Field(default="", pattern=NETWORK)
    """Name, or full path, of the subnetwork."""

    pods_range: str = Field(default="", pattern=RANGE)
    """Name of the subnetwork's secondary range for pods; default: GKE makes one for each cluster."""

    services_range: str = Field(default="", pattern=RANGE)
    """Name of the subnetwork's secondary range for services; default: as pods_range."""

    private_nodes: bool = True
    """Nodes have no external address: images and the lead must be reachable by NAT or within the network."""

    control_plane_ip_endpoint: bool = False
    """The control plane also listens on an IP address; the functions themselves use its DNS name."""

    release_channel: ReleaseChannel = ReleaseChannel.NONE
    """Where GKE takes versions from; in any but `none` it repairs nodes that it holds for broken, within a job too."""

    system_machine_type: MachineType = "e2-standard-2"
    """Machine type of the one node beside the burst's, which holds the operator and GKE's own pods."""

    def gke_site(self) -> GkeSite:
        """Give these settings as the adapter takes them."""
        return GkeSite(
            node_service_account=self.node_service_account,
            network=self.network,
            subnetwork=self.subnetwork,
            pods_range=self.pods_range,
            services_range=self.services_range,
            release_channel=self.release_channel,
            system_machine_type=self.system_machine_type,
            are_nodes_private=self.private_nodes,
            has_ip_endpoint=self.control_plane_ip_endpoint,
        )
