import pytest
from tests.unit.overspill_agent.examples import HOME, NOW, SLOT_0, make_burst, make_snapshot

from overspill_agent.deciding.policy import Policy
from overspill_agent.joining import NOTHING_ARRIVED, explain_missing, is_due, settle_joining

ROLLBACK = Policy()
ACCEPT = Policy(accepts_partial_join=True)
JOINING = make_burst("JOINING")
LATE = JOINING.deadline_at
VERSION = "client (0.88.0) version mismatched with server (0.87.0)"
ORDER = "burst-0-1 is configured as rank 3: mismatched config?"


def settled(burst, policy=ROLLBACK, *, now=LATE, **changes):
    (after,) = settle_joining(make_snapshot(bursts=(burst,), **changes), policy, now).bursts
    return after


@pytest.mark.parametrize(
    ("online", "policy", "state"),
    [
        pytest.param(HOME, ROLLBACK, "FAILED", id="none joined, roll back"),
        pytest.param(HOME, ACCEPT, "FAILED", id="none joined, there is nothing to accept"),
        pytest.param(HOME | {2, 3}, ROLLBACK, "FAILED", id="two joined, roll back"),
        pytest.param(HOME | {2, 3}, ACCEPT, "ACTIVE", id="two joined, accept"),
    ],
)
def test_join_at_its_deadline_ends_by_policy(online, policy, state):
    assert settled(JOINING, policy, online=online).state == state


def test_join_before_its_deadline_goes_on():
    assert settled(JOINING, now=LATE - 0.001, online=HOME | {2}) is JOINING


def test_partial_join_accepted_counts_only_what_joined_and_says_so():
    after = settled(JOINING, ACCEPT, online=HOME | {2, 3})

    assert after.usable_ranks == {2, 3}
    assert after.ranks == SLOT_0
    assert "2 of 4 ranks joined in time" in after.history[-1].cause
    assert "burst-0-[2-3]" in after.history[-1].cause
    assert after.error is None


def test_join_that_fails_names_each_missing_host_with_its_reason():
    after = settled(JOINING, online=HOME | {2}, join_errors={3: VERSION, 4: ORDER})

    assert after.error.code == "join-deadline"
    assert after.error.error_class == "join"
    assert "3 of 4 ranks had not joined" in after.error.text
    assert f"burst-0-1: {VERSION}" in after.error.text
    assert f"burst-0-2: {ORDER}" in after.error.text
    assert f"burst-0-3: {NOTHING_ARRIVED}" in after.error.text


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        pytest.param(VERSION, "MAJOR.MINOR", id="version"),
        pytest.param(ORDER, "same hosts in the same order", id="order of hosts"),
        pytest.param("rank 4 is not a child of rank 0: mismatched config?", "tbon.topo", id="topology"),
        pytest.param(None, "curve certificate", id="silence"),
    ],
)
def test_explanation_tells_what_to_do_about_each_reason(reason, told):
    snapshot = make_snapshot(join_errors={2: reason} if reason else {})

    _, remedy = explain_missing(snapshot, frozenset({2}))

    assert told in remedy


def test_explanation_gathers_hosts_with_the_same_reason_and_puts_silence_last():
    snapshot = make_snapshot(join_errors={4: VERSION, 5: VERSION})

    text, _ = explain_missing(snapshot, SLOT_0)

    assert text == f"burst-0-[2-3]: {VERSION}; burst-0-[0-1]: {NOTHING_ARRIVED}"


@pytest.mark.parametrize("state", ["ACTIVE", "DRAINING", "FAILED", "TEARING_DOWN", "GONE"])
def test_burst_past_its_join_is_left_alone(state):
    burst = make_burst(state, idle_since=NOW)

    assert settled(burst, now=LATE + 9999) is burst


@pytest.mark.parametrize(("state", "due"), [("JOINING", True), ("PROVISIONING", False), ("ACTIVE", False)])
def test_reasons_are_asked_for_only_when_a_join_is_late(state, due):
    assert is_due(make_snapshot(bursts=(make_burst(state),)), LATE) is due
    assert is_due(make_snapshot(bursts=(make_burst(state),)), LATE - 1) is False
