"""Doing what the plan says: look, decide, do one step, until the cluster is gone or the time is over.

Effects go through ports. Every step may be done twice, and an instance may be killed between any two: the next
delivery looks again. No decision is made here, and no teardown is ever given up: it comes again until the cloud says
that nothing is left.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from overspill_shared import names
from overspill_shared.budget import Budget
from overspill_shared.errors import CloudError, NotFound, NotYet
from overspill_shared.messages import EventKind, Receipt
from overspill_teardown import plan as planning
from overspill_teardown.plan import Step, check_request, plan

if TYPE_CHECKING:
    from overspill_shared.clusters import Cluster, ClusterOperation
    from overspill_shared.messages import TeardownRequest
    from overspill_shared.ports import Clock, Clusters
    from overspill_shared.reporting import Reporter

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What a teardown needs of the world."""

    clusters: Clusters
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a teardown is told by its deployment."""

    deployment: str
    budget_s: float
    poll_s: float


def teardown(request: TeardownRequest, reporter: Reporter, *, ports: Ports, policy: Policy) -> None:
    """Remove a burst as far as this delivery's time allows.

    Returns once the cloud says that nothing is left. Raises RequestRefused, and NotYet if the message must come again.
    """
    check_request(request, deployment=policy.deployment)
    budget = Budget(ports.clock, budget_s=policy.budget_s, poll_s=policy.poll_s)
    removal = _Removal(request, reporter, ports)
    while (waiting_for := removal.advance()) is not None:
        budget.pause(waiting_for)


class _Removal:
    """One delivery's work on one teardown."""

    def __init__(self, request: TeardownRequest, reporter: Reporter, ports: Ports) -> None:
        self._request = request
        self._name = names.cluster_name(request.burst_id)
        self._reporter = reporter
        self._clusters = ports.clusters
        self._clock = ports.clock
        self._seen = False
        self._last_logged = ""

    def advance(self) -> str | None:
        """Do one step; gives what to wait for before the next look, or None once nothing is left."""
        try:
            step = plan(self._request, *self._observe())
            self._log(step)
            return self._do(step)
        except CloudError as error:
            if error.retryable:
                log.info("teardown.retry", extra={"code": error.code, "reason": str(error)})
                return error.text
            # A person must help, and until then the record of what costs money must not be lost.
            log.error("teardown.failed", extra={"code": error.code, "reason": str(error)})  # noqa: TRY400 - its text is clear
            raise NotYet(error.text, remedy=error.remedy, code=error.code) from error

    def _observe(self) -> tuple[Cluster | None, tuple[ClusterOperation, ...]]:
        zone = self._request.zone
        cluster = self._clusters.get(zone, self._name)
        if cluster is not None:
            self._seen = True
            return cluster, ()
        return None, self._clusters.operations(zone, self._name)

    def _log(self, step: Step) -> None:
        """Log a decision, once while it stays the same."""
        line = f"{type(step).__name__}: {step.reason}"
        if line != self._last_logged:
            log.info("teardown.step", extra={"step": type(step).__name__, "reason": step.reason})
            self._last_logged = line

    def _do(self, step: Step) -> str | None:
        match step:
            case planning.Delete():
                self._delete()
                return step.reason
            case planning.AwaitRemoval():
                return step.reason
            case planning.Removed():
                self._report_removed(was_there=step.was_there or self._seen)
                return None
            case planning.Refuse():
                raise step.error
            case _:
                assert_never(step)

    def _delete(self) -> None:
        try:
            self._clusters.delete(self._request.zone, self._name)
        except NotFound:
            return
        self._reporter.report(EventKind.REMOVING, detail=self._detail())

    def _report_removed(self, *, was_there: bool) -> None:
        receipt = Receipt(clusters_deleted=(self._name,) if was_there else (), checked_at=self._clock.now())
        self._reporter.report(EventKind.REMOVED, detail=self._detail(), receipt=receipt)

    def _detail(self) -> dict[str, object]:
        request = self._request
        return {
            "cluster": self._name,
            "zone": request.zone,
            "reason": request.reason.value,
            "since_request_s": round(self._clock.now() - request.requested_at, 3),
        }
