import json

import pytest
from tests.unit.overspill_agent.examples import SLOT_0

from overspill_agent.decisions import Code, Decision, DecisionKind

DECISION = Decision(kind=DecisionKind.REQUEST, code=Code.NEVER_FITS_LOCALLY, reason="it does not fit")


@pytest.mark.parametrize(("ranks", "shown"), [(SLOT_0, "2-5"), (frozenset(), ""), (None, None)])
def test_as_json_writes_ranks_as_an_idset(ranks, shown):
    assert Decision(kind=DecisionKind.HOLD, code=Code.IDLE, reason="", ranks=ranks).as_json()["ranks"] == shown


def test_as_json_is_json_with_every_field():
    content = json.loads(json.dumps(DECISION.as_json()))

    assert content["kind"] == "request"
    assert content["code"] == "never-fits-locally"
    assert set(content) == set(Decision.__dataclass_fields__)
