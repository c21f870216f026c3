import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.overspill_agent.examples import make_jobspec, rank_resources

from overspill_agent.deciding.demand import Demand, is_burstable, parse_demand


def demand(**changes):
    content = {"units": 1, "cores_per_unit": 1, "gpus_per_unit": 0, "is_by_node": False, "queue": None}
    return Demand(**{**content, "constraint": {}, **changes})


def constrained(constraint):
    return parse_demand(make_jobspec(constraints=constraint)).constraint


@pytest.mark.parametrize(
    ("jobspec", "units", "cores", "gpus", "is_by_node"),
    [
        pytest.param(make_jobspec(4), 4, 1, 0, True, id="-N4"),
        pytest.param(make_jobspec(None, slots=8), 8, 1, 0, False, id="-n8"),
        pytest.param(make_jobspec(4, slots=2, cores=2, gpus=1), 4, 4, 2, True, id="-N4 -n8 -c2 -g1"),
        pytest.param(make_jobspec(None, slots=3, cores=2, gpus=1), 3, 2, 1, False, id="-n3 -c2 -g1"),
        pytest.param(make_jobspec({"min": 2, "max": 8}), 2, 1, 0, True, id="range of nodes"),
        pytest.param(make_jobspec(2, slots={"min": 3}, cores={"min": 2}), 2, 6, 0, True, id="ranges inside"),
        pytest.param(make_jobspec({"max": 8}), 1, 1, 0, True, id="range without min"),
        pytest.param({"resources": [{"type": "slot", "with": [{"type": "gpu"}]}]}, 1, 0, 1, False, id="gpus alone"),
        pytest.param({"resources": [{"type": "slot", "count": 3}]}, 3, 0, 0, False, id="slots of nothing"),
    ],
)
def test_parse_demand_of_a_jobspec_gives_its_units(jobspec, units, cores, gpus, is_by_node):
    parsed = parse_demand(jobspec)

    assert (parsed.units, parsed.cores_per_unit, parsed.gpus_per_unit) == (units, cores, gpus)
    assert parsed.is_by_node is is_by_node


def test_parse_demand_of_an_exclusive_node_counts_nodes():
    jobspec = make_jobspec(2)
    jobspec["resources"][0]["exclusive"] = True

    assert parse_demand(jobspec).units == 2


def test_parse_demand_of_a_vertex_without_count_counts_one():
    jobspec = make_jobspec(4)
    del jobspec["resources"][0]["count"]

    assert parse_demand(jobspec).units == 1


@pytest.mark.parametrize(
    ("system", "queue"),
    [({}, None), ({"queue": "burst"}, "burst"), ({"queue": 7}, None)],
    ids=["none", "named", "no text"],
)
def test_parse_demand_of_a_queue_gives_its_name(system, queue):
    assert parse_demand(make_jobspec(**system)).queue == queue


def node(*inside, **changes):
    return {"resources": [{"type": "node", "count": 1, "with": list(inside), **changes}]}


SLOT = {"type": "slot", "count": 1, "with": [{"type": "core", "count": 1}]}


@pytest.mark.parametrize(
    ("jobspec", "named"),
    [
        pytest.param({}, "resources must be a list", id="no resources"),
        pytest.param({"resources": {"type": "node"}}, "resources must be a list", id="no list"),
        pytest.param({"resources": []}, "one vertex", id="empty list"),
        pytest.param({"resources": [SLOT, SLOT]}, "one vertex", id="two vertices"),
        pytest.param({"resources": [{"type": "rack"}]}, "not 'rack'", id="another type"),
        pytest.param({"resources": [{}]}, "not 'None'", id="no type"),
        pytest.param(node(), "node must hold one slot", id="node without slot"),
        pytest.param({"resources": [{"type": "node", "with": None}]}, "node must hold one slot", id="node with null"),
        pytest.param(node(SLOT, SLOT), "node must hold one slot", id="node with two slots"),
        pytest.param(node(SLOT, count=0), "count of node must be a positive integer, not '0'", id="count 0"),
        pytest.param(node(SLOT, count=True), "count of node", id="count is a truth value"),
        pytest.param(node(SLOT, count="2-4"), "not '2-4'", id="count is a text"),
        pytest.param(node({**SLOT, "count": -1}), "count of slot", id="negative slots"),
        pytest.param(node({"type": "slot", "with": [{"type": "core", "count": {"min": 0}}]}), "core", id="min 0 cores"),
    ],
)
def test_parse_demand_of_what_is_not_jobspec_v1_raises_naming_it(jobspec, named):
    with pytest.raises(ValueError, match=named):
        parse_demand(jobspec)


@pytest.mark.parametrize(
    ("constraint", "named"),
    [
        pytest.param({"colour": ["red"]}, "colour", id="unknown operator"),
        pytest.param({"not": [{"colour": ["red"]}]}, "colour", id="unknown operator under not"),
        pytest.param({"properties": "burst"}, "must hold a list", id="no list"),
        pytest.param({"properties": [1]}, "property must be a text", id="property is no text"),
        pytest.param({"and": ["burst"]}, "must be an object", id="operand is no object"),
        pytest.param(["burst"], "must be an object", id="constraint is no object"),
        pytest.param({"hostlist": ["h[0-"]}, "not a hostlist", id="broken hostlist"),
        pytest.param({"ranks": ["x"]}, "not an idset", id="broken idset"),
    ],
)
def test_parse_demand_with_an_undecidable_constraint_raises_naming_it(constraint, named):
    # Decided later, it would end the agent; guessed, it would send the job where it may not run.
    with pytest.raises((ValueError, TypeError), match=named):
        constrained(constraint)


@pytest.mark.parametrize(
    ("wanted", "cores", "gpus", "units"),
    [
        pytest.param(demand(is_by_node=True, cores_per_unit=4), 4, 0, 1, id="a node fits its node"),
        pytest.param(demand(is_by_node=True, units=9), 64, 0, 1, id="a node is one unit however large"),
        pytest.param(demand(is_by_node=True, cores_per_unit=5), 4, 0, 0, id="too few cores"),
        pytest.param(demand(gpus_per_unit=1), 4, 0, 0, id="too few gpus"),
        pytest.param(demand(units=9, cores_per_unit=2), 7, 0, 3, id="slots share a node's cores"),
        pytest.param(demand(units=9, gpus_per_unit=2), 8, 5, 2, id="gpus are the scarcer"),
        pytest.param(demand(units=9, gpus_per_unit=1), 2, 8, 2, id="cores are the scarcer"),
        pytest.param(demand(units=3, cores_per_unit=0, gpus_per_unit=0), 1, 0, 3, id="a slot of nothing fits"),
        pytest.param(demand(units=3, cores_per_unit=0, gpus_per_unit=1), 1, 2, 2, id="gpus alone"),
    ],
)
def test_units_in_a_node_are_as_many_as_it_holds(wanted, cores, gpus, units):
    assert wanted.units_in(cores, gpus) == units


def test_demand_may_run_where_its_constraint_lets_it():
    wanted = demand(constraint={"properties": ["burst"]})

    assert not wanted.may_run_on(rank_resources(0, "lead-0"), "lead-0")
    assert wanted.may_run_on(rank_resources(4, "burst-0-2"), "burst-0-2")


@given(
    wanted=st.builds(
        demand,
        units=st.integers(1, 99),
        cores_per_unit=st.integers(0, 9),
        gpus_per_unit=st.integers(0, 3),
        is_by_node=st.booleans(),
    ),
    cores=st.integers(0, 99),
    gpus=st.integers(0, 9),
)
def test_units_in_any_node_never_take_more_than_it_has(wanted, cores, gpus):
    units = wanted.units_in(cores, gpus)

    assert 0 <= units * wanted.cores_per_unit <= cores
    assert 0 <= units * wanted.gpus_per_unit <= gpus


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (demand(units=4, is_by_node=True), "4 nodes of 1 core"),
        (demand(units=1, is_by_node=True, cores_per_unit=2), "1 node of 2 cores"),
        (demand(units=8, gpus_per_unit=2), "8 slots of 1 core and 2 GPUs"),
        (demand(units=1, cores_per_unit=0, gpus_per_unit=1), "1 slot of 0 cores and 1 GPU"),
    ],
    ids=["nodes", "one node", "slots with gpus", "one slot, one gpu"],
)
def test_describe_says_it_in_words(wanted, text):
    assert wanted.describe() == text


@pytest.mark.parametrize(
    ("attributes", "is_marked"),
    [
        pytest.param({"system": {"burstable": 1}}, True, id="1"),
        pytest.param({"system": {"burstable": True}}, True, id="true"),
        pytest.param({"system": {"burstable": "gke"}}, True, id="text"),
        pytest.param({"system": {"burstable": {"plugin": "eks"}}}, True, id="object"),
        pytest.param({"system": {"burstable": 0}}, False, id="0"),
        pytest.param({"system": {"burstable": False}}, False, id="false"),
        pytest.param({"system": {"burstable": ""}}, False, id="empty text"),
        pytest.param({"system": {}}, False, id="missing"),
        pytest.param({"user": {"burstable": 1}}, False, id="the user's own attribute"),
        pytest.param({"system": None}, False, id="system is null"),
        pytest.param({"system": [1]}, False, id="system is a list"),
        pytest.param(None, False, id="attributes are null"),
        pytest.param("burstable", False, id="attributes are a text"),
    ],
)
def test_is_burstable_reads_the_mark(attributes, is_marked):
    assert is_burstable({"attributes": attributes}) is is_marked


def test_is_burstable_of_an_empty_jobspec_is_false():
    assert is_burstable({}) is False


def test_demand_that_differs_in_its_constraint_alone_is_another_demand():
    one, other = (demand(constraint={"properties": [name]}) for name in ("a", "b"))

    assert one != other
    assert len({one, other, demand(constraint={"properties": ["a"]})}) == 2
