"""A renewal moves a burst's lease forward: only forward, and never past the burst's hard end.

One for a burst that is unknown, somebody else's, on its way out or not there yet is a logged no-op, and so is one that
came too late. It says nothing about the burst, so nothing is told to its agent: that a burst is gone is reported by a
teardown alone, which looks in every zone.
"""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING

from overspill_shared import names
from overspill_shared.clusters import USABLE
from overspill_teardown.inside import BurstCluster
from overspill_teardown.judging import hard_end_of

if TYPE_CHECKING:
    from overspill_shared.clusters import Cluster
    from overspill_shared.messages import LeaseRenewal
    from overspill_teardown.apply import Policy, Ports

log = logging.getLogger(__name__)


def renew(renewal: LeaseRenewal, *, ports: Ports, policy: Policy) -> None:
    """Renew a burst's lease, or log why it is not.

    Raises CloudError if the cloud did not answer, or the lease changed meanwhile: a retryable one must come again.
    """
    now = ports.clock.now()
    cluster = None
    if renewal.deployment == policy.deployment:
        cluster = ports.clusters.get(renewal.zone, names.cluster_name(renewal.burst_id))
    reason = why_not(renewal, cluster, now=now) if cluster else "there is no such burst here"
    if cluster is None or reason:
        log.info("lease.not_renewed", extra={"reason": reason})
        return
    limit = hard_end_of(cluster)
    until = renewal.expires_at if limit is None else min(renewal.expires_at, limit)
    with closing(BurstCluster(cluster, ports.connect)) as inside:
        expires_at = inside.renew(expires_at=until, now=now)
    if expires_at is None:
        log.info("lease.not_renewed", extra={"reason": "the burst has no lease yet"})
    else:
        log.info("lease.renewed", extra={"expires_in_s": round(expires_at - now)})


def why_not(renewal: LeaseRenewal, cluster: Cluster, *, now: float) -> str | None:
    """Say why a renewal changes nothing about a cluster of the burst's name; None if it may."""
    if not names.is_ours(
        cluster.name, cluster.labels, deployment=renewal.deployment, burst=renewal.burst_id, lead=renewal.lead
    ):
        return "the cluster is not this burst's beyond doubt"
    if cluster.status not in USABLE or not cluster.endpoint:
        return f"the cluster is {cluster.status}"
    if renewal.expires_at <= now:
        return "it came too late: the time that it asks for has passed"
    return None
