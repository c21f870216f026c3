import pytest
from tests.unit.overspill_agent.examples import ERROR, HOME, NOW, SLOT_0, make_burst, make_facts

from overspill_shared.errors import FluxError, FluxUnavailable, Unavailable

ON_BURST = {"constraints": {"properties": ["burst"]}}


def outage(stage, times=1):
    stage.faults.order("publish", *(Unavailable("no answer") for _ in range(times)))


def requested(stage):
    """Have a job of four burst nodes wait, and give the burst that it gets."""
    stage.start()
    stage.submit(1, 4, **ON_BURST)
    return stage.record()


def test_agent_whose_request_is_not_taken_tries_again_and_again(stage):
    outage(stage, times=4)
    burst = requested(stage)
    attempts = stage.faults.calls.count("publish")
    assert stage.requests == []
    assert attempts <= 2

    stage.advance(9)
    assert stage.faults.calls.count("publish") == attempts
    stage.advance(60)

    assert [request.burst_id for request in stage.requests] == [burst.burst_id]
    assert stage.record().published_at is not None


def test_agent_whose_teardown_is_not_taken_tries_again_without_hurry(stage):
    stage.remember(make_burst("DRAINING"))
    outage(stage, times=3)

    stage.start()
    assert stage.faults.calls.count("publish") == 1
    stage.advance(9)
    assert stage.faults.calls.count("publish") == 1
    stage.advance(60)

    assert len(stage.teardowns) == 1
    assert stage.record().teardown_attempts == 1


def test_agent_without_confirmation_requests_the_teardown_again_at_doubling_intervals(stage):
    stage.remember(make_burst("TEARING_DOWN", teardown_published_at=None, teardown_attempts=0))

    stage.start()
    stage.advance(2 * 3600)

    assert [t.requested_at - NOW for t in stage.teardowns] == [0, 300, 900, 2100, 4500, 6900]


def test_agent_goes_on_with_other_bursts_if_flux_refuses_something(stage, caplog):
    stuck = make_burst("ACTIVE", idle_since=NOW - 600)
    stage.remember(stuck, make_burst("DRAINING", slot="burst-1", generation=2))
    stage.ranks.online = HOME | SLOT_0
    refusal = FluxError("idset is out of range")
    stage.faults.order("drain", refusal, refusal)

    stage.start()

    assert {record.levelname for record in caplog.records if record.message == "decision.not_done"} == {"ERROR"}
    assert len(stage.teardowns) == 1
    assert (stage.record(stuck).state, stage.flux.left) == ("DRAINING", frozenset())
    stage.advance(10)
    assert stage.flux.left == SLOT_0


def test_agent_whose_flux_is_gone_raises(stage):
    stage.remember(make_burst("ACTIVE", idle_since=NOW - 600))
    stage.ranks.online = HOME | SLOT_0
    stage.faults.order("drain", FluxUnavailable("gone"))

    with pytest.raises(FluxUnavailable):
        stage.start()


def test_agent_asks_again_soon_if_the_scheduler_knew_of_work_that_the_journal_did_not(stage):
    stage.remember(make_burst("DRAINING"))
    stage.ranks.online, stage.ranks.drained = HOME | SLOT_0, SLOT_0
    stage.build()
    stage.flux.scheduler_allocated = frozenset({4})
    stage.agent.run()
    stage.flux.replay()
    stage.flux.settle()
    assert stage.flux.left == frozenset()

    stage.flux.scheduler_allocated = None
    stage.advance(2)

    assert stage.flux.left == SLOT_0


def test_agent_whose_failed_burst_has_work_lets_it_end(stage):
    burst = make_burst("ACTIVE")
    stage.remember(burst)
    stage.ranks.online = HOME | SLOT_0
    stage.start()
    stage.allocate(1, {2, 3})

    stage.report(burst, "failed")
    stage.advance(600)
    assert (stage.record().state, stage.teardowns, stage.ranks.drained) == ("FAILED", [], SLOT_0)
    stage.free(1)

    assert stage.record().state == "TEARING_DOWN"
    assert len(stage.teardowns) == 1


def test_agent_whose_burst_lost_its_ranks_replaces_it_for_the_job_that_waits(stage):
    lost = make_burst("ACTIVE")
    stage.remember(lost)
    stage.ranks.online = HOME | SLOT_0
    stage.start()
    stage.lose({2})
    stage.submit(1, 4, **ON_BURST)

    stage.advance(601)
    assert stage.flux.left == SLOT_0
    stage.lose(SLOT_0)
    stage.report(lost, "removed")

    assert [request.burst_id for request in stage.requests] != [lost.burst_id]
    assert len(stage.requests) == 1


def test_agent_after_a_failure_waits_before_it_tries_again(stage):
    facts = make_facts()
    stage.facts = make_facts(hosts=facts.hosts[:6])
    burst = requested(stage)
    stage.report(burst, "rejected", error={**ERROR, "class": "config", "code": "deployment"})
    assert stage.record().state == "GONE"

    stage.advance(3599)
    assert len(stage.requests) == 1
    stage.advance(1)

    assert len(stage.requests) == 2
    assert [told[1:4] for told in stage.flux.told if told[0] == "exception"] == [(1, 2, "overspill")]
