"""The cloud's clusters."""

import dataclasses

from overspill_shared.clusters import (
    BURST_POOL,
    Cluster,
    ClusterListing,
    ClusterOperation,
    ClusterStatus,
    Complaint,
    NodePool,
    NodePoolStatus,
    OperationKind,
)
from overspill_shared.errors import AlreadyExists, Busy, NotFound

BUSY = (ClusterStatus.PROVISIONING, ClusterStatus.STOPPING)


class FakeClusters:
    """One project's clusters, which take `create_s` and `delete_s` of the clock's time.

    `fate`, where it is set, is what the next clusters become instead of RUNNING: changes to a Cluster.
    """

    def __init__(self, clock, faults, create_s=60, delete_s=60):
        self.clock, self.faults = clock, faults
        self.create_s, self.delete_s = create_s, delete_s
        self.fate = None
        self.known = {}
        self.changes_at = {}
        self.missing_zones = set()
        self.missing_until = float("inf")
        self.log = []
        self.created = []

    def put(self, cluster, changes_at=float("inf")):
        self.known[cluster.name] = cluster
        self.changes_at[cluster.name] = changes_at

    def get(self, zone, name):
        self.faults.reach("get")
        return self._find(zone, name)

    def list(self):
        self.faults.reach("list")
        self._pass_time()
        missing = self.missing_zones if self.clock.now() < self.missing_until else ()
        seen = tuple(cluster for cluster in self.known.values() if cluster.zone not in missing)
        ours = tuple(cluster for cluster in seen if cluster.labels.get("overspill") == "true")
        return ClusterListing(clusters=ours, missing_zones=tuple(sorted(missing)))

    def create(self, zone, spec):
        self.faults.reach("create")
        if self._find(zone, spec.name) is not None:
            raise AlreadyExists(f"{spec.name} exists already.")
        self.created.append(spec)
        self.log.append((zone, spec.name, ClusterOperation(kind=OperationKind.CREATE, is_done=False)))
        self.put(
            Cluster(
                name=spec.name,
                zone=zone,
                status=ClusterStatus.PROVISIONING,
                labels=spec.labels,
                created_at=self.clock.now(),
                pools=(NodePool(name=BURST_POOL, node_count=spec.node_count, status=NodePoolStatus.PROVISIONING),),
            ),
            self.clock.now() + self.create_s,
        )

    def delete(self, zone, name):
        self.faults.reach("delete")
        cluster = self._find_idle(zone, name)
        self.log.append((zone, name, ClusterOperation(kind=OperationKind.DELETE, is_done=False)))
        self.put(dataclasses.replace(cluster, status=ClusterStatus.STOPPING), self.clock.now() + self.delete_s)

    def resize(self, zone, name, node_count):
        self.faults.reach("resize")
        cluster = self._find_idle(zone, name)
        pools = tuple(
            dataclasses.replace(pool, node_count=node_count) if pool.name == BURST_POOL else pool
            for pool in cluster.pools
        )
        self.put(dataclasses.replace(cluster, pools=pools), self.changes_at[name])

    def operations(self, zone, name):
        self.faults.reach("operations")
        self._pass_time()
        return tuple(operation for *about, operation in self.log if about == [zone, name])

    def _find(self, zone, name):
        self._pass_time()
        cluster = self.known.get(name)
        return cluster if cluster is not None and cluster.zone == zone else None

    def _find_idle(self, zone, name):
        cluster = self._find(zone, name)
        if cluster is None:
            raise NotFound(f"there is no {name}.")
        if cluster.status in BUSY:
            raise Busy(f"{name} cannot be changed now.")
        return cluster

    def _pass_time(self):
        for name, cluster in tuple(self.known.items()):
            if self.clock.now() < self.changes_at[name]:
                continue
            if cluster.status is ClusterStatus.PROVISIONING:
                self._come_up(cluster)
            elif cluster.status is ClusterStatus.STOPPING:
                del self.known[name]
                self._finish(cluster)

    def _come_up(self, cluster):
        pools = tuple(dataclasses.replace(pool, status=NodePoolStatus.RUNNING) for pool in cluster.pools)
        running = {"status": ClusterStatus.RUNNING, "endpoint": "10.0.0.1", "ca_pem": b"CA", "pools": pools}
        made = dataclasses.replace(cluster, **(self.fate or running))
        self.put(made)
        self._finish(cluster, made.complaints)

    def _finish(self, cluster, complaints=()):
        """Mark what ran on a cluster as done."""
        self.log = [
            (zone, name, dataclasses.replace(operation, is_done=True, complaints=complaints))
            if (zone, name) == (cluster.zone, cluster.name) and not operation.is_done
            else (zone, name, operation)
            for zone, name, operation in self.log
        ]


def stocked_out():
    """Give the fate of a cluster for which the zone has no nodes, as GKE shows it."""
    text = "[GCE_STOCKOUT]: Instance creation failed: the zone does not have enough resources."
    return {"status": ClusterStatus.ERROR, "complaints": (Complaint(code="GCE_STOCKOUT", text=text),)}
