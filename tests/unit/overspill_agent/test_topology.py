from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.overspill_agent.examples import make_facts

from overspill_agent.topology import burst_topology
from overspill_shared.errors import ConfigError


def facts_of(size, topology, *entries):
    """Give an instance of one home rank, whose other ranks may burst."""
    hosts = ("lead-0", *(f"burst-0-{index}" for index in range(size - 1)))
    return make_facts(hosts=hosts, topology=topology, config={"bootstrap": {"hosts": ["lead-0", *entries]}})


def topology_of(*args):
    return burst_topology(facts_of(*args), burst_property="burst")


def refused(*args):
    with pytest.raises(ConfigError) as caught:
        topology_of(*args)
    assert caught.value.code == "topology"
    assert caught.value.text.startswith("tbon.topo: ")
    assert "spec.flux.topology: kary:0" in caught.value.remedy
    return caught.value.text


@pytest.mark.parametrize("topology", [None, "custom", "kary:256", "kary:0", "mincrit", "kary:1000"])
def test_topology_up_to_rank_256_is_the_operators_own(topology):
    assert topology_of(257, topology) is None


@pytest.mark.parametrize("topology", [None, "custom", "kary:0", "mincrit", "kary:1000"])
def test_topology_past_rank_256_of_a_flat_lead_is_flat_on_the_burst_side_too(topology):
    assert topology_of(258, topology) == "kary:0"


def test_topology_of_an_operators_lead_past_rank_256_is_refused_with_the_remedy():
    assert "'kary:256' makes rank 257 a child of another rank than 0" in refused(258, "kary:256")


@pytest.mark.parametrize(
    ("size", "topology"), [(4, "kary:2"), (1025, "mincrit"), (3, "kary:1")], ids=["kary", "large mincrit", "chain"]
)
def test_topology_that_is_not_flat_is_refused(size, topology):
    assert "a child of another rank than 0" in refused(size, topology)


@pytest.mark.parametrize("topology", ["binomial", "kary:x", "mincrit:4", ""])
def test_topology_that_is_unknown_is_refused(topology):
    assert f"{topology!r} is no topology that Overspill knows" in refused(4, topology)


def test_topology_of_mincrit_is_flat_up_to_1024_ranks():
    assert topology_of(1024, "mincrit") == "kary:0"


def test_topology_of_an_instance_without_bursting_ranks_or_hosts_in_its_configuration_is_the_operators_own():
    assert burst_topology(make_facts(hosts=("lead-0", "lead-1"), config={}), burst_property="burst") is None
    nothing_listed = facts_of(2, None)
    assert burst_topology(replace(nothing_listed, config={"bootstrap": {}}), burst_property="burst") is None
    assert burst_topology(replace(nothing_listed, config={}), burst_property="burst") is None


def test_topology_does_not_care_for_home_ranks():
    hosts = ("lead-0", "burst-0-0", "burst-0-1", *(f"lead-{index}" for index in range(1, 9)))

    assert burst_topology(make_facts(hosts=hosts, topology="kary:2"), burst_property="burst") is None


def test_topology_with_parents_of_burst_ranks_is_refused():
    entry = {"host": "burst-0-[1-2]", "parent": "burst-0-0"}

    assert "makes burst-0-[1-2] children of burst-0-0" in refused(4, None, entry)
    assert topology_of(4, "kary:0", entry) is None


def test_topology_with_parents_of_others_or_rank_0_is_flat():
    entries = ({"host": "burst-0-[0-2]", "parent": "lead-0"}, {"host": "lead-1", "parent": "lead-2"}, "lead-3")

    assert topology_of(4, "custom", *entries) is None


@given(st.integers(2, 600), st.integers(0, 600))
def test_topology_of_kary_is_taken_exactly_if_rank_0_is_everybodys_parent(size, fanout):
    is_flat = fanout == 0 or all((rank - 1) // fanout == 0 for rank in range(1, size))

    if is_flat:
        assert topology_of(size, f"kary:{fanout}") == ("kary:0" if size > 257 else None)
    else:
        refused(size, f"kary:{fanout}")
