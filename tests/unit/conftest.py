"""In-memory ports of the cloud's side: a clock that only sleeping moves, and a cloud that follows it."""

import dataclasses

import pytest

from overspill_shared.clusters import (
    BURST_POOL,
    Cluster,
    ClusterListing,
    ClusterOperation,
    ClusterStatus,
    NodePool,
    NodePoolStatus,
    OperationKind,
)
from overspill_shared.errors import AlreadyExists, Busy, NotFound
from overspill_shared.pods import Pod, PodPhase

NOW = 1_760_000_000.0


class FakeClock:
    """Time that passes by sleeping only."""

    def __init__(self, now=NOW):
        self.time = now

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds


class Interrupted(BaseException):
    """The instance was killed here: nothing catches it."""


class Faults:
    """Errors that the next calls of a method raise (None: that one works), and a place to be killed at."""

    def __init__(self):
        self.errors = {}
        self.calls = []
        self.kill_at = None

    def order(self, call, *errors):
        self.errors.setdefault(call, []).extend(errors)

    def reach(self, call):
        self.calls.append(call)
        if self.kill_at is not None and len(self.calls) > self.kill_at:
            raise Interrupted
        if (waiting := self.errors.get(call)) and (error := waiting.pop(0)):
            raise error


class RecordingPublisher:
    """Keeps what is published."""

    def __init__(self, faults):
        self.faults = faults
        self.events = []
        self.dead_letters = []

    def publish(self, message):
        self.faults.reach("publish")
        self.events.append(message)
        return str(len(self.events))

    def dead_letter(self, topic, body, attributes, *, reason):
        self.faults.reach("dead_letter")
        self.dead_letters.append((topic, body, attributes, reason))

    @property
    def kinds(self):
        return [event.kind.value for event in self.events]


class FakeClusters:
    """Clusters of one zone that take `create_s` and `delete_s` of the clock's time."""

    def __init__(self, clock, faults, create_s=60, delete_s=60):
        self.clock, self.faults = clock, faults
        self.create_s, self.delete_s = create_s, delete_s
        self.known = {}
        self.changes_at = {}
        self.missing_zones = set()
        self.log = []
        self.created = []

    def put(self, cluster, changes_at=float("inf")):
        self.known[cluster.name] = cluster
        self.changes_at[cluster.name] = changes_at

    def get(self, zone, name):
        self.faults.reach("get")
        self._pass_time(name)
        cluster = self.known.get(name)
        return cluster if cluster and cluster.zone == zone else None

    def create(self, zone, spec):
        self.faults.reach("create")
        if spec.name in self.known:
            raise AlreadyExists(f"{spec.name} exists already.")
        self.created.append(spec)
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
        self._pass_time(name)
        cluster = self.known.get(name)
        if cluster is None:
            raise NotFound(f"there is no {name}.")
        if cluster.status in (ClusterStatus.PROVISIONING, ClusterStatus.STOPPING):
            raise Busy(f"{name} cannot be changed now.")
        self.put(dataclasses.replace(cluster, status=ClusterStatus.STOPPING), self.clock.now() + self.delete_s)

    def list(self):
        self.faults.reach("list")
        for name in tuple(self.known):
            self._pass_time(name)
        seen = tuple(cluster for cluster in self.known.values() if cluster.zone not in self.missing_zones)
        ours = tuple(cluster for cluster in seen if cluster.labels.get("overspill") == "true")
        return ClusterListing(clusters=ours, missing_zones=tuple(sorted(self.missing_zones)))

    def resize(self, zone, name, node_count):
        self.faults.reach("resize")
        self._pass_time(name)
        cluster = self.known.get(name)
        if cluster is None:
            raise NotFound(f"there is no {name}.")
        if cluster.status in (ClusterStatus.PROVISIONING, ClusterStatus.STOPPING):
            raise Busy(f"{name} cannot be changed now.")
        pools = tuple(
            dataclasses.replace(pool, node_count=node_count) if pool.name == BURST_POOL else pool
            for pool in cluster.pools
        )
        self.put(dataclasses.replace(cluster, pools=pools), self.changes_at[name])

    def operations(self, zone, name):
        self.faults.reach("operations")
        return tuple(operation for about, operation in self.log if about == name)

    def _pass_time(self, name):
        cluster = self.known.get(name)
        if cluster is None or self.clock.now() < self.changes_at[name]:
            return
        if cluster.status is ClusterStatus.PROVISIONING:
            pools = tuple(dataclasses.replace(pool, status=NodePoolStatus.RUNNING) for pool in cluster.pools)
            running = {"status": ClusterStatus.RUNNING, "endpoint": "10.0.0.1", "ca_pem": b"CA", "pools": pools}
            self.put(dataclasses.replace(cluster, **running))
        elif cluster.status is ClusterStatus.STOPPING:
            del self.known[name]
            self.log.append((name, ClusterOperation(kind=OperationKind.DELETE, is_done=True)))


class FakeKubernetes:
    """One cluster's objects; definitions are established at once, pods run `start_s` after their MiniCluster came."""

    def __init__(self, clock, faults, start_s=20):
        self.clock, self.faults, self.start_s = clock, faults, start_s
        self.objects = {}
        self.applied = []
        self.pods_at = None
        self.phase = PodPhase.RUNNING
        self.is_established = True
        self.is_available = True
        self.closed = 0

    def apply(self, manifest):
        self.faults.reach(f"apply {manifest['kind']}")
        key = (manifest["kind"], manifest["metadata"]["name"], manifest["metadata"].get("namespace"))
        self.applied.append(manifest["kind"])
        self.objects[key] = manifest
        if manifest["kind"] == "MiniCluster":
            self.pods_at = self.pods_at or self.clock.now() + self.start_s

    def read(self, api_version, kind, name, *, namespace=None):
        self.faults.reach(f"read {kind}")
        found = self.objects.get((kind, name, namespace))
        if found and kind == "CustomResourceDefinition" and self.is_established:
            return {**found, "status": {"conditions": [{"type": "Established", "status": "True"}]}}
        if found and kind == "Deployment" and self.is_available:
            status = {"observedGeneration": 1, "conditions": [{"type": "Available", "status": "True"}]}
            return {**found, "status": status}
        return found

    def list(self, api_version, kind, *, namespace=None, label_selector=""):
        self.faults.reach(f"list {kind}")
        wanted = dict(item.split("=") for item in label_selector.split(",") if item)
        return tuple(
            manifest
            for (its_kind, _, its_namespace), manifest in self.objects.items()
            if its_kind == kind
            and namespace in (None, its_namespace)
            and wanted.items() <= (manifest["metadata"].get("labels") or {}).items()
        )

    def delete(self, api_version, kind, name, *, namespace=None):
        self.faults.reach(f"delete {kind}")
        self.objects.pop((kind, name, namespace), None)

    def list_pods(self, namespace, label_selector):
        self.faults.reach("list_pods")
        name = label_selector.removeprefix("job-name=")
        minicluster = self.objects.get(("MiniCluster", name, namespace))
        if minicluster is None:
            return ()
        phase = self.phase if self.clock.now() >= self.pods_at else PodPhase.PENDING
        return tuple(Pod(name=f"{name}-{index}-x", phase=phase) for index in range(minicluster["spec"]["size"]))

    def close(self):
        self.closed += 1


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def faults():
    return Faults()


@pytest.fixture
def publisher(faults):
    return RecordingPublisher(faults)


@pytest.fixture
def clusters(clock, faults):
    return FakeClusters(clock, faults)


@pytest.fixture
def kubernetes(clock, faults):
    return FakeKubernetes(clock, faults)


@pytest.fixture
def interrupted():
    """Give the exception of a killed instance."""
    return Interrupted
