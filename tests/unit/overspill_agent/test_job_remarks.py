import logging

import pytest

from overspill_agent.job_remarks import AT_ONCE, JobRemarks
from overspill_shared.errors import FluxError


class Remarked(list):
    """What was told, in its order, and a way to tell."""

    def __init__(self, flux):
        self.remarks = JobRemarks(flux)

    def tell(self, what, jobid, text="x"):
        self.remarks.tell(what, jobid, lambda: self.append((what, jobid, text)))


@pytest.fixture
def told(flux):
    return Remarked(flux)


def test_remarks_on_few_jobs_are_made_at_once_and_in_order(told):
    for jobid in (3, 1, 2):
        told.tell("memo", jobid)

    assert [jobid for _, jobid, _ in told] == [3, 1, 2]


def test_remarks_on_many_jobs_leave_room_for_others_between(told, flux):
    between = []
    for jobid in range(3 * AT_ONCE):
        told.tell("memo", jobid)
    flux.call_soon(lambda: between.append(len(told)))
    assert len(told) == AT_ONCE

    flux.settle()

    assert between == [2 * AT_ONCE]
    assert [jobid for _, jobid, _ in told] == list(range(3 * AT_ONCE))
    assert not flux.calls


def test_remark_that_waits_is_replaced_by_a_newer_one_of_its_kind(told, flux):
    for jobid in range(AT_ONCE + 1):
        told.tell("memo", jobid, "old")
    told.tell("urgency", AT_ONCE, "other")
    told.tell("memo", AT_ONCE, "new")

    flux.settle()

    assert told[AT_ONCE:] == [("memo", AT_ONCE, "new"), ("urgency", AT_ONCE, "other")]


def test_remarks_after_a_while_are_made_at_once_again(told, flux):
    for jobid in range(AT_ONCE):
        told.tell("memo", jobid)
    flux.settle()

    told.tell("memo", 7, "later")

    assert told[-1] == ("memo", 7, "later")


def test_remark_that_flux_refuses_is_logged_and_the_next_is_made(told, caplog):
    def refuse():
        raise FluxError("Flux refuses job-manager.memo.")

    caplog.set_level(logging.WARNING, "overspill_agent")
    told.remarks.tell("memo", 1, refuse)
    told.tell("memo", 2)

    assert told == [("memo", 2, "x")]
    (line,) = caplog.records
    assert (line.message, line.what, line.jobid) == ("job.not_told", "memo", 1)
