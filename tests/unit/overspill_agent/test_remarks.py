from dataclasses import replace

import pytest
from tests.unit.overspill_agent.examples import make_burst, make_facts, make_job

from overspill_agent.deciding.decisions import Code, Decision, DecisionKind
from overspill_agent.remarks import FORGET_ABOVE, Remarks
from overspill_shared.errors import FluxError


@pytest.fixture
def remarks(flux):
    return Remarks(flux)


@pytest.fixture
def simple_stage(stage):
    """An instance of two ranks at home whose scheduler starts jobs in order, and an agent."""
    stage.facts = make_facts(scheduler="simple")
    stage.start()
    return stage


def urgencies(stage):
    return [(jobid, urgency) for what, jobid, urgency, *_ in stage.flux.told if what == "urgency"]


def test_tell_says_each_thing_once_until_the_job_is_forgotten(flux, remarks):
    for _ in range(2):
        remarks.tell(7, Code.TOO_LARGE, "too large")
    assert len(flux.told) == 1

    for jobid in range(8, 8 + FORGET_ABOVE):
        remarks.tell(jobid, Code.TOO_LARGE, "too large")
    flux.told.clear()
    remarks.forget_others({8})
    remarks.tell(7, Code.TOO_LARGE, "too large")
    remarks.tell(8, Code.TOO_LARGE, "too large")
    assert [jobid for _, jobid, *_ in flux.told] == [7]


def test_tell_jobs_says_a_decision_on_each_of_its_jobs(flux, remarks):
    remarks.tell_jobs(Decision(kind=DecisionKind.HOLD, code=Code.QUOTA, reason="no quota", jobs=(3, 5)))

    assert flux.told == [("exception", jobid, 2, "overspill", "no quota") for jobid in (3, 5)]


def test_show_writes_the_bursts_state_on_each_of_its_jobs(flux, remarks):
    burst = make_burst("JOINING", jobs=(3, 5), reason="it waits")
    told = {"burst_id": burst.burst_id, "state": "JOINING", "slot": "burst-0", "reason": "it waits"}

    remarks.show(burst)

    assert flux.told == [("memo", jobid, {"overspill": told}) for jobid in (3, 5)]


def test_restore_urgency_gives_back_only_what_was_lowered_and_is_asked_for_once(flux, remarks):
    remarks.restore_urgency(make_job(1))
    assert flux.told == []

    for _ in range(2):
        remarks.restore_urgency(replace(make_job(1), lowered_from=20))
    assert flux.told == [("urgency", 1, 20), ("memo", 1, {"overspill": {"lowered_from": None}})]


def test_remark_that_flux_refuses_is_logged(remarks, faults, caplog):
    faults.order("raise_exception", FluxError("no such job"))
    remarks.tell(1, Code.QUOTA, "no quota")

    assert caplog.messages == ["job.not_told"]


def lowered_anew(flux, remarks, *jobids):
    """Give those of these jobs whose lowering the agent does not remember; it does afterwards."""
    flux.told.clear()
    for jobid in jobids:
        remarks.lower_urgency(make_job(jobid))
    return [jobid for what, jobid, *_ in flux.told if what == "urgency"]


def test_forget_others_forgets_nothing_until_there_is_more_than_is_worth_it(flux, remarks):
    job = make_job(1)
    remarks.lower_urgency(job)
    for jobid in range(2, 1 + FORGET_ABOVE):
        remarks.tell(jobid, Code.TOO_LARGE, "too large")
    remarks.forget_others(())
    assert lowered_anew(flux, remarks, 1) == []

    remarks.tell(1 + FORGET_ABOVE, Code.TOO_LARGE, "too large")
    remarks.forget_others(())
    assert lowered_anew(flux, remarks, 1) == [1]


def test_forget_others_keeps_what_was_asked_for_jobs_that_still_wait(flux, remarks):
    lowered_anew(flux, remarks, *range(1, 2 + FORGET_ABOVE))

    remarks.forget_others({1, 2})

    assert lowered_anew(flux, remarks, 1, 2, 3) == [3]


def test_forget_others_looks_again_once_twice_as_much_is_remembered(flux, remarks):
    many = 2 * FORGET_ABOVE
    for jobid in range(FORGET_ABOVE):
        remarks.tell(jobid, Code.TOO_LARGE, "too large")
        remarks.lower_urgency(make_job(jobid))
    remarks.forget_others(range(many))

    lowered_anew(flux, remarks, *range(FORGET_ABOVE, FORGET_ABOVE + many))
    remarks.forget_others(())
    assert lowered_anew(flux, remarks, 0) == [], "thousands that wait are not looked through each turn"

    lowered_anew(flux, remarks, 9 * FORGET_ABOVE)
    remarks.forget_others(())
    assert lowered_anew(flux, remarks, 0) == [0]


def test_job_that_fits_home_after_all_gets_its_urgency_back(simple_stage):
    simple_stage.lose(frozenset({1}))
    simple_stage.submit(1, nodes=2)
    assert urgencies(simple_stage) == [(1, 1)]

    simple_stage.join(frozenset({1}))
    assert urgencies(simple_stage) == [(1, 1), (1, 16)]
    assert simple_stage.flux.told[-1] == ("memo", 1, {"overspill": {"lowered_from": None}})

    simple_stage.lose(frozenset({1}))
    assert urgencies(simple_stage) == [(1, 1), (1, 16), (1, 1)], "and may be lowered again"


def test_urgency_that_was_lowered_is_restored_by_the_next_agent(simple_stage):
    simple_stage.lose(frozenset({1}))
    simple_stage.flux.job(5, "submit", jobspec=make_job(5, 2).jobspec, urgency=20)
    simple_stage.flux.job(5, "priority", priority=20)
    simple_stage.flux.settle()
    assert urgencies(simple_stage) == [(5, 1)]

    simple_stage.ranks.online = frozenset({0, 1})
    simple_stage.start()
    assert urgencies(simple_stage) == [(5, 20)]


def test_urgency_that_its_user_changed_stays_so(simple_stage):
    simple_stage.submit(1, nodes=6)
    simple_stage.flux.job(1, "urgency", urgency=18)
    simple_stage.flux.job(1, "priority", priority=18)
    simple_stage.flux.settle()
    simple_stage.start()

    assert urgencies(simple_stage) == []


def test_agent_that_died_before_it_lowered_an_urgency_leaves_that_to_the_next(simple_stage):
    simple_stage.flux.job(1, "submit", jobspec=make_job(1, 6).jobspec, urgency=16)
    simple_stage.flux.job(1, "memo", overspill={"lowered_from": 16})
    simple_stage.flux.job(1, "priority", priority=16)
    simple_stage.flux.settle()

    assert urgencies(simple_stage) == [(1, 1)]
