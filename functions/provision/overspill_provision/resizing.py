"""What to do next about a burst that is to be larger, smaller, or empty but warm.

Pure. The burst's revision is kept in its namespace (ADR 0006). A pool grows before the MiniCluster does, and is emptied
after it; in between, nodes that become free are the autoscaler's: GKE, told to shrink a pool, would choose the nodes
itself, and jobs run on some. What cannot be resized is refused, and stays as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from overspill_provision import failures
from overspill_provision.limits import Limits, check_times
from overspill_provision.steps import AwaitPods, Ready, ResizeMiniCluster, ResizePool
from overspill_shared import names
from overspill_shared.clusters import BURST_POOL
from overspill_shared.errors import RequestRefused
from overspill_shared.refuse import Refuse

if TYPE_CHECKING:
    from overspill_provision.steps import BurstObjects, Step
    from overspill_shared.clusters import Cluster
    from overspill_shared.messages import BurstRequest


def resizing(request: BurstRequest, cluster: Cluster, objects: BurstObjects, limits: Limits, now: float) -> Step | None:
    """Give the step that brings a burst with a MiniCluster to the wanted size; None if it has it."""
    pool = cluster.pool(BURST_POOL)
    lacks_nodes = pool is not None and pool.node_count < request.size
    if objects.revision == request.revision and objects.size == request.size and not lacks_nodes:
        return None
    if objects.revision < request.revision:
        try:
            check_times(request, limits, now)
            _check_hard_end(request, cluster)
        except RequestRefused as refusal:
            return Refuse(error=refusal)
    change = f"{objects.size} nodes, revision {objects.revision}, to {request.size}, revision {request.revision}"
    is_larger = lacks_nodes or request.size > (objects.size or 0)
    if is_larger and now >= request.deadline_at:
        return Refuse(error=failures.too_late(RequestRefused, request, f"the burst does not grow from {change}"))
    if lacks_nodes:
        return ResizePool(cluster=cluster, reason=f"the node pool grows: from {change}")
    return ResizeMiniCluster(cluster=cluster, made_at=objects.made_at, reason=f"from {change}")


def emptying(request: BurstRequest, cluster: Cluster, objects: BurstObjects) -> Step:
    """Give the step that leaves a cluster without a MiniCluster and without burst nodes."""
    if objects.size is not None or objects.revision < request.revision:
        return ResizeMiniCluster(cluster=cluster, made_at=0.0, reason="no pods are wanted: the MiniCluster goes")
    if objects.pods:
        return AwaitPods(reason=f"{len(objects.pods)} pods are leaving")
    pool = cluster.pool(BURST_POOL)
    if pool is not None and pool.node_count:
        return ResizePool(cluster=cluster, reason="no pods are left: the node pool is emptied")
    return Ready(reason="the cluster is warm, and has no burst nodes", made_at=0.0)


def _check_hard_end(request: BurstRequest, cluster: Cluster) -> None:
    """A burst's end was fixed when its cluster was made: no message moves it.

    Raises RequestRefused.
    """
    label = cluster.labels.get(names.LABEL_EXPIRES, "")
    if re.fullmatch(r"[0-9]+", label) and int(request.hard_end_at) > int(label):
        raise RequestRefused(
            f"hard_end_at is {request.hard_end_at:.0f}, the burst's cluster was made to end at {label}.",
            remedy="Burst into another slot for longer.",
            code="hard-end",
        )
