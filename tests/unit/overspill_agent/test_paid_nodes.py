import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_agent.paid_nodes import SCALE_DOWN_S, Meter, PaidNodes, grown, shrunk

HOUR = 3600.0


def paid(*changes):
    return tuple(PaidNodes(at=at, nodes=nodes) for at, nodes in changes)


def told(entries):
    return [(one.at, one.nodes) for one in entries]


@pytest.mark.parametrize(
    ("before", "nodes", "expected"),
    [
        (paid((0, 2)), 4, [(0, 2), (10, 4)]),
        (paid((0, 4)), 3, [(0, 4)]),
        (paid((0, 4), (50, 1)), 3, [(0, 4), (50, 3)]),
        (paid((0, 2), (50, 1)), 3, [(0, 2), (10, 3), (50, 3)]),
        (paid((0, 4), (5, 1)), 3, [(0, 4), (5, 1), (10, 3)]),
        (paid((0, 4)), 4, [(0, 4)]),
        ((), 4, [(10, 4)]),
    ],
    ids=[
        "more",
        "no more than there were",
        "while others are still to go",
        "more, while others are still to go",
        "once others have gone",
        "as many as there were",
        "the first",
    ],
)
def test_grown_counts_at_least_these_nodes_from_then_on(before, nodes, expected):
    assert told(grown(before, nodes, 10)) == expected


def test_shrunk_counts_fewer_nodes_once_the_autoscaler_has_taken_them():
    assert told(shrunk(paid((0, 4)), 2, 10)) == [(0, 4), (10 + SCALE_DOWN_S, 2)]
    assert told(shrunk(paid((0, 4)), 0, 10)) == [(0, 4), (10, 0)]
    assert told(shrunk(paid((0, 4), (700, 2)), 0, 10)) == [(0, 4), (700, 2), (700, 0)]
    assert told(shrunk(paid((0, 4)), 4, 10)) == [(0, 4)]
    assert told(shrunk((), 0, 10)) == []


def test_meter_charges_each_size_for_its_own_time():
    meter = Meter(paid=paid((0, 4), (HOUR, 8), (2 * HOUR, 0)), price_usd_per_h=0.5)

    assert [meter.usd_at(hours * HOUR) for hours in (0, 0.5, 1, 1.5, 2, 9)] == [0.0, 1.0, 2.0, 4.0, 6.0, 6.0]


def test_meter_says_when_money_is_used_up():
    meter = Meter(paid=paid((0, 4), (HOUR, 8), (2 * HOUR, 0)), price_usd_per_h=0.5)

    assert [meter.time_of(usd, 0.0) for usd in (1.0, 2.0, 4.0, 6.0)] == [0.5 * HOUR, HOUR, 1.5 * HOUR, 2 * HOUR]
    assert meter.time_of(6.5, 0.0) == float("inf")
    assert meter.time_of(1.0, HOUR) < HOUR
    assert [meter.time_of(usd, 3 * HOUR) for usd in (5.9, 6.0)] == [3 * HOUR, float("inf")]


def test_meter_spends_nothing_before_the_first_nodes():
    meter = Meter(paid=paid((100, 2)), price_usd_per_h=3.6)

    assert (meter.usd_at(99), meter.usd_at(100)) == (0.0, 0.0)
    assert meter.time_of(0.02, 0.0) == pytest.approx(110)


@given(
    st.lists(st.tuples(st.floats(1, 1000), st.integers(0, 5)), min_size=1, max_size=5),
    st.floats(0.01, 20),
    st.floats(0, 3000),
)
def test_meter_spends_no_more_than_the_money_by_the_time_that_it_lasts(steps, usd, now):
    at, entries = 0.0, []
    for seconds, nodes in steps:
        entries.append((at, nodes))
        at += seconds
    meter = Meter(paid=paid(*entries), price_usd_per_h=3.6)

    lasts_until = meter.time_of(usd, now)

    if now <= lasts_until < 1e7:
        assert meter.usd_at(lasts_until) == pytest.approx(usd, abs=1e-6)
