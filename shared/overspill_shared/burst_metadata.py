"""What the metadata of every Kubernetes object of a burst has alike: its namespace, and the labels that make it ours.

Values only; what the objects are stands in the modules that build them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from overspill_shared import names

if TYPE_CHECKING:
    from overspill_shared.messages import BurstRequest


def namespace_name(request: BurstRequest) -> str:
    """Give the burst's own namespace: the cluster's name, so that two bursts can share a cluster."""
    return names.cluster_name(request.burst_id)


def object_labels(request: BurstRequest) -> dict[str, str]:
    """Give the labels of each of the burst's objects, and of its pods."""
    return names.object_labels(deployment=request.deployment, lead=request.lead.id, burst=request.burst_id)


def object_metadata(request: BurstRequest, name: str) -> dict[str, Any]:
    """Give the metadata of an object in the burst's namespace."""
    return {"name": name, "namespace": namespace_name(request), "labels": object_labels(request)}
