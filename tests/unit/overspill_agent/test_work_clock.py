from tests.unit.overspill_agent.examples import HOME, NOW, SLOT_0, make_burst, make_snapshot

from overspill_agent.jobs import RunningJob
from overspill_agent.work_clock import WorkClock

BURST = make_burst()
THERE = HOME | SLOT_0


def noted(clock, at, *, burst=BURST, online=THERE, jobs=None):
    running = tuple(
        RunningJob(jobid=jobid, started_at=NOW, duration_s=None, held=dict.fromkeys(ranks, (1, 0)))
        for jobid, ranks in (jobs or {}).items()
    )
    snapshot = make_snapshot(bursts=(burst,), online=online, running=running)
    return clock.note(snapshot, NOW + at).get(burst.burst_id)


def test_clock_stands_while_nothing_changes_and_starts_anew_with_any_change():
    clock, job = WorkClock(), {7: frozenset({2})}

    assert noted(clock, 0) == NOW
    assert noted(clock, 10) == NOW
    assert noted(clock, 20, jobs=job) == NOW + 20
    assert noted(clock, 30, jobs={**job, 8: frozenset({0})}) == NOW + 20, "a job elsewhere is none of its"
    assert noted(clock, 40, jobs=job, online=THERE - {5}) == NOW + 40


def test_clock_leaves_out_a_burst_without_nodes_and_one_that_is_not_active():
    assert noted(WorkClock(), 0, burst=BURST.model_copy(update={"ranks_idset": ""})) is None
    assert noted(WorkClock(), 0, burst=make_burst("JOINING")) is None
