"""Doing what the plan says: look, decide, do one step, until the burst is gone or the time is over.

Effects go through ports. Every step may be done twice, and an instance may be killed between any two: the next
delivery looks again. No decision is made here, and no teardown is ever given up: it comes again until the cloud says
that nothing is left, in any zone.
"""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from overspill_shared import names
from overspill_shared.budget import Budget
from overspill_shared.clusters import USABLE, ClusterStatus
from overspill_shared.errors import CloudError, NotFound, NotYet
from overspill_shared.messages import EventKind, Receipt
from overspill_shared.refuse import Refuse
from overspill_teardown import plan as planning
from overspill_teardown.inside import BurstCluster
from overspill_teardown.judging import REJUDGED, judge, judge_remains
from overspill_teardown.plan import Observed, Step, check_request, plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from overspill_shared.clusters import Cluster
    from overspill_shared.messages import TeardownRequest
    from overspill_shared.ports import Clock, Clusters, KubernetesApi
    from overspill_shared.reporting import Reporter

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What this function needs of the world."""

    clusters: Clusters
    connect: Callable[[Cluster], KubernetesApi]
    """Opens a cluster's Kubernetes API."""
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What this function is told by its deployment."""

    deployment: str
    budget_s: float
    poll_s: float
    forgotten_after_s: float


def teardown(request: TeardownRequest, reporter: Reporter, *, ports: Ports, policy: Policy) -> None:
    """Remove a burst as far as this delivery's time allows.

    Returns once the cloud says that nothing is left, or the reason for the removal holds no longer. Raises
    RequestRefused, and NotYet if the message must come again.
    """
    check_request(request, deployment=policy.deployment)
    budget = Budget(ports.clock, budget_s=policy.budget_s, poll_s=policy.poll_s)
    removal = _Removal(request, reporter, ports, policy)
    while (waiting_for := removal.advance()) is not None:
        budget.pause(waiting_for)


class _Removal:
    """One delivery's work on one teardown."""

    def __init__(self, request: TeardownRequest, reporter: Reporter, ports: Ports, policy: Policy) -> None:
        self._request = request
        self._name = names.cluster_name(request.burst_id)
        self._reporter = reporter
        self._ports = ports
        self._policy = policy
        self._seen: dict[str, Cluster] = {}
        """The burst's clusters that this delivery saw, by place."""
        self._last_logged = ""

    def advance(self) -> str | None:
        """Do one step; gives what to wait for before the next look, or None once nothing is left to do."""
        try:
            observed = self._observe()
            step = plan(self._request, observed, now=self._ports.clock.now())
            self._log(step)
            if not isinstance(step, planning.Cancel | Refuse):
                self._report_left(observed)
            return self._do(step)
        except CloudError as error:
            if error.retryable:
                log.info("teardown.retry", extra={"code": error.code, "reason": str(error)})
                return error.text
            # A person must help, and until then the record of what costs money must not be lost.
            log.error("teardown.failed", extra={"code": error.code, "reason": str(error)})  # noqa: TRY400 - its text is clear
            raise NotYet(error.text, remedy=error.remedy, code=error.code) from error

    def _observe(self) -> Observed:
        clusters, zone = self._ports.clusters, self._request.zone
        cluster = clusters.get(zone, self._name)
        if cluster is not None:
            return self._observe_cluster(cluster)
        operations = clusters.operations(zone, self._name)
        if planning.is_being_changed(operations):
            return Observed(cluster=None, operations=operations)
        listing = clusters.list()
        if left := planning.of_burst(self._request, listing):
            return replace(self._observe_cluster(left[0]), left=left, missing_zones=listing.missing_zones)
        return Observed(cluster=None, operations=operations, missing_zones=listing.missing_zones)

    def _observe_cluster(self, cluster: Cluster) -> Observed:
        if not planning.is_ours(self._request, cluster):
            return Observed(cluster=cluster)
        self._seen[_place(cluster)] = cluster
        with closing(BurstCluster(cluster, self._ports.connect)) as inside:
            verdict = None
            if self._request.reason in REJUDGED:
                right, now = inside.right(), self._ports.clock.now()
                verdict = judge(cluster, right, now=now, forgotten_after_s=self._policy.forgotten_after_s)
                if cluster.status not in (*USABLE, ClusterStatus.STOPPING):
                    verdict = judge_remains(verdict, self._ports.clusters.operations(cluster.zone, cluster.name))
            return Observed(cluster=cluster, verdict=verdict, load_balancers=inside.load_balancers())

    def _log(self, step: Step) -> None:
        """Log a decision, once while it stays the same."""
        line = f"{type(step).__name__}: {step.reason}"
        if line != self._last_logged:
            log.info("teardown.step", extra={"step": type(step).__name__, "reason": step.reason})
            self._last_logged = line

    def _do(self, step: Step) -> str | None:
        match step:
            case planning.RemoveServices():
                self._remove_services(step)
                return step.reason
            case planning.Delete():
                self._delete(step.cluster)
                return step.reason
            case planning.AwaitServices() | planning.AwaitRemoval() | planning.AwaitZones():
                return step.reason
            case planning.Removed():
                self._reporter.report(
                    EventKind.REMOVED, detail=self._detail(), receipt=self._receipt(was_there=step.was_there)
                )
                return None
            case planning.Cancel():
                return None
            case Refuse():
                raise step.error
            case _:
                assert_never(step)

    def _remove_services(self, step: planning.RemoveServices) -> None:
        with closing(BurstCluster(step.cluster, self._ports.connect)) as inside:
            for service in step.services:
                inside.delete_service(service)

    def _delete(self, cluster: Cluster) -> None:
        try:
            self._ports.clusters.delete(cluster.zone, cluster.name)
        except NotFound:
            return
        self._reporter.report(EventKind.REMOVING, detail=self._detail())

    def _report_left(self, observed: Observed) -> None:
        """Tell what is left where the burst's own place is empty: no end, but a person should see it."""
        if not observed.left and not observed.missing_zones:
            return
        receipt = self._receipt(left=observed.left, missing_zones=observed.missing_zones)
        facts = {"clusters_left": receipt.clusters_left, "zones_unanswered": receipt.zones_unanswered}
        log.warning("teardown.incomplete", extra=facts)
        self._reporter.report(
            EventKind.REMOVED,
            detail=self._detail(),
            receipt=receipt,
            occasion=names.content_hash([receipt.clusters_left, receipt.zones_unanswered]),
        )

    def _receipt(
        self, *, was_there: bool = False, left: tuple[Cluster, ...] = (), missing_zones: tuple[str, ...] = ()
    ) -> Receipt:
        places = {_place(cluster) for cluster in left}
        gone = [cluster for place, cluster in self._seen.items() if place not in places]
        deleted = {cluster.name for cluster in gone} | ({self._name} if was_there else set())
        return Receipt(
            clusters_deleted=tuple(sorted(deleted)),
            node_pools_deleted=tuple(f"{cluster.name}/{pool.name}" for cluster in gone for pool in cluster.pools),
            clusters_left=tuple(sorted(places)),
            zones_unanswered=missing_zones,
            checked_at=self._ports.clock.now(),
        )

    def _detail(self) -> dict[str, object]:
        request = self._request
        return {
            "cluster": self._name,
            "zone": request.zone,
            "reason": request.reason.value,
            "since_request_s": round(self._ports.clock.now() - request.requested_at, 3),
        }


def _place(cluster: Cluster) -> str:
    return f"{cluster.zone}/{cluster.name}"
