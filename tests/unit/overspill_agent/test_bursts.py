import pytest
from tests.unit.overspill_agent.examples import HOME, NOW, SLOT_0, SLOT_1, make_burst, make_event, make_failed_burst

from overspill_agent.burst_events import on_event
from overspill_agent.bursts import Burst, on_ranks, on_time, with_idleness
from overspill_shared.errors import IllegalTransition
from overspill_shared.lifecycle import BurstState

LATER = NOW + 60
OTHERS = ["DRAINING", "FAILED", "TEARING_DOWN", "GONE"]


def reported(state, kind, **changes):
    burst = make_burst(state)
    return on_event(burst, make_event(burst, kind, **changes), LATER)


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

    assert on_time(burst, burst.deadline_at - 0.001) is burst


@pytest.mark.parametrize(
    ("state", "published_at", "code", "told"),
    [
        pytest.param("REQUESTED", None, "not-published", "agent's log", id="never published"),
        pytest.param("REQUESTED", NOW, "no-answer", "provision is deployed", id="nobody answered"),
        pytest.param("PROVISIONING", NOW, "boot-deadline", "provision function's log", id="no MiniCluster"),
    ],
)
def test_on_time_at_the_deadline_fails_with_what_to_look_at(state, published_at, code, told):
    burst = make_burst(state, published_at=published_at)

    after = on_time(burst, burst.deadline_at)

    assert (after.state, after.error.error_class, after.error.code) == ("FAILED", "boot", code)
    assert "in time" in after.error.text
    assert told in after.error.remedy


@pytest.mark.parametrize("state", ["JOINING", "ACTIVE", *OTHERS])
def test_on_time_after_the_minicluster_exists_has_no_deadline(state):
    burst = make_burst(state)

    assert on_time(burst, burst.deadline_at + 1) is burst


@pytest.mark.parametrize(
    ("state", "idle_since", "is_busy", "expected"),
    [
        pytest.param("ACTIVE", None, False, LATER, id="work ended: the clock starts"),
        pytest.param("ACTIVE", NOW, False, NOW, id="still idle: the clock runs on"),
        pytest.param("ACTIVE", NOW, True, None, id="work came: the clock stops"),
        pytest.param("ACTIVE", None, True, None, id="still busy"),
        pytest.param("JOINING", None, False, LATER, id="on its way, and nobody waits for it"),
        pytest.param("REQUESTED", NOW, True, None, id="on its way, and wanted again"),
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
