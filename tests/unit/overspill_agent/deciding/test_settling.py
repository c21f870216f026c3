import dataclasses

import pytest
from tests.unit.overspill_agent.examples import HOSTS, NOW, make_facts, make_snapshot

from overspill_agent.deciding.policy import Policy
from overspill_agent.deciding.settling import returning_ranks, settled_at

POLICY = Policy(settle_s=30)
YOUNG = make_facts(started_at=NOW)


@pytest.mark.parametrize(
    ("changes", "now", "expected"),
    [
        pytest.param({"facts": YOUNG}, NOW + 29, {1}, id="a declared rank of home is away"),
        pytest.param({"facts": YOUNG}, NOW + 30, set(), id="the lead has settled"),
        pytest.param({"facts": make_facts()}, NOW, set(), id="nobody knows when the lead started"),
        pytest.param({"facts": YOUNG, "online": frozenset({0, 1})}, NOW, set(), id="all of home is there"),
        pytest.param({"facts": YOUNG, "drained": frozenset({1})}, NOW, set(), id="it is drained"),
    ],
)
def test_returning_ranks_are_those_of_home_that_are_away_from_a_young_lead(changes, now, expected):
    snapshot = make_snapshot(**{"online": frozenset({0}), **changes})

    assert returning_ranks(snapshot, POLICY, now) == expected


def test_settled_at_is_a_time_after_the_leads_start():
    assert settled_at(YOUNG, POLICY) == NOW + 30
    assert settled_at(make_facts(), POLICY) == 0.0


def test_job_that_returning_ranks_could_help_gets_no_burst_until_the_lead_has_settled(stage):
    stage.facts = make_facts(started_at=NOW, scheduler="simple")
    stage.ranks.online = frozenset({0})
    stage.submit(1, nodes=2)
    stage.policy = dataclasses.replace(stage.policy, placement="burst-only")
    stage.submit(2, nodes=2, constraints={"properties": ["burst"]})
    stage.start()
    assert [request.jobs[0].jobid for request in stage.requests] == [2]
    assert ("urgency", 1, 1) not in stage.flux.told

    stage.advance(31)
    assert [request.revision for request in stage.requests] == [1, 2], "the burst that is on its way grows"
    assert ("urgency", 1, 1) in stage.flux.told


def test_job_that_fits_once_home_is_back_starts_there(stage):
    stage.facts = make_facts(started_at=NOW)
    stage.ranks.online = frozenset({0})
    stage.submit(1, nodes=2)
    stage.start()
    assert {decision.code for decision in stage.turns[-1]} == {"settling"}

    stage.join(frozenset({1}))
    assert {decision.code for decision in stage.turns[-1]} == {"fits-now"}
    assert stage.requests == []


def test_job_whose_home_stays_away_gets_its_burst_when_the_lead_has_settled(stage):
    stage.facts = make_facts(started_at=NOW)
    stage.ranks.online = frozenset({0})
    stage.submit(1, nodes=len(HOSTS) - 5)
    stage.start()
    assert stage.requests == []

    stage.advance(31)
    (request,) = stage.requests
    assert request.size == 4


def test_job_that_home_could_not_help_does_not_wait(stage):
    stage.facts = make_facts(started_at=NOW)
    stage.ranks.online = frozenset({0})
    stage.submit(1, nodes=4, constraints={"properties": ["burst"]})
    stage.start()

    assert len(stage.requests) == 1
