"""The state of the embedded GKE: clusters, and what operations do to them as time passes.

Here lives behaviour without gRPC: methods take parsed names and messages, and raise ApiError. What a cluster's
Kubernetes API is, or how it runs, is the backend's business.

A cluster goes PROVISIONING (no endpoint) -> RUNNING -> STOPPING -> gone; a failed operation leaves it in ERROR, where
it stays, as in GKE, until somebody deletes it.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import grpc

from overspill_local.faults.gke import (
    INTERNAL,
    BrokenPool,
    CreateFault,
    Degraded,
    Faults,
    FaultyCall,
    NameTaken,
    OperationFault,
    SlowOperation,
)
from overspill_local.gke.backend import ClusterEvent
from overspill_local.gke.operations import API, OperationLog, timestamp
from overspill_local.gke.protobufs import (
    Cluster,
    ClusterMessage,
    ClusterStatus,
    ConditionCode,
    NodePoolStatus,
    OperationMessage,
    OperationType,
)
from overspill_local.gke.requests import ApiError, ClusterKey, Location

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from overspill_local.gke.backend import ClusterBackend, EventCallback

log = logging.getLogger(__name__)

VERSION: Final = "1.33.4-gke.1000"
"""The only Kubernetes version on offer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """How long operations take, in seconds, before anything that the backend needs on top."""

    create_s: float
    delete_s: float
    resize_s: float


class ControlPlane:
    """All clusters of all projects. Must be used from one event loop only."""

    def __init__(
        self,
        backend: ClusterBackend,
        delays: Delays,
        on_event: EventCallback,
    ) -> None:
        self.faults = Faults()
        self.operations = OperationLog()
        self._backend = backend
        self._delays = delays
        self._on_event = on_event
        self._clusters: dict[ClusterKey, ClusterMessage] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def get(self, key: ClusterKey) -> ClusterMessage:
        """Give a cluster. Raises ApiError NOT_FOUND."""
        cluster = self._clusters.get(key)
        if cluster is None:
            raise ApiError(grpc.StatusCode.NOT_FOUND, f"Not found: {key.path}.")
        return cluster

    def names(self) -> tuple[str, ...]:
        """Give the names of all clusters, in whatever state and location."""
        return tuple(cluster.name for cluster in self._clusters.values())

    def list(self, parent: Location) -> tuple[list[ClusterMessage], tuple[str, ...]]:
        """Give the clusters in a location, or in all of them, and the zones that did not answer."""
        missing = self.missing_zones(parent)
        clusters = [
            cluster
            for key, cluster in self._clusters.items()
            if parent.holds(key.location) and key.location.name not in missing
        ]
        return clusters, missing

    def missing_zones(self, parent: Location) -> tuple[str, ...]:
        """Give the zones of a location, or of all of them, that do not answer."""
        missing = (zone for zone in self.faults.missing_zones if parent.holds(Location(parent.project, zone)))
        return tuple(sorted(missing))

    def create(self, location: Location, wanted: ClusterMessage) -> OperationMessage:
        """Begin to create a cluster. Raises ApiError ALREADY_EXISTS."""
        key = ClusterKey(location, wanted.name)
        fault = None if key in self._clusters else self.faults.operations.take(FaultyCall.CREATE)
        if isinstance(fault, NameTaken):
            self._begin_create(key, _somebody_elses(wanted), None)
        if key in self._clusters:
            raise ApiError(grpc.StatusCode.ALREADY_EXISTS, f"Already exists: {key.path}.")
        return self._begin_create(key, wanted, fault)

    def _begin_create(self, key: ClusterKey, wanted: ClusterMessage, fault: CreateFault | None) -> OperationMessage:
        cluster = _accepted(key, wanted)
        self._clusters[key] = cluster
        operation = self.operations.start(OperationType.CREATE_CLUSTER, key)
        detail = f"{cluster.current_node_count} nodes in {key.location.name}"
        self._on_event(ClusterEvent.PROVISIONING, key.name, detail)
        self._spawn(self._run(key, partial(self._bring_up, key), self._delays.create_s, fault))
        return operation

    def delete(self, key: ClusterKey) -> OperationMessage:
        """Begin to delete a cluster. Raises ApiError NOT_FOUND, or FAILED_PRECONDITION during an operation."""
        cluster = self._changeable(key)
        cluster.status = ClusterStatus.STOPPING
        operation = self.operations.start(OperationType.DELETE_CLUSTER, key)
        self._on_event(ClusterEvent.STOPPING, key.name, "")
        fault = self.faults.operations.take(FaultyCall.DELETE)
        self._spawn(self._run(key, partial(self._take_down, key), self._delays.delete_s, fault))
        return operation

    def resize(self, key: ClusterKey, pool_name: str, node_count: int) -> OperationMessage:
        """Begin to resize a node pool; raises ApiError as delete does, and NOT_FOUND for the pool."""
        cluster = self._changeable(key)
        pools = [pool for pool in cluster.node_pools if pool.name == pool_name]
        if not pools:
            raise ApiError(grpc.StatusCode.NOT_FOUND, f"Not found: {key.path}/nodePools/{pool_name}.")
        if cluster.status not in {ClusterStatus.RUNNING, ClusterStatus.DEGRADED}:
            message = f"Cluster {key.name} is not running: {cluster.status_message}"
            raise ApiError(grpc.StatusCode.FAILED_PRECONDITION, message)
        cluster.status = ClusterStatus.RECONCILING
        operation = self.operations.start(OperationType.SET_NODE_POOL_SIZE, key)
        fault = self.faults.operations.take(FaultyCall.RESIZE)
        work = partial(self._apply_size, cluster, pools[0], node_count)
        self._spawn(self._run(key, work, self._delays.resize_s, fault))
        return operation

    async def close(self, timeout_s: float) -> None:
        """Abandon what runs and take every cluster down, within the time given.

        Raises TimeoutError where the backend does not come to an end in time.
        """
        async with asyncio.timeout(timeout_s):
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            names = {key.name for key in self._clusters}
            failures = await asyncio.gather(*map(self._backend.down, names), return_exceptions=True)
        for failure in filter(None, failures):
            log.error("gke.backend-failed", exc_info=failure)
        self._clusters.clear()

    def _changeable(self, key: ClusterKey) -> ClusterMessage:
        cluster = self.get(key)
        obstacle = self.operations.obstacle(key)
        if obstacle:
            raise ApiError(grpc.StatusCode.FAILED_PRECONDITION, obstacle)
        return cluster

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(
        self,
        key: ClusterKey,
        work: Callable[[], Awaitable[None]],
        delay_s: float,
        fault: CreateFault | None,
    ) -> None:
        """Let an operation take its time, do its work and end it, one way or the other."""
        if isinstance(fault, OperationFault):
            await asyncio.sleep(delay_s if fault.after_s is None else fault.after_s)
            self._fail(key, fault.code, fault.message, fault.condition)
            return
        try:
            await asyncio.sleep(fault.takes_s if isinstance(fault, SlowOperation) else delay_s)
            await work()
        except Exception as error:
            # The edge of the backend: whatever it raises ends this operation, never the server.
            log.exception("gke.backend-failed", extra={"cluster": key.name})
            self._fail(key, INTERNAL, f"{type(error).__name__}: {error}", "UNKNOWN")
        else:
            if isinstance(fault, Degraded):
                self._clusters[key].status = ClusterStatus.DEGRADED
                self._complain(key, INTERNAL, fault.message, fault.condition)
            if isinstance(fault, BrokenPool):
                self._break_pool(key, fault)
            self.operations.finish(key)

    def _break_pool(self, key: ClusterKey, fault: BrokenPool) -> None:
        for pool in self._clusters[key].node_pools:
            if pool.name == fault.pool:
                pool.status = NodePoolStatus.ERROR
                pool.conditions.add(code=ConditionCode[fault.condition], message=fault.message)

    def _fail(self, key: ClusterKey, code: int, message: str, condition: str) -> None:
        self._clusters[key].status = ClusterStatus.ERROR
        self._complain(key, code, message, condition)
        self.operations.fail(key, code, message, condition)
        self._on_event(ClusterEvent.ERROR, key.name, message)

    def _complain(self, key: ClusterKey, code: int, message: str, condition: str) -> None:
        cluster = self._clusters[key]
        cluster.status_message = message
        cluster.conditions.add(code=ConditionCode[condition], message=message, canonical_code=code)

    async def _bring_up(self, key: ClusterKey) -> None:
        cluster = self._clusters[key]
        endpoint = await self._backend.up(cluster)
        wanted = cluster.control_plane_endpoints_config
        if wanted.ip_endpoints_config.enabled or not wanted.ip_endpoints_config.HasField("enabled"):
            cluster.endpoint = endpoint.host_port
        # GKE shows the name of every cluster, of those too where it does not answer.
        wanted.dns_endpoint_config.endpoint = endpoint.dns_host_port
        cluster.master_auth.cluster_ca_certificate = base64.b64encode(endpoint.ca_pem).decode()
        cluster.status = ClusterStatus.RUNNING
        for pool in cluster.node_pools:
            pool.status = NodePoolStatus.RUNNING
        self._on_event(ClusterEvent.RUNNING, key.name, endpoint.host_port)

    async def _take_down(self, key: ClusterKey) -> None:
        await self._backend.down(key.name)
        del self._clusters[key]
        self._on_event(ClusterEvent.DELETED, key.name, "")

    async def _apply_size(self, cluster: ClusterMessage, pool: ClusterMessage, node_count: int) -> None:
        pool.initial_node_count = node_count
        cluster.current_node_count = sum(each.initial_node_count for each in cluster.node_pools)
        await self._backend.resized(cluster)
        cluster.status = ClusterStatus.RUNNING


def _somebody_elses(wanted: ClusterMessage) -> ClusterMessage:
    """Give a cluster of the same name, and nothing else of what was wanted."""
    return Cluster(name=wanted.name, initial_node_count=1)


def _accepted(key: ClusterKey, wanted: ClusterMessage) -> ClusterMessage:
    """Give the cluster as the server shows it from now on: the wish plus what only the server sets."""
    cluster = Cluster()
    cluster.CopyFrom(wanted)
    if not cluster.node_pools:
        pool = cluster.node_pools.add(name="default-pool", initial_node_count=wanted.initial_node_count)
        pool.config.CopyFrom(wanted.node_config)
    for pool in cluster.node_pools:
        pool.status = NodePoolStatus.PROVISIONING
    cluster.ClearField("endpoint")
    cluster.ClearField("conditions")
    cluster.status = ClusterStatus.PROVISIONING
    cluster.location = cluster.zone = key.location.name
    cluster.create_time = timestamp()
    cluster.self_link = f"{API}/{key.path}"
    cluster.current_master_version = cluster.current_node_version = wanted.initial_cluster_version or VERSION
    cluster.current_node_count = sum(pool.initial_node_count for pool in cluster.node_pools)
    return cluster
