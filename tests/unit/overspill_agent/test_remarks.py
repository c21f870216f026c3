import pytest
from tests.unit.overspill_agent.examples import make_facts, make_job

from overspill_agent.deciding.decisions import Code
from overspill_agent.remarks import FORGET_ABOVE, Remarks


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


def test_forget_others_leaves_few_jobs_alone(flux, remarks):
    remarks.lower_urgency(make_job(1))
    flux.told.clear()
    remarks.forget_others(())
    remarks.lower_urgency(make_job(1))

    assert flux.told == []


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
