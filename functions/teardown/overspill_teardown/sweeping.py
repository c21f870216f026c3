"""A sweep: every burst of this deployment is looked at, and a teardown is requested for each that must not exist.

Nothing is deleted here, and nothing waited for: a sweep returns within its budget, and the next one is never far. It
acts on what it saw only; a zone that did not answer, or a cluster whose API is silent, ends nothing by its silence.
"""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING

from pydantic import ValidationError

from overspill_shared import names
from overspill_shared.errors import CloudError, NotYet
from overspill_shared.log import about_burst
from overspill_shared.messages import Sweep, TeardownRequest
from overspill_teardown.inside import BurstCluster
from overspill_teardown.judging import End, judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from overspill_shared.clusters import Cluster, ClusterListing
    from overspill_shared.ports import Publisher
    from overspill_teardown.apply import Policy, Ports

log = logging.getLogger(__name__)

TURN_S = 60.0
"""Sweeps that are at least so far apart begin with different bursts, so that none is always the last."""


def sweep(message: Sweep, *, ports: Ports, policy: Policy, publisher: Publisher) -> None:
    """Look at every burst, and publish one TeardownRequest for each that must not exist.

    Raises NotYet if a request could not be published, and CloudError if clusters cannot be listed.
    """
    del message
    listing = ports.clusters.list()
    _log_missing(listing)
    now = ports.clock.now()
    bursts = bursts_of(listing, deployment=policy.deployment, now=now)
    requests = [request for cluster in bursts if (request := _judged(cluster, ports, policy, started_at=now))]
    ends = {request.burst_id: request for request in requests}
    unpublished = [request for request in ends.values() if not _published(request, publisher)]
    log.info("sweep.done", extra={"bursts": len(bursts), "to_be_removed": len(ends), "of": len(listing.clusters)})
    if unpublished:
        raise NotYet(f"{len(unpublished)} teardown requests could not be published", remedy="They are tried again.")


def bursts_of(listing: ClusterListing, *, deployment: str, now: float) -> Sequence[Cluster]:
    """Give the clusters that are this deployment's beyond doubt, each sweep beginning with another one."""
    ours = sorted(
        (cluster for cluster in listing.clusters if names.is_ours(cluster.name, cluster.labels, deployment=deployment)),
        key=lambda cluster: (cluster.name, cluster.zone),
    )
    first = int(now / TURN_S) % len(ours) if ours else 0
    return ours[first:] + ours[:first]


def request_for(cluster: Cluster, end: End, *, deployment: str, now: float) -> TeardownRequest | None:
    """Give the request that removes a burst; None if its labels do not tell whose it is."""
    labels = cluster.labels
    try:
        return TeardownRequest(
            burst_id=labels[names.LABEL_BURST_ID],
            generation=int(labels[names.LABEL_GENERATION]),
            deployment=deployment,
            lead=labels[names.LABEL_LEAD],
            zone=cluster.zone,
            reason=end.teardown_reason,
            requested_at=now,
        )
    except (KeyError, ValueError, ValidationError):
        return None


def _judged(cluster: Cluster, ports: Ports, policy: Policy, *, started_at: float) -> TeardownRequest | None:
    """Judge one burst; once the sweep's time is over, by its labels alone."""
    now = ports.clock.now()
    with (
        about_burst(cluster.labels[names.LABEL_BURST_ID]),
        closing(BurstCluster(cluster, ports.connect)) as inside,
    ):
        right = inside.right() if now < started_at + policy.budget_s else None
        verdict = judge(cluster, right, now=now, forgotten_after_s=policy.forgotten_after_s)
        facts = {"cluster": cluster.name, "zone": cluster.zone, "reason": verdict.reason}
        if not isinstance(verdict, End):
            log.info("sweep.kept", extra=facts)
            return None
        log.warning("sweep.expired", extra=facts)
        request = request_for(cluster, verdict, deployment=policy.deployment, now=now)
        if request is None:
            log.error("sweep.labels-unreadable", extra=facts)
        return request


def _published(request: TeardownRequest, publisher: Publisher) -> bool:
    try:
        publisher.publish(request)
    except CloudError as error:
        facts = {"burst_id": request.burst_id, "code": error.code, "reason": str(error)}
        log.error("sweep.not_published", extra=facts)  # noqa: TRY400 - its text is clear
        return False
    return True


def _log_missing(listing: ClusterListing) -> None:
    if listing.missing_zones:
        log.warning("sweep.zones_missing", extra={"zones": ", ".join(listing.missing_zones)})
