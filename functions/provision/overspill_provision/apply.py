"""Doing what the plan says: look, decide, do one step, until there is nothing left to do or the time is over.

Effects go through ports. Every step may be done twice, and an instance may be killed between any two: the next
delivery looks again. No decision about a burst is made here.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, assert_never

from overspill_provision import plan as planning
from overspill_provision.guardrails import Limits, check_request
from overspill_provision.plan import Observed, Step, is_ours, plan
from overspill_shared import names
from overspill_shared.budget import Budget
from overspill_shared.clusters import USABLE, Cluster, ClusterStatus
from overspill_shared.errors import AlreadyExists, CloudError, ConfigError, OverspillError
from overspill_shared.messages import EventKind
from overspill_shared.sealing import Binding, Keys, unseal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    operator_manifest: Callable[[], Sequence[dict[str, Any]]]
    """Reads the Flux Operator's manifest; raises ConfigError or Unavailable."""
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What provisioning is told by its deployment."""

    limits: Limits
    private_keys: Secret
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
    provisioning = _Provisioning(request, keys, reporter, ports, budget)
    try:
        provisioning.run()
    finally:
        provisioning.close()


class _Provisioning:
    """One delivery's work on one request."""

    def __init__(self, request: BurstRequest, keys: Keys, reporter: Reporter, ports: Ports, budget: Budget) -> None:
        self._request = request
        self._cluster_name = names.cluster_name(request.burst_id)
        self._keys = keys
        self._reporter = reporter
        self._ports = ports
        self._budget = budget
        self._connection: KubernetesApi | None = None
        self._last_logged = ""

    def run(self) -> None:
        """Look and do one step, again and again."""
        while (waiting_for := self._advance()) is not None:
            self._budget.pause(waiting_for)

    def close(self) -> None:
        """Let go of the cluster."""
        if self._connection is not None:
            self._connection.close()

    def _advance(self) -> str | None:
        """Do one step; gives what to wait for before the next look, or None if there is nothing left to do."""
        may_delete = False
        try:
            step = plan(self._request, self._observe(), now=self._ports.clock.now())
            self._log(step)
            # Only before the MiniCluster exists: see plan.
            may_delete = isinstance(step, planning.CreateCluster | planning.Deploy)
            return self._do(step)
        except (CloudError, ConfigError) as error:
            if isinstance(error, CloudError) and error.retryable:
                log.warning("provision.retry", extra={"code": error.code, "reason": str(error)})
                return error.text
            self._give_up(error, delete_cluster=may_delete)
            return None

    def _observe(self) -> Observed:
        zone, name = self._request.zone, self._cluster_name
        cluster = self._ports.clusters.get(zone, name)
        if cluster is None or cluster.status is ClusterStatus.ERROR:
            return Observed(cluster=cluster, operations=self._ports.clusters.operations(zone, name))
        if cluster.status not in USABLE or not cluster.endpoint or not is_ours(self._request, cluster):
            return Observed(cluster=cluster)
        from overspill_provision.burst_objects import observe_objects  # noqa: PLC0415 - slow, and seldom needed

        return Observed(cluster=cluster, objects=observe_objects(self._request, self._kubernetes(cluster)))

    def _kubernetes(self, cluster: Cluster) -> KubernetesApi:
        if self._connection is None:
            self._connection = self._ports.connect(cluster)
        return self._connection

    def _log(self, step: Step) -> None:
        """Log a decision, once while it stays the same."""
        line = f"{type(step).__name__}: {step.reason}"
        if line != self._last_logged:
            log.info("provision.step", extra={"step": type(step).__name__, "reason": step.reason})
            self._last_logged = line

    def _do(self, step: Step) -> str | None:
        match step:
            case planning.CreateCluster():
                self._create(step)
                return "the cluster is being created"
            case planning.AwaitCluster():
                self._report(EventKind.CLUSTER_CREATING)
                return step.reason
            case planning.Deploy():
                self._deploy(step)
                return "pods are being created"
            case planning.AwaitPods():
                self._report(EventKind.MINICLUSTER_CREATED)
                return step.reason
            case planning.Ready():
                self._report(EventKind.READY)
            case planning.GiveUp():
                self._give_up(step.error, delete_cluster=step.delete_cluster)
            case planning.Refuse():
                raise step.error
            case planning.Ignore():
                pass
            case _:
                assert_never(step)
        return None

    def _create(self, step: planning.CreateCluster) -> None:
        # A manifest that cannot be used is found out before anything costs money.
        self._ports.operator_manifest()
        self._report(EventKind.ACCEPTED)
        try:
            self._ports.clusters.create(self._request.zone, step.spec)
        except AlreadyExists:
            log.info("cluster.exists-already", extra={"cluster": step.spec.name})
        self._report(EventKind.CLUSTER_CREATING)

    def _deploy(self, step: planning.Deploy) -> None:
        from overspill_provision.burst_objects import deploy  # noqa: PLC0415 - slow, and seldom needed

        self._report(EventKind.CLUSTER_RUNNING)
        deploy(
            self._request,
            self._keys,
            self._kubernetes(step.cluster),
            operator_manifest=self._ports.operator_manifest(),
            now=self._ports.clock.now(),
            pause=self._budget.pause,
        )
        self._report(EventKind.MINICLUSTER_CREATED)

    def _give_up(self, error: OverspillError, *, delete_cluster: bool) -> None:
        """Report a failure that will not pass, and delete the cluster where that is safe.

        Told first: the agent asks for a teardown then, which also ends what cannot be deleted now.
        """
        log.error("provision.failed", extra={"code": error.code, "reason": str(error)})
        self._report(EventKind.FAILED, error)
        if delete_cluster:
            self._delete_cluster()

    def _delete_cluster(self) -> None:
        zone, name = self._request.zone, self._cluster_name
        try:
            cluster = self._ports.clusters.get(zone, name)
            if cluster is None or cluster.status is ClusterStatus.STOPPING or not is_ours(self._request, cluster):
                return
            self._ports.clusters.delete(zone, name)
        except CloudError as error:
            log.error(  # noqa: TRY400 - its text is clear
                "cluster.not-deleted", extra={"cluster": name, "code": error.code, "reason": str(error)}
            )
        else:
            log.info("cluster.delete-issued", extra={"cluster": name})

    def _report(self, kind: EventKind, error: OverspillError | None = None) -> None:
        request = self._request
        detail = {
            "cluster": self._cluster_name,
            "zone": request.zone,
            "machine_type": request.template.machine_type,
            "nodes": request.size,
            "since_request_s": round(self._ports.clock.now() - request.requested_at, 3),
        }
        self._reporter.report(kind, detail=detail, error=error)
