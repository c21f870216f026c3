from hypothesis import given
from hypothesis import strategies as st
from tests.unit.overspill_agent.simulate.replays import job

from overspill_agent.simulate.trace import Trace, in_order, under_load


def test_jobs_are_put_in_order_and_begin_at_zero():
    found = in_order((job(1, at=70), job(2, at=50), job(3, at=70)))

    assert [(one.jobid, one.submitted_at) for one in found] == [(2, 0), (1, 20), (3, 20)]


def test_no_jobs_are_in_order():
    assert in_order(()) == ()


@given(st.lists(st.floats(0, 1e6), max_size=8), st.floats(0.1, 10))
def test_load_moves_submissions_together_and_leaves_the_work(times, factor):
    trace = Trace(name="t", jobs=tuple(job(number, at=at) for number, at in enumerate(times)))

    loaded = under_load(trace, factor)

    assert [one.submitted_at for one in loaded.jobs] == [at / factor for at in times]
    assert [one.run_s for one in loaded.jobs] == [one.run_s for one in trace.jobs]
