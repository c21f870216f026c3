import dataclasses
import itertools
import logging

import pytest
from tests.unit.overspill_agent.examples import HOME, HOSTS, NOW, SLOT_0, SLOT_1, make_burst, make_facts, make_jobspec

from overspill_agent.deciding.policy import Policy
from overspill_agent.ports import DrainedChanged, HistoryReplayed, OnlineChanged, TorpidChanged
from overspill_shared.errors import AlreadyServed, ConfigError, FluxUnavailable

ON_BURST = {"constraints": {"properties": ["burst"]}}


def requested(stage):
    """Have a job of four burst nodes wait, and give the burst that it gets."""
    stage.start()
    stage.submit(1, 4, **ON_BURST)
    return stage.record()


def test_agent_plays_a_burst_from_a_waiting_job_to_a_free_slot(stage):
    burst = requested(stage)
    assert [request.burst_id for request in stage.requests] == [burst.burst_id]

    for kind in ("accepted", "cluster-creating", "cluster-running", "minicluster-created", "ready"):
        stage.report(burst, kind)
    assert stage.record().state == "JOINING"
    stage.join({2, 3})
    stage.join(SLOT_0)
    assert stage.record().state == "ACTIVE"
    stage.allocate(1, SLOT_0)
    stage.advance(3600)
    assert stage.record().idle_since is None
    stage.free(1)
    stage.advance(599)
    assert stage.record().state == "ACTIVE"
    stage.advance(1)
    assert stage.ranks.drained == SLOT_0
    assert stage.flux.left == SLOT_0
    assert stage.teardowns == []
    stage.lose(SLOT_0)
    assert [(t.burst_id, t.reason) for t in stage.teardowns] == [(burst.burst_id, "idle-timeout")]
    stage.report(burst, "removing")
    assert stage.record().state == "TEARING_DOWN"
    stage.report(burst, "removed")

    assert stage.record().state == "GONE"
    assert stage.ranks.drained == frozenset()
    assert len(stage.requests) == 1
    assert stage.flux.next_timer(float("inf")) is None


def test_agent_after_a_burst_is_gone_can_burst_into_the_slot_again(stage):
    stage.remember(make_burst("GONE"))
    stage.ranks.drained = SLOT_0

    stage.start()
    stage.submit(1, 4, **ON_BURST)

    (request,) = stage.requests
    assert request.slot.name == "burst-0"


def test_agent_with_a_burst_on_its_way_requests_no_second_one(stage):
    stage.facts = make_facts(hosts=HOSTS[:6])
    requested(stage)

    for jobid in (2, 3, 4):
        stage.submit(jobid, 4, **ON_BURST)
        stage.advance(60)

    assert len(stage.requests) == 1


def test_agent_requests_nothing_for_a_held_job_until_it_is_released(stage):
    stage.start()
    stage.submit(1, 4, **ON_BURST)
    stage.flux.job(2, "submit", jobspec=stage.ranks.journal[0].jobspec, urgency=0)
    stage.flux.job(1, "exception", severity=0)
    stage.flux.settle()
    assert [d.jobs for d in stage.agent.turn()] == []

    stage.flux.job(2, "priority", priority=16)
    stage.flux.settle()

    assert [d.jobs for d in stage.agent.turn()] == [(2,)]


@pytest.mark.parametrize(
    "events",
    list(itertools.permutations([HistoryReplayed(), OnlineChanged(ranks=HOME), DrainedChanged(ranks=frozenset())])),
    ids=lambda events: " ".join(type(event).__name__ for event in events),
)
def test_agent_takes_no_turn_before_jobs_online_and_drained_ranks_are_known(stage, events):
    stage.build()
    stage.agent.run()
    stage.flux.tell(TorpidChanged(ranks=frozenset()))
    for event in events[:-1]:
        stage.flux.tell(event)
    stage.submit(1, 4, **ON_BURST)

    assert (stage.turns, stage.requests, stage.agent.turn()) == ([], [], ())

    stage.flux.tell(events[-1])
    stage.flux.settle()
    assert len(stage.requests) == 1


def test_agent_locks_the_instance_before_it_reads(stage):
    stage.start()

    assert stage.faults.calls[:2] == ["lock", "read_state"]


@pytest.mark.parametrize("error", [AlreadyServed("taken"), FluxUnavailable("gone")])
def test_agent_that_cannot_lock_raises_and_reads_nothing(stage, error):
    stage.faults.order("lock", error)

    with pytest.raises(type(error)):
        stage.build().run()
    assert stage.faults.calls == ["lock"]


def test_agent_that_cannot_read_its_records_raises(stage):
    stage.ranks.kvs["schema"] = 9

    with pytest.raises(ConfigError):
        stage.build().run()


def test_agent_knows_its_lead_id(stage):
    assert stage.build().lead_id == "lead"


def test_agent_that_waits_for_work_to_end_does_not_ask_over_and_over(stage):
    stage.remember(make_burst("DRAINING"))
    stage.ranks.online, stage.ranks.drained = HOME | SLOT_0, SLOT_0
    stage.flux.job(1, "alloc", R={"execution": {"R_lite": [{"rank": "2"}]}})
    stage.start()
    before = len(stage.turns)

    stage.advance(3600)
    assert len(stage.turns) == before
    stage.free(1)

    assert stage.flux.left == SLOT_0


def test_agent_keeps_a_draining_burst_for_a_job_that_comes_in_time(stage):
    stage.remember(make_burst("ACTIVE", idle_since=NOW))
    stage.ranks.online = HOME | SLOT_0
    stage.start()
    stage.flux.scheduler_allocated = SLOT_0
    stage.advance(600)
    assert stage.record().state == "DRAINING"

    stage.submit(1, 4, **ON_BURST)

    assert (stage.record().state, stage.ranks.drained) == ("ACTIVE", frozenset())
    assert stage.requests == []


def test_agent_at_the_end_of_a_lifetime_has_brokers_leave_whatever_runs(stage):
    stage.policy = Policy(max_lifetime_s=7200)
    stage.remember(make_burst("ACTIVE", hard_end_at=NOW + 7200))
    stage.ranks.online = HOME | SLOT_0
    stage.start()
    stage.allocate(1, SLOT_0)

    stage.advance(7200 - 900)
    assert (stage.ranks.drained, stage.flux.left) == (SLOT_0, frozenset())
    (remark,) = [told for told in stage.flux.told if told[0] == "exception"]
    assert remark[1] == 1
    assert "ends in 900 s" in str(remark)
    stage.advance(900)
    assert stage.flux.left == SLOT_0
    stage.advance(120)

    (teardown,) = stage.teardowns
    assert teardown.reason == "max-lifetime"


def test_agent_under_sched_simple_lowers_the_urgency_once(stage):
    stage.facts = dataclasses.replace(make_facts(), scheduler="simple")
    requested(stage)
    stage.advance(600)

    assert [told for told in stage.flux.told if told[0] == "urgency"] == [("urgency", 1, 1)]
    assert len(stage.requests) == 1


def test_agent_has_one_timer_at_most(stage):
    burst = requested(stage)
    for kind in ("accepted", "ready"):
        stage.report(burst, kind)
    stage.join(SLOT_0)

    assert len([timer for timer in stage.flux.timers if timer.call is not None]) == 1


def test_agent_takes_no_turn_for_events_that_change_nothing(stage):
    stage.start()
    before = len(stage.turns)

    for name in ("validate", "start", "memo", "finish", "release"):
        stage.flux.job(5, name)
    stage.flux.settle()

    assert len(stage.turns) == before


def test_agent_takes_one_turn_for_many_events_at_once(stage):
    stage.start()
    before = len(stage.turns)

    for jobid in range(50):
        stage.flux.job(jobid, "alloc", R={"execution": {"R_lite": [{"rank": "0"}]}})
    stage.flux.settle()

    assert len(stage.turns) == before + 1


def test_agent_that_does_not_answer_on_a_home_rank_counts_without_it(stage):
    stage.start()
    stage.submit(1, 2)
    assert stage.requests == []

    stage.flux.tell(TorpidChanged(ranks=frozenset({1})))
    stage.flux.settle()

    assert [request.size for request in stage.requests] == [1]


def test_agent_logs_a_decision_that_stands_once(stage, caplog):
    caplog.set_level(logging.INFO, "overspill_agent")

    def lines():
        return [record for record in caplog.records if record.message == "decision"]

    stage.start()
    stage.submit(1, 9)
    (line,) = lines()
    stage.agent.turn()

    assert lines() == [line]
    assert (line.kind, line.code, line.jobs) == ("hold", "too-large", (1,))
    assert "slot" not in vars(line)


def test_agent_tells_every_move_in_its_log_and_on_the_jobs_of_the_burst(stage, caplog):
    caplog.set_level(logging.INFO, "overspill_agent")
    burst = requested(stage)
    stage.report(burst, "accepted")
    stage.join({2})
    stage.join(SLOT_0)
    stage.flux.job(1, "exception", severity=0)
    stage.flux.settle()
    stage.advance(600)
    stage.lose(SLOT_0)
    stage.report(burst, "removed")

    moves = ["PROVISIONING", "JOINING", "ACTIVE", "DRAINING", "TEARING_DOWN", "GONE"]
    assert [record.state for record in caplog.records if record.message == "burst.moved"] == moves
    memos = [told[2]["overspill"]["state"] for told in stage.flux.told if told[:2] == ("memo", 1)]
    assert memos == ["REQUESTED", *moves]


@pytest.mark.parametrize(("took_s", "rest_s"), [(0.3, 0.3), (40.0, 1.0)], ids=["as long as it took", "never for long"])
def test_agent_rests_after_a_turn_that_took_long(stage, took_s, rest_s):
    stage.start()
    commit = stage.flux.write_state

    def commit_slowly(changes):
        stage.clock.time += took_s
        stage.flux.write_state = commit
        commit(changes)

    stage.flux.write_state = commit_slowly
    stage.submit(1, 4)
    turns = len(stage.turns)
    assert stage.turns[-1][0].kind == "request"

    stage.advance(rest_s - 0.01)
    assert len(stage.turns) == turns

    stage.advance(0.02)
    assert len(stage.turns) > turns


DRY_STATES = ["REQUESTED", "ACTIVE", "FAILED", "TEARING_DOWN", "GONE"]


@pytest.mark.parametrize("state", DRY_STATES)
def test_dry_run_decides_and_does_nothing(stage, state):
    stage.remember(make_burst(state, published_at=None, idle_since=NOW - 9999, teardown_published_at=None))
    stage.ranks.online, stage.ranks.drained = HOME | SLOT_0, SLOT_1
    kvs = dict(stage.ranks.kvs)

    stage.start(is_dry_run=True)
    stage.submit(1, 9)
    stage.advance(7200)

    assert stage.turns[-1]
    assert set(stage.faults.calls) == {"read_state"}
    assert stage.ranks.kvs == kvs
    assert not stage.flux.is_locked


def test_job_of_another_user_is_held_with_the_reason(stage):
    stage.start()
    stage.flux.job(1, "submit", jobspec=make_jobspec(4, **ON_BURST), urgency=16, userid=make_facts().uid + 1)
    stage.flux.job(1, "priority", priority=16)
    stage.flux.settle()

    assert stage.requests == []
    (decision,) = stage.turns[-1]
    assert (decision.kind, decision.code, "another user's" in decision.reason) == ("hold", "not-burstable-here", True)
