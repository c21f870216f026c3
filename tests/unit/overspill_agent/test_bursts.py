import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.overspill_agent.examples import (
    HOME,
    NOW,
    SLOT_0,
    SLOT_1,
    make_burst,
    make_event,
    make_failed_burst,
)

from overspill_agent.bursts import MAX_EVENT_IDS, Burst, on_event, on_ranks, on_time, with_idleness
from overspill_shared.errors import IllegalTransition
from overspill_shared.lifecycle import TRANSITIONS, BurstState
from overspill_shared.messages import EventKind

LATER = NOW + 60
ORDER = ["REQUESTED", "PROVISIONING", "JOINING", "ACTIVE"]
PROGRESS = {
    "accepted": "PROVISIONING",
    "cluster-creating": "PROVISIONING",
    "cluster-running": "PROVISIONING",
    "minicluster-created": "JOINING",
    "ready": "JOINING",
}
OTHERS = ["DRAINING", "FAILED", "TEARING_DOWN", "GONE"]
KINDS = [kind.value for kind in EventKind]


def states(burst):
    return [entry.state for entry in burst.history]


def reported(state, kind, **changes):
    burst = make_burst(state)
    return on_event(burst, make_event(burst, kind, **changes), LATER)


@pytest.mark.parametrize("kind", PROGRESS)
@pytest.mark.parametrize("state", [*ORDER, *OTHERS])
def test_on_event_of_progress_goes_forward_to_what_it_proves_and_never_back(state, kind):
    after = reported(state, kind)

    expected = max(state, PROGRESS[kind], key=ORDER.index) if state in ORDER else state
    assert after.state == expected


def test_on_event_ready_for_a_requested_burst_records_every_move():
    after = reported("REQUESTED", "ready")

    assert states(after) == ["REQUESTED", "PROVISIONING", "JOINING"]
    assert [entry.at for entry in after.history[1:]] == [LATER, LATER]
    assert after.history[-1].cause == "event ready"
    assert after.since == LATER


@pytest.mark.parametrize(
    ("state", "moves"),
    [
        ("REQUESTED", ["GONE"]),
        *((state, []) for state in [*ORDER[1:], *OTHERS]),
    ],
)
def test_on_event_rejected_ends_only_a_burst_that_nobody_took_up(state, moves):
    before = make_burst(state)
    after = reported(state, "rejected", code="deployment")

    assert states(after)[len(before.history) :] == moves
    if moves:
        assert after.error.code == "deployment"
        assert after.history[-1].cause == "rejected: The zone has no such nodes."


def test_on_event_rejected_without_a_reason_still_ends_it():
    after = reported("REQUESTED", "rejected", error=None)

    assert (after.state, after.history[-1].cause) == ("GONE", "rejected")


@pytest.mark.parametrize(
    ("state", "moves"),
    [
        *((state, ["FAILED"]) for state in [*ORDER, "DRAINING"]),
        *((state, []) for state in ["FAILED", "TEARING_DOWN", "GONE"]),
    ],
)
def test_on_event_failed_fails_what_can_still_fail(state, moves):
    before = make_burst(state)
    after = reported(state, "failed", code="quota")

    assert states(after)[len(before.history) :] == moves
    if moves:
        assert after.error.code == "quota"
        assert after.history[-1].cause == "capacity: The zone has no such nodes."
        assert after.failed_at == LATER


def test_on_event_failed_without_a_reason_says_so():
    after = reported("JOINING", "failed", error=None)

    assert (after.state, after.error.code) == ("FAILED", "unknown")
    assert after.error.text == "The function gave no reason."


REMOVED_EARLY = ["FAILED", "TEARING_DOWN", "GONE"]


@pytest.mark.parametrize(
    ("state", "moves"),
    [
        *((state, REMOVED_EARLY) for state in ORDER),
        ("DRAINING", ["TEARING_DOWN", "GONE"]),
        ("FAILED", ["TEARING_DOWN", "GONE"]),
        ("TEARING_DOWN", ["GONE"]),
        ("GONE", []),
    ],
)
def test_on_event_removed_ends_the_burst_from_every_state(state, moves):
    before = make_burst(state)
    after = reported(state, "removed")

    assert states(after)[len(before.history) :] == moves
    assert (after.error is not None and after.error.code == "removed-early") is (moves == REMOVED_EARLY)


def test_on_event_removed_of_a_failed_burst_keeps_why_it_failed():
    assert reported("FAILED", "removed").error.code == "stockout"


@pytest.mark.parametrize("state", ["ACTIVE", "DRAINING", "FAILED", "TEARING_DOWN"])
def test_on_event_removed_with_clusters_left_ends_nothing(state):
    receipt = {"clusters_left": ["overspill-0123456789ab"], "checked_at": NOW}

    assert reported(state, "removed", receipt=receipt).state == state


def test_on_event_removed_without_a_receipt_ends_it():
    assert reported("TEARING_DOWN", "removed", receipt=None).state == "GONE"


@pytest.mark.parametrize("kind", ["removing", "resized"])
@pytest.mark.parametrize("state", [*ORDER, *OTHERS])
def test_on_event_that_moves_nothing_is_only_remembered(state, kind):
    before = make_burst(state)
    after = reported(state, kind)

    assert after.history == before.history
    assert after.event_ids == (make_event(before, kind).event_id,)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("state", list(BurstState))
def test_on_event_twice_gives_the_same_record(state, kind):
    burst = make_burst(state)
    event = make_event(burst, kind)

    once = on_event(burst, event, LATER)

    assert on_event(once, event, LATER + 1) is once


@pytest.mark.parametrize("kind", KINDS)
def test_on_event_of_another_generation_changes_nothing(kind):
    burst = make_burst("REQUESTED")

    assert on_event(burst, make_event(burst, kind, generation=burst.generation + 1), LATER) is burst


def test_on_event_rejected_by_a_function_that_could_not_read_the_generation_counts():
    # Such an event is made of the attributes alone: see reporting.Subject.of_attributes.
    assert reported("REQUESTED", "rejected", generation=0).state == "GONE"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("state", list(BurstState))
def test_on_event_after_the_end_owes_a_teardown_if_it_shows_work(state, kind):
    after = reported(state, kind)

    shows_work = kind not in ("removed", "removing", "rejected")
    assert after.owes_teardown is (state in ("TEARING_DOWN", "GONE") and shows_work)


def test_on_event_remembers_the_latest_ids_only():
    burst = make_burst("PROVISIONING", event_ids=tuple(f"{n:032x}" for n in range(MAX_EVENT_IDS)))

    after = on_event(burst, make_event(burst, "ready"), LATER)

    assert len(after.event_ids) == MAX_EVENT_IDS
    assert after.event_ids[-1] == make_event(burst, "ready").event_id
    assert after.event_ids[0] == f"{1:032x}"


REPORTS = st.lists(st.sampled_from(KINDS), max_size=8)


@given(state=st.sampled_from(list(BurstState)), kinds=REPORTS)
def test_on_event_in_any_order_makes_only_moves_of_the_table(state, kinds):
    burst = make_burst(state)
    start = len(burst.history)
    for kind in kinds:
        burst = on_event(burst, make_event(burst, kind), LATER)

    moves = [state, *states(burst)[start:]]
    assert all(after in TRANSITIONS[before] for before, after in itertools.pairwise(moves))
    assert burst.state == moves[-1]


@given(kinds=st.permutations(list(PROGRESS)))
def test_on_event_of_all_progress_in_any_order_ends_alike(kinds):
    burst = make_burst("REQUESTED")
    for kind in kinds:
        burst = on_event(burst, make_event(burst, kind), LATER)

    assert states(burst) == ["REQUESTED", "PROVISIONING", "JOINING"]


@pytest.mark.parametrize(
    ("state", "online", "expected"),
    [
        pytest.param("REQUESTED", HOME, "REQUESTED", id="requested, none"),
        pytest.param("REQUESTED", HOME | {2}, "JOINING", id="requested, the first"),
        pytest.param("REQUESTED", HOME | SLOT_0, "ACTIVE", id="requested, all: no event is needed"),
        pytest.param("PROVISIONING", HOME | {2, 3, 4}, "JOINING", id="provisioning, some"),
        pytest.param("PROVISIONING", HOME | SLOT_0, "ACTIVE", id="provisioning, all"),
        pytest.param("JOINING", HOME | SLOT_1, "JOINING", id="joining, another slot's"),
        pytest.param("JOINING", SLOT_0, "ACTIVE", id="joining, all"),
        pytest.param("ACTIVE", HOME, "ACTIVE", id="active, lost"),
        *(pytest.param(state, HOME | SLOT_0, state, id=f"{state}, all") for state in OTHERS),
    ],
)
def test_on_ranks_moves_a_burst_to_where_its_ranks_are(state, online, expected):
    assert on_ranks(make_burst(state), frozenset(online), LATER).state == expected


def test_on_ranks_of_a_smaller_burst_waits_for_its_own_ranks_only():
    burst = make_burst("JOINING", size=2)

    assert on_ranks(burst, frozenset({2, 4, 5}), LATER).state == "JOINING"
    assert on_ranks(burst, frozenset({2, 3}), LATER).state == "ACTIVE"


def test_on_ranks_all_online_says_so_and_starts_no_idle_clock():
    after = on_ranks(make_burst("JOINING", idle_since=NOW), SLOT_0, LATER)

    assert after.history[-1].cause == "all 4 ranks are online"
    assert after.idle_since is None


@pytest.mark.parametrize("state", list(BurstState))
def test_on_time_before_the_deadline_changes_nothing(state):
    burst = make_burst(state)

    assert on_time(burst, HOME, burst.deadline_at - 0.001) is burst


@pytest.mark.parametrize(
    ("state", "published_at", "error_class", "code", "told"),
    [
        pytest.param("REQUESTED", None, "boot", "not-published", "agent's log", id="never published"),
        pytest.param("REQUESTED", NOW, "boot", "no-answer", "provision is deployed", id="nobody answered"),
        pytest.param("PROVISIONING", NOW, "boot", "join-deadline", "flux overlay status", id="no MiniCluster"),
        pytest.param("JOINING", NOW, "join", "join-deadline", "curve certificate", id="pods, but no brokers"),
    ],
)
def test_on_time_at_the_deadline_fails_with_what_to_look_at(state, published_at, error_class, code, told):
    burst = make_burst(state, published_at=published_at)

    after = on_time(burst, HOME | {2}, burst.deadline_at)

    assert (after.state, after.error.error_class, after.error.code) == ("FAILED", error_class, code)
    assert after.error.text == "3 of 4 ranks were not online at the join deadline."
    assert told in after.error.remedy


@pytest.mark.parametrize("state", ["ACTIVE", *OTHERS])
def test_on_time_after_joining_has_no_deadline(state):
    burst = make_burst(state)

    assert on_time(burst, HOME, burst.deadline_at + 1) is burst


@pytest.mark.parametrize(
    ("state", "idle_since", "is_busy", "expected"),
    [
        pytest.param("ACTIVE", None, False, LATER, id="work ended: the clock starts"),
        pytest.param("ACTIVE", NOW, False, NOW, id="still idle: the clock runs on"),
        pytest.param("ACTIVE", NOW, True, None, id="work came: the clock stops"),
        pytest.param("ACTIVE", None, True, None, id="still busy"),
        pytest.param("JOINING", None, False, None, id="not there yet"),
        pytest.param("DRAINING", NOW, True, NOW, id="draining already"),
    ],
)
def test_with_idleness_keeps_the_idle_clock(state, idle_since, is_busy, expected):
    burst = make_burst(state, idle_since=idle_since)

    assert with_idleness(burst, is_busy=is_busy, now=LATER).idle_since == expected


@pytest.mark.parametrize(
    ("changes", "can_be_kept"),
    [
        pytest.param({"state": "DRAINING"}, True, id="idle"),
        pytest.param({"state": "DRAINING", "told_to_leave_at": NOW}, False, id="told to leave"),
        pytest.param({"state": "DRAINING", "teardown_reason": "max-lifetime"}, False, id="near its end"),
        pytest.param({"state": "ACTIVE"}, False, id="not draining"),
    ],
)
def test_can_be_kept_only_while_idle_and_not_told_to_leave(changes, can_be_kept):
    assert make_burst(**changes).can_be_kept is can_be_kept


def test_failed_at_is_when_it_failed_not_when_it_was_gone():
    failed = make_burst("PROVISIONING").failed(make_failed_burst().error, at=NOW + 1)
    gone = on_event(failed, make_event(failed, "removed"), NOW + 99)

    assert gone.failed_at == NOW + 1
    assert reported("REQUESTED", "rejected").failed_at == LATER
    assert make_burst("GONE").failed_at is None


def test_failed_at_without_history_is_the_last_change():
    assert make_failed_burst(history=(), since=LATER).failed_at == LATER


def test_moved_against_the_table_raises():
    with pytest.raises(IllegalTransition):
        make_burst("GONE").moved(BurstState.ACTIVE, at=LATER, cause="")


@pytest.mark.parametrize("state", list(BurstState))
def test_record_survives_json(state):
    burst = reported(state, "failed")

    assert Burst.model_validate(burst.model_dump(mode="json", by_alias=True)) == burst


def test_record_of_a_newer_version_is_read_without_what_it_adds():
    content = make_burst().model_dump(mode="json", by_alias=True)

    assert Burst.model_validate({**content, "colour": "red"}) == make_burst()


def test_ranks_and_size_follow_from_the_idset():
    burst = make_burst(size=3)

    assert (burst.ranks, burst.size) == ({2, 3, 4}, 3)
