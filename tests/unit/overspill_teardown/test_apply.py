import dataclasses
import logging
from datetime import UTC, datetime

import pytest

from overspill_shared import names
from overspill_shared.clusters import ClusterOperation, ClusterStatus, OperationKind
from overspill_shared.errors import CloudError, NotFound, NotYet, PermissionDenied, RequestRefused, Unavailable


def test_teardown_running_cluster_is_deleted_and_its_end_reported(site, teardown_request):
    site.clusters.delete_s = 20
    name = site.put(ClusterStatus.RUNNING)

    site.deliver(teardown_request())

    assert site.clusters.known == {}
    assert site.kinds == ["removing", "removed"]
    receipt = site.publisher.events[-1].receipt
    assert (receipt.clusters_deleted, receipt.is_clean) == ((name,), True)
    assert receipt.node_pools_deleted == (f"{name}/system", f"{name}/burst")


def test_teardown_slower_than_the_budget_goes_on_with_the_next_delivery(site, teardown_request):
    site.clusters.delete_s = 50
    name = site.put(ClusterStatus.RUNNING)

    with pytest.raises(NotYet, match="being deleted"):
        site.deliver(teardown_request())
    assert site.kinds == ["removing"]
    site.deliver(teardown_request())

    assert site.kinds == ["removing", "removed"]
    assert site.publisher.events[-1].receipt.clusters_deleted == (name,)


def test_teardown_cluster_being_deleted_already_is_awaited_without_a_word(site, teardown_request):
    site.put(ClusterStatus.STOPPING, changes_at=site.clock.now() + 10)

    site.deliver(teardown_request())

    assert site.kinds == ["removed"]
    assert "delete" not in site.faults.calls


def test_teardown_cluster_being_made_is_deleted_once_it_can_be(site, teardown_request):
    site.put(ClusterStatus.PROVISIONING, changes_at=site.clock.now() + 40)

    with pytest.raises(NotYet, match="cannot be changed now"):
        site.deliver(teardown_request())
    assert site.kinds == []
    site.deliver(teardown_request())

    assert site.kinds == ["removing", "removed"]


def test_teardown_of_what_never_was_reports_an_empty_receipt(site, teardown_request):
    site.deliver(teardown_request())

    assert site.kinds == ["removed"]
    assert site.publisher.events[0].receipt.clusters_deleted == ()


def test_teardown_again_after_the_end_repeats_it_with_the_same_id(site, teardown_request):
    name = site.put(ClusterStatus.RUNNING)
    site.deliver(teardown_request())
    site.deliver(teardown_request())

    assert site.kinds == ["removing", "removed", "removed"]
    assert site.publisher.events[1].event_id == site.publisher.events[2].event_id
    assert site.publisher.events[2].receipt.clusters_deleted == (name,)


def test_teardown_cluster_gone_between_look_and_delete_is_removed(site, teardown_request):
    name = site.put(ClusterStatus.RUNNING)

    def gone(zone, name):
        del site.clusters.known[name]
        raise NotFound(f"there is no {name}.")

    site.clusters.delete = gone

    site.deliver(teardown_request())

    assert site.kinds == ["removed"]
    assert site.publisher.events[0].receipt.clusters_deleted == (name,)


def test_teardown_cluster_of_another_lead_is_refused_and_left_alone(site, teardown_request):
    name = site.put(ClusterStatus.RUNNING, labels={"lead": "other"})

    with pytest.raises(RequestRefused, match="not this burst's"):
        site.deliver(teardown_request())

    assert site.clusters.known[name].status is ClusterStatus.RUNNING
    assert "delete" not in site.faults.calls


def test_teardown_of_another_deployment_is_refused_unlooked(site, teardown_request):
    with pytest.raises(RequestRefused, match="deployment"):
        site.deliver(teardown_request(deployment="test"))

    assert site.faults.calls == []


def test_teardown_operation_still_running_is_awaited(site, teardown_request):
    name = names.cluster_name(teardown_request().burst_id)
    site.clusters.log.append(("us-central1-a", name, ClusterOperation(kind=OperationKind.DELETE, is_done=False)))

    with pytest.raises(NotYet, match="still running"):
        site.deliver(teardown_request())

    assert site.publisher.events == []


@pytest.mark.parametrize("call", ["get", "delete", "operations", "list"])
def test_teardown_cloud_not_answering_for_a_while_is_tried_again(site, teardown_request, call):
    site.put(ClusterStatus.RUNNING)
    site.faults.order(call, Unavailable("no answer."))

    site.deliver(teardown_request())

    assert site.kinds == ["removing", "removed"]


@pytest.mark.parametrize("error", [PermissionDenied("no right."), CloudError("odd.")])
@pytest.mark.parametrize("call", ["get", "operations", "list"])
def test_teardown_look_refused_for_good_is_never_dropped(site, teardown_request, call, error):
    site.faults.order(call, error)

    with pytest.raises(NotYet, match=error.text):
        site.deliver(teardown_request())

    assert site.publisher.events == []


def test_teardown_delete_refused_for_good_is_never_dropped(site, teardown_request):
    site.put(ClusterStatus.RUNNING)
    site.faults.order("delete", PermissionDenied("no right."))

    with pytest.raises(NotYet, match="no right"):
        site.deliver(teardown_request())

    assert site.publisher.events == []


def test_teardown_killed_anywhere_and_delivered_again_arrives_at_the_same_end(site, teardown_request, interrupted):
    site.put(ClusterStatus.RUNNING)

    for point in range(100):
        site.faults.calls.clear()
        site.faults.kill_at = point
        try:
            site.deliver(teardown_request())
        except interrupted:
            continue
        break
    else:
        pytest.fail("it never came to an end")

    assert point > 3
    assert site.kinds[-1] == "removed"


@pytest.mark.parametrize("reason", ["lease-lapsed", "sweep"])
def test_teardown_that_a_sweep_wants_is_cancelled_by_a_renewed_lease(site, teardown_request, caplog, reason):
    name = site.put(ClusterStatus.RUNNING)
    site.put_lease(600)

    with caplog.at_level(logging.INFO):
        site.deliver(teardown_request(reason=reason))

    assert site.clusters.known[name].status is ClusterStatus.RUNNING
    assert site.publisher.events == []
    assert not [call for call in site.faults.calls if call.startswith("delete")]
    assert next(r.step for r in caplog.records if r.message == "teardown.step") == "Cancel"


def test_teardown_lease_renewed_between_two_looks_cancels_it(site, teardown_request):
    name = site.put(ClusterStatus.RUNNING)
    site.put_service("web")
    site.put_lease(-1)
    delete = site.kubernetes.delete

    def delete_and_renew(*arguments, **options):
        delete(*arguments, **options)
        site.put_lease(600)

    site.kubernetes.delete = delete_and_renew

    site.deliver(teardown_request(reason="lease-lapsed"))

    assert site.clusters.known[name].status is ClusterStatus.RUNNING
    assert site.publisher.events == []


def test_teardown_lapsed_lease_is_removed(site, teardown_request):
    site.put(ClusterStatus.RUNNING)
    site.put_lease(-1)

    site.deliver(teardown_request(reason="lease-lapsed"))

    assert site.kinds == ["removing", "removed"]


@pytest.mark.parametrize("reason", ["lease-lapsed", "sweep"])
def test_teardown_that_a_sweep_wants_goes_on_where_its_deletion_failed(site, teardown_request, reason):
    name = site.put(ClusterStatus.RUNNING)
    site.put_lease(-1)
    site.clusters.delete_s = 50
    with pytest.raises(NotYet, match="being deleted"):
        site.deliver(teardown_request(reason=reason))
    site.clusters.put(dataclasses.replace(site.clusters.known[name], status=ClusterStatus.ERROR))
    site.clusters.delete_s = 0

    site.deliver(teardown_request(reason=reason))

    assert site.clusters.known == {}
    assert site.kinds[-1] == "removed"


@pytest.mark.parametrize("reason", ["lease-lapsed", "sweep"])
def test_teardown_that_a_sweep_wants_keeps_a_broken_cluster_that_nobody_deleted(site, teardown_request, reason):
    name = site.put(ClusterStatus.ERROR)

    site.deliver(teardown_request(reason=reason))

    assert site.clusters.known[name].status is ClusterStatus.ERROR
    assert site.publisher.events == []


def test_teardown_that_a_sweep_wants_of_a_silent_cluster_goes_by_its_labels(site, teardown_request):
    site.put(ClusterStatus.RUNNING)
    site.put_lease(-1)
    site.faults.order("read Lease", *[Unavailable("no route.")] * 2)

    site.deliver(teardown_request(reason="lease-lapsed"))
    assert site.publisher.events == []

    site.clock.sleep(14_400)
    site.deliver(teardown_request(reason="sweep"))
    assert site.kinds == ["removing", "removed"]


@pytest.mark.parametrize("reason", ["idle-timeout", "failed", "operator", "max-lifetime"])
def test_teardown_that_the_agent_wants_asks_no_lease(site, teardown_request, reason):
    site.put(ClusterStatus.RUNNING)
    site.put_lease(600)

    site.deliver(teardown_request(reason=reason))

    assert site.kinds == ["removing", "removed"]


def test_teardown_removes_services_with_load_balancers_first_and_no_others(site, teardown_request):
    name = site.put(ClusterStatus.RUNNING)
    site.put_service("web")
    site.put_service("plain", spec={"clusterIP": "None"})
    site.put_service("web", namespace="kube-system")

    site.deliver(teardown_request())

    assert {(key[1], key[2]) for key in site.kubernetes.objects} == {("plain", name), ("web", "kube-system")}
    effects = [call for call in site.faults.calls if call.startswith("delete")]
    assert effects == ["delete Service", "delete"]
    assert site.kinds == ["removing", "removed"]


def test_teardown_waits_for_load_balancers_and_not_for_ever(site, teardown_request):
    site.put(ClusterStatus.RUNNING)
    site.put_service("web", deletionTimestamp=datetime.fromtimestamp(site.clock.now(), UTC).isoformat())

    with pytest.raises(NotYet, match="load balancers are being removed"):
        site.deliver(teardown_request())
    assert site.publisher.events == []
    site.clock.sleep(300)
    site.deliver(teardown_request())

    assert site.kinds == ["removing", "removed"]


@pytest.mark.parametrize("error", [Unavailable("no route."), PermissionDenied("no right.")])
@pytest.mark.parametrize("call", ["list Service", "delete Service"])
def test_teardown_of_a_cluster_whose_api_is_silent_goes_on_without_it(site, teardown_request, error, call):
    site.put(ClusterStatus.RUNNING)
    site.put_service("web")
    site.faults.order(call, *[error] * 3)

    site.deliver(teardown_request())

    assert site.kinds[-1] == "removed"


@pytest.mark.parametrize("status", ["ERROR", "STATUS_UNSPECIFIED"])
def test_teardown_of_a_cluster_that_cannot_be_used_asks_its_api_nothing(site, teardown_request, status):
    site.put(status)

    site.deliver(teardown_request(reason="operator"))

    assert site.connected == []
    assert site.kinds == ["removing", "removed"]


def test_teardown_with_zones_missing_is_no_end_and_says_so(site, teardown_request):
    name = site.put(ClusterStatus.RUNNING)
    site.clusters.missing_zones = {"europe-west4-a"}

    with pytest.raises(NotYet, match="europe-west4-a"):
        site.deliver(teardown_request())
    assert site.kinds == ["removing", "removed"]
    first = site.publisher.events[-1]
    assert (first.receipt.is_clean, first.receipt.zones_unanswered) == (False, ("europe-west4-a",))

    site.clusters.missing_zones = set()
    site.deliver(teardown_request())

    last = site.publisher.events[-1]
    assert (last.kind.value, last.receipt.is_clean, last.receipt.clusters_deleted) == ("removed", True, (name,))
    assert last.event_id != first.event_id, "the agent must not take it for a repetition"


def test_teardown_of_a_burst_that_lies_in_another_zone_reports_and_removes_it(site, teardown_request):
    name = site.put(ClusterStatus.RUNNING, zone="europe-west4-a")

    site.deliver(teardown_request())

    assert site.clusters.known == {}
    assert site.kinds == ["removed", "removing", "removed"]
    left, _, clean = site.publisher.events
    assert (left.receipt.clusters_left, left.receipt.is_clean) == ((f"europe-west4-a/{name}",), False)
    assert (clean.receipt.clusters_deleted, clean.receipt.is_clean) == ((name,), True)


def test_teardown_leaves_look_alikes_in_other_zones_alone(site, teardown_request):
    name = site.put(ClusterStatus.RUNNING, zone="europe-west4-a", labels={"deployment": "staging"})

    site.deliver(teardown_request())

    assert site.clusters.known[name].status is ClusterStatus.RUNNING
    assert site.publisher.events[-1].receipt.is_clean


def test_teardown_closes_every_connection(site, teardown_request):
    site.put(ClusterStatus.RUNNING)
    site.put_service("web")

    site.deliver(teardown_request())

    assert site.kubernetes.closed == len(site.connected) > 0


def awkward(site):
    """Have a burst lapse that has a load balancer, while a zone does not answer."""
    site.put()
    site.put_service("web")
    site.put_lease(-1)
    site.clusters.missing_zones = {"europe-west4-a"}


def test_teardown_killed_at_any_call_of_an_awkward_end_arrives_there_all_the_same(site, teardown_request, interrupted):
    awkward(site)
    for point in range(200):
        site.faults.calls.clear()
        site.faults.kill_at = point
        if point > 60:
            site.clusters.missing_zones = set()
        try:
            site.deliver(teardown_request(reason="lease-lapsed"))
        except interrupted:
            continue
        except NotYet:
            continue
        break
    else:
        pytest.fail("it never came to an end")

    assert site.clusters.known == {}
    assert site.kinds[-1] == "removed"
    assert site.receipts[-1].is_clean
    assert not any(receipt.is_clean for receipt in site.receipts[:-1])
