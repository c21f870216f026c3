"""The cluster that a request asks for, as a value.

Pure; how GKE wants it written is the adapter's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from overspill_shared import names
from overspill_shared.clusters import ClusterSpec

if TYPE_CHECKING:
    from overspill_shared.messages import BurstRequest


def spec_hash(request: BurstRequest) -> str:
    """Give the hash of what kind of nodes are asked for; size, end and revision may change, this may not."""
    return names.content_hash({"template": request.template.model_dump(mode="json"), "zone": request.zone})[:32]


def build_cluster_spec(request: BurstRequest) -> ClusterSpec:
    """Give the cluster: as many nodes as wanted, labelled so that it is ours beyond doubt and has an end."""
    return ClusterSpec(
        name=names.cluster_name(request.burst_id),
        labels={
            **names.cluster_labels(
                deployment=request.deployment,
                lead=request.lead.id,
                burst=request.burst_id,
                generation=request.generation,
                expires_at=request.hard_end_at,
                revision=request.revision,
            ),
            names.LABEL_SPEC_HASH: spec_hash(request),
        },
        shape=request.template,
        node_count=request.size,
        max_node_count=request.slot.size,
        starts_at=request.requested_at,
        ends_at=request.hard_end_at,
    )
