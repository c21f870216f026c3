import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_shared import names
from overspill_shared.clusters import Cluster, ClusterListing, ClusterStatus
from overspill_shared.errors import NotYet, PermissionDenied, Unavailable
from overspill_teardown.sweeping import bursts_of

HARD_END_S = 14_400
OTHER = {"generation": 1}


def test_sweep_ends_what_lapsed_and_keeps_what_was_renewed(site, burst_request):
    lapsed, renewed = site.make(), site.make(about=OTHER)
    site.clusters.put(lapsed)
    site.clusters.put(renewed)
    site.put_lease(-1)
    site.put_lease(60, **OTHER)

    (request,) = site.sweep()

    wanted = burst_request()
    assert (request.burst_id, request.reason.value) == (wanted.burst_id, "lease-lapsed")
    assert (request.zone, request.lead, request.deployment) == (wanted.zone, wanted.lead.id, wanted.deployment)
    assert request.generation == wanted.generation


def test_sweep_of_nothing_publishes_nothing(site):
    assert site.sweep() == []


@pytest.mark.parametrize("status", ["RUNNING", "ERROR", "PROVISIONING", "DEGRADED"])
def test_sweep_ends_what_is_past_its_hard_end_in_any_state(site, status):
    site.put(status)
    site.clock.sleep(HARD_END_S)

    assert [request.reason.value for request in site.sweep()] == ["sweep"]


def test_sweep_ends_what_failed_and_was_forgotten(site):
    site.put("ERROR", age_s=3600)
    site.put("RUNNING", about=OTHER, age_s=3600)

    assert [request.reason.value for request in site.sweep()] == ["sweep", "sweep"]


def test_sweep_publishes_one_request_even_for_a_burst_seen_twice(site):
    site.put_lease(-1)
    twice = (site.make(), site.make(zone="us-central1-b"))
    site.clusters.list = lambda: ClusterListing(clusters=twice)

    assert len(site.sweep()) == 1


@pytest.mark.parametrize(
    "labels",
    [
        {"overspill": None},
        {"overspill": "yes"},
        {"deployment": "staging"},
        {"deployment": None},
        {"burst-id": "f" * 32},
        {"burst-id": None},
        {"burst-id": "not-one"},
    ],
    ids=str,
)
def test_sweep_never_touches_a_look_alike(site, labels):
    site.put(labels=labels)
    site.clock.sleep(10 * HARD_END_S)

    assert site.sweep() == []
    assert site.connected == []


@pytest.mark.parametrize(
    "labels", [{"generation": None}, {"generation": "old"}, {"lead": None}, {"lead": "_"}], ids=str
)
def test_sweep_whose_request_would_not_say_whose_burst_it_is_publishes_none(site, caplog, labels):
    site.put(labels=labels)
    site.clock.sleep(10 * HARD_END_S)

    assert site.sweep() == []
    assert "sweep.labels-unreadable" in [record.message for record in caplog.records]


def test_sweep_never_touches_a_cluster_of_another_name(site):
    for name in ("overspill-0123456789ab", "overspill", "prod", f"{site.make().name}-1"):
        site.put(name=name)
    site.clock.sleep(10 * HARD_END_S)

    assert site.sweep() == []
    assert site.connected == []


def test_sweep_of_a_partial_answer_acts_on_what_it_saw_and_names_the_zones(site, caplog):
    site.put()
    site.put(about={**OTHER, "zone": "us-central1-b"})
    site.clusters.missing_zones = {"us-central1-b"}
    site.clock.sleep(HARD_END_S)

    with caplog.at_level(logging.INFO):
        (request,) = site.sweep()

    assert request.zone == "us-central1-a"
    assert next(r.zones for r in caplog.records if r.message == "sweep.zones_missing") == "us-central1-b"


@pytest.mark.parametrize("error", [Unavailable("no route."), PermissionDenied("no right.")])
def test_sweep_judges_a_cluster_whose_api_is_silent_by_its_labels(site, error):
    site.put(age_s=7200)
    site.put_lease(-900)
    site.faults.order("read Lease", error)

    assert site.sweep() == []
    assert len(site.sweep()) == 1, "it answers again"

    site.clock.sleep(HARD_END_S)
    site.faults.order("read Lease", error)
    assert len(site.sweep()) == 1


def test_sweep_damaged_lease_is_no_lapsed_lease(site):
    site.put(age_s=7200)
    site.put_lease(-900)
    (manifest,) = [found for (kind, *_), found in site.kubernetes.objects.items() if kind == "Lease"]
    del manifest["spec"]["renewTime"]

    assert site.sweep() == []


def test_sweep_that_cannot_publish_goes_on_with_the_others_and_comes_again(site):
    site.put()
    site.put(about=OTHER)
    site.clock.sleep(HARD_END_S)
    site.faults.order("publish", Unavailable("no answer."))

    with pytest.raises(NotYet, match="1 teardown requests"):
        site.sweep()

    assert len(site.publisher.events) == 1


def test_sweep_killed_anywhere_is_made_good_by_the_next(site, interrupted):
    site.put()
    site.put(about=OTHER)
    site.put_lease(-1)
    site.put_lease(-1, **OTHER)
    for point in range(50):
        site.faults.calls.clear()
        site.faults.kill_at = point
        try:
            requests = site.sweep()
        except interrupted:
            continue
        break

    assert point > 3
    assert len({request.burst_id for request in requests}) == 2
    assert site.kubernetes.closed == len(site.connected)


def test_sweep_that_cannot_list_raises(site):
    site.faults.order("list", Unavailable("no answer."))

    with pytest.raises(Unavailable):
        site.sweep()


def test_sweep_past_its_budget_judges_the_rest_by_their_labels(site):
    for generation in range(1, 6):
        site.put(about={"generation": generation})
    read = site.kubernetes.read

    def slow(*arguments, **options):
        site.clock.sleep(16)
        return read(*arguments, **options)

    site.kubernetes.read = slow

    assert site.sweep() == []
    assert len(site.connected) == 2, "a budget of 30 s holds two of 16 s"


def make_cluster(number):
    burst = f"{number:032x}"
    labels = names.cluster_labels(deployment="prod", lead="lead", burst=burst, generation=1, expires_at=2e9)
    name = names.cluster_name(burst)
    return Cluster(name=name, zone="us-central1-a", status=ClusterStatus.RUNNING, labels=labels, created_at=0)


@given(numbers=st.sets(st.integers(0, 2**128 - 1), min_size=1, max_size=8), minute=st.integers(0, 10**8))
def test_bursts_of_each_burst_comes_once_and_each_comes_first_in_turn(numbers, minute):
    listing = ClusterListing(clusters=tuple(make_cluster(number) for number in numbers))
    turns = [bursts_of(listing, deployment="prod", now=60.0 * (minute + turn)) for turn in range(len(listing.clusters))]

    assert all({c.name for c in turn} == {c.name for c in listing.clusters} for turn in turns)
    assert {turn[0].name for turn in turns} == {c.name for c in listing.clusters}
