import pytest

from overspill_shared import names
from overspill_shared.clusters import Cluster, ClusterOperation, ClusterStatus, OperationKind
from overspill_shared.errors import CloudError, NotFound, NotYet, PermissionDenied, RequestRefused, Unavailable


@pytest.fixture
def put(clusters, teardown_request):
    """Give a function that puts the burst's cluster into the zone, in a state."""

    def put(status, *, lead="lead", changes_at=float("inf")):
        request = teardown_request()
        labels = names.cluster_labels(
            deployment="prod", lead=lead, burst=request.burst_id, generation=request.generation, expires_at=1e9
        )
        name = names.cluster_name(request.burst_id)
        cluster = Cluster(name=name, zone=request.zone, status=status, labels=labels, created_at=request.generation)
        clusters.put(cluster, changes_at)
        return name

    return put


def test_teardown_running_cluster_is_deleted_and_its_end_reported(deliver, put, teardown_request, publisher, clusters):
    clusters.delete_s = 20
    name = put(ClusterStatus.RUNNING)

    deliver(teardown_request())

    assert clusters.known == {}
    assert publisher.kinds == ["removing", "removed"]
    receipt = publisher.events[-1].receipt
    assert (receipt.clusters_deleted, receipt.clusters_left) == ((name,), ())


def test_teardown_slower_than_the_budget_goes_on_with_the_next_delivery(
    deliver, put, teardown_request, publisher, clusters
):
    clusters.delete_s = 50
    name = put(ClusterStatus.RUNNING)

    with pytest.raises(NotYet, match="being deleted"):
        deliver(teardown_request())
    assert publisher.kinds == ["removing"]
    deliver(teardown_request())

    assert publisher.kinds == ["removing", "removed"]
    assert publisher.events[-1].receipt.clusters_deleted == (name,)


def test_teardown_cluster_being_deleted_already_is_awaited_without_a_word(
    deliver, put, teardown_request, publisher, faults, clock
):
    put(ClusterStatus.STOPPING, changes_at=clock.now() + 10)

    deliver(teardown_request())

    assert publisher.kinds == ["removed"]
    assert "delete" not in faults.calls


def test_teardown_cluster_being_made_is_deleted_once_it_can_be(deliver, put, teardown_request, publisher, clock):
    put(ClusterStatus.PROVISIONING, changes_at=clock.now() + 40)

    with pytest.raises(NotYet, match="cannot be changed now"):
        deliver(teardown_request())
    assert publisher.kinds == []
    deliver(teardown_request())

    assert publisher.kinds == ["removing", "removed"]


def test_teardown_of_what_never_was_reports_an_empty_receipt(deliver, teardown_request, publisher):
    deliver(teardown_request())

    assert publisher.kinds == ["removed"]
    assert publisher.events[0].receipt.clusters_deleted == ()


def test_teardown_again_after_the_end_repeats_it_with_the_same_id(deliver, put, teardown_request, publisher):
    name = put(ClusterStatus.RUNNING)
    deliver(teardown_request())
    deliver(teardown_request())

    assert publisher.kinds == ["removing", "removed", "removed"]
    assert publisher.events[1].event_id == publisher.events[2].event_id
    assert publisher.events[2].receipt.clusters_deleted == (name,)


def test_teardown_cluster_gone_between_look_and_delete_is_removed(deliver, put, teardown_request, publisher, clusters):
    name = put(ClusterStatus.RUNNING)

    def gone(zone, name):
        del clusters.known[name]
        raise NotFound(f"there is no {name}.")

    clusters.delete = gone

    deliver(teardown_request())

    assert publisher.kinds == ["removed"]
    assert publisher.events[0].receipt.clusters_deleted == (name,)


def test_teardown_cluster_of_another_lead_is_refused_and_left_alone(deliver, put, teardown_request, clusters, faults):
    name = put(ClusterStatus.RUNNING, lead="other")

    with pytest.raises(RequestRefused, match="not this burst's"):
        deliver(teardown_request())

    assert clusters.known[name].status is ClusterStatus.RUNNING
    assert "delete" not in faults.calls


def test_teardown_of_another_deployment_is_refused_unlooked(deliver, teardown_request, faults):
    with pytest.raises(RequestRefused, match="deployment"):
        deliver(teardown_request(deployment="test"))

    assert faults.calls == []


def test_teardown_operation_still_running_is_awaited(deliver, teardown_request, publisher, clusters):
    name = names.cluster_name(teardown_request().burst_id)
    clusters.log.append((name, ClusterOperation(kind=OperationKind.DELETE, is_done=False)))

    with pytest.raises(NotYet, match="still running"):
        deliver(teardown_request())

    assert publisher.events == []


@pytest.mark.parametrize("call", ["get", "delete", "operations"])
def test_teardown_cloud_not_answering_for_a_while_is_tried_again(
    deliver, put, teardown_request, publisher, faults, call
):
    put(ClusterStatus.RUNNING)
    faults.order(call, Unavailable("no answer."))

    deliver(teardown_request())

    assert publisher.kinds == ["removing", "removed"]


@pytest.mark.parametrize("error", [PermissionDenied("no right."), CloudError("odd.")])
@pytest.mark.parametrize("call", ["get", "operations"])
def test_teardown_look_refused_for_good_is_never_dropped(deliver, teardown_request, publisher, faults, call, error):
    faults.order(call, error)

    with pytest.raises(NotYet, match=error.text):
        deliver(teardown_request())

    assert publisher.events == []


def test_teardown_delete_refused_for_good_is_never_dropped(deliver, put, teardown_request, publisher, faults):
    put(ClusterStatus.RUNNING)
    faults.order("delete", PermissionDenied("no right."))

    with pytest.raises(NotYet, match="no right"):
        deliver(teardown_request())

    assert publisher.events == []


def test_teardown_killed_anywhere_and_delivered_again_arrives_at_the_same_end(
    deliver, put, teardown_request, publisher, faults, interrupted
):
    put(ClusterStatus.RUNNING)

    for point in range(100):
        faults.calls.clear()
        faults.kill_at = point
        try:
            deliver(teardown_request())
        except interrupted:
            continue
        break
    else:
        pytest.fail("it never came to an end")

    assert point > 3
    assert publisher.kinds[-1] == "removed"
