"""Every way to be stopped, at every call, under every fault: at the end stands one right cluster, or none.

The scenarios are enumerated: a story is told once with nothing going wrong but its fault, and the tripwire counts its
calls; then it is told again for each call and each accident: killed after it (that is, before the next one), or its
answer lost. Stories are told in order, with every message twice, and backwards.
"""

import logging
from collections import Counter

import pytest
from tests.crash.stories import FAULTS, ORDERS, STORIES, STORIES_THAT_END, STORIES_THAT_GO_ON
from tests.crash.tripwire import Accident, Tripwire
from tests.crash.world import World

from overspill_shared.clusters import ClusterStatus
from overspill_shared.messages import NAME_BEING_DELETED, EventKind
from overspill_shared.pods import PodPhase


@pytest.fixture(autouse=True)
def _quiet():
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def told():
    """Give a count of scenarios by fault."""
    return Counter()


@pytest.fixture(scope="module")
def messages(burst_request):
    """Give each story's messages, made once: sealing takes longer than a scenario."""
    return {name: story.messages(burst_request) for name, story in STORIES.items()}


def tell(story, messages, fault, order, private_keys, tripwire):
    """Tell a story to a new world, and give it."""
    world = World(private_keys, tripwire)
    fault.arm(world, messages[0])
    world.run(order(messages))
    world.clock.sleep(60)
    return world


def check(world, story, messages, fault):
    """Check that the world ended as it must."""
    request = messages[len(story.sizes) - 1]
    kinds = [event.kind for event in world.events]
    assert len(world.clusters.created) <= 1, "a burst is made once"
    assert "canary" not in world.everything_written()
    if fault is FAULTS["name taken"]:
        assert [cluster.labels["team"] for cluster in world.clusters.known.values()] == ["other"]
        assert world.clusters.created == []
    elif story.is_torn_down or fault.ends:
        assert world.clusters.list().clusters == (), "nothing is left"
        assert kinds[-1] is EventKind.REMOVED
        assert world.events[-1].receipt.clusters_left == ()
    else:
        check_right_cluster(world, request, kinds)
    if fault.ends and not story.is_torn_down:
        check_failure(world, fault)


def check_failure(world, fault):
    """All failures tell one cause, or none where the end has begun: events come in any order."""
    failures = [event.error for event in world.events if event.kind is EventKind.FAILED]
    causes = [error for error in failures if error.code != NAME_BEING_DELETED]
    assert {error.error_class for error in causes} == {fault.ends}
    assert len({error.code for error in causes}) == 1


def check_right_cluster(world, request, kinds):
    (cluster,) = world.clusters.list().clusters
    assert cluster.status is ClusterStatus.RUNNING
    assert [pod.phase for pod in world.pods(request)] == [PodPhase.RUNNING] * request.size
    assert EventKind.FAILED not in kinds
    last = [event for event in world.events if event.revision == request.revision][-1]
    assert last.kind is (EventKind.READY if request.size else EventKind.RESIZED)
    assert last.detail["nodes"] == request.size


SCENARIOS = [
    (story, fault)
    for fault in FAULTS
    for story in STORIES
    if fault == "none" or story in (STORIES_THAT_END if FAULTS[fault].ends else STORIES_THAT_GO_ON)
]


@pytest.mark.parametrize("fault", FAULTS)
def test_functions_log_no_key_whatever_fails(fault, messages, keypair, caplog):
    logging.disable(logging.NOTSET)
    caplog.set_level(logging.DEBUG)

    world = tell(STORIES["provision"], messages["provision"], FAULTS[fault], list, keypair[1], Tripwire())

    logged = "".join(f"{record.getMessage()}{record.__dict__}{record.exc_text}" for record in caplog.records)
    private_key = keypair[1].reveal().decode().strip()
    assert "provision.step" in logged
    for written in (logged, world.everything_written()):
        assert "canary" not in written
        assert private_key not in written
        assert messages["provision"][0].sealed_keys not in written


IN_EACH_ORDER = {("provision and teardown", "none"), ("empty and refill", "none")}


@pytest.mark.parametrize(("story", "fault"), SCENARIOS)
def test_functions_stopped_anywhere_leave_one_right_cluster_or_none(story, fault, messages, keypair, told):
    for index, order in enumerate(ORDERS):
        arguments = (STORIES[story], messages[story], FAULTS[fault], ORDERS[order], keypair[1])
        recorded = Tripwire()
        check(tell(*arguments, recorded), *arguments[:3])
        told[fault] += 1
        for at, call in enumerate(recorded.calls):
            if (story, fault) not in IN_EACH_ORDER and at % len(ORDERS) != index:
                continue  # each call, but not in each order
            for accident in Accident:
                world = tell(*arguments, Tripwire(at, accident))
                try:
                    check(world, *arguments[:3])
                except AssertionError as error:
                    error.add_note(f"{order}, {accident} call {at}, {call}: {[e.kind.value for e in world.events]}")
                    raise
                told[fault] += 1


def test_scenarios_are_thousands(told, say):
    """The last test: the number that was told, by fault, for whoever reads the report."""
    if set(told) != set(FAULTS):
        pytest.skip("not every scenario ran")
    say(f"{sum(told.values())} crash scenarios: {dict(told)}")
    assert sum(told.values()) > 3000
