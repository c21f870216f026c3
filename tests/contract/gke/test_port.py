"""What functions rely on of ports.Clusters: the same of the fake and of the adapter before an embedded GKE."""

import contextlib
import time

import pytest
from tests.fakes import FakeClock, FakeClusters, Faults
from tests.fakes.clusters import stocked_out

from overspill_local.gke import stockout
from overspill_provision.cluster_spec import build_cluster_spec
from overspill_shared.adapters.gke import GkeClusters
from overspill_shared.clusters import BURST_POOL, ClusterStatus, OperationKind, failure_of
from overspill_shared.errors import AlreadyExists, Busy, CapacityUnavailable, NotFound

ZONE = "us-central1-a"


class OnFake:
    """The fake, whose time passes by being waited for."""

    def __init__(self, create_s=1):
        self.clock = FakeClock()
        self.port = FakeClusters(self.clock, Faults(), create_s=create_s, delete_s=1)

    def stock_out(self):
        self.port.fate = stocked_out()

    def wait(self, condition):
        for _ in range(20):
            if found := condition():
                return found
            self.clock.sleep(1)
        raise AssertionError("not in time")


class OnGke:
    """The adapter, before an embedded GKE."""

    def __init__(self, gke):
        self.port = GkeClusters(gke.client, "demo")
        self._server = gke.server

    def stock_out(self):
        self._server.faults.add(stockout())

    def wait(self, condition):
        end = time.monotonic() + 10
        while not (found := condition()):
            assert time.monotonic() < end, "not in time"
            time.sleep(0.01)
        return found


@pytest.fixture(params=["fake", "gke"])
def world(request):
    """Clusters that come up soon."""
    return OnFake() if request.param == "fake" else OnGke(request.getfixturevalue("gke"))


@pytest.fixture(params=["fake", "gke"])
def slow_world(request):
    """Clusters that do not come up by themselves."""
    return OnFake(create_s=1e6) if request.param == "fake" else OnGke(request.getfixturevalue("slow_gke"))


@pytest.fixture
def spec(burst_request):
    return build_cluster_spec(burst_request())


def running(world, spec):
    world.port.create(ZONE, spec)
    return world.wait(lambda: (found := world.port.get(ZONE, spec.name)) and found.status == "RUNNING" and found)


def test_cluster_comes_up_with_labels_endpoint_and_pool(world, spec):
    found = running(world, spec)

    assert dict(found.labels) == spec.labels
    assert found.zone == ZONE
    assert found.endpoint
    assert found.pool(BURST_POOL).node_count == spec.node_count
    assert not found.complaints
    assert world.port.list().clusters == (found,)
    (operation,) = world.port.operations(ZONE, spec.name)
    assert (operation.kind, operation.is_done, operation.complaints) == (OperationKind.CREATE, True, ())


def test_cluster_on_its_way_is_seen_and_cannot_be_changed(slow_world, spec):
    port = slow_world.port
    port.create(ZONE, spec)

    assert port.get(ZONE, spec.name).status is ClusterStatus.PROVISIONING
    assert port.get(ZONE, spec.name).endpoint == ""
    assert [cluster.name for cluster in port.list().clusters] == [spec.name]
    assert [operation.is_done for operation in port.operations(ZONE, spec.name)] == [False]
    with pytest.raises(AlreadyExists):
        port.create(ZONE, spec)
    with pytest.raises(Busy):
        port.delete(ZONE, spec.name)
    with pytest.raises(Busy):
        port.resize(ZONE, spec.name, 1)


def test_cluster_in_another_zone_is_another(world, spec):
    running(world, spec)

    assert world.port.get("us-central1-b", spec.name) is None
    assert world.port.operations("us-central1-b", spec.name) == ()
    with pytest.raises(NotFound):
        world.port.delete("us-central1-b", spec.name)


def test_cluster_deleted_stops_then_is_gone_and_remembered(world, spec):
    running(world, spec)
    world.port.delete(ZONE, spec.name)

    with contextlib.suppress(Busy, NotFound):
        world.port.delete(ZONE, spec.name)
    world.wait(lambda: world.port.get(ZONE, spec.name) is None)
    assert world.port.list().clusters == ()
    assert [operation.kind for operation in world.port.operations(ZONE, spec.name)] == ["create", "delete"]
    assert all(operation.is_done for operation in world.port.operations(ZONE, spec.name))
    with pytest.raises(NotFound):
        world.port.delete(ZONE, spec.name)


def test_pool_resized_has_the_new_size_and_again_changes_nothing(world, spec):
    running(world, spec)

    for count in (2, 2, 0, spec.node_count):
        world.wait(lambda count=count: resized(world.port, spec, count))
        assert world.port.get(ZONE, spec.name).pool(BURST_POOL).node_count == count


def resized(port, spec, count):
    try:
        port.resize(ZONE, spec.name, count)
    except Busy:  # the resize before
        return False
    return True


def test_stockout_leaves_a_broken_cluster_that_says_why_and_can_be_deleted(world, spec):
    world.stock_out()
    world.port.create(ZONE, spec)

    broken = world.wait(lambda: (found := world.port.get(ZONE, spec.name)) and found.status == "ERROR" and found)

    (operation,) = world.port.operations(ZONE, spec.name)
    assert isinstance(failure_of(broken.complaints, "x"), CapacityUnavailable)
    assert isinstance(failure_of(operation.complaints, "x"), CapacityUnavailable)
    world.port.delete(ZONE, spec.name)
    world.wait(lambda: world.port.get(ZONE, spec.name) is None)
