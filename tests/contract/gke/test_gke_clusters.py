"""GkeClusters, the adapter that the functions use, against the embedded GKE."""

from __future__ import annotations

import contextlib
import re
import time
from concurrent import futures

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from overspill_local.gke import FaultyCall, OperationFault, stockout
from overspill_shared import names
from overspill_shared.adapters.gcp_clients import cluster_manager_client
from overspill_shared.adapters.gke import GkeClusters
from overspill_shared.clusters import BURST_POOL, ClusterSpec, ClusterStatus, NodePoolStatus, OperationKind, failure_of
from overspill_shared.errors import (
    AlreadyExists,
    Busy,
    CapacityUnavailable,
    CloudError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    TokenRefused,
    Unavailable,
)
from overspill_shared.gke_site import GkeSite, ReleaseChannel
from overspill_shared.templates import NodeShape

ZONE = "us-central1-a"
BURST = "0123456789abcdef" * 2
NAME = names.cluster_name(BURST)
SHAPE = NodeShape(machine_type="c2-standard-8", cores=4, memory_mib=32768, zones=(ZONE,), spot=True)
Code = grpc.StatusCode
DEADLINE_S = 10.0


def eventually(condition):
    """Return the first truthy result of a condition, or fail at the deadline."""
    end = time.monotonic() + DEADLINE_S
    while not (result := condition()):
        assert time.monotonic() < end, f"not within {DEADLINE_S} s"
        time.sleep(0.01)
    return result


def spec(**changes) -> ClusterSpec:
    labels = names.cluster_labels(deployment="prod", lead="lead", burst=BURST, generation=1, expires_at=2e9)
    values = {"name": NAME, "labels": labels, "shape": SHAPE, "node_count": 4, "max_node_count": 8}
    values |= {"starts_at": 1.7e9, "ends_at": 1.7e9 + 3600}
    return ClusterSpec(**{**values, **changes})


@pytest.fixture
def clusters(gke):
    return GkeClusters(gke.client, "demo")


@pytest.fixture
def slow_clusters(slow_gke):
    return GkeClusters(slow_gke.client, "demo")


@pytest.fixture
def wait_for_status(clusters):
    def wait(status):
        return eventually(lambda: (found := clusters.get(ZONE, NAME)) and found.status is status and found)

    return wait


def test_create_makes_the_cluster_that_was_asked_for(gke, clusters, wait_for_status):
    clusters.create(ZONE, spec())

    cluster = wait_for_status(ClusterStatus.RUNNING)
    assert names.is_ours(cluster.name, cluster.labels, deployment="prod", burst=BURST, lead="lead")
    message = gke.client.get_cluster(name=f"projects/demo/locations/{ZONE}/clusters/{NAME}")
    system, pool = message.node_pools
    assert (system.name, system.initial_node_count) == ("system", 1)
    assert (pool.name, pool.initial_node_count, pool.autoscaling.max_node_count) == ("burst", 4, 8)
    assert (pool.config.machine_type, pool.config.spot) == ("c2-standard-8", True)


def test_get_gives_the_dns_endpoint_that_public_authorities_vouch_for(clusters, wait_for_status):
    clusters.create(ZONE, spec())

    cluster = wait_for_status(ClusterStatus.RUNNING)

    assert (cluster.endpoint, cluster.ca_pem) == ("gke-1.gke.example:443", b"")


@pytest.mark.parametrize("by_name", [{}, {"dns_endpoint_config": {"allow_external_traffic": False}}], ids=str)
def test_get_of_a_cluster_whose_name_does_not_answer_gives_its_address(gke, clusters, wait_for_status, by_name):
    gke.create(name=NAME, control_plane_endpoints_config={"ip_endpoints_config": {"enabled": True}, **by_name})

    cluster = wait_for_status(ClusterStatus.RUNNING)

    assert (cluster.endpoint, cluster.ca_pem) == ("127.0.0.1:6443", b"-----BEGIN CERTIFICATE-----")


def test_get_while_it_is_made_has_no_endpoint(slow_clusters):
    slow_clusters.create(ZONE, spec())

    cluster = slow_clusters.get(ZONE, NAME)

    assert (cluster.status, cluster.endpoint, cluster.ca_pem) == (ClusterStatus.PROVISIONING, "", b"")


def test_get_of_no_cluster_is_none(clusters):
    assert clusters.get(ZONE, NAME) is None


def test_get_of_another_zone_is_none(slow_clusters):
    slow_clusters.create(ZONE, spec())

    assert slow_clusters.get("us-central1-b", NAME) is None


@pytest.mark.parametrize("channel", ReleaseChannel)
def test_create_is_taken_in_every_release_channel(gke, wait_for_status, channel):
    GkeClusters(gke.client, "demo", site=GkeSite(release_channel=channel)).create(ZONE, spec())

    wait_for_status(ClusterStatus.RUNNING)


def test_get_tells_zone_pools_and_when_it_was_made(clusters, wait_for_status):
    before = time.time()
    clusters.create(ZONE, spec())

    cluster = wait_for_status(ClusterStatus.RUNNING)

    assert cluster.zone == ZONE
    assert before <= cluster.created_at <= time.time()
    pool = cluster.pool(BURST_POOL)
    assert (pool.node_count, pool.status, pool.complaints) == (4, NodePoolStatus.RUNNING, ())
    assert cluster.pool("nobody") is None


def test_list_shows_labelled_clusters_of_all_zones(slow_clusters, slow_gke):
    other = names.cluster_name("f" * 32)
    slow_clusters.create(ZONE, spec())
    slow_clusters.create("europe-west4-b", spec(name=other))
    slow_clusters.create(ZONE, spec(name="foreign", labels={"overspill": "no"}))
    slow_clusters.create(ZONE, spec(name="unlabelled", labels={}))
    GkeClusters(slow_gke.client, "another-project").create(ZONE, spec())

    listing = slow_clusters.list()

    assert {(cluster.name, cluster.zone) for cluster in listing.clusters} == {(NAME, ZONE), (other, "europe-west4-b")}
    assert listing.missing_zones == ()
    assert all(cluster.status is ClusterStatus.PROVISIONING for cluster in listing.clusters)


def test_list_names_the_zones_that_did_not_answer(slow_clusters, slow_gke):
    slow_clusters.create(ZONE, spec())
    slow_gke.server.faults.missing_zones.add(ZONE)

    listing = slow_clusters.list()

    assert (listing.clusters, listing.missing_zones) == ((), (ZONE,))


def test_resize_changes_the_burst_pool_and_may_be_repeated(clusters, wait_for_status):
    clusters.create(ZONE, spec())
    wait_for_status(ClusterStatus.RUNNING)

    for node_count in (6, 6, 0):
        eventually(lambda count=node_count: not_busy(lambda: clusters.resize(ZONE, NAME, count)))
        eventually(lambda count=node_count: clusters.get(ZONE, NAME).pool(BURST_POOL).node_count == count)


def not_busy(call) -> bool:
    try:
        call()
    except Busy:
        return False
    return True


def test_resize_while_another_operation_runs_is_busy(slow_clusters):
    slow_clusters.create(ZONE, spec())

    with pytest.raises(Busy):
        slow_clusters.resize(ZONE, NAME, 6)


def test_resize_of_no_cluster_is_not_found(clusters):
    with pytest.raises(NotFound, match=NAME):
        clusters.resize(ZONE, NAME, 6)


def test_create_again_exists_already(slow_clusters):
    slow_clusters.create(ZONE, spec())

    with pytest.raises(AlreadyExists, match=NAME):
        slow_clusters.create(ZONE, spec())


def test_create_that_gke_cannot_make_says_what_is_wrong(clusters):
    with pytest.raises(CloudError, match=r"cluster\.name") as caught:
        clusters.create(ZONE, spec(name="Not A Name"))

    assert (caught.value.code, caught.value.retryable) == ("invalid-argument", False)


def test_delete_removes_the_cluster_and_is_remembered(clusters, wait_for_status):
    clusters.create(ZONE, spec())
    wait_for_status(ClusterStatus.RUNNING)

    clusters.delete(ZONE, NAME)

    eventually(lambda: clusters.get(ZONE, NAME) is None)
    operations = clusters.operations(ZONE, NAME)
    assert [operation.kind for operation in operations] == [OperationKind.CREATE, OperationKind.DELETE]
    assert all(operation.is_done and not operation.complaints for operation in operations)


def test_delete_of_no_cluster_is_not_found(clusters):
    with pytest.raises(NotFound, match=NAME):
        clusters.delete(ZONE, NAME)


def test_delete_while_it_is_made_is_busy(slow_clusters):
    slow_clusters.create(ZONE, spec())

    with pytest.raises(Busy) as caught:
        slow_clusters.delete(ZONE, NAME)

    assert caught.value.retryable


def test_operations_still_running_are_not_done(slow_clusters):
    slow_clusters.create(ZONE, spec())

    (operation,) = slow_clusters.operations(ZONE, NAME)

    assert (operation.kind, operation.is_done) == (OperationKind.CREATE, False)


def test_operations_of_a_zone_that_does_not_answer_are_unavailable_not_empty(gke, clusters):
    clusters.create(ZONE, spec())
    gke.server.faults.missing_zones.add(ZONE)

    with pytest.raises(Unavailable, match=ZONE):
        clusters.operations(ZONE, NAME)


def test_operations_on_other_clusters_are_left_out(slow_clusters):
    slow_clusters.create(ZONE, spec(name=f"x{NAME}"))
    slow_clusters.create("us-central1-b", spec())

    assert slow_clusters.operations(ZONE, NAME) == ()


def test_stockout_shows_in_cluster_and_operation(gke, clusters, wait_for_status):
    gke.server.faults.add(stockout())
    clusters.create(ZONE, spec())

    cluster = wait_for_status(ClusterStatus.ERROR)

    (operation,) = clusters.operations(ZONE, NAME)
    assert isinstance(failure_of(cluster.complaints, NAME), CapacityUnavailable)
    assert isinstance(failure_of(operation.complaints, NAME), CapacityUnavailable)
    clusters.delete(ZONE, NAME)


def test_delete_that_fails_leaves_its_complaint(gke, clusters, wait_for_status):
    clusters.create(ZONE, spec())
    wait_for_status(ClusterStatus.RUNNING)
    gke.server.faults.add(OperationFault(call=FaultyCall.DELETE, message="the disk is stuck"))

    clusters.delete(ZONE, NAME)

    wait_for_status(ClusterStatus.ERROR)
    assert "disk is stuck" in clusters.operations(ZONE, NAME)[-1].complaints[-1].text


def test_every_call_without_a_server_is_unavailable_in_time():
    client = cluster_manager_client({"GKE_EMULATOR_HOST": "127.0.0.1:1"})
    clusters = GkeClusters(client, "demo", timeout_s=0.2)
    calls = [
        lambda: clusters.get(ZONE, NAME),
        lambda: clusters.create(ZONE, spec()),
        lambda: clusters.delete(ZONE, NAME),
        lambda: clusters.operations(ZONE, NAME),
        lambda: clusters.resize(ZONE, NAME, 1),
        clusters.list,
    ]

    for call in calls:
        with pytest.raises(Unavailable):
            call()
    client.transport.close()


@pytest.fixture
def refusing():
    """Give a function that makes clusters of a server which answers every call with one error."""
    with contextlib.ExitStack() as stack:

        def make(code: Code, message: str, reason: str = "") -> GkeClusters:
            status = status_pb2.Status(code=code.value[0], message=message)
            if reason:
                status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain="googleapis.com"))
            port = stack.enter_context(refusing_server(status))
            client = cluster_manager_client({"GKE_EMULATOR_HOST": f"127.0.0.1:{port}"})
            stack.callback(client.transport.close)
            return GkeClusters(client, "demo")

        yield make


@contextlib.contextmanager
def refusing_server(status):
    class Refuse(grpc.GenericRpcHandler):
        def service(self, handler_call_details):
            return grpc.unary_unary_rpc_method_handler(
                lambda _, context: context.abort_with_status(rpc_status.to_status(status))
            )

    server = grpc.server(futures.ThreadPoolExecutor(1), handlers=[Refuse()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(0).wait()


@pytest.mark.parametrize(
    ("answer", "kind", "retryable"),
    [
        ((Code.PERMISSION_DENIED, 'Required "container.clusters.create" permission.'), PermissionDenied, False),
        ((Code.UNAUTHENTICATED, "no credentials"), TokenRefused, True),
        ((Code.INVALID_ARGUMENT, "no such machine type"), InvalidRequest, False),
        ((Code.RESOURCE_EXHAUSTED, "Insufficient regional quota: CPUS"), QuotaExceeded, False),
        ((Code.RESOURCE_EXHAUSTED, "[GCE_STOCKOUT]: no resources"), CapacityUnavailable, False),
        ((Code.RESOURCE_EXHAUSTED, "Quota exceeded: reads", "RATE_LIMIT_EXCEEDED"), Unavailable, True),
        ((Code.FAILED_PRECONDITION, "an operation is running"), Busy, True),
        ((Code.ABORTED, "try again"), Unavailable, True),
        ((Code.UNAVAILABLE, "try again"), Unavailable, True),
        ((Code.INTERNAL, "oops"), Unavailable, True),
        ((Code.DEADLINE_EXCEEDED, "too slow"), Unavailable, True),
        ((Code.UNIMPLEMENTED, "no such call"), CloudError, False),
        ((Code.OUT_OF_RANGE, "odd"), CloudError, False),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_create_refused_is_told_by_kind_and_in_gke_words(refusing, answer, kind, retryable):
    with pytest.raises(kind, match=re.escape(answer[1].rstrip("."))) as caught:
        refusing(*answer).create(ZONE, spec())

    assert type(caught.value) is kind
    assert caught.value.retryable is retryable
