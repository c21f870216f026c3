"""A burst with a MiniCluster, or without one, on its way to another size."""

import dataclasses

import pytest

from overspill_provision.cluster_spec import build_cluster_spec
from overspill_provision.resizing import emptying, resizing
from overspill_provision.steps import AwaitPods, BurstObjects, Ready, ResizeMiniCluster, ResizePool
from overspill_shared.clusters import BURST_POOL, Cluster, ClusterStatus, NodePool, NodePoolStatus
from overspill_shared.pods import Pod, PodPhase
from overspill_shared.refuse import Refuse


@pytest.fixture
def build(burst_request):
    """Give a function that gives a request of revision 2, its cluster with so many nodes, and what is inside."""

    def build(wanted, *, nodes=4, **inside):
        request = burst_request(revision=2, size=wanted)
        spec = build_cluster_spec(request)
        cluster = Cluster(
            name=spec.name,
            zone=request.zone,
            status=ClusterStatus.RUNNING,
            labels=spec.labels,
            created_at=request.requested_at,
            pools=(NodePool(name=BURST_POOL, node_count=nodes, status=NodePoolStatus.RUNNING),),
        )
        return request, cluster, BurstObjects(**{"revision": 1, "size": 2, "made_at": 1.0, **inside})

    return build


def test_resizing_burst_that_has_its_size_needs_nothing(build, limits):
    request, cluster, objects = build(4, nodes=4, revision=2, size=4)

    assert resizing(request, cluster, objects, limits, request.requested_at) is None


@pytest.mark.parametrize(("nodes", "size", "step"), [(2, 2, ResizePool), (4, 2, ResizeMiniCluster)])
def test_resizing_grows_the_pool_before_the_minicluster(build, limits, nodes, size, step):
    request, cluster, objects = build(4, nodes=nodes, size=size)

    assert isinstance(resizing(request, cluster, objects, limits, request.requested_at), step)


def test_resizing_smaller_leaves_the_pool_alone(build, limits):
    request, cluster, objects = build(1, nodes=4, size=4)

    assert isinstance(resizing(request, cluster, objects, limits, request.requested_at), ResizeMiniCluster)


@pytest.mark.parametrize(("nodes", "size"), [(2, 2), (4, 2), (2, 4)], ids=["both", "MiniCluster", "pool"])
def test_resizing_makes_nothing_larger_after_the_deadline(build, limits, nodes, size):
    request, cluster, objects = build(4, nodes=nodes, size=size, revision=2)

    decided = resizing(request, cluster, objects, limits, request.deadline_at)

    assert isinstance(decided, Refuse)
    assert decided.error.code == "deadline-passed"


def test_resizing_makes_smaller_at_any_time(build, limits):
    request, cluster, objects = build(1, nodes=4, size=4, revision=2)

    assert isinstance(resizing(request, cluster, objects, limits, request.hard_end_at), ResizeMiniCluster)


@pytest.mark.parametrize(("revision", "step"), [(1, Refuse), (2, ResizeMiniCluster)])
def test_resizing_that_is_begun_is_not_judged_by_its_age_again(build, limits, revision, step):
    request, cluster, objects = build(1, nodes=4, size=4, revision=revision)

    decided = resizing(request, cluster, objects, limits, request.requested_at + limits.max_message_age_s + 1)

    assert isinstance(decided, step)


@pytest.mark.parametrize(("later_s", "step"), [(0, ResizeMiniCluster), (1, Refuse)])
def test_resizing_moves_no_hard_end(build, limits, later_s, step):
    request, cluster, objects = build(1, nodes=4, size=4)
    request = request.model_copy(update={"hard_end_at": request.hard_end_at + later_s})

    assert isinstance(resizing(request, cluster, objects, limits, request.requested_at), step)


POD = Pod(name="burst-0-0", phase=PodPhase.RUNNING)


@pytest.mark.parametrize(
    ("inside", "nodes", "step"),
    [
        ({"size": 2, "revision": 1}, 4, ResizeMiniCluster),
        ({"size": 2, "revision": 2}, 4, ResizeMiniCluster),
        ({"size": None, "revision": 1}, 4, ResizeMiniCluster),
        ({"size": None, "revision": 2, "pods": (POD,)}, 4, AwaitPods),
        ({"size": None, "revision": 2}, 4, ResizePool),
        ({"size": None, "revision": 2}, 0, Ready),
    ],
    ids=["MiniCluster", "begun", "revision not recorded yet", "pods leave", "nodes left", "empty"],
)
def test_emptying_takes_the_minicluster_then_its_pods_then_the_nodes(build, inside, nodes, step):
    assert isinstance(emptying(*build(0, nodes=nodes, **inside)), step)


def test_emptying_where_there_are_no_pools_is_done_without_pods(build):
    request, cluster, objects = build(0, size=None, revision=2)

    assert isinstance(emptying(request, dataclasses.replace(cluster, pools=()), objects), Ready)
