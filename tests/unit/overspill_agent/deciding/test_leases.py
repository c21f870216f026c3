import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.overspill_agent.examples import NOW, SLOT_0, make_burst, make_snapshot

from overspill_agent.deciding.funding import fund
from overspill_agent.deciding.leases import RENEWALS_PER_LEASE, decide_leases, renewal_due, renewed_until
from overspill_agent.deciding.policy import Policy
from overspill_shared.errors import Unavailable

POLICY = Policy(lease_s=1800)
INTERVAL_S = 1800 / 7
END = NOW + 8 * 3600


def leased(state="ACTIVE", *, expires_at=NOW + 1800, **changes):
    return make_burst(state, lease_expires_at=expires_at, **changes)


# state, what the record has, when -> whether the lease is renewed
TABLE = [
    pytest.param("REQUESTED", {}, NOW + INTERVAL_S, True, id="requested: the first lease runs already"),
    pytest.param("REQUESTED", {"published_at": None}, NOW + 1800, False, id="not published: nobody knows of it"),
    pytest.param("PROVISIONING", {}, NOW + INTERVAL_S, True, id="provisioning"),
    pytest.param("JOINING", {}, NOW + INTERVAL_S, True, id="joining"),
    pytest.param("ACTIVE", {}, NOW, False, id="active, just renewed"),
    pytest.param("ACTIVE", {}, NOW + INTERVAL_S - 1, False, id="active, not due"),
    pytest.param("ACTIVE", {}, NOW + INTERVAL_S, True, id="active, due"),
    pytest.param("ACTIVE", {}, NOW + 9999, True, id="active, lapsed: the sweep may be late"),
    pytest.param("ACTIVE", {"expires_at": None}, NOW, True, id="active, a record without a lease"),
    pytest.param("ACTIVE", {"expires_at": END}, END - 1, False, id="active, leased until its hard end"),
    pytest.param("ACTIVE", {"expires_at": END - 1}, END - 100, True, id="active, a second is left to its hard end"),
    pytest.param("DRAINING", {}, NOW + INTERVAL_S, True, id="draining: jobs may run there"),
    pytest.param("FAILED", {}, NOW + 9999, False, id="failed"),
    pytest.param("TEARING_DOWN", {}, NOW + 9999, False, id="tearing down"),
    pytest.param("GONE", {}, NOW + 9999, False, id="gone"),
]


@pytest.mark.parametrize(("state", "record", "now", "is_renewed"), TABLE)
def test_decide_leases(state, record, now, is_renewed):
    burst = leased(state, **record)

    snapshot = make_snapshot(bursts=(burst,))
    decisions = list(decide_leases(snapshot, POLICY, now, money=fund(snapshot, POLICY, now)))

    assert [(d.kind, d.code, d.burst_id) for d in decisions] == (
        [("renew-lease", "lease", burst.burst_id)] if is_renewed else []
    )
    assert all(decision.reason for decision in decisions)


@given(
    lease_s=st.floats(10, 1e6),
    lifetime_s=st.floats(10, 1e7),
    late_s=st.lists(st.floats(0, 10), min_size=1, max_size=50),
)
def test_renewals_move_forward_never_past_the_hard_end_and_come_to_an_end(lease_s, lifetime_s, late_s):
    policy = Policy(lease_s=lease_s)
    hard_end = NOW + lifetime_s
    burst = leased(expires_at=NOW + min(lease_s, lifetime_s), hard_end_at=hard_end)

    for late in late_s:
        due = renewal_due(burst, policy, burst.hard_end_at)
        if due is None:
            assert burst.lease_expires_at == hard_end
            break
        until = renewed_until(burst, policy, max(NOW, due) + late, burst.hard_end_at)
        assert burst.lease_expires_at <= until <= hard_end
        burst = burst.model_copy(update={"lease_expires_at": until})


@given(lease_s=st.floats(10, 1e6))
def test_renewals_at_least_six_fall_into_one_lease(lease_s):
    policy = Policy(lease_s=lease_s)
    burst = leased(expires_at=NOW + lease_s, hard_end_at=NOW + 1e9)
    first_end = burst.lease_expires_at

    times = []
    while (due := renewal_due(burst, policy, burst.hard_end_at)) < first_end - 1e-3 * lease_s:
        times.append(due)
        burst = burst.model_copy(update={"lease_expires_at": renewed_until(burst, policy, due, burst.hard_end_at)})

    assert len(times) >= RENEWALS_PER_LEASE == 6


def test_renewed_until_a_shorter_lease_in_the_settings_takes_nothing_back():
    assert renewed_until(leased(expires_at=NOW + 1800), Policy(lease_s=60), NOW + 10, NOW + 9000) == NOW + 1800


def test_renew_lease_is_published_then_recorded(shop):
    burst = shop.has("ACTIVE", lease_expires_at=NOW + 1800)

    shop.about(burst, "renew-lease", "lease", now=NOW + 300)

    assert shop.effects == ["publish", "write_state"]
    (renewal,) = shop.publisher.events
    assert (renewal.burst_id, renewal.zone, renewal.lead) == (burst.burst_id, burst.zone, "lead")
    assert renewal.expires_at == NOW + 300 + 1800
    assert shop.store.bursts[0].lease_expires_at == renewal.expires_at


def test_renew_lease_that_cannot_be_published_is_not_recorded_and_due_again(shop):
    burst = shop.has("ACTIVE", lease_expires_at=NOW + 1800)
    shop.faults.order("publish", Unavailable("no answer"))

    assert shop.about(burst, "renew-lease", "lease", now=NOW + 300).name == "FAILED"

    assert shop.store.bursts == (burst,)


def test_agent_renews_the_lease_of_a_burst_for_as_long_as_it_is_wanted(stage):
    stage.remember(leased(jobs=()))
    stage.ranks.online |= SLOT_0
    stage.start()
    stage.allocate(1, SLOT_0)

    stage.advance(1800)
    ends = [renewal.expires_at for renewal in stage.renewals]
    assert len(ends) == 7
    assert ends == sorted(ends)
    assert stage.record().lease_expires_at == ends[-1]

    stage.lose(SLOT_0)
    stage.advance(1000)
    assert stage.record().state in ("FAILED", "TEARING_DOWN")
    told = len(stage.renewals)
    stage.advance(3600)
    assert len(stage.renewals) == told


def test_agent_after_an_outage_of_pubsub_renews_soon(stage):
    stage.remember(leased())
    stage.ranks.online |= SLOT_0
    stage.start()
    stage.allocate(1, SLOT_0)
    stage.faults.order("publish", *[Unavailable("no answer")] * 5)

    stage.advance(INTERVAL_S + 60)

    (renewal,) = stage.renewals
    assert renewal.expires_at == pytest.approx(NOW + INTERVAL_S + 50 + 1800)


def test_agent_that_was_away_renews_at_once(stage):
    stage.remember(leased(expires_at=NOW - 5))
    stage.ranks.online |= SLOT_0

    stage.start()

    assert [renewal.expires_at for renewal in stage.renewals] == [NOW + 1800]
