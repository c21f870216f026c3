import json

import pytest
from tests.unit.overspill_agent.examples import SLOT_0

from overspill_agent.deciding.decisions import Code, Decision, DecisionKind, log_facts

DECISION = Decision(kind=DecisionKind.REQUEST, code=Code.NEVER_FITS_LOCALLY, reason="it does not fit")


@pytest.mark.parametrize(("ranks", "shown"), [(SLOT_0, "2-5"), (frozenset(), ""), (None, None)])
def test_as_json_writes_ranks_as_an_idset(ranks, shown):
    assert Decision(kind=DecisionKind.HOLD, code=Code.IDLE, reason="", ranks=ranks).as_json()["ranks"] == shown


def test_as_json_is_json_with_every_field():
    content = json.loads(json.dumps(DECISION.as_json()))

    assert content["kind"] == "request"
    assert content["code"] == "never-fits-locally"
    assert set(content) == set(Decision.__dataclass_fields__)


def hold(jobid, code="in-flight", **changes):
    return Decision(kind=DecisionKind.HOLD, code=Code(code), reason="because", jobs=(jobid,), **changes)


def test_log_facts_of_few_holds_are_each_told_without_what_does_not_apply():
    facts = list(log_facts([hold(1, slot="burst-0"), hold(2)]))

    assert facts == [
        {"kind": "hold", "code": "in-flight", "reason": "because", "jobs": (1,), "slot": "burst-0"},
        {"kind": "hold", "code": "in-flight", "reason": "because", "jobs": (2,)},
    ]


def test_log_facts_of_many_holds_for_one_reason_are_told_as_one_with_their_number():
    other = hold(999, "too-large")

    many, one = log_facts([*(hold(jobid) for jobid in range(100)), other])

    assert (many["jobs"], many["job_count"]) == (tuple(range(10)), 100)
    assert one["jobs"] == (999,)
    assert "job_count" not in one
