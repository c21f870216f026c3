import pytest
from tests.unit.overspill_agent.simulate.replays import job

from overspill_agent.jobs import JobTable
from overspill_agent.simulate.job_events import CORES, events_of
from overspill_agent.simulate.ports import JobChange

EPOCH_S = 1e9


def apply(table, *changes):
    for change in changes:
        for event in events_of(change, epoch_s=EPOCH_S):
            table.apply(event)


@pytest.mark.parametrize(("limit_s", "is_burstable"), [(600.0, True), (None, False)])
def test_the_agent_reads_a_submitted_job_as_it_was_asked_for(limit_s, is_burstable):
    table = JobTable(owner_uid=0)

    asked = job(7, at=5.0, nodes=3, limit_s=limit_s, is_burstable=is_burstable)
    apply(table, JobChange(job=asked, kind="submitted", at=5.0))

    (pending,) = table.pending
    assert (pending.jobid, pending.submitted_at, pending.duration_s) == (7, EPOCH_S + 5, limit_s)
    assert bool(pending.burstable) is is_burstable
    assert (pending.demand.units, pending.demand.is_by_node, pending.demand.cores_per_unit) == (3, True, CORES)


def test_the_agent_sees_where_a_job_runs_until_it_ends():
    table, asked = JobTable(owner_uid=0), job(7, nodes=2, limit_s=600.0)
    apply(
        table,
        JobChange(job=asked, kind="submitted", at=0.0),
        JobChange(job=asked, kind="started", at=9.0, ranks=frozenset({2, 3})),
    )

    assert table.pending == ()
    assert table.allocated == {2, 3}
    apply(table, JobChange(job=asked, kind="ended", at=99.0))
    assert table.allocated == frozenset()
