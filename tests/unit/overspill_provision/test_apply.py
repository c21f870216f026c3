import dataclasses

import pytest

from overspill_provision.cluster_spec import build_cluster_spec
from overspill_shared.clusters import Cluster, ClusterOperation, ClusterStatus, Complaint, OperationKind
from overspill_shared.errors import (
    AlreadyExists,
    CapacityUnavailable,
    CloudError,
    ConfigError,
    NotYet,
    PermissionDenied,
    QuotaExceeded,
    RequestRefused,
    SealError,
    Unavailable,
)
from overspill_shared.pods import PodPhase

ALL_KINDS = ["accepted", "cluster-creating", "cluster-running", "minicluster-created", "ready"]


def our_cluster(request, status, **changes):
    spec = build_cluster_spec(request)
    cluster = Cluster(
        name=spec.name,
        zone=request.zone,
        status=status,
        labels=spec.labels,
        created_at=request.requested_at,
        endpoint="10.0.0.1",
    )
    return dataclasses.replace(cluster, **changes)


def test_provision_from_nothing_reports_each_step_until_ready(deliver, burst_request, publisher, clusters, kubernetes):
    request = burst_request()

    deliver(request)

    assert publisher.kinds == ALL_KINDS
    assert [spec.name for spec in clusters.created] == [build_cluster_spec(request).name]
    assert kubernetes.closed == 1
    ready = publisher.events[-1]
    assert ready.detail["nodes"] == 4
    assert ready.detail["since_request_s"] >= 80


def test_provision_again_when_ready_repeats_ready_alone(deliver, burst_request, publisher, clusters):
    deliver(burst_request())
    deliver(burst_request())

    assert publisher.kinds == [*ALL_KINDS, "ready"]
    assert publisher.events[-1].event_id == publisher.events[-2].event_id
    assert len(clusters.created) == 1


def test_provision_slower_than_the_budget_goes_on_with_the_next_delivery(deliver, burst_request, publisher, clusters):
    clusters.create_s = 600

    with pytest.raises(NotYet, match="PROVISIONING"):
        deliver(burst_request())
    assert publisher.kinds == ["accepted", "cluster-creating"]
    deliver(burst_request())

    assert publisher.kinds[-3:] == ["cluster-running", "minicluster-created", "ready"]
    assert publisher.kinds.count("accepted") == 1
    assert len({event.event_id for event in publisher.events}) == 5


def test_provision_no_secret_in_any_event(deliver, burst_request, publisher):
    deliver(burst_request())

    assert "canary" not in "".join(event.model_dump_json() for event in publisher.events)


def test_provision_killed_anywhere_and_delivered_again_arrives_at_the_same_end(
    deliver, burst_request, publisher, clusters, faults, interrupted
):
    for point in range(200):
        faults.calls.clear()
        faults.kill_at = point
        try:
            deliver(burst_request())
        except interrupted:
            continue
        break
    else:
        pytest.fail("it never came to an end")

    assert point > 5
    assert len(clusters.created) == 1
    assert publisher.kinds[-1] == "ready"
    assert {event.kind.value for event in publisher.events} >= {"accepted", "cluster-creating", "ready"}
    assert len({event.event_id for event in publisher.events}) <= 5


def test_provision_guardrail_refuses_before_anything_is_looked_at(deliver, burst_request, faults):
    with pytest.raises(RequestRefused, match="deployment"):
        deliver(burst_request(deployment="test"))

    assert faults.calls == []


def test_provision_keys_of_another_message_are_refused(deliver, burst_request, faults):
    moved = burst_request().model_copy(update={"sealed_keys": burst_request(generation=5).sealed_keys})

    with pytest.raises(SealError, match="another message"):
        deliver(moved)

    assert faults.calls == []


def test_provision_too_late_creates_nothing(deliver, burst_request, publisher, clusters, clock):
    clock.time = burst_request().deadline_at

    deliver(burst_request())

    assert publisher.kinds == ["failed"]
    assert publisher.events[0].error.code == "deadline-passed"
    assert clusters.created == []


def test_provision_late_duplicate_of_a_deleted_burst_is_a_silent_no_op(deliver, burst_request, publisher, clusters):
    name = build_cluster_spec(burst_request()).name
    clusters.log.append((name, ClusterOperation(kind=OperationKind.DELETE, is_done=True)))

    deliver(burst_request())

    assert publisher.events == []
    assert clusters.created == []


def test_provision_lower_revision_is_a_silent_no_op(deliver, burst_request, publisher, clusters):
    clusters.put(our_cluster(burst_request(revision=3), ClusterStatus.RUNNING))

    deliver(burst_request(revision=2))

    assert publisher.events == []


def test_provision_higher_revision_is_refused(deliver, burst_request, clusters):
    clusters.put(our_cluster(burst_request(), ClusterStatus.RUNNING))

    with pytest.raises(RequestRefused, match="revision is 2"):
        deliver(burst_request(revision=2))


@pytest.mark.parametrize("status", [ClusterStatus.RUNNING, ClusterStatus.ERROR, ClusterStatus.PROVISIONING])
def test_provision_name_taken_by_others_is_told_and_left_alone(
    deliver, burst_request, publisher, clusters, faults, status
):
    taken = our_cluster(burst_request(), status, labels={"overspill": "true"})
    clusters.put(taken)

    deliver(burst_request())

    assert [(event.kind.value, event.error.code) for event in publisher.events] == [("failed", "name-taken")]
    assert clusters.known == {taken.name: taken}
    assert "delete" not in faults.calls


def test_provision_cluster_being_deleted_is_told_and_left_alone(deliver, burst_request, publisher, clusters, faults):
    clusters.put(our_cluster(burst_request(), ClusterStatus.STOPPING))

    deliver(burst_request())

    assert [event.error.code for event in publisher.events] == ["name-being-deleted"]
    assert "delete" not in faults.calls


def test_provision_stockout_deletes_the_cluster_and_tells_its_class(deliver, burst_request, publisher, clusters):
    complaints = (Complaint(code="GCE_STOCKOUT", text="no resources"),)
    clusters.put(our_cluster(burst_request(), ClusterStatus.ERROR, complaints=complaints))

    deliver(burst_request())

    assert [(event.kind.value, event.error.error_class) for event in publisher.events] == [("failed", "capacity")]
    assert [cluster.status for cluster in clusters.known.values()] == [ClusterStatus.STOPPING]


@pytest.mark.parametrize(
    "error",
    [
        QuotaExceeded("no quota."),
        CapacityUnavailable("no nodes."),
        PermissionDenied("no right."),
        CloudError("bad machine type.", code="invalid-argument"),
    ],
)
def test_provision_create_refused_for_good_is_told_and_acked(
    deliver, burst_request, publisher, clusters, faults, error
):
    faults.order("create", error)

    deliver(burst_request())

    assert publisher.kinds == ["accepted", "failed"]
    assert (publisher.events[-1].error.error_class, publisher.events[-1].error.code) == (error.error_class, error.code)
    assert clusters.known == {}


@pytest.mark.parametrize("call", ["get", "operations", "create", "manifest", "apply Secret", "read MiniCluster"])
def test_provision_cloud_not_answering_for_a_while_is_tried_again(deliver, burst_request, publisher, faults, call):
    faults.order(call, Unavailable("no answer."), Unavailable("no answer."))

    deliver(burst_request())

    assert publisher.kinds == ALL_KINDS


def test_provision_cloud_not_answering_at_all_comes_again(deliver, burst_request, publisher, faults):
    faults.order("get", *[Unavailable("no answer.")] * 1000)

    with pytest.raises(NotYet, match="no answer"):
        deliver(burst_request())

    assert publisher.events == []


@pytest.mark.parametrize("call", ["apply CustomResourceDefinition", "apply Secret", "apply MiniCluster"])
def test_provision_deploy_refused_for_good_deletes_the_cluster(
    deliver, burst_request, publisher, clusters, faults, call
):
    faults.order(call, PermissionDenied("no right."))

    deliver(burst_request())

    assert publisher.kinds == ["accepted", "cluster-creating", "cluster-running", "failed"]
    assert [cluster.status for cluster in clusters.known.values()] == [ClusterStatus.STOPPING]


def test_provision_cluster_replaced_while_it_fails_is_not_deleted(
    deliver, burst_request, publisher, clusters, kubernetes, faults
):
    request = burst_request()
    theirs = our_cluster(request, ClusterStatus.RUNNING, labels={})

    def replaced(manifest):
        clusters.put(theirs)
        raise PermissionDenied("no right.")

    kubernetes.apply = replaced

    deliver(request)

    assert publisher.kinds[-1] == "failed"
    assert clusters.known == {theirs.name: theirs}
    assert "delete" not in faults.calls


def test_provision_cluster_made_by_another_delivery_is_taken_up(deliver, burst_request, publisher, clusters):
    request = burst_request()

    def made_by_another(zone, spec):
        clusters.put(our_cluster(request, ClusterStatus.RUNNING))
        raise AlreadyExists(f"{spec.name} exists already.")

    clusters.create = made_by_another

    deliver(request)

    assert publisher.kinds == ALL_KINDS


@pytest.mark.parametrize("call", ["read MiniCluster", "list_pods", "get"])
def test_provision_blind_to_a_running_burst_never_deletes_it(deliver, burst_request, publisher, clusters, faults, call):
    deliver(burst_request())
    faults.order(call, PermissionDenied("no right."))

    deliver(burst_request())

    assert publisher.kinds[-1] == "failed"
    assert [cluster.status for cluster in clusters.known.values()] == [ClusterStatus.RUNNING]


def test_provision_failure_whose_delete_fails_is_acked_all_the_same(
    deliver, burst_request, publisher, clusters, faults
):
    clusters.put(our_cluster(burst_request(), ClusterStatus.ERROR))
    faults.order("delete", Unavailable("no answer."))

    deliver(burst_request())

    assert publisher.kinds == ["failed"]


def test_provision_unusable_manifest_is_found_out_before_anything_costs_money(
    deliver, burst_request, publisher, clusters, faults
):
    faults.order("manifest", ConfigError("operator_manifest has another hash.", code="operator-manifest-hash"))

    deliver(burst_request())

    assert [(event.kind.value, event.error.code) for event in publisher.events] == [
        ("failed", "operator-manifest-hash")
    ]
    assert clusters.created == []


def test_provision_event_that_cannot_be_published_comes_again_and_deletes_nothing(
    deliver, burst_request, publisher, clusters, faults
):
    faults.order("publish", PermissionDenied("no right."))

    with pytest.raises(NotYet, match="accepted"):
        deliver(burst_request())
    assert clusters.created == []
    deliver(burst_request())

    assert publisher.kinds == ALL_KINDS


def test_provision_pods_that_do_not_come_are_left_to_the_agent(deliver, burst_request, publisher, clusters, kubernetes):
    kubernetes.phase = PodPhase.PENDING

    for _ in range(2):
        with pytest.raises(NotYet, match="0 of 4 pods"):
            deliver(burst_request())
    deliver(burst_request())

    assert "failed" not in publisher.kinds
    assert [cluster.status for cluster in clusters.known.values()] == [ClusterStatus.RUNNING]


def test_provision_cluster_that_does_not_come_up_fails_at_the_deadline(
    deliver, burst_request, publisher, clusters, faults
):
    clusters.create_s = 10_000

    for _ in range(2):
        with pytest.raises(NotYet, match="PROVISIONING"):
            deliver(burst_request())
    deliver(burst_request())

    assert publisher.kinds[-1] == "failed"
    assert (publisher.events[-1].error.code, publisher.events[-1].error.error_class) == ("deadline-passed", "capacity")
    assert faults.calls[-1] == "delete"
