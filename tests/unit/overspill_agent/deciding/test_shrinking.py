import pytest
from tests.unit.overspill_agent.examples import HOME, NOW, SLOT_0, make_burst, make_snapshot

from overspill_agent.deciding.policy import Policy
from overspill_agent.deciding.shrinking import decide_tail, tail_deadlines

POLICY = Policy(leave_timeout_s=100, join_timeout_s=1000)
FRONT, TAIL = frozenset({2, 3}), frozenset({4, 5})
THERE = HOME | SLOT_0
DRAINING = make_burst("ACTIVE", tail_idset="4-5")
LEAVING = make_burst("ACTIVE", tail_idset="4-5", tail_told_at=NOW)
GIVEN_BACK = make_burst("ACTIVE", ranks_idset="2-3", tail_idset="4-5", tail_told_at=NOW, revision=2)


def decided(burst, at=NOW, *, is_wanted=False, **changes):
    snapshot = make_snapshot(**{"bursts": (burst,), "online": THERE, "drained": TAIL, **changes})
    return decide_tail(snapshot, burst, POLICY, at, is_wanted=is_wanted)


@pytest.mark.parametrize(
    ("burst", "at", "changes", "expected"),
    [
        pytest.param(DRAINING, 0, {"drained": frozenset({4})}, ("shrink", "idle"), id="not all are drained yet"),
        pytest.param(DRAINING, 0, {}, ("leave", "drained"), id="all are drained"),
        pytest.param(DRAINING, 0, {"online": HOME | FRONT, "drained": HOME}, ("leave", "drained"), id="none is there"),
        pytest.param(DRAINING, 0, {"allocated": FRONT}, ("leave", "drained"), id="the others work"),
        pytest.param(DRAINING, 0, {"allocated": {5}}, ("cancel-drain", "demand-returned"), id="a job starts there"),
        pytest.param(DRAINING, 0, {"is_wanted": True}, ("cancel-drain", "demand-returned"), id="a job wants them"),
        pytest.param(LEAVING, 99, {}, None, id="they may take their time"),
        pytest.param(LEAVING, 99, {"is_wanted": True}, None, id="once told to leave, they leave"),
        pytest.param(LEAVING, 100, {}, ("shrink", "leave-timeout"), id="they do not leave in time"),
        pytest.param(LEAVING, 1, {"online": HOME | FRONT}, ("shrink", "left"), id="they have left"),
        pytest.param(GIVEN_BACK, 999, {"online": HOME | FRONT}, None, id="the functions are at it"),
        pytest.param(GIVEN_BACK, 1000, {"online": HOME | FRONT}, ("release", "unconfirmed"), id="nobody confirms it"),
        pytest.param(GIVEN_BACK, 9999, {"online": HOME | {5}}, None, id="one is there all the same"),
    ],
)
def test_tail_goes_step_by_step(burst, at, changes, expected):
    decision = decided(burst, NOW + at, **changes)

    assert (decision and (decision.kind, decision.code)) == expected


@pytest.mark.parametrize(("done", "expected"), [(1, None), (2, "removed"), (3, "removed")])
def test_ranks_are_free_once_the_functions_have_done_this_revision(done, expected):
    burst = GIVEN_BACK.model_copy(update={"resized_revision": done})

    decision = decided(burst, NOW + 1, online=HOME | FRONT)

    assert (decision and decision.code) == expected


def test_size_that_nobody_confirms_is_told_with_how_long_it_was_waited_for():
    assert "for 1000 s" in decided(GIVEN_BACK, NOW + 1000, online=HOME | FRONT).reason


def test_what_stays_is_said_with_each_step():
    assert [(d.nodes, d.ranks) for d in (decided(DRAINING), decided(GIVEN_BACK, NOW + 1000, online=HOME))] == [
        (2, FRONT),
        (2, FRONT),
    ]


def test_only_a_tail_that_was_told_to_leave_has_deadlines():
    assert list(tail_deadlines(DRAINING, POLICY)) == []
    assert list(tail_deadlines(LEAVING, POLICY)) == [NOW + 100, NOW + 1000]
