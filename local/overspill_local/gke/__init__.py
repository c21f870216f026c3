"""An embedded GKE: the ClusterManager service of google.container.v1, over real gRPC, with a backend for the clusters.

What it knows: the calls that Overspill makes, GKE's resource names, its errors, long-running operations and faults to
order. What it does not: nodes, networks, IAM, or what a Kubernetes API is; that is behind `ClusterBackend`.
"""

from overspill_local.faults.gke import CallError, Faults, FaultyCall, OperationFault, stockout
from overspill_local.gke.backend import ClusterBackend, ClusterEvent, Endpoint
from overspill_local.gke.server import GkeServer

__all__ = [
    "CallError",
    "ClusterBackend",
    "ClusterEvent",
    "Endpoint",
    "Faults",
    "FaultyCall",
    "GkeServer",
    "OperationFault",
    "stockout",
]
