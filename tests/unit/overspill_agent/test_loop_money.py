"""A burst whose money runs out: more is reserved while the caps leave it, then it ends, and people are told."""

import pytest
from tests.unit.overspill_agent.examples import HOME, NOW, SLOT_0, make_burst, make_event
from tests.unit.overspill_agent.test_loop_restart import ON_SLOT_0

from overspill_agent.deciding.policy import Policy
from overspill_agent.paid_nodes import SCALE_DOWN_S, PaidNodes

REMOVAL_S = 120 + 266
USD_PER_S = 4 * 0.5 / 3600


def capped(stage, usd, **changes):
    stage.policy = Policy(gather_quiet_s=0, cap_usd_total=usd, unknown_duration_s=1000, **changes)


def busy(stage, *, at=300):
    """Have a burst of four nodes come, and a job without a time limit run on it."""
    stage.start()
    stage.submit(1, 4, **ON_SLOT_0)
    stage.advance(at)
    stage.join(SLOT_0)
    stage.allocate(1, SLOT_0)


def test_busy_burst_goes_on_while_the_cap_leaves_it_and_ends_before_that_is_reached(stage):
    capped(stage, 5000 * USD_PER_S)
    busy(stage)
    assert stage.record().reserved_usd == pytest.approx((1000 + 394 + 600 + REMOVAL_S) * USD_PER_S, abs=1e-6)

    stage.advance(1100)
    assert stage.record().reserved_usd == pytest.approx((1994 + 600 + REMOVAL_S) * USD_PER_S, abs=1e-6)
    stage.advance(4000 - 1400)
    assert stage.record().state == "ACTIVE"
    assert stage.record().reserved_usd == pytest.approx(5000 * USD_PER_S, abs=1e-6)
    stage.advance(15)
    assert (stage.record().state, stage.record().teardown_reason) == ("DRAINING", "max-lifetime")
    (told,) = [one for one in stage.flux.told if one[0] == "exception"]
    assert (told[1:4], "lasts for 600 s" in told[4]) == ((1, 2, "overspill"), True)

    stage.advance(600)
    assert stage.flux.left == SLOT_0
    stage.advance(120)
    (teardown,) = stage.teardowns
    assert (teardown.reason, teardown.requested_at) == ("max-lifetime", pytest.approx(NOW + 5000 - 266, abs=1))


def test_lease_of_a_busy_burst_ends_with_its_money(stage):
    capped(stage, 5000 * USD_PER_S)
    busy(stage)
    stage.advance(3700)

    assert max(one.expires_at for one in stage.renewals) == pytest.approx(NOW + 5000 - 266, abs=1)
    assert stage.requests[0].expires_at == NOW + 1800


def test_next_agent_goes_on_with_what_was_reserved(stage):
    capped(stage, 5000 * USD_PER_S)
    busy(stage)
    stage.advance(1100)
    reserved_usd = stage.record().reserved_usd

    stage.start()

    assert stage.record().reserved_usd == reserved_usd
    stage.advance(3000)
    assert stage.record().state == "DRAINING"


def test_job_that_was_held_for_its_cost_is_told_again_when_its_burst_ends(stage):
    capped(stage, 2500 * USD_PER_S)
    stage.start()
    stage.submit(1, 4, **ON_SLOT_0)
    stage.submit(2, 4)
    stage.advance(300)
    stage.join(SLOT_0)
    stage.allocate(2, SLOT_0)
    stage.advance(1300)

    notes = [told[4] for told in stage.flux.told if told[:2] == ("exception", 2)]
    assert [note.startswith("it has cost") for note in notes] == [False, True]


def test_burst_that_does_not_come_while_its_money_lasts_has_failed(stage):
    capped(stage, 9.0)
    stage.start()
    stage.submit(1, 4, duration=600, **ON_SLOT_0)
    burst = stage.record()
    assert burst.reserved_usd == pytest.approx(1980 * USD_PER_S, abs=1e-6)

    capped(stage, 9.0, cap_usd_per_burst=1000 * USD_PER_S)
    stage.start()
    stage.advance(1000 - REMOVAL_S + 1)

    assert (stage.record(burst).error.code, stage.record(burst).error.error_class) == ("over-cap", "boot")
    assert [one.burst_id for one in stage.teardowns] == [burst.burst_id]


def test_failed_burst_that_a_job_holds_is_ended_when_its_money_is_used_up(stage):
    capped(stage, 3000 * USD_PER_S)
    busy(stage)
    burst = stage.record()

    stage.report(burst, "failed")
    stage.advance(1500)
    assert stage.teardowns == []
    stage.advance(200)
    assert [one.burst_id for one in stage.teardowns] == [burst.burst_id]


def test_shrunk_burst_pays_for_fewer_nodes_once_they_are_gone(stage):
    live = make_burst("ACTIVE", paid=(PaidNodes(at=NOW, nodes=4),), size=2, revision=2)
    stage.ranks.online = HOME | {2, 3}
    stage.remember(live)
    stage.start()
    stage.clock.sleep(100)

    stage.report(live, "resized", revision=1)
    assert stage.record().paid == live.paid, "of a size that is asked for no more nothing follows"
    stage.report(live, "resized", revision=2)

    assert [(one.at - NOW, one.nodes) for one in stage.record().paid] == [(0, 4), (100 + SCALE_DOWN_S, 2)]


def test_removal_is_measured_from_its_request(stage):
    stage.remember(make_burst("TEARING_DOWN"))
    stage.ranks.kvs["ledger"] = {
        "history": [
            {"template": "default", "zone": "us-central1-a", "at": NOW, "outcome": "ok", "create_s": 0, "join_s": 0}
        ]
    }
    stage.start()
    stage.clock.sleep(200)

    stage.flux.call_soon(lambda: stage.agent.on_burst_event(make_event(stage.record(), "removed")))
    stage.flux.settle()

    (known,) = stage.ranks.kvs["ledger"]["history"]
    assert (known["outcome"], known["delete_s"]) == ("ok", 200)
