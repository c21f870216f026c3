import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_agent.simulate.local_queue import Pool, Waiting, plan_starts


def waiting(jobid, nodes, expected_s=100.0, *, may_leave_home=True):
    return Waiting(jobid=jobid, nodes=nodes, expected_s=expected_s, may_leave_home=may_leave_home)


def home(free, *ends):
    return Pool(name="home", free=free, is_home=True, ends=list(ends))


def burst(free, *ends):
    return Pool(name="b1", free=free, is_home=False, ends=list(ends))


def starts(queue, pools, *, backfill=False):
    return [(job.jobid, pool.name) for job, pool in plan_starts(queue, pools, 1000.0, backfill=backfill)]


def test_jobs_start_in_order_until_one_does_not_fit():
    assert starts([waiting(1, 2), waiting(2, 3), waiting(3, 1)], [home(4)]) == [(1, "home")]


def test_home_is_preferred_and_a_burst_takes_what_does_not_fit_there():
    assert starts([waiting(1, 3), waiting(2, 3)], [home(4), burst(4)]) == [(1, "home"), (2, "b1")]


def test_a_job_never_straddles_pools():
    assert starts([waiting(1, 5)], [home(4), burst(4)]) == []


def test_a_job_that_may_not_leave_home_waits_there():
    queue = [waiting(1, 2, may_leave_home=False), waiting(2, 2)]

    assert starts(queue, [home(1), burst(2)], backfill=True) == [(2, "b1")]


@pytest.mark.parametrize(
    ("passing", "is_started"),
    [
        pytest.param(waiting(2, 2, 50), True, id="it ends before the first one starts"),
        pytest.param(waiting(2, 2, 51), False, id="it would delay the first one"),
        pytest.param(waiting(2, 1, 9999), True, id="its node is spare even then"),
    ],
)
def test_backfill_lets_a_job_pass_if_the_first_one_does_not_start_later(passing, is_started):
    # Two of four nodes are free, the others are so at 1050: the first job needs three of them then.
    found = starts([waiting(1, 3), passing], [home(2, (1050.0, 2))], backfill=True)

    assert found == ([(2, "home")] if is_started else [])


def test_spare_nodes_are_given_once():
    queue = [waiting(1, 3), waiting(2, 1, 9999), waiting(3, 1, 9999)]

    assert starts(queue, [home(2, (1050.0, 2))], backfill=True) == [(2, "home")]


def test_a_job_that_fits_nowhere_keeps_nobody_from_starting():
    assert starts([waiting(1, 9), waiting(2, 4, 9999)], [home(4)], backfill=True) == [(2, "home")]


def test_what_runs_longer_than_expected_is_taken_to_end_now():
    queue = [waiting(1, 3), waiting(2, 2, 1)]

    assert starts(queue, [home(2, (900.0, 2))], backfill=True) == []


jobs = st.lists(st.tuples(st.integers(1, 6), st.floats(1, 500), st.booleans()), max_size=12)
ends = st.lists(st.tuples(st.floats(900, 2000), st.integers(1, 3)), max_size=4)


@given(jobs, st.integers(0, 8), ends, st.integers(0, 8), ends, st.booleans())
def test_no_pool_is_overcommitted_and_every_job_starts_once(jobs, at_home, home_ends, on_burst, burst_ends, backfill):
    queue = [waiting(i, nodes, s, may_leave_home=leaves) for i, (nodes, s, leaves) in enumerate(jobs)]
    pools = [home(at_home, *home_ends), burst(on_burst, *burst_ends)]

    planned = list(plan_starts(queue, pools, 1000.0, backfill=backfill))

    for pool, free in zip(pools, (at_home, on_burst), strict=True):
        assert sum(job.nodes for job, where in planned if where is pool) == free - pool.free <= free
    assert len({job.jobid for job, _ in planned}) == len(planned)
    assert all(pool.is_home or job.may_leave_home for job, pool in planned)


@given(jobs, st.integers(0, 8), ends)
def test_without_backfill_what_starts_is_the_queue_s_beginning(jobs, at_home, home_ends):
    queue = [waiting(i, nodes, s) for i, (nodes, s, _) in enumerate(jobs)]

    planned = starts(queue, [home(at_home, *home_ends)])

    assert [jobid for jobid, _ in planned] == list(range(len(planned)))
