import pytest
from tests.unit.overspill_agent.examples import HOME, NOW, SLOT_0, SLOT_1, make_burst, make_facts, make_snapshot

from overspill_shared.lifecycle import BurstState


@pytest.mark.parametrize(
    ("changes", "home"),
    [
        pytest.param({}, {0, 1}, id="all"),
        pytest.param({"online": frozenset({0})}, {0}, id="one is down"),
        pytest.param({"drained": frozenset({1})}, {0}, id="one is drained"),
        pytest.param({"torpid": frozenset({1})}, {0}, id="one does not answer"),
        pytest.param({"online": HOME | SLOT_0}, {0, 1}, id="a slot's ranks are not home"),
        pytest.param({"allocated": HOME}, {0, 1}, id="busy ranks come free some time"),
    ],
)
def test_home_is_what_is_online_outside_slots_and_takes_work(changes, home):
    assert make_snapshot(**changes).home == home


def test_slot_ranks_are_those_of_every_slot():
    assert make_snapshot().slot_ranks == SLOT_0 | SLOT_1
    assert make_snapshot(slots=()).slot_ranks == frozenset()


@pytest.mark.parametrize(
    ("burst", "is_capacity"),
    [
        *(
            pytest.param(make_burst(state), state not in ("FAILED", "TEARING_DOWN", "GONE"), id=state)
            for state in BurstState
        ),
        pytest.param(make_burst("DRAINING", told_to_leave_at=NOW), False, id="told to leave"),
        pytest.param(make_burst("DRAINING", teardown_reason="max-lifetime"), False, id="near its end"),
    ],
)
def test_capacity_is_what_is_there_or_coming_or_can_be_kept(burst, is_capacity):
    assert make_snapshot(bursts=(burst,)).capacity() == ((burst,) if is_capacity else ())


@pytest.mark.parametrize("state", list(BurstState))
def test_live_bursts_are_all_but_those_gone(state):
    burst = make_burst(state)

    assert make_snapshot(bursts=(burst,)).live() == (() if state == "GONE" else (burst,))


def test_resources_of_ranks_come_with_hosts_in_rank_order():
    facts = make_facts()
    snapshot = make_snapshot(facts=make_facts(resources=tuple(reversed(facts.resources))))

    found = snapshot.resources(frozenset({9, 2, 0}))

    assert [(resource.rank, host) for resource, host in found] == [(0, "lead-0"), (2, "burst-0-0"), (9, "burst-1-3")]
