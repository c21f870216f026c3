import pytest
from tests.unit.overspill_agent.simulate.replays import NO_FAILURES

from overspill_agent.simulate.cloud import Cloud, Meter
from overspill_agent.simulate.latencies import PUBLISHED


def test_a_meter_adds_up_node_seconds():
    meter = Meter(nodes=2, since=100.0)

    meter.add(3, 110.0)
    meter.set(0, 120.0)
    meter.set(0, 500.0)

    assert meter.node_s == 2 * 10 + 5 * 10


def test_a_cluster_is_paid_for_from_its_request_to_its_removal():
    cloud = Cloud(NO_FAILURES, 1)
    cluster = cloud.create("b1", "burst-0", 4, 100.0)
    assert not cloud.are_all_gone

    cloud.resize(cluster, 6, 2, 200.0)
    assert cloud.delete(cluster, 300.0)
    assert not cloud.delete(cluster, 310.0)
    cloud.remove(cluster, 400.0)

    assert cloud.are_all_gone
    outcome = cluster.outcome(9999.0, quiet_since=500.0)
    assert (outcome.paid_node_s, outcome.most_nodes, outcome.removed_at) == (4 * 100 + 6 * 200, 6, 400.0)
    assert outcome.existed_s == 300.0


def test_a_request_that_comes_twice_makes_nothing_twice():
    cloud = Cloud(NO_FAILURES, 1)

    assert cloud.create("b1", "burst-0", 4, 100.0)
    assert cloud.create("b1", "burst-0", 4, 101.0) is None
    assert len(cloud.clusters) == 1


def test_of_a_smaller_burst_nodes_are_paid_for_until_an_autoscaler_takes_them():
    cloud = Cloud(NO_FAILURES, 1)
    cluster = cloud.create("b1", "burst-0", 4, 0.0)

    cloud.resize(cluster, 1, 2, 100.0)
    cloud.give_back(cluster, 1, 2, 100.0 + cloud.gone_after_s(1))
    cloud.remove(cluster, 1000.0)

    assert (cloud.gone_after_s(1), cloud.gone_after_s(0)) == (600.0, 0.0)
    assert cluster.outcome(1000.0, quiet_since=0.0).paid_node_s == 4 * 700 + 1 * 300


def test_nodes_that_are_wanted_again_before_they_are_gone_stay():
    cloud = Cloud(NO_FAILURES, 1)
    cluster = cloud.create("b1", "burst-0", 4, 0.0)

    cloud.resize(cluster, 1, 2, 100.0)
    cloud.resize(cluster, 3, 3, 200.0)
    cloud.give_back(cluster, 1, 2, 700.0)
    cloud.give_back(cluster, 3, 3, 800.0)
    cloud.delete(cluster, 900.0)
    cloud.give_back(cluster, 0, 3, 950.0)
    cloud.remove(cluster, 1000.0)

    assert cluster.outcome(1000.0, quiet_since=0.0).paid_node_s == 4 * 800 + 3 * 200


def test_what_is_never_removed_is_paid_for_to_the_end():
    cloud = Cloud(NO_FAILURES, 1)
    cluster = cloud.create("b1", "burst-0", 4, 100.0)

    outcome = cluster.outcome(1100.0, quiet_since=500.0)

    assert (outcome.paid_node_s, outcome.removed_at, outcome.online_at) == (4000, None, None)
    assert outcome.existed_s == 1000.0
    assert outcome.is_leaked
    assert not cluster.outcome(1100.0, quiet_since=99.0).is_leaked


def test_policies_that_are_compared_meet_the_same_cloud():
    one, other = Cloud(PUBLISHED, 7), Cloud(PUBLISHED, 7)
    first = [one.create(f"a{number}", "burst-0", 4, 0.0).fate for number in range(5)]

    second = [other.create(f"b{number}", "burst-0", 2, 50.0 * number).fate for number in range(5)]

    assert first == second
    assert len(set(first)) == 5


def test_adding_nodes_is_quicker_than_making_a_cluster():
    cloud = Cloud(NO_FAILURES, 1)
    cluster = cloud.create("b1", "burst-0", 4, 0.0)

    grown_s = cloud.resize(cluster, 5, 2, 900.0)

    assert grown_s == pytest.approx(71, abs=60)
    assert grown_s < cluster.fate.create_s
