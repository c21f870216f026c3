import pytest
from tests.unit.overspill_agent.examples import rank_resources

from overspill_agent.deciding.constraints import check_constraint, names_ranks, rank_test, spell

BURST, HOME = rank_resources(4, "burst-0-2"), rank_resources(0, "lead-0")


@pytest.mark.parametrize(
    ("constraint", "on_burst", "at_home"),
    [
        pytest.param({}, True, True, id="none"),
        pytest.param({"properties": ["burst"]}, True, False, id="property"),
        pytest.param({"properties": ["^burst"]}, False, True, id="property negated"),
        pytest.param({"properties": ["burst", "gpu"]}, False, False, id="two properties are both needed"),
        pytest.param({"properties": []}, True, True, id="no properties"),
        pytest.param({"hostlist": ["burst-0-[1-3]"]}, True, False, id="hostlist"),
        pytest.param({"hostlist": ["x", "lead-0"]}, False, True, id="any of several hostlists"),
        pytest.param({"ranks": ["0,3-5"]}, True, True, id="ranks"),
        pytest.param({"ranks": ["1-3"]}, False, False, id="other ranks"),
        pytest.param({"and": [{"properties": ["burst"]}, {"ranks": ["4"]}]}, True, False, id="and"),
        pytest.param({"or": [{"ranks": ["0"]}, {"properties": ["burst"]}]}, True, True, id="or"),
        pytest.param({"or": []}, False, False, id="or of nothing"),
        pytest.param({"not": [{"properties": ["burst"]}]}, False, True, id="not"),
        pytest.param({"not": [{"properties": ["burst"]}, {"ranks": ["0"]}]}, True, True, id="not of several"),
        pytest.param({"not": [{"not": [{"ranks": ["0"]}]}]}, False, True, id="not not"),
        pytest.param({"properties": ["burst"], "ranks": ["0-9"]}, True, False, id="two operators are both needed"),
    ],
)
def test_rank_test_of_a_constraint_tells_where_it_holds(constraint, on_burst, at_home):
    check_constraint(constraint)
    holds = rank_test(spell(constraint))

    assert holds(BURST, "burst-0-2") is on_burst
    assert holds(HOME, "lead-0") is at_home


@pytest.mark.parametrize(
    ("constraint", "named"),
    [
        ({"properties": ["burst"]}, False),
        ({"not": [{"properties": ["burst"]}]}, False),
        ({"hostlist": ["burst-0-0"]}, True),
        ({"and": [{"properties": ["burst"]}, {"or": [{"ranks": ["0"]}]}]}, True),
    ],
)
def test_names_ranks_of_a_constraint_tells_whether_it_names_hosts_or_ranks(constraint, named):
    assert names_ranks(constraint) is named
