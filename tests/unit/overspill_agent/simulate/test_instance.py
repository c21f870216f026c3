import pytest
from tests.unit.overspill_agent.simulate.replays import instance, job

from overspill_agent.simulate.outcomes import End

BURST = frozenset({4, 5})


def started(flux, now=0.0):
    return {running.job.jobid: running.ranks for running in flux.start(now)}


def test_a_job_gets_the_lowest_free_ranks_and_gives_them_back():
    flux = instance(home=4)
    flux.submit(job(1, nodes=2))
    flux.submit(job(2, nodes=2))

    assert started(flux) == {1: {0, 1}, 2: {2, 3}}
    flux.finish(1, 100.0)
    flux.submit(job(3, nodes=1))
    assert started(flux) == {3: {0}}
    assert [(o.job.jobid, o.end, o.started_at, o.ended_at) for o in flux.outcomes] == [(1, End.DONE, 0.0, 100.0)]


@pytest.mark.parametrize(
    ("nodes", "options", "is_refused"),
    [
        (4, {}, False),
        (5, {}, True),
        (6, {"largest_slot": 6}, False),
        (7, {"largest_slot": 6}, True),
        (10, {"largest_slot": 6, "straddles": True}, False),
    ],
)
def test_a_job_is_refused_if_it_fits_nowhere_that_is_declared(nodes, options, is_refused):
    flux = instance(home=4, **options)

    assert flux.submit(job(1, nodes=nodes)) is not is_refused
    assert [outcome.end for outcome in flux.outcomes] == ([End.REFUSED] if is_refused else [])
    assert len(flux.queue) == (not is_refused)


def test_a_job_that_is_not_marked_is_refused_if_only_a_slot_could_hold_it():
    flux = instance(home=4, largest_slot=6)

    flux.submit(job(1, nodes=6, is_burstable=False))

    assert [outcome.end for outcome in flux.outcomes] == [End.REFUSED]


def test_ranks_of_a_burst_take_jobs_that_home_has_no_room_for():
    flux = instance(home=4, largest_slot=2)
    flux.submit(job(1, nodes=4))
    flux.submit(job(2, nodes=2))
    flux.join("b1", BURST)

    assert started(flux) == {1: {0, 1, 2, 3}, 2: BURST}
    assert list(flux.burst_nodes_of(flux.running[2])) == [("b1", 2)]
    assert list(flux.burst_nodes_of(flux.running[1])) == []


def test_where_jobs_may_straddle_one_runs_on_both():
    flux = instance(home=4, largest_slot=2, straddles=True)
    flux.submit(job(1, nodes=5))
    flux.join("b1", BURST)

    assert started(flux) == {1: {0, 1, 2, 3, 4}}
    assert list(flux.burst_nodes_of(flux.running[1])) == [("b1", 1)]


def test_drained_ranks_take_no_work_until_they_are_undrained():
    flux = instance(home=0, largest_slot=2)
    flux.drain(BURST)
    flux.join("b1", BURST)
    flux.submit(job(1, nodes=2))

    assert started(flux) == {}
    flux.undrain(BURST)
    assert started(flux) == {1: BURST}


def test_ranks_that_are_undrained_under_a_job_are_free_only_after_it():
    flux = instance(home=0, largest_slot=2)
    flux.join("b1", BURST)
    flux.submit(job(1, nodes=1))
    flux.submit(job(2, nodes=2))
    started(flux)
    flux.drain(BURST)
    flux.undrain(BURST)

    assert started(flux) == {}
    flux.finish(1, 100.0)
    assert started(flux, 100.0) == {2: BURST}


def test_ranks_that_are_lost_end_what_runs_there_and_nothing_else():
    flux = instance(home=1, largest_slot=2)
    flux.join("b1", BURST)
    for jobid in (1, 2):
        flux.submit(job(jobid))
    started(flux)

    assert flux.lose(frozenset(range(9)), 50.0)
    assert not flux.lose(frozenset(range(9)), 50.0)

    assert [(o.job.jobid, o.end, o.ended_at, o.is_on_burst) for o in flux.outcomes] == [(2, End.KILLED, 50.0, True)]
    assert flux.online == {0}
    assert flux.ranks_of("b1") == frozenset()


def test_what_still_waits_at_the_end_was_never_started():
    flux = instance(home=4)
    flux.submit(job(1))

    flux.give_up()

    assert [(o.end, o.wait_s) for o in flux.outcomes] == [(End.UNSTARTED, None)]
    assert flux.queue == ()
