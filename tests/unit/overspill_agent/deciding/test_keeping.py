from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.overspill_agent.examples import (
    HOME,
    NOW,
    SLOT_0,
    make_burst,
    make_failed_burst,
    make_job,
    make_snapshot,
)

from overspill_agent.deciding.funding import fund
from overspill_agent.deciding.keeping import decide_lifetimes, next_wakeup, teardown_due
from overspill_agent.deciding.latency import Experience, Outcome
from overspill_agent.deciding.policy import Policy
from overspill_agent.jobs import RunningJob
from overspill_shared.lifecycle import BurstState

POLICY = Policy(idle_timeout_s=600, drain_before_end_s=900, leave_timeout_s=120, teardown_retry_s=300, cooldown_s=60)
END = NOW + 8 * 3600
THERE = {"online": HOME | SLOT_0}
DRAINED = {**THERE, "drained": SLOT_0}
BUSY = {"allocated": frozenset({3})}
MAX = {"teardown_reason": "max-lifetime"}


def lifetimes(snapshot, policy, now, *, wanted=()):
    return list(decide_lifetimes(snapshot, policy, now, money=fund(snapshot, policy, now), wanted=wanted))


def decided(burst, *, now=NOW, is_wanted=False, **changes):
    snapshot = make_snapshot(bursts=(burst,), **changes)
    return lifetimes(snapshot, POLICY, now, wanted={burst.burst_id} if is_wanted else set())


# state, what the record has, what the snapshot shows, when, wanted by a job -> decision and code
TABLE = [
    pytest.param("REQUESTED", {}, {}, NOW + 9999, False, None, id="requested"),
    pytest.param("PROVISIONING", {}, {}, NOW + 9999, False, None, id="provisioning"),
    pytest.param("JOINING", {}, {"online": HOME | {2}}, NOW + 9999, False, None, id="joining"),
    pytest.param("ACTIVE", {}, THERE, NOW, False, None, id="active, its clock stands"),
    pytest.param("ACTIVE", {"idle_since": NOW}, THERE, NOW + 599, False, None, id="active, idle not long enough"),
    pytest.param("ACTIVE", {"idle_since": NOW}, THERE, NOW + 600, False, ("drain", "idle"), id="active, idle too long"),
    pytest.param("ACTIVE", {}, THERE, END - 901, False, None, id="active, before its last quarter of an hour"),
    pytest.param("ACTIVE", {}, THERE, END - 900, False, ("drain", "max-lifetime"), id="active, near its end"),
    pytest.param("ACTIVE", {}, THERE, END + 99, True, ("drain", "max-lifetime"), id="active, past its end, wanted"),
    pytest.param(
        "ACTIVE", {"idle_since": NOW}, THERE, END, False, ("drain", "max-lifetime"), id="active, idle and near its end"
    ),
    pytest.param("DRAINING", {}, THERE, NOW, False, ("drain", "idle"), id="draining, not all are drained"),
    pytest.param("DRAINING", {}, {**THERE, **BUSY}, NOW, False, ("drain", "idle"), id="draining, busy, not drained"),
    pytest.param("DRAINING", {}, {**DRAINED, **BUSY}, NOW, False, None, id="draining, busy: it may end"),
    pytest.param("DRAINING", {}, DRAINED, NOW, False, ("leave", "drained"), id="draining, drained and free"),
    pytest.param("DRAINING", {}, DRAINED, NOW, True, ("cancel-drain", "demand-returned"), id="draining, wanted again"),
    pytest.param(
        "DRAINING", {}, {**DRAINED, **BUSY}, NOW, True, ("cancel-drain", "demand-returned"), id="draining, busy, wanted"
    ),
    pytest.param(
        "DRAINING",
        {},
        {"online": HOME | {2, 3}, "drained": SLOT_0},
        NOW,
        True,
        ("leave", "drained"),
        id="draining, wanted, but two ranks are lost",
    ),
    pytest.param("DRAINING", MAX, DRAINED, NOW, True, ("leave", "drained"), id="draining for its end, wanted"),
    pytest.param("DRAINING", MAX, {**DRAINED, **BUSY}, END, True, ("leave", "max-lifetime"), id="busy at its end"),
    pytest.param("DRAINING", {}, {"drained": SLOT_0}, NOW, True, ("teardown", "left"), id="draining, all are lost"),
    pytest.param("DRAINING", {"told_to_leave_at": NOW}, DRAINED, NOW + 119, True, None, id="leaving"),
    pytest.param(
        "DRAINING",
        {"told_to_leave_at": NOW},
        {"online": HOME | {5}, "drained": SLOT_0},
        NOW + 119,
        False,
        None,
        id="leaving, one is still there",
    ),
    pytest.param("DRAINING", {"told_to_leave_at": NOW}, {}, NOW + 1, False, ("teardown", "left"), id="all have left"),
    pytest.param(
        "DRAINING", {"told_to_leave_at": NOW}, DRAINED, NOW + 120, False, ("teardown", "leave-timeout"), id="stuck"
    ),
    pytest.param("FAILED", {}, {}, NOW, False, ("drain", "failed"), id="failed: none may start there"),
    pytest.param("FAILED", {"has_drained": True}, {}, NOW, False, ("teardown", "failed"), id="failed and drained"),
    pytest.param("FAILED", {"has_drained": True}, BUSY, NOW, False, None, id="failed, but a job runs there"),
    pytest.param("FAILED", {"has_drained": True}, BUSY, END, False, ("teardown", "failed"), id="failed, job, its end"),
    pytest.param("TEARING_DOWN", {}, {}, NOW + 299, False, None, id="tearing down"),
    pytest.param("TEARING_DOWN", {}, {}, NOW + 300, False, ("teardown", "unconfirmed"), id="nobody confirmed"),
    pytest.param(
        "TEARING_DOWN",
        {"teardown_published_at": None, "teardown_attempts": 0},
        {},
        NOW,
        False,
        ("teardown", "unconfirmed"),
        id="not published yet",
    ),
    pytest.param(
        "TEARING_DOWN", {"owes_teardown": True}, {}, NOW, False, ("teardown", "unconfirmed"), id="work while it goes"
    ),
    pytest.param("GONE", {"owes_teardown": True}, {}, NOW, False, ("teardown", "unconfirmed"), id="work after its end"),
    pytest.param("GONE", {}, {}, NOW, False, ("release", "removed"), id="gone"),
    pytest.param("GONE", {}, {"online": HOME | {2}}, NOW, False, None, id="gone, but the overlay still shows a rank"),
    pytest.param("GONE", {"has_drained": False}, {}, NOW, False, None, id="gone and released"),
]


@pytest.mark.parametrize(("state", "record", "shown", "now", "is_wanted", "expected"), TABLE)
def test_decide_lifetimes_of_a_burst(state, record, shown, now, is_wanted, expected):
    burst = make_burst(state, **record)

    found = [(d.kind, d.code) for d in decided(burst, now=now, is_wanted=is_wanted, **shown)]

    assert found == ([] if expected is None else [expected])


ENDED = ": what still runs on its ranks then is ended"


@pytest.mark.parametrize(
    ("burst", "shown", "now", "reason"),
    [
        (make_burst(idle_since=NOW), THERE, NOW + 700, "its ranks have had no work for 700 s"),
        (make_burst(), THERE, END - 60, f"the lifetime of the burst ends in 60 s{ENDED}"),
        (make_burst(), THERE, END + 60, f"the lifetime of the burst ends in 0 s{ENDED}"),
        (
            make_burst("DRAINING", told_to_leave_at=NOW),
            DRAINED,
            NOW + 120,
            "its brokers did not leave within 120 s; nothing runs on them",
        ),
    ],
    ids=["idle", "near its end", "past its end", "stuck"],
)
def test_decide_lifetimes_says_why_in_numbers(burst, shown, now, reason):
    (decision,) = decided(burst, now=now, **shown)

    assert decision.reason == reason


def test_decide_lifetimes_names_the_burst_whole():
    (decision,) = decided(make_burst("FAILED"))

    burst = make_burst("FAILED")
    assert (decision.burst_id, decision.slot, decision.template) == (burst.burst_id, "burst-0", "default")
    assert (decision.zone, decision.nodes, decision.ranks) == ("us-central1-a", 4, SLOT_0)


def test_decide_lifetimes_looks_at_every_burst():
    bursts = (make_burst("FAILED"), make_burst("ACTIVE", generation=2), make_burst("FAILED", generation=3))

    decisions = lifetimes(make_snapshot(bursts=bursts), POLICY, NOW)

    assert [d.burst_id for d in decisions] == [bursts[0].burst_id, bursts[2].burst_id]


@pytest.mark.parametrize(
    ("attempts", "after_s"), [(0, 300), (1, 300), (2, 600), (3, 1200), (4, 2400), (5, 2400), (99, 2400)]
)
def test_teardown_due_doubles_up_to_eight_times(attempts, after_s):
    assert teardown_due(make_burst("TEARING_DOWN", teardown_attempts=attempts), POLICY) == NOW + after_s


def test_teardown_due_before_any_was_published_is_at_once():
    assert teardown_due(make_burst("TEARING_DOWN", teardown_published_at=None), POLICY) == 0


@pytest.mark.parametrize(
    ("burst", "expected"),
    [
        pytest.param(make_burst("REQUESTED"), NOW + 1200, id="requested: its deadline"),
        pytest.param(make_burst("PROVISIONING"), NOW + 1200, id="provisioning: its deadline"),
        pytest.param(make_burst("JOINING"), NOW + 1200, id="joining: its deadline"),
        pytest.param(make_burst("ACTIVE"), END - 900, id="active: its last quarter of an hour"),
        pytest.param(make_burst("ACTIVE", idle_since=NOW + 5), NOW + 605, id="active, idle: its time-out"),
        pytest.param(make_burst("DRAINING"), END, id="draining: its end"),
        pytest.param(make_burst("DRAINING", told_to_leave_at=NOW + 5), NOW + 125, id="leaving: its time to leave"),
        pytest.param(make_burst("FAILED"), END, id="failed: its end"),
        pytest.param(make_burst("TEARING_DOWN"), NOW + 300, id="tearing down: the next attempt"),
        pytest.param(make_burst("TEARING_DOWN", teardown_published_at=None), None, id="not published: no time tells"),
        pytest.param(make_burst("GONE"), None, id="gone"),
    ],
)
def test_next_wakeup_of_a_burst_is_when_time_changes_a_decision(burst, expected):
    assert next_wakeup(make_snapshot(bursts=(burst,)), POLICY, NOW + 1) == expected


@pytest.mark.parametrize(
    ("state", "has", "shown", "expected"),
    [
        ("PROVISIONING", {}, {}, ("teardown", "over-cap")),
        ("ACTIVE", {}, {**THERE, **BUSY}, ("drain", "over-cap")),
        ("DRAINING", {"has_drained": True}, {**DRAINED, **BUSY}, ("leave", "over-cap")),
        ("DRAINING", {"has_drained": True}, {}, ("teardown", "left")),
        ("DRAINING", {"told_to_leave_at": NOW - 119}, DRAINED, None),
        ("DRAINING", {"told_to_leave_at": NOW - 120}, DRAINED, ("teardown", "leave-timeout")),
        ("FAILED", {}, {**THERE, **BUSY}, ("drain", "failed")),
        ("FAILED", {"has_drained": True}, {**THERE, **BUSY}, ("teardown", "over-cap")),
        ("TEARING_DOWN", {"teardown_published_at": NOW}, {**THERE, **BUSY}, None),
        ("TEARING_DOWN", {"owes_teardown": True}, {}, ("teardown", "unconfirmed")),
    ],
)
def test_burst_whose_money_is_used_up_ends_step_by_step_whatever_runs_there(state, has, shown, expected):
    policy = replace(POLICY, cap_usd_total=0.0)
    burst = make_burst(state, price_usd_per_h=1.0, reserved_usd=0.0, **has)

    found = lifetimes(make_snapshot(bursts=(burst,), **shown), policy, NOW)

    assert [(one.kind.value, one.code.value) for one in found] == ([] if expected is None else [expected])


def test_next_wakeup_is_when_the_money_of_a_burst_is_nearly_and_then_quite_used_up():
    policy = replace(POLICY, cap_usd_total=99.0, leave_timeout_s=120)
    burst = make_burst(price_usd_per_h=1.0, reserved_usd=4 * (3000 + 120 + 266) / 3600, lease_expires_at=NOW + 9e9)
    snapshot = make_snapshot(bursts=(burst,), **THERE)

    assert next_wakeup(snapshot, policy, NOW) == pytest.approx(NOW + 3000 - 600)
    capped = replace(policy, cap_usd_total=burst.reserved_usd)
    assert next_wakeup(snapshot, capped, NOW + 2500) == pytest.approx(NOW + 3000)


def test_next_wakeup_is_the_earliest_still_to_come():
    bursts = (make_burst("REQUESTED"), make_burst("ACTIVE", idle_since=NOW, generation=2, slot="burst-1"))

    assert next_wakeup(make_snapshot(bursts=bursts), POLICY, NOW) == NOW + 600
    assert next_wakeup(make_snapshot(bursts=bursts), POLICY, NOW + 600) == NOW + 1200
    assert next_wakeup(make_snapshot(bursts=bursts), POLICY, NOW + 1200) == END - 900
    assert next_wakeup(make_snapshot(bursts=bursts), POLICY, END) is None


@pytest.mark.parametrize(
    ("pending", "expected"), [((make_job(),), NOW + 0.25), ((), None)], ids=["a job waits", "none"]
)
def test_next_wakeup_for_a_job_that_waits_is_when_it_has_gathered(pending, expected):
    assert next_wakeup(make_snapshot(bursts=(make_failed_burst(),), pending=pending), POLICY, NOW) == expected


def test_next_wakeup_for_a_job_whose_template_rests_is_the_end_of_that():
    rests = (Experience(template="default", zone="us-central1-a", at=NOW, outcome=Outcome.CAPACITY),)
    snapshot = make_snapshot(pending=(make_job(),), history=rests)

    assert NOW + 60 <= next_wakeup(snapshot, POLICY, NOW + 1) <= NOW + 72


def test_next_wakeup_for_a_job_that_waits_at_home_is_when_another_ends():
    ends = RunningJob(jobid=7, started_at=NOW, duration_s=100, held={0: (4, 0)})
    snapshot = make_snapshot(pending=(make_job(),), running=(ends,))

    assert next_wakeup(snapshot, POLICY, NOW + 1) == NOW + 100


@given(
    state=st.sampled_from(list(BurstState)),
    after_s=st.floats(0, 9 * 3600),
    online=st.frozensets(st.integers(0, 9)),
    told_to_leave_at=st.none() | st.just(NOW),
    idle_since=st.none() | st.just(NOW),
)
def test_decide_lifetimes_after_the_next_wakeup_is_the_only_thing_time_changes(
    state, after_s, online, told_to_leave_at, idle_since
):
    burst = make_burst(state, told_to_leave_at=told_to_leave_at, idle_since=idle_since)
    snapshot = make_snapshot(bursts=(burst,), online=online, drained=SLOT_0)
    at = next_wakeup(snapshot, POLICY, NOW)

    def kinds(now):
        return [(d.kind, d.code) for d in lifetimes(snapshot, POLICY, now)]

    # Until the wake-up nothing changes, so that sleeping until then misses nothing.
    if at is None or NOW + after_s < at:
        assert kinds(NOW + after_s) == kinds(NOW)
