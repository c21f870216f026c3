"""A burst that gives nodes back, keeps its cluster, and grows again; agents that end at any step of it."""

import dataclasses

import pytest
from tests.unit.overspill_agent.examples import HOME, SLOT_0, make_burst

ON_SLOT_0 = {"constraints": {"hostlist": ["burst-0-[0-3]"]}}
FRONT, TAIL = frozenset({2, 3}), frozenset({4, 5})


@pytest.fixture
def live(stage, burst_request):
    """Give a burst of four nodes that are there, under a policy that gives nodes back."""
    request = burst_request(size=4)
    burst = make_burst(burst_id=request.burst_id, generation=request.generation)
    stage.remember(burst, requests=[request])
    stage.ranks.online = HOME | SLOT_0
    stage.policy = dataclasses.replace(stage.policy, shrinks=True, keep_warm_s=1800)
    return burst


def half_busy(stage):
    """Have a job on the first two nodes for so long that the others are given back."""
    stage.start()
    stage.submit(7, 2, **ON_SLOT_0)
    stage.allocate(7, FRONT)
    stage.advance(600)


def half_gone(stage, live):
    half_busy(stage)
    stage.lose(TAIL)
    stage.report(live, "resized", revision=2)


def test_idle_tail_is_drained_told_to_leave_and_given_back(stage, live):
    half_busy(stage)
    assert (stage.ranks.drained, stage.flux.left) == (TAIL, TAIL)
    assert stage.requests == [], "nothing is asked for while brokers are there"
    stage.lose(TAIL)
    (request,) = stage.requests
    assert (request.burst_id, request.revision, request.size) == (live.burst_id, 2, 2)
    assert (stage.record().ranks, stage.ranks.drained) == (FRONT, TAIL)
    stage.report(live, "resized", revision=1)
    assert stage.ranks.drained == TAIL
    stage.report(live, "resized", revision=2)
    assert stage.ranks.drained == frozenset()
    record = stage.record()
    assert (record.state, record.ranks, record.tail, record.hard_end_at) == (
        "ACTIVE",
        FRONT,
        frozenset(),
        live.hard_end_at,
    )
    assert record.lost_ranks == frozenset()


def test_any_change_on_a_burst_restarts_the_clock_of_its_tail(stage, live):
    stage.start()
    stage.submit(7, 2, **ON_SLOT_0)
    stage.allocate(7, FRONT)
    stage.advance(500)
    stage.submit(8, 1, **ON_SLOT_0)
    stage.allocate(8, {4})
    stage.free(8)
    stage.advance(599)
    assert stage.ranks.drained == frozenset()
    stage.advance(1)
    assert stage.ranks.drained == TAIL


def test_tail_is_kept_where_the_policy_says_so(stage, live):
    stage.policy = dataclasses.replace(stage.policy, shrinks=False)
    half_busy(stage)
    stage.advance(5000)
    assert (stage.ranks.drained, stage.requests) == (frozenset(), [])


def test_job_that_comes_before_the_brokers_are_told_keeps_the_tail(stage, live):
    half_busy_but_for_a_late_word(stage)
    assert (stage.ranks.drained, stage.flux.left) == (TAIL, frozenset())
    stage.submit(8, 2, **ON_SLOT_0)
    assert (stage.ranks.drained, stage.record().tail) == (frozenset(), frozenset())
    assert stage.requests == []


def half_busy_but_for_a_late_word(stage):
    """Have the scheduler know of work on the tail that the journal has not told."""
    stage.start()
    stage.flux.scheduler_allocated = FRONT | {5}
    stage.submit(7, 2, **ON_SLOT_0)
    stage.allocate(7, FRONT)
    stage.advance(600)


def test_job_that_starts_on_the_tail_as_it_is_drained_keeps_it(stage, live):
    half_busy_but_for_a_late_word(stage)
    stage.allocate(8, {5})
    assert (stage.ranks.drained, stage.record().tail, stage.flux.left) == (frozenset(), frozenset(), frozenset())


def test_brokers_are_not_told_while_the_scheduler_has_work_there(stage, live):
    half_busy_but_for_a_late_word(stage)
    assert stage.flux.left == frozenset()
    stage.flux.scheduler_allocated = None
    stage.advance(5)
    assert stage.flux.left == TAIL


def test_brokers_that_do_not_leave_are_removed_with_their_nodes(stage, live):
    half_busy(stage)
    stage.advance(119)
    assert stage.requests == []
    stage.advance(1)
    assert [request.size for request in stage.requests] == [2]


def test_tail_whose_end_nobody_confirms_is_freed_in_the_end(stage, live):
    half_busy(stage)
    stage.lose(TAIL)
    stage.advance(1199)
    assert stage.ranks.drained == TAIL
    stage.advance(2)
    assert (stage.ranks.drained, stage.record().state) == (frozenset(), "ACTIVE")


def test_burst_grows_into_the_ranks_that_it_gave_back(stage, live):
    half_gone(stage, live)
    stage.submit(8, 2, **ON_SLOT_0)
    assert [(request.revision, request.size) for request in stage.requests] == [(2, 2), (3, 4)]
    stage.join(TAIL)
    stage.allocate(8, TAIL)
    record = stage.record()
    assert (record.state, record.ranks, record.usable_ranks) == ("ACTIVE", SLOT_0, SLOT_0)


def test_nodes_that_their_job_does_not_start_on_beside_others_are_given_back_and_it_rests(stage, live):
    half_gone(stage, live)
    stage.submit(8, 2, **ON_SLOT_0)
    stage.flux.left = frozenset()
    stage.join(TAIL)
    stage.advance(599)
    assert (stage.record().unstarted_jobs, stage.flux.left) == ((), frozenset())
    stage.advance(1)
    assert (stage.record().unstarted_jobs, stage.flux.left) == ((8,), TAIL)
    stage.lose(TAIL)
    stage.report(live, "resized", revision=stage.record().revision)
    stage.advance(3599)
    assert [(request.revision, request.size) for request in stage.requests] == [(2, 2), (3, 4), (4, 2)]
    assert [told[1] for told in stage.flux.told if told[0] == "exception"] == [8]


def test_job_that_a_burst_grew_for_in_vain_rests(stage, live):
    half_gone(stage, live)
    stage.submit(8, 2, **ON_SLOT_0)
    stage.advance(1200)
    assert stage.record().unstarted_jobs == (8,)
    stage.report(live, "resized", revision=stage.record().revision)
    stage.advance(3599)
    assert [(request.revision, request.size) for request in stage.requests] == [(2, 2), (3, 4), (4, 2)]


def test_job_that_a_burst_may_not_grow_for_keeps_none_of_its_nodes(stage, burst_request):
    request = burst_request(size=3)
    stage.remember(
        make_burst(burst_id=request.burst_id, generation=request.generation, ranks_idset="2-4"), requests=[request]
    )
    stage.ranks.online = HOME | {2, 3, 4}
    stage.policy = dataclasses.replace(stage.policy, shrinks=True, max_nodes=3)
    stage.start()
    stage.submit(7, 1, **ON_SLOT_0)
    stage.allocate(7, {2})
    stage.submit(8, 3, **ON_SLOT_0)
    stage.advance(600)
    assert stage.flux.left == {3, 4}


def emptied(stage, live):
    """Have an idle burst give all its nodes back."""
    stage.start()
    stage.advance(600)
    assert stage.flux.left == SLOT_0
    stage.lose(SLOT_0)
    assert [(request.revision, request.size) for request in stage.requests] == [(2, 0)]
    stage.report(live, "resized", revision=2)


def test_idle_burst_is_kept_without_nodes_and_grows_again(stage, live):
    emptied(stage, live)
    assert (stage.record().state, stage.record().size, stage.ranks.drained) == ("ACTIVE", 0, frozenset())
    assert stage.teardowns == []
    stage.advance(1000)
    stage.submit(8, 4, **ON_SLOT_0)
    assert [(r.burst_id, r.revision, r.size) for r in stage.requests[1:]] == [(live.burst_id, 3, 4)]
    stage.advance(900)
    assert stage.record().state == "ACTIVE", "its nodes are on their way, longer than it is idle"
    stage.join(SLOT_0)
    stage.allocate(8, SLOT_0)
    assert (stage.record().size, stage.record().hard_end_at) == (4, live.hard_end_at)


def test_burst_that_was_warm_for_long_enough_is_torn_down(stage, live):
    emptied(stage, live)
    stage.advance(1799)
    assert stage.teardowns == []
    stage.advance(2)
    assert [(t.burst_id, t.reason) for t in stage.teardowns] == [(live.burst_id, "idle-timeout")]
    stage.report(live, "removed")
    assert (stage.record().state, stage.ranks.drained) == ("GONE", frozenset())


def test_warm_burst_ends_at_its_hard_end(stage, live):
    stage.policy = dataclasses.replace(stage.policy, keep_warm_s=30 * 24 * 3600)
    emptied(stage, live)
    stage.advance(live.hard_end_at - 900 - stage.clock.now() - 1)
    assert stage.teardowns == []
    stage.advance(2)
    assert [t.reason for t in stage.teardowns] == ["max-lifetime"]


def test_burst_that_ends_while_it_shrinks_frees_every_rank(stage, live):
    half_busy(stage)
    stage.lose(TAIL)
    stage.lose(FRONT)
    stage.report(live, "removed")
    assert (stage.record().state, stage.ranks.drained) == ("GONE", frozenset())


CALLS = 13
"""Calls of the ports that giving two nodes back takes."""


def given_back(stage, live):
    """Give the steps of a burst that gives its last two nodes back."""
    return (
        lambda: stage.advance(600),
        lambda: stage.lose(TAIL),
        lambda: stage.report(live, "resized", revision=2),
        lambda: stage.advance(1),
    )


@pytest.mark.parametrize("number", range(CALLS + 1))
def test_agent_killed_at_any_step_is_resumed_to_the_same_end(stage, live, faults, interrupted, number):
    stage.start()
    stage.submit(7, 2, **ON_SLOT_0)
    stage.allocate(7, FRONT)
    faults.calls.clear()
    faults.kill_at = number
    kills = 0
    for step in given_back(stage, live):
        try:
            step()
        except interrupted:
            kills, faults.kill_at = kills + 1, None
            stage.start()
            step()
    assert kills == (1 if number < CALLS else 0), faults.calls
    assert {(request.revision, request.size) for request in stage.requests} == {(2, 2)}
    assert len({request.sealed_keys for request in stage.requests}) == 1, "what is published again is the same"
    record = stage.record()
    assert (record.state, record.ranks, record.tail, stage.ranks.drained) == ("ACTIVE", FRONT, frozenset(), frozenset())
