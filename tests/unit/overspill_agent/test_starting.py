from dataclasses import replace

import pytest
from tests.unit.overspill_agent.examples import HOME, NOW, SLOT_0, make_burst, make_job, make_snapshot

from overspill_agent.deciding.decisions import Code, Decision, DecisionKind
from overspill_agent.deciding.policy import Policy
from overspill_agent.starting import jobs_in_flight, next_change, settle_unstarted, without_unstarted

POLICY = Policy(unused_after_s=100, idle_timeout_s=600, max_cooldown_s=3600)
ALL = HOME | SLOT_0


@pytest.mark.parametrize(
    ("burst", "changes", "expected"),
    [
        pytest.param(make_burst("ACTIVE"), {}, NOW, id="it begins to wait"),
        pytest.param(make_burst("ACTIVE", unused_since=NOW - 9), {}, NOW - 9, id="it goes on waiting"),
        pytest.param(make_burst("ACTIVE"), {"allocated": SLOT_0}, None, id="a job runs there"),
        pytest.param(make_burst("ACTIVE", unused_since=NOW - 9), {"allocated": SLOT_0}, None, id="its job has started"),
        pytest.param(make_burst("ACTIVE", idle_since=NOW), {}, None, id="nobody wants it: it is idle"),
        pytest.param(make_burst("ACTIVE"), {"online": HOME}, None, id="its ranks are lost"),
        pytest.param(make_burst("JOINING"), {}, None, id="it is not there yet"),
        pytest.param(make_burst("DRAINING", unused_since=NOW - 9), {}, None, id="it leaves"),
    ],
)
def test_active_burst_without_work_that_is_wanted_waits_for_its_jobs(burst, changes, expected):
    snapshot = make_snapshot(**{"online": ALL, "bursts": (burst,), **changes})
    (after,) = settle_unstarted(snapshot, {}, POLICY, NOW).bursts

    assert after.unused_since == expected
    assert (after.unstarted_jobs, after.unstarted_at) == ((), None)


def test_burst_whose_jobs_do_not_start_is_idle_since_it_began_to_wait():
    burst = make_burst("ACTIVE", unused_since=NOW, unstarted_jobs=(9,))
    snapshot = make_snapshot(online=ALL, bursts=(burst,))
    in_flight = {burst.burst_id: {1: NOW, 2: NOW + 99}, "other": {3: NOW}}
    (after,) = settle_unstarted(snapshot, in_flight, POLICY, NOW + 100).bursts

    assert (after.unused_since, after.idle_since) == (None, NOW)
    assert (after.unstarted_jobs, after.unstarted_at) == ((1, 2), NOW + 100)


BUSY = {"online": ALL, "allocated": frozenset({2, 3})}
GROWN_IN_VAIN = make_burst("ACTIVE", jobs=(1,), growing_until=NOW + 100)


@pytest.mark.parametrize(
    ("burst", "changes", "at", "expected"),
    [
        pytest.param(make_burst("ACTIVE"), {}, 99, (), id="they have time"),
        pytest.param(make_burst("ACTIVE"), {}, 100, (1,), id="the one that waits for so long"),
        pytest.param(make_burst("ACTIVE"), {}, 190, (1, 2), id="both"),
        pytest.param(make_burst("ACTIVE"), {"changed_at": NOW + 50}, 149, (), id="something has changed there"),
        pytest.param(make_burst("ACTIVE"), {"changed_at": NOW + 50}, 150, (1,), id="and nothing since"),
        pytest.param(make_burst("ACTIVE"), {"allocated": frozenset()}, 190, (), id="nothing runs there: it is unused"),
        pytest.param(make_burst("ACTIVE"), {"online": ALL - {5}}, 190, (), id="a rank is lost"),
        pytest.param(make_burst("DRAINING"), {}, 190, (), id="it leaves"),
        pytest.param(GROWN_IN_VAIN, {"online": ALL - {5}}, 99, (), id="its nodes are on their way"),
        pytest.param(GROWN_IN_VAIN, {"online": ALL - {5}}, 100, (1,), id="they did not come for the job they are for"),
    ],
)
def test_jobs_that_do_not_start_beside_others_rest(burst, changes, at, expected):
    content = {"bursts": (burst,), **BUSY, **changes, "changed_at": {burst.burst_id: changes.get("changed_at", NOW)}}
    in_flight = {burst.burst_id: {1: NOW, 2: NOW + 90}}
    (after,) = settle_unstarted(make_snapshot(**content), in_flight, POLICY, NOW + at).bursts

    assert (after.unstarted_jobs, after.unstarted_at) == (expected, NOW + at if expected else None)
    assert after.idle_since == burst.idle_since


@pytest.mark.parametrize(("rested_ago_s", "expected"), [(3599, (8, 1)), (3600, (1,))])
def test_job_that_rests_leaves_others_their_rest_and_no_more(rested_ago_s, expected):
    burst = make_burst("ACTIVE", unstarted_jobs=(8,), unstarted_at=NOW + 100 - rested_ago_s)
    snapshot = make_snapshot(bursts=(burst,), changed_at={burst.burst_id: NOW}, **BUSY)
    (after,) = settle_unstarted(snapshot, {burst.burst_id: {1: NOW}}, POLICY, NOW + 100).bursts

    assert after.unstarted_jobs == expected


def test_next_change_is_when_a_job_beside_others_should_have_started():
    burst = make_burst("ACTIVE")
    snapshot = make_snapshot(bursts=(burst,), changed_at={burst.burst_id: NOW + 20}, **BUSY)

    assert next_change(snapshot, {burst.burst_id: {1: NOW, 2: NOW + 50}}, POLICY, NOW + 20) == NOW + 120
    assert next_change(snapshot, {burst.burst_id: {1: NOW, 2: NOW + 50}}, POLICY, NOW + 120) == NOW + 150


def test_next_change_is_the_end_of_the_grace():
    snapshot = make_snapshot(bursts=(make_burst("ACTIVE", unused_since=NOW),))

    assert next_change(snapshot, {}, POLICY, NOW) == NOW + 100
    assert next_change(snapshot, {}, POLICY, NOW + 100) is None


def test_jobs_that_did_not_start_are_left_out_with_a_hold_until_their_rest_ends():
    burst = make_burst("GONE", unstarted_jobs=(1,), unstarted_at=NOW)
    snapshot = make_snapshot(bursts=(burst,), pending=(make_job(1), make_job(2)))
    left, holds = without_unstarted(snapshot, POLICY, NOW + 3599)

    assert [job.jobid for job in left.pending] == [2]
    assert [(hold.kind, hold.code, hold.jobs) for hold in holds] == [("hold", "not-started", (1,))]
    assert holds[0].reason.endswith("no other is rented for it for 1 s")
    assert next_change(snapshot, {}, POLICY, NOW + 3599) == NOW + 3600
    assert without_unstarted(snapshot, POLICY, NOW + 3600) == (snapshot, ())


def test_jobs_in_flight_are_those_that_wait_for_a_burst():
    def decided(code, burst_id, *jobs):
        return Decision(kind=DecisionKind.HOLD, code=Code(code), reason="", burst_id=burst_id, jobs=jobs)

    waits_for_another = decided("no-slot", "a", 3)
    requested_now = decided("in-flight", None, 4)
    decisions = [decided("in-flight", "a", 1), decided("in-flight", "a", 2), waits_for_another, requested_now]
    before = {"a": {2: NOW - 9, 3: NOW - 9}, "b": {1: NOW - 9}}
    assert jobs_in_flight(decisions, before, NOW) == {"a": {1: NOW, 2: NOW - 9}}


def test_burst_whose_job_never_starts_is_torn_down_and_its_job_told_once(stage):
    stage.policy = replace(stage.policy, unused_after_s=100, idle_timeout_s=50, max_cooldown_s=3600)
    stage.start()
    stage.submit(1, nodes=6)
    stage.join(SLOT_0)
    assert stage.record().state == "ACTIVE"

    stage.advance(101)
    assert stage.record().unstarted_jobs == (1,)
    stage.advance(60)
    assert stage.record().state == "DRAINING"
    assert stage.record().told_to_leave_at is not None, "nothing keeps it"
    stage.advance(600)
    assert len(stage.requests) == 1
    assert len([told for told in stage.flux.told if told[:2] == ("exception", 1)]) == 1

    stage.report(stage.record(), "removed")
    stage.lose(SLOT_0)
    stage.advance(3600)
    assert len(stage.requests) == 2, "it is tried again in the end"


def test_job_that_starts_in_time_keeps_its_burst(stage):
    stage.policy = replace(stage.policy, unused_after_s=100, idle_timeout_s=50)
    stage.start()
    stage.submit(1, nodes=6)
    stage.join(SLOT_0)
    stage.advance(90)
    stage.allocate(1, sorted(ALL))
    stage.advance(600)

    assert stage.record().state == "ACTIVE"
    assert stage.record().unstarted_jobs == ()
