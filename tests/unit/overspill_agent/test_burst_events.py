import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.overspill_agent.examples import (
    NOW,
    make_burst,
    make_event,
)

from overspill_agent.burst_events import MAX_EVENT_IDS, on_event
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
@pytest.mark.parametrize(
    ("left", "told"),
    [
        ({"clusters_left": ["us-east1-b/overspill-0123456789ab"]}, ("us-east1-b/overspill-0123456789ab",)),
        ({"zones_unanswered": ["us-east1-b"]}, ("zone us-east1-b: no answer",)),
    ],
    ids=["clusters", "zones"],
)
def test_on_event_removed_with_something_left_ends_nothing_and_is_kept_for_a_person(state, left, told):
    after = reported(state, "removed", receipt={**left, "checked_at": NOW})

    assert (after.state, after.left) == (state, told)


def test_on_event_removed_cleanly_after_all_leaves_nothing():
    before = make_burst("TEARING_DOWN", left=("us-east1-b/overspill-0123456789ab",))

    after = on_event(before, make_event(before, "removed"), NOW)

    assert (after.state, after.left) == ("GONE", ())


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


@pytest.mark.parametrize("order", [("name-being-deleted", "stockout"), ("stockout", "name-being-deleted")])
@pytest.mark.parametrize("state", ["PROVISIONING", "JOINING"])
def test_on_event_of_a_failure_and_of_its_deletion_keeps_the_cause_whichever_came_first(state, order):
    burst = make_burst(state)
    for code in order:
        burst = on_event(burst, make_event(burst, "failed", code=code), LATER)

    assert (burst.state, burst.error.code) == ("FAILED", "stockout")


@pytest.mark.parametrize(
    ("kind", "code", "kept"),
    [("failed", "boot-failed", "boot-failed"), ("rejected", "too-many", "name-being-deleted")],
)
@pytest.mark.parametrize("state", ["TEARING_DOWN", "GONE"])
def test_on_event_with_the_cause_after_the_end_keeps_it(state, kind, code, kept):
    failed = make_burst("JOINING")
    failed = on_event(failed, make_event(failed, "failed", code="name-being-deleted"), LATER)
    ended = make_burst(state, error=failed.error)

    assert on_event(ended, make_event(ended, kind, code=code), LATER).error.code == kept


def test_on_event_that_its_cluster_is_being_deleted_owes_no_teardown_after_the_end():
    ended = make_burst("TEARING_DOWN")

    assert on_event(ended, make_event(ended, "failed", code="name-being-deleted"), LATER).owes_teardown is False


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
