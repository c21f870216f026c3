import pytest
from tests.unit.overspill_agent.examples import HOME, NOW, SLOT_0, SLOT_1, make_burst, make_job, make_snapshot

from overspill_agent.deciding.decide import decide
from overspill_agent.deciding.policy import Policy
from overspill_agent.observe import note_work, observe
from overspill_shared.lifecycle import BurstState

LATER = NOW + 60
THERE = {"online": HOME | SLOT_0}


def observed(burst, *, now=LATER, **changes):
    (after,) = observe(make_snapshot(bursts=(burst,), **changes), now).bursts
    return after


@pytest.mark.parametrize(
    ("burst", "changes", "now", "state"),
    [
        pytest.param(make_burst("REQUESTED"), THERE, LATER, "ACTIVE", id="all ranks came"),
        pytest.param(make_burst("REQUESTED"), {"online": HOME | {4}}, LATER, "JOINING", id="one rank came"),
        pytest.param(make_burst("JOINING"), {}, NOW + 1200, "JOINING", id="late: see joining"),
        pytest.param(make_burst("JOINING"), THERE, NOW + 1200, "ACTIVE", id="in the last moment"),
        pytest.param(make_burst("REQUESTED"), {"online": HOME | {4}}, NOW + 1200, "JOINING", id="one came, late"),
    ],
)
def test_observe_moves_a_burst_to_where_the_world_put_it(burst, changes, now, state):
    assert observed(burst, now=now, **changes).state == state


def noted(burst, *, now=LATER, **changes):
    snapshot = observe(make_snapshot(bursts=(burst,), **changes), now)
    (after,) = note_work(snapshot, decide(snapshot, Policy(placement="spread"), now), now).bursts
    return after


@pytest.mark.parametrize(
    ("changes", "idle_since"),
    [
        pytest.param({}, LATER, id="no work"),
        pytest.param({"allocated": frozenset({5})}, None, id="work on one rank"),
        pytest.param({"allocated": HOME | SLOT_1}, LATER, id="work elsewhere"),
        pytest.param({"pending": (make_job(nodes=6),)}, None, id="a job waits for it"),
        pytest.param({"pending": (make_job(nodes=2),)}, LATER, id="a job waits for home"),
        pytest.param({"pending": (make_job(nodes=9),)}, LATER, id="a job waits for more"),
        pytest.param(
            {"pending": (make_job(nodes=6),), "online": HOME | {2, 3, 4}},
            LATER,
            id="a job waits for it, but a rank is lost: it would wait for ever",
        ),
        pytest.param({"allocated": frozenset({2}), "online": HOME | {2}}, None, id="a rank is lost, another one works"),
    ],
)
def test_note_work_keeps_the_idle_clock_of_an_active_burst(changes, idle_since):
    assert noted(make_burst("ACTIVE"), **{**THERE, **changes}).idle_since == idle_since


def test_note_work_on_a_burst_that_has_just_joined_starts_its_clock_unless_it_is_wanted():
    assert noted(make_burst("JOINING"), **THERE).idle_since == LATER
    assert noted(make_burst("JOINING"), **THERE, pending=(make_job(nodes=6),)).idle_since is None


@pytest.mark.parametrize("state", list(BurstState))
def test_observe_twice_changes_nothing_more(state):
    snapshot = make_snapshot(bursts=(make_burst(state),), **THERE)

    once = observe(snapshot, LATER)

    again = observe(once, LATER + 1)
    assert again.bursts[0] is once.bursts[0]


def test_observe_changes_nothing_but_bursts():
    before = make_snapshot(bursts=(make_burst("JOINING"),), pending=(make_job(),), **THERE)
    after = observe(before, LATER)

    assert (after.pending, after.online, after.slots, after.facts) == (
        before.pending,
        before.online,
        before.slots,
        before.facts,
    )
