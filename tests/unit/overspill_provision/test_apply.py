import contextlib
import dataclasses

import pytest
from tests.fakes.clusters import stocked_out

from overspill_provision.cluster_spec import build_cluster_spec
from overspill_shared.burst_metadata import namespace_name
from overspill_shared.clusters import Cluster, ClusterOperation, ClusterStatus, Complaint, OperationKind
from overspill_shared.errors import (
    AlreadyExists,
    CapacityUnavailable,
    CloudError,
    ConfigError,
    InvalidRequest,
    NotYet,
    PermissionDenied,
    QuotaExceeded,
    RequestRefused,
    SealError,
    TokenRefused,
    Unavailable,
)
from overspill_shared.pods import PodPhase, Trouble

CONFIG = InvalidRequest("the size is wrong.")
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
    clusters.log.append((burst_request().zone, name, ClusterOperation(kind=OperationKind.DELETE, is_done=True)))

    deliver(burst_request())

    assert publisher.events == []
    assert clusters.created == []


def test_provision_lower_revision_is_a_silent_no_op(deliver, burst_request, publisher):
    deliver(burst_request(revision=3))
    publisher.events.clear()

    deliver(burst_request(revision=2))

    assert publisher.events == []


def pods_of(kubernetes, request):
    return len(kubernetes.list_pods(namespace_name(request), f"job-name={request.slot.name}"))


@pytest.mark.parametrize(
    ("sizes", "pool"), [((2, 4), 4), ((4, 2), 4), ((4, 0), 0), ((2, 0, 3), 3), ((4, 2, 4), 4), ((1, 4, 2, 0, 4, 1), 4)]
)
def test_provision_higher_revision_resizes_what_is_there(
    deliver, burst_request, publisher, clusters, kubernetes, sizes, pool
):
    for revision, size in enumerate(sizes, 1):
        request = burst_request(revision=revision, size=size)
        deliver(request)

        assert pods_of(kubernetes, request) == size

    resized = [event for event in publisher.events if event.kind.value == "resized"]
    assert [(event.revision, event.detail["nodes"]) for event in resized] == list(enumerate(sizes, 1))[1:]
    ready = [event.detail["nodes"] for event in publisher.events if event.kind.value == "ready"]
    assert ready == [size for size in sizes if size]
    assert len(clusters.created) == 1
    assert next(iter(clusters.known.values())).pool("burst").node_count == pool
    before = len(publisher.events)
    for revision in range(1, len(sizes)):
        deliver(burst_request(revision=revision, size=sizes[revision - 1]))
    assert pods_of(kubernetes, request) == size
    assert len(publisher.events) == before


def test_provision_resize_killed_anywhere_arrives_at_the_same_end(
    deliver, burst_request, publisher, kubernetes, faults, interrupted
):
    for point in range(30):
        request = burst_request(revision=2 + point, size=1 + point % 4)
        faults.calls.clear()
        faults.kill_at = point or None
        with contextlib.suppress(interrupted):
            deliver(request)
        faults.kill_at = None
        deliver(request)

        assert pods_of(kubernetes, request) == request.size
        assert publisher.kinds[-1] == "ready"
        assert ("resized", request.revision) in {(e.kind.value, e.revision) for e in publisher.events}


def test_provision_growth_after_its_deadline_is_told_and_leaves_the_burst(
    deliver, burst_request, publisher, clusters, kubernetes, clock
):
    deliver(burst_request(size=2))
    clock.time = burst_request().deadline_at
    request = burst_request(revision=2, size=4)

    with pytest.raises(RequestRefused, match="does not grow") as caught:
        deliver(request)

    assert caught.value.code == "deadline-passed"
    assert "failed" not in publisher.kinds
    assert pods_of(kubernetes, request) == 2
    assert [cluster.status for cluster in clusters.known.values()] == [ClusterStatus.RUNNING]


def test_provision_resize_does_not_move_the_hard_end(deliver, burst_request):
    deliver(burst_request(size=2))

    with pytest.raises(RequestRefused, match="hard_end_at"):
        deliver(burst_request(revision=2, hard_end_at=burst_request().hard_end_at + 60))


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


def test_provision_redelivered_while_its_own_deletion_runs_tells_the_cause_first_and_then_the_end(
    deliver, burst_request, publisher, clusters, clock, limits
):
    clusters.put(our_cluster(burst_request(), ClusterStatus.PROVISIONING))
    clock.sleep(limits.stockout_timeout_s)
    with pytest.raises(NotYet, match="to be deleted"):
        deliver(burst_request())  # GKE takes no order while it creates
    clusters.put(our_cluster(burst_request(), ClusterStatus.STOPPING))

    deliver(burst_request())

    assert [event.error.code for event in publisher.events] == ["stockout", "name-being-deleted"]


def test_provision_redelivered_while_its_failed_cluster_is_deleted_repeats_the_failure(
    deliver, burst_request, publisher, clusters, faults
):
    complaints = (Complaint(code="GCE_STOCKOUT", text="no resources"),)
    clusters.put(our_cluster(burst_request(), ClusterStatus.ERROR, complaints=complaints))

    deliver(burst_request())
    deliver(burst_request())

    assert [event.error.code for event in publisher.events] == ["stockout"] * 2
    assert len({event.event_id for event in publisher.events}) == 1
    assert faults.calls.count("delete") == 1


def test_provision_whose_last_answer_is_lost_at_the_deadline_keeps_the_minicluster_that_it_made(
    deliver, burst_request, publisher, clusters, kubernetes, clock, faults
):
    """Jobs may run in it by then: what was made is looked at again before anything is deleted."""
    request = burst_request()
    clusters.put(our_cluster(request, ClusterStatus.RUNNING))
    make = kubernetes.create

    def make_and_lose_the_answer(manifest):
        make(manifest)
        if manifest["kind"] == "MiniCluster":
            clock.sleep(request.deadline_at - clock.now())
            raise Unavailable("the answer was lost.")

    kubernetes.create = make_and_lose_the_answer

    with contextlib.suppress(NotYet):
        deliver(request)
    deliver(request)

    assert "delete" not in faults.calls
    assert "failed" not in publisher.kinds


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


@pytest.mark.parametrize("call", ["apply CustomResourceDefinition", "apply Secret", "create MiniCluster"])
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


@pytest.mark.parametrize("create_s", [600, 700, 2100])
def test_provision_stockout_however_late_is_told_in_time_and_leaves_nothing(
    deliver, burst_request, publisher, clusters, clock, create_s
):
    clusters.create_s, clusters.fate = create_s, stocked_out()

    for _ in range(10):
        with contextlib.suppress(NotYet):
            deliver(burst_request())
            break

    failed = [event for event in publisher.events if event.kind.value == "failed"]
    assert {(event.error.code, event.error.error_class) for event in failed} == {("stockout", "capacity")}
    assert failed[0].occurred_at <= burst_request().requested_at + 725
    assert len({event.event_id for event in failed}) == 1
    clock.sleep(60)
    assert clusters.get(burst_request().zone, build_cluster_spec(burst_request()).name) is None


def test_provision_zone_that_does_not_answer_makes_nothing_until_it_does(
    deliver, burst_request, publisher, clusters, faults
):
    clusters.missing_zones.add("us-east1-b")

    with pytest.raises(NotYet, match="us-east1-b"):
        deliver(burst_request())
    assert publisher.events == []
    assert "create" not in faults.calls
    clusters.missing_zones.clear()
    deliver(burst_request())

    assert publisher.kinds == ALL_KINDS


def test_provision_more_bursts_than_allowed_are_rejected_and_nothing_else(
    deliver, burst_request, publisher, clusters, faults
):
    for generation in (1, 2):
        deliver(burst_request(generation=generation))
    before = len(publisher.events)

    with pytest.raises(RequestRefused, match="max_bursts is 2") as caught:
        deliver(burst_request(generation=3))

    assert caught.value.error_class == "quota"
    assert len(publisher.events) == before
    assert len(clusters.created) == 2


def test_provision_too_many_made_at_the_same_moment_the_surplus_deletes_its_own(
    deliver, burst_request, publisher, clusters, clock
):
    first = burst_request(generation=1)
    counted_before = clusters.list

    def others_create_meanwhile():
        answer = counted_before()
        for generation in (2, 3):
            clusters.create(first.zone, build_cluster_spec(burst_request(generation=generation)))
        clock.sleep(1)
        clusters.list = counted_before
        return answer

    clusters.list = others_create_meanwhile
    deliver(first)
    for generation in (2, 3):
        deliver(burst_request(generation=generation))

    failed = [event for event in publisher.events if event.kind.value == "failed"]
    assert [(event.burst_id, event.error.code, event.error.error_class) for event in failed] == [
        (first.burst_id, "max-bursts", "quota")
    ]
    assert clusters.get(first.zone, build_cluster_spec(first).name).status is ClusterStatus.STOPPING
    assert publisher.kinds.count("ready") == 2


@pytest.mark.parametrize("call", ["get", "list", "create", "apply Secret", "read MiniCluster"])
def test_provision_token_refused_midway_is_tried_again(deliver, burst_request, publisher, faults, call):
    faults.order(call, TokenRefused("expired."))

    deliver(burst_request())

    assert publisher.kinds == ALL_KINDS


@pytest.mark.parametrize(
    ("call", "kinds"),
    [("list", ["failed"]), ("apply Secret", ["accepted", "cluster-creating", "cluster-running", "failed"])],
)
def test_provision_what_may_pass_is_a_failure_at_the_deadline(
    deliver, burst_request, publisher, clusters, faults, call, kinds
):
    faults.order(call, *[TokenRefused("still expired.")] * 1000)
    request = burst_request()
    # Else the lease, which nobody renews here, would lapse before the deadline.
    request = request.model_copy(update={"expires_at": request.hard_end_at})

    for _ in range(3):
        with contextlib.suppress(NotYet):
            deliver(request)

    assert list(dict.fromkeys(publisher.kinds)) == kinds
    assert (publisher.events[-1].error.code, publisher.events[-1].error.error_class) == ("token-refused", "permission")
    assert all(cluster.status is ClusterStatus.STOPPING for cluster in clusters.known.values())


def test_provision_burst_whose_lease_lapses_before_it_is_made_fails_and_goes(
    deliver, burst_request, publisher, clusters
):
    deliver(burst_request(expires_at=burst_request().requested_at + 30))

    assert publisher.kinds == ["accepted", "cluster-creating", "cluster-running", "failed"]
    assert publisher.events[-1].error.code == "lease-lapsed"
    assert [cluster.status for cluster in clusters.known.values()] == [ClusterStatus.STOPPING]


def test_provision_tells_what_each_step_took(deliver, burst_request, publisher):
    deliver(burst_request())

    timings = {event.kind.value: event.detail for event in publisher.events}
    assert timings["cluster-running"]["create_s"] == 60
    assert timings["minicluster-created"]["deploy_s"] == 0
    assert timings["ready"]["pods_s"] == 20
    assert timings["ready"]["since_request_s"] == 80


@pytest.mark.parametrize(("call", "error"), [("resize", QuotaExceeded("no quota.")), ("apply MiniCluster", CONFIG)])
def test_provision_resize_refused_by_the_cloud_is_rejected_and_leaves_the_burst(
    deliver, burst_request, publisher, clusters, kubernetes, faults, call, error
):
    deliver(burst_request(size=2))
    faults.order(call, error)

    deliver(burst_request(revision=2))

    last = publisher.events[-1]
    assert (last.kind.value, last.revision, last.error.error_class) == ("rejected", 2, error.error_class)
    assert "failed" not in publisher.kinds
    assert pods_of(kubernetes, burst_request()) == 2


def test_provision_shrink_that_the_cloud_does_not_take_until_its_deadline_is_rejected_not_forgotten(
    deliver, burst_request, publisher, clock, faults
):
    deliver(burst_request())
    faults.order("apply MiniCluster", *[Unavailable("HTTP 503.")] * 1000)

    for _ in range(10):
        with contextlib.suppress(NotYet):
            deliver(burst_request(revision=2, size=2))
            break

    assert publisher.kinds[-1] == "rejected"
    assert publisher.events[-1].revision == 2
    assert clock.now() >= burst_request().deadline_at


def test_provision_failure_is_told_before_anything_is_deleted(deliver, burst_request, clusters, faults):
    clusters.put(our_cluster(burst_request(), ClusterStatus.ERROR, complaints=stocked_out()["complaints"]))
    faults.order("publish", Unavailable("HTTP 503."))

    with pytest.raises(NotYet):
        deliver(burst_request())

    assert "delete" not in faults.calls


def test_provision_counts_bursts_before_and_after_it_makes_one_and_not_at_each_look(deliver, burst_request, faults):
    deliver(burst_request())

    assert faults.calls.count("list") == 2
    assert faults.calls.count("get") > 10


def test_provision_counts_again_where_a_zone_did_not_answer(deliver, burst_request, publisher, clusters, clock):
    clusters.create_s = 300
    for generation in (1, 2):  # older ones, in the zone that is silent
        spec = build_cluster_spec(burst_request(generation=generation))
        older = our_cluster(
            burst_request(generation=generation), ClusterStatus.RUNNING, zone="us-east1-b", created_at=1.0
        )
        clusters.known[spec.name] = older
        clusters.changes_at[spec.name] = float("inf")
    clusters.put(our_cluster(burst_request(), ClusterStatus.PROVISIONING, created_at=clock.now()))
    clusters.missing_zones.add("us-east1-b")
    clusters.missing_until = clock.now() + 60

    with contextlib.suppress(NotYet):
        deliver(burst_request())

    assert [event.error.code for event in publisher.events if event.error] == ["max-bursts"]


@pytest.mark.parametrize("call", ["get", "read MiniCluster", "list_pods"])
def test_provision_blind_to_a_running_burst_for_long_reports_no_failure(
    deliver, burst_request, publisher, faults, clock, call
):
    deliver(burst_request())
    clock.time = burst_request().deadline_at
    faults.order(call, Unavailable("no answer."))

    deliver(burst_request())

    assert "failed" not in publisher.kinds


def test_provision_tells_once_what_keeps_pods_from_running(deliver, burst_request, publisher, kubernetes):
    kubernetes.start_s = 60
    kubernetes.trouble = Trouble(reason="ImagePullBackOff", text="no such image")

    deliver(burst_request())

    assert publisher.kinds == [*ALL_KINDS[:-1], "minicluster-created", "ready"]
    progress = publisher.events[-2]
    assert progress.detail["pods"] == "0 of 4 pods run"
    assert progress.detail["trouble"] == "4 pods ImagePullBackOff: no such image"
    assert len({event.event_id for event in publisher.events}) == len(publisher.events)
