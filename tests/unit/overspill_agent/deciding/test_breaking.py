import pytest
from tests.unit.overspill_agent.examples import (
    NOW,
    make_burst,
    make_failed_burst,
    make_job,
    make_slots,
    make_snapshot,
)

from overspill_agent.deciding.breaking import cooldown_end, cooling, failures_in_a_row
from overspill_agent.deciding.demand_matching import Need
from overspill_agent.deciding.policy import Policy

POLICY = Policy(cooldown_s=60, max_cooldown_s=3600)


def failed(*, minutes=0, **changes):
    at = NOW + 60 * minutes
    return make_failed_burst(at=at, generation=int(at), **changes)


def succeeded(*, minutes):
    at = NOW + 60 * minutes
    return make_burst("GONE", at=at, generation=int(at), has_drained=False)


@pytest.mark.parametrize(
    ("bursts", "rest_s"),
    [
        pytest.param([], None, id="never used"),
        pytest.param([succeeded(minutes=0)], None, id="it worked"),
        pytest.param([failed()], 60, id="one failure"),
        pytest.param([failed(minutes=-5), failed()], 120, id="two in a row"),
        pytest.param([failed(minutes=-m) for m in (9, 6, 3, 0)], 480, id="four in a row"),
        pytest.param([failed(minutes=-m) for m in range(7)], 3600, id="seven in a row: the longest"),
        pytest.param([failed(minutes=-m) for m in range(40)], 3600, id="forty in a row"),
        pytest.param([failed(minutes=-9), succeeded(minutes=-5), failed()], 60, id="a success between"),
        pytest.param([failed(), succeeded(minutes=1)], None, id="a success since"),
        pytest.param([failed(), failed(minutes=1, slot="burst-1")], 60, id="another slot's do not count"),
        pytest.param([failed(error_class="config")], 3600, id="config"),
        pytest.param([failed(error_class="quota")], 3600, id="quota"),
        pytest.param([failed(error_class="permission")], 3600, id="permission"),
        pytest.param([failed(minutes=-5, error_class="quota"), failed()], 120, id="quota, but before the last"),
        *(pytest.param([failed(error_class=name)], 60, id=name) for name in ("boot", "join", "internal")),
    ],
)
def test_cooldown_end_after_failures_doubles_up_to_the_longest(bursts, rest_s):
    end = cooldown_end(make_snapshot(bursts=tuple(bursts)), "burst-0", POLICY)

    assert end == (0.0 if rest_s is None else NOW + rest_s)


def test_cooldown_end_with_a_short_maximum_is_capped_at_once():
    snapshot = make_snapshot(bursts=(failed(),))

    assert cooldown_end(snapshot, "burst-0", Policy(cooldown_s=60, max_cooldown_s=10)) == NOW + 10


def test_failures_in_a_row_are_the_newest_first_whatever_their_order():
    bursts = (failed(minutes=2), succeeded(minutes=0), failed(minutes=3), failed(minutes=-1))

    row = failures_in_a_row(make_snapshot(bursts=bursts), "burst-0")

    assert [burst.created_at for burst in row] == [NOW + 180, NOW + 120]


@pytest.mark.parametrize(("now", "rests"), [(NOW, True), (NOW + 59.9, True), (NOW + 60, False), (NOW + 9999, False)])
def test_cooling_of_a_slot_ends_with_its_rest(now, rests):
    need = Need(job=make_job(7), slot=make_slots()[0], nodes=4)

    hold = cooling(make_snapshot(bursts=(failed(),)), need, POLICY, now)

    assert (hold is not None) is rests


def test_cooling_says_why_and_until_when():
    need = Need(job=make_job(7), slot=make_slots()[0], nodes=4)

    hold = cooling(make_snapshot(bursts=(failed(),)), need, POLICY, NOW + 20)

    assert (hold.kind, hold.code, hold.jobs, hold.slot) == ("hold", "cool-down", (7,), "burst-0")
    assert hold.reason == (
        "the last burst of the slot burst-0 failed (capacity: The zone has no such nodes. Wait.);"
        " it is tried again in 40 s"
    )
