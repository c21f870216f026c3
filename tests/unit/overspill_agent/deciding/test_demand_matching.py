import pytest
from tests.unit.overspill_agent.examples import (
    HOME,
    HOSTS,
    SLOT_0,
    make_burst,
    make_facts,
    make_job,
    make_slots,
    make_snapshot,
    rank_resources,
)

from overspill_agent.deciding.demand_matching import need_from, served_by, units_of

ONLY_BURST = {"constraints": {"properties": ["burst"]}}
ONLY_HOME = {"constraints": {"properties": ["^burst"]}}
SLOT = make_slots()[0]


@pytest.mark.parametrize(
    ("job", "nodes"),
    [
        pytest.param(make_job(nodes=3), 1, id="one node beside two at home"),
        pytest.param(make_job(nodes=6), 4, id="all of the slot beside two at home"),
        pytest.param(make_job(nodes=7), None, id="one too many"),
        pytest.param(make_job(nodes=4, **ONLY_BURST), 4, id="home may not help"),
        pytest.param(make_job(nodes=5, **ONLY_BURST), None, id="more than the slot"),
        pytest.param(make_job(nodes=3, **ONLY_HOME), None, id="the slot may not help"),
        pytest.param(make_job(nodes=None, slots=9), 1, id="slots fill nodes"),
        pytest.param(make_job(nodes=None, slots=17), 3, id="slots fill three nodes"),
        pytest.param(make_job(nodes=None, slots=24), 4, id="slots fill everything"),
        pytest.param(make_job(nodes=None, slots=25), None, id="one slot too many"),
        pytest.param(make_job(nodes=1, constraints={"hostlist": ["burst-0-2"]}), 3, id="the third host: two before it"),
        pytest.param(make_job(nodes=1, cores=5), None, id="larger nodes than there are"),
        pytest.param(make_job(problem="not V1"), None, id="unreadable"),
    ],
)
def test_need_from_a_slot_is_how_many_of_its_first_nodes(job, nodes):
    need = need_from(make_snapshot(), job, SLOT)

    assert (need and need.nodes) == nodes
    assert need is None or (need.job, need.slot) == (job, SLOT)


def test_need_from_a_slot_of_larger_nodes_counts_theirs():
    resources = tuple(rank_resources(rank, host, cores=2 if rank < 2 else 8) for rank, host in enumerate(HOSTS))
    snapshot = make_snapshot(facts=make_facts(resources=resources))

    assert need_from(snapshot, make_job(nodes=None, slots=20), SLOT).nodes == 2


def test_units_of_ranks_adds_up_what_each_holds():
    demand = make_job(nodes=None, slots=99, cores=3).demand

    assert units_of(make_snapshot(), demand, HOME | SLOT_0) == 6
    assert units_of(make_snapshot(), demand, frozenset()) == 0


@pytest.mark.parametrize(
    ("changes", "job", "code"),
    [
        pytest.param({}, make_job(nodes=2), "fits-now", id="fits home"),
        pytest.param({}, make_job(nodes=2, **ONLY_HOME), "fits-now", id="fits home, and must"),
        pytest.param({"allocated": HOME}, make_job(nodes=2), "fits-now", id="home is busy: it will come free"),
        pytest.param({}, make_job(nodes=3), None, id="too large for home"),
        pytest.param({"drained": frozenset({1})}, make_job(nodes=2), None, id="home is drained"),
        pytest.param({}, make_job(nodes=1, **ONLY_BURST), None, id="must not run at home"),
        pytest.param({}, make_job(problem="count of node"), "not-burstable-here", id="unreadable"),
        pytest.param({"bursts": (make_burst("REQUESTED"),)}, make_job(nodes=6), "in-flight", id="burst is coming"),
        pytest.param({"bursts": (make_burst("ACTIVE"),)}, make_job(nodes=4, **ONLY_BURST), "in-flight", id="is there"),
        pytest.param({"bursts": (make_burst("DRAINING"),)}, make_job(nodes=4), "in-flight", id="can be kept"),
        pytest.param({"bursts": (make_burst("ACTIVE", size=2),)}, make_job(nodes=5), None, id="burst is too small"),
        pytest.param({"bursts": (make_burst("FAILED"),)}, make_job(nodes=4), None, id="burst failed"),
        pytest.param({"bursts": (make_burst("TEARING_DOWN"),)}, make_job(nodes=4), None, id="burst is going"),
        pytest.param(
            {"bursts": (make_burst("ACTIVE"), make_burst("ACTIVE", slot="burst-1", generation=2))},
            make_job(nodes=8, **ONLY_BURST),
            None,
            id="two bursts are not one",
        ),
    ],
)
def test_served_by_tells_who_needs_no_new_burst(changes, job, code):
    hold = served_by(make_snapshot(**changes), job)

    assert (hold and hold.code) == code
    assert hold is None or (hold.kind, hold.jobs) == ("hold", (1,))


def test_served_by_a_burst_names_it():
    small, large = make_burst("ACTIVE", size=1), make_burst("JOINING", slot="burst-1", generation=2)

    hold = served_by(make_snapshot(bursts=(small, large)), make_job(nodes=6))

    assert (hold.burst_id, hold.slot) == (large.burst_id, "burst-1")
    assert hold.reason == "6 nodes of 1 core fit on the burst of 4 nodes that is JOINING"


def test_served_by_nothing_says_what_cannot_be_read():
    hold = served_by(make_snapshot(), make_job(problem="count of node must be a positive integer, not '0'"))

    assert hold.reason == "its jobspec cannot be read: count of node must be a positive integer, not '0'"
