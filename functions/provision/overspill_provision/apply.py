"""Doing what the plan says: look, decide, do one step, until there is nothing left to do or the time is over.

Effects go through ports. Every step may be done twice, and an instance may be killed between any two: the next
delivery looks again. No decision about a burst is made here.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, assert_never

from overspill_provision import failures, steps
from overspill_provision.guardrails import check_request
from overspill_provision.observing import Observer
from overspill_provision.plan import is_ours, plan
from overspill_shared import names
from overspill_shared.budget import Budget
from overspill_shared.clusters import BURST_POOL, Cluster, ClusterStatus
from overspill_shared.errors import AlreadyExists, CloudError, ConfigError, Conflict, OverspillError
from overspill_shared.messages import EventKind
from overspill_shared.refuse import Refuse
from overspill_shared.sealing import Binding, Keys, unseal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from overspill_provision.limits import Limits
    from overspill_provision.steps import Step
    from overspill_shared.messages import BurstRequest
    from overspill_shared.ports import Clock, Clusters, KubernetesApi
    from overspill_shared.reporting import Reporter
    from overspill_shared.secrets import Secret

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What provisioning needs of the world."""

    clusters: Clusters
    connect: Callable[[Cluster], KubernetesApi]
    """Opens a cluster's Kubernetes API."""
    operator: Callable[[], Sequence[dict[str, Any]]]
    """Gives the Flux Operator's objects, if they are to be installed; raises ConfigError or Unavailable."""
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What provisioning is told by its deployment."""

    limits: Limits
    private_keys: Secret
    deadman_image: str
    budget_s: float
    poll_s: float


def provision(request: BurstRequest, reporter: Reporter, *, ports: Ports, policy: Policy) -> None:
    """Bring a request as far as this delivery's time allows.

    Returns once nothing is left to do: the burst is ready, has failed, or needs nothing. Raises RequestRefused, and
    NotYet if the message must come again.
    """
    check_request(request, policy.limits)
    keys = unseal(request.sealed_keys, Binding.of(request), policy.private_keys)
    budget = Budget(ports.clock, budget_s=policy.budget_s, poll_s=policy.poll_s)
    provisioning = _Provisioning(request, keys, reporter, ports, policy, budget)
    try:
        provisioning.run()
    finally:
        provisioning.close()


class _Provisioning:
    """One delivery's work on one request."""

    def __init__(
        self, request: BurstRequest, keys: Keys, reporter: Reporter, ports: Ports, policy: Policy, budget: Budget
    ) -> None:
        self._request = request
        self._cluster_name = names.cluster_name(request.burst_id)
        self._keys = keys
        self._reporter = reporter
        self._ports = ports
        self._policy = policy
        self._budget = budget
        self._observer = Observer(request, ports.clusters, ports.connect)
        self._is_given_up = False
        self._hindrance: CloudError | None = None
        self._last_logged = ""

    def run(self) -> None:
        """Look and do one step, again and again."""
        while (waiting_for := self._advance()) is not None:
            self._budget.pause(waiting_for)

    def close(self) -> None:
        """Let go of the cluster."""
        self._observer.close()

    def _advance(self) -> str | None:
        """Do one step; gives what to wait for before the next look, or None if there is nothing left to do."""
        if self._is_given_up:
            return self._delete_cluster()
        step: Step | None = None
        try:
            step = self._plan()
            self._log(step)
            return self._do(step)
        except Conflict as conflict:
            # Only another delivery's: the next look shows what it did.
            log.info("provision.other-delivery", extra={"reason": conflict.text})
            return conflict.text
        except (CloudError, ConfigError) as error:
            return self._fail(step, error)

    def _fail(self, step: Step | None, error: CloudError | ConfigError) -> str | None:
        """Decide what becomes of a step that failed, or of a look that showed nothing (None)."""
        extra = {"code": error.code, "reason": str(error)}
        if isinstance(error, CloudError) and error.retryable:
            # A Deploy whose answer was lost may have made the MiniCluster: the next look shows it, or gives up.
            if self._ports.clock.now() < self._request.deadline_at or isinstance(step, steps.Deploy):
                log.warning("provision.retry", extra=extra)
                self._hindrance = error
                return error.text
            if self._observer.may_run_jobs and step is None:
                log.error("provision.blind", extra=extra)  # the agent sees its ranks, and has a deadline of its own
                return None
        if isinstance(step, steps.ResizePool | steps.ResizeMiniCluster):
            log.error("provision.not-resized", extra=extra)
            self._report(EventKind.REJECTED, error)
            return None
        # Only before the MiniCluster exists: see plan.
        return self._give_up(error, delete_cluster=isinstance(step, steps.CreateCluster | steps.Deploy))

    def _plan(self) -> Step:
        return plan(
            self._request,
            self._observer.look(),
            self._policy.limits,
            now=self._ports.clock.now(),
        )

    def _log(self, step: Step) -> None:
        """Log a decision, once while it stays the same."""
        line = f"{type(step).__name__}: {step.reason}"
        if line != self._last_logged:
            log.info("provision.step", extra={"step": type(step).__name__, "reason": step.reason})
            self._last_logged = line

    def _do(self, step: Step) -> str | None:  # noqa: C901, PLR0911 - one arm a step
        match step:
            case steps.CreateCluster():
                self._create(step)
                return "the cluster is being created"
            case steps.AwaitCluster():
                self._report(EventKind.CLUSTER_CREATING)
                return step.reason
            case steps.AwaitAnswer():
                return step.reason
            case steps.Deploy():
                self._deploy(step)
                return "pods are being created"
            case steps.ResizePool():
                self._ports.clusters.resize(self._request.zone, self._cluster_name, self._request.size)
                return step.reason
            case steps.ResizeMiniCluster():
                self._resize(step)
                return step.reason
            case steps.AwaitPods():
                self._report_pods(step)
                return step.reason
            case steps.Ready():
                self._report_ready(step)
            case steps.GiveUp():
                # What kept us from it says more than that it is too late.
                is_late = step.error.code == failures.TOO_LATE
                error = self._hindrance if is_late and self._hindrance else step.error
                return self._give_up(error, delete_cluster=step.delete_cluster)
            case Refuse():
                raise step.error
            case steps.Ignore():
                pass
            case _:
                assert_never(step)
        return None

    def _create(self, step: steps.CreateCluster) -> None:
        # A manifest that cannot be used is found out before anything costs money.
        self._ports.operator()
        self._report(EventKind.ACCEPTED)
        try:
            self._ports.clusters.create(self._request.zone, step.spec)
        except AlreadyExists:
            log.info("cluster.exists-already", extra={"cluster": step.spec.name})
        self._report(EventKind.CLUSTER_CREATING)

    def _deploy(self, step: steps.Deploy) -> None:
        from overspill_provision.burst_objects import Installation, deploy  # noqa: PLC0415 - slow, and seldom needed

        began_at = self._ports.clock.now()
        self._report(EventKind.CLUSTER_RUNNING, create_s=began_at - step.cluster.created_at)
        deploy(
            self._request,
            self._keys,
            self._observer.kubernetes(step.cluster),
            Installation(
                operator=self._ports.operator(),
                deadman_image=self._policy.deadman_image,
                has_pools=step.cluster.pool(BURST_POOL) is not None,
            ),
            now=began_at,
            pause=self._budget.pause,
        )
        self._report(EventKind.MINICLUSTER_CREATED, deploy_s=self._ports.clock.now() - began_at)

    def _resize(self, step: steps.ResizeMiniCluster) -> None:
        from overspill_provision.burst_objects import resize  # noqa: PLC0415 - slow, and seldom needed

        has_pools = step.cluster.pool(BURST_POOL) is not None
        resize(self._request, self._observer.kubernetes(step.cluster), made_at=step.made_at, has_pools=has_pools)

    def _report_pods(self, step: steps.AwaitPods) -> None:
        """Tell that pods are on their way, and once more when something new keeps them from running."""
        kind = EventKind.MINICLUSTER_CREATED if self._request.revision == 1 else EventKind.RESIZED
        self._report(kind)
        if step.trouble:
            progress = {"pods": step.reason, "trouble": step.trouble}
            self._report(kind, more=progress, occasion=",".join(step.trouble_reasons))

    def _report_ready(self, step: steps.Ready) -> None:
        if self._request.revision > 1:
            self._report(EventKind.RESIZED)
        if self._request.size:
            self._report(EventKind.READY, pods_s=self._ports.clock.now() - step.made_at)

    def _give_up(self, error: OverspillError, *, delete_cluster: bool) -> str | None:
        """Report a failure that will not pass, and have the cluster deleted where that is safe.

        Told first: the agent asks for a teardown then, which also ends what cannot be deleted here.
        """
        log.error("provision.failed", extra={"code": error.code, "reason": str(error)})
        self._report(EventKind.FAILED, error)
        self._is_given_up = True
        return self._delete_cluster() if delete_cluster else None

    def _delete_cluster(self) -> str | None:
        """Delete what was made; gives what to wait for if it cannot be done yet."""
        zone, name = self._request.zone, self._cluster_name
        try:
            cluster = self._ports.clusters.get(zone, name)
            if cluster is None or cluster.status is ClusterStatus.STOPPING or not is_ours(self._request, cluster):
                return None
            self._ports.clusters.delete(zone, name)
        except CloudError as error:
            extra = {"cluster": name, "code": error.code, "reason": str(error)}
            if error.retryable:
                log.warning("cluster.not-deleted-yet", extra=extra)
                return f"cluster {name} is to be deleted: {error.text}"
            log.error("cluster.not-deleted", extra=extra)  # noqa: TRY400 - its text is clear
        else:
            log.info("cluster.delete-issued", extra={"cluster": name})
        return None

    def _report(
        self,
        kind: EventKind,
        error: OverspillError | None = None,
        *,
        more: Mapping[str, str] | None = None,
        occasion: str = "",
        **timings_s: float,
    ) -> None:
        """Publish an event; `timings_s` are what single steps took, since we first could see."""
        request = self._request
        detail = {
            "cluster": self._cluster_name,
            "zone": request.zone,
            "machine_type": request.template.machine_type,
            "nodes": request.size,
            "since_request_s": round(self._ports.clock.now() - request.requested_at, 3),
            **{name: round(value, 3) for name, value in timings_s.items()},
            **(more or {}),
        }
        self._reporter.report(kind, detail=detail, error=error, occasion=occasion)
