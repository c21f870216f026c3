import dataclasses

import pytest

from overspill_provision.cluster_spec import build_cluster_spec
from overspill_provision.plan import plan
from overspill_provision.steps import (
    AwaitAnswer,
    AwaitCluster,
    AwaitPods,
    BurstObjects,
    CreateCluster,
    Deploy,
    GiveUp,
    Ignore,
    Observed,
    Ready,
)
from overspill_shared import names
from overspill_shared.clusters import (
    BURST_POOL,
    Cluster,
    ClusterListing,
    ClusterOperation,
    ClusterStatus,
    Complaint,
    NodePool,
    NodePoolStatus,
    OperationKind,
)
from overspill_shared.pods import Pod, PodPhase, Trouble
from overspill_shared.refuse import Refuse

STOCKOUT = (Complaint(code="GCE_STOCKOUT", text="[GCE_STOCKOUT]: no resources"),)
DELETED = ClusterOperation(kind=OperationKind.DELETE, is_done=True)
DELETING = ClusterOperation(kind=OperationKind.DELETE, is_done=False)
CREATED = ClusterOperation(kind=OperationKind.CREATE, is_done=True)
STOCKED_OUT = ClusterOperation(kind=OperationKind.CREATE, is_done=True, complaints=STOCKOUT)


def pods(**phases):
    return tuple(
        Pod(name=f"{phase}-{index}", phase=PodPhase[phase.upper()])
        for phase, number in phases.items()
        for index in range(number)
    )


def deployed(**phases):
    return BurstObjects(revision=2, size=4, made_at=1.0, pods=pods(**phases))


EMPTY = BurstObjects()
NOBODY = ClusterListing(clusters=())


@pytest.fixture
def request_(burst_request):
    return burst_request(revision=2)


@pytest.fixture
def cluster(request_):
    spec = build_cluster_spec(request_)

    def build(status, **changes):
        cluster = Cluster(
            name=spec.name,
            zone=request_.zone,
            status=ClusterStatus(status),
            labels=spec.labels,
            created_at=request_.requested_at,
        )
        return dataclasses.replace(cluster, **changes)

    return build


@pytest.mark.parametrize(
    ("operations", "is_late", "step", "code"),
    [
        ((), False, CreateCluster, None),
        ((CREATED,), False, CreateCluster, None),
        ((), True, GiveUp, "deadline-passed"),
        ((CREATED, DELETED), False, Ignore, None),
        ((CREATED, DELETED), True, Ignore, None),
        ((CREATED, DELETING), False, GiveUp, "name-being-deleted"),
        ((STOCKED_OUT, DELETING), False, GiveUp, "stockout"),
        ((STOCKED_OUT,), False, GiveUp, "stockout"),
        ((STOCKED_OUT, DELETED), False, GiveUp, "stockout"),
    ],
)
def test_plan_without_cluster(request_, limits, operations, is_late, step, code):
    now = request_.deadline_at if is_late else request_.deadline_at - 1

    decided = plan(request_, Observed(cluster=None, operations=operations, listing=NOBODY), limits, now=now)

    assert type(decided) is step
    if code:
        assert decided.error.code == code
        assert not decided.delete_cluster


@pytest.mark.parametrize(
    ("status", "objects", "is_late", "step"),
    [
        ("PROVISIONING", None, False, AwaitCluster),
        ("HIBERNATING", None, False, AwaitCluster),
        ("RUNNING", None, False, AwaitCluster),
        ("RUNNING", EMPTY, False, Deploy),
        ("RECONCILING", EMPTY, False, Deploy),
        ("DEGRADED", deployed(running=4), False, Ready),
        ("RUNNING", deployed(), False, AwaitPods),
        ("RUNNING", deployed(pending=4), False, AwaitPods),
        ("RUNNING", deployed(running=3, pending=1), False, AwaitPods),
        ("RUNNING", deployed(running=3, failed=1), False, AwaitPods),
        ("RUNNING", deployed(running=4), False, Ready),
        ("RUNNING", deployed(running=4), True, Ready),
        ("RUNNING", deployed(running=5), False, Ready),
        ("RUNNING", deployed(running=3, succeeded=1), False, Ignore),
        ("RUNNING", deployed(succeeded=4), False, Ignore),
        ("RUNNING", deployed(running=3, pending=1), True, Ignore),
        ("HIBERNATING", None, True, Ignore),
        ("RUNNING", None, True, Ignore),
    ],
)
def test_plan_with_cluster(request_, limits, cluster, status, objects, is_late, step):
    now = request_.deadline_at + 1 if is_late else request_.requested_at + 719

    decided = plan(request_, Observed(cluster=cluster(status), objects=objects), limits, now=now)

    assert type(decided) is step
    assert decided.reason


@pytest.mark.parametrize(
    ("observed", "is_late", "expected"),
    [
        (("STOPPING", None, ()), False, ("name-being-deleted", "internal", False)),
        (("STOPPING", None, (STOCKED_OUT,)), False, ("stockout", "capacity", False)),
        (("ERROR", None, (STOCKED_OUT,)), False, ("stockout", "capacity", True)),
        (("ERROR", None, ()), False, ("cluster-error", "boot", True)),
        (("DEGRADED", EMPTY, ()), False, ("cluster-error", "boot", True)),
        (("PROVISIONING", None, ()), False, ("stockout", "capacity", True)),
        (("PROVISIONING", None, ()), True, ("stockout", "capacity", True)),
        (("RUNNING", EMPTY, ()), True, ("deadline-passed", "internal", True)),
    ],
)
def test_plan_with_cluster_that_will_not_do(request_, limits, cluster, observed, is_late, expected):
    status, objects, operations = observed
    now = request_.deadline_at + 1 if is_late else request_.requested_at + 720

    decided = plan(request_, Observed(cluster=cluster(status), objects=objects, operations=operations), limits, now=now)

    assert isinstance(decided, GiveUp)
    assert (decided.error.code, decided.error.error_class, decided.delete_cluster) == expected
    assert decided.error.remedy


def test_plan_cluster_in_error_quotes_its_own_conditions(request_, limits, cluster):
    decided = plan(request_, Observed(cluster=cluster("ERROR", complaints=STOCKOUT)), limits, now=request_.requested_at)

    assert (decided.error.code, decided.delete_cluster) == ("stockout", True)


@pytest.mark.parametrize("status", [status.value for status in ClusterStatus])
@pytest.mark.parametrize("label", ["overspill", "deployment", "lead", "burst-id"])
@pytest.mark.parametrize("value", [None, "other"])
def test_plan_cluster_that_is_not_ours_is_left_alone_in_any_state(request_, limits, cluster, status, label, value):
    labels = dict(cluster("RUNNING").labels) | {label: value}
    labels = {key: text for key, text in labels.items() if text is not None}

    decided = plan(request_, Observed(cluster=cluster(status, labels=labels)), limits, now=request_.deadline_at + 1)

    assert isinstance(decided, GiveUp)
    assert (decided.error.code, decided.error.error_class) == ("name-taken", "config")
    assert not decided.delete_cluster


def test_plan_never_deletes_where_a_minicluster_is(request_, limits, cluster):
    for status in set(ClusterStatus) - {ClusterStatus.ERROR}:
        for objects in (deployed(), deployed(running=2), deployed(failed=4), deployed(succeeded=1, pending=3)):
            for now in (request_.requested_at, request_.deadline_at, request_.hard_end_at):
                decided = plan(request_, Observed(cluster=cluster(status), objects=objects), limits, now=now)
                if status in ("RUNNING", "RECONCILING", "DEGRADED"):
                    assert not isinstance(decided, GiveUp)


def test_plan_cluster_of_another_burst_whose_id_begins_alike_is_left_alone(request_, limits, cluster):
    other = request_.burst_id[:12] + "0" * 20
    taken = cluster("ERROR", labels={**cluster("ERROR").labels, "burst-id": other})

    decided = plan(request_, Observed(cluster=taken), limits, now=request_.requested_at)

    assert (decided.error.code, decided.delete_cluster) == ("name-taken", False)


def test_plan_cluster_that_does_not_say_its_spec_is_used(request_, limits, cluster):
    labels = {key: text for key, text in cluster("RUNNING").labels.items() if key != names.LABEL_SPEC_HASH}

    decided = plan(request_, Observed(cluster=cluster("RUNNING", labels=labels), objects=EMPTY), limits, now=1.0)

    assert isinstance(decided, Deploy)


def pool(**changes):
    return dataclasses.replace(NodePool(name=BURST_POOL, node_count=4, status=NodePoolStatus.RUNNING), **changes)


@pytest.mark.parametrize(
    ("complaint", "expected"),
    [
        (STOCKOUT[0], ("stockout", "capacity")),
        (Complaint(code="GCE_QUOTA_EXCEEDED", text="Quota 'C2_CPUS' exceeded"), ("quota", "quota")),
        (Complaint(code="NODE_SERVICE_ACCOUNT_MISSING_PERMISSIONS", text="no right"), ("permission", "permission")),
        (Complaint(code="UNKNOWN", text="odd"), ("cluster-error", "boot")),
    ],
)
@pytest.mark.parametrize("of_pool", [False, True])
def test_plan_broken_cluster_or_pool_is_told_by_class(request_, limits, cluster, complaint, expected, of_pool):
    if of_pool:
        broken = cluster("RUNNING", pools=(pool(status=NodePoolStatus.ERROR, complaints=(complaint,)),))
    else:
        broken = cluster("DEGRADED", complaints=(complaint,))
    observed = Observed(cluster=broken, objects=EMPTY)

    decided = plan(request_, observed, limits, now=request_.requested_at)

    assert isinstance(decided, GiveUp)
    assert (decided.error.code, decided.error.error_class, decided.delete_cluster) == (*expected, True)


def test_plan_pool_without_nodes_beside_a_minicluster_is_told_and_left_to_the_agent(request_, limits, cluster):
    pools = (pool(status=NodePoolStatus.RUNNING_WITH_ERROR, complaints=STOCKOUT),)
    observed = Observed(cluster=cluster("RUNNING", pools=pools), objects=deployed(pending=4))

    decided = plan(request_, observed, limits, now=request_.requested_at)

    assert (decided.error.error_class, decided.delete_cluster) == ("capacity", False)


def test_plan_cluster_of_a_request_that_came_late_has_its_time_too(request_, limits, cluster):
    """A message may lie in Pub/Sub for a while: that says nothing of the zone."""
    made_at = request_.requested_at + limits.stockout_timeout_s
    observed = Observed(cluster=cluster("PROVISIONING", created_at=made_at))

    assert isinstance(plan(request_, observed, limits, now=made_at + 5), AwaitCluster)
    told = {
        plan(request_, observed, limits, now=now).error.code
        for now in (request_.deadline_at, made_at + limits.stockout_timeout_s)
    }
    assert told == {"stockout"}, "it is told once why, however long its deletion is refused"


def test_plan_clusters_made_in_the_same_moment_give_way_by_name(request_, limits, cluster):
    own = cluster("PROVISIONING", created_at=200.0)
    before = [item for item in others(cluster, limits.max_bursts, created_at=200.0) if item.name < own.name]
    listing = ClusterListing(clusters=(own, *before))

    assert len(before) == limits.max_bursts
    assert isinstance(plan(request_, Observed(cluster=own, listing=listing), limits, now=201.0), GiveUp)


def test_plan_pool_that_lacks_some_nodes_is_waited_for(request_, limits, cluster):
    """Whether fewer ranks will do is the agent's decision."""
    pools = (pool(status=NodePoolStatus.RUNNING_WITH_ERROR, complaints=STOCKOUT),)
    observed = Observed(cluster=cluster("RUNNING", pools=pools), objects=deployed(running=3, pending=1))

    assert isinstance(plan(request_, observed, limits, now=request_.requested_at), AwaitPods)


def test_plan_trouble_of_pods_that_leave_is_no_news(request_, limits, cluster):
    trouble = Trouble(reason="ImagePullBackOff", text="no such image")
    stuck = [
        Pod(name=f"p-{leaves}", phase=PodPhase.PENDING, trouble=trouble, is_leaving=leaves) for leaves in (True, False)
    ]
    for pods_, reasons in ((stuck[:1], ()), (stuck, ("ImagePullBackOff",))):
        objects = dataclasses.replace(deployed(), pods=tuple(pods_))

        decided = plan(request_, Observed(cluster=cluster("RUNNING"), objects=objects), limits, now=1.0)

        assert decided.trouble_reasons == reasons


def test_plan_cluster_made_for_another_spec_is_told_and_left_alone(request_, limits, cluster):
    labels = {**cluster("RUNNING").labels, names.LABEL_SPEC_HASH: "0" * 32}

    decided = plan(request_, Observed(cluster=cluster("PROVISIONING", labels=labels)), limits, now=1.0)

    assert (decided.error.code, decided.error.error_class, decided.delete_cluster) == ("other-spec", "config", False)


def others(cluster, number, **changes):
    """Give clusters of other bursts, each older than the one before."""
    return tuple(
        dataclasses.replace(
            cluster("RUNNING"),
            **{
                "name": f"overspill-{index:012x}",
                "labels": {**cluster("RUNNING").labels, "burst-id": f"{index:012x}" + "0" * 20},
                "created_at": 100.0 - index,
                **changes,
            },
        )
        for index in range(number)
    )


@pytest.mark.parametrize(
    ("number", "changes", "step"),
    [
        (0, {}, CreateCluster),
        (1, {}, CreateCluster),
        (2, {}, Refuse),
        (2, {"status": ClusterStatus.PROVISIONING}, Refuse),
        (2, {"status": ClusterStatus.ERROR}, Refuse),
        (2, {"status": ClusterStatus.STOPPING}, CreateCluster),
        (2, {"labels": {"overspill": "true", "deployment": "staging"}}, CreateCluster),
    ],
)
def test_plan_bursts_at_once_are_counted_with_those_on_their_way(request_, limits, cluster, number, changes, step):
    listing = ClusterListing(clusters=others(cluster, number, **changes))

    decided = plan(request_, Observed(cluster=None, listing=listing), limits, now=request_.requested_at)

    assert type(decided) is step
    if step is Refuse:
        assert (decided.error.code, decided.error.error_class) == ("max-bursts", "quota")


@pytest.mark.parametrize("listing", [None, ClusterListing(clusters=(), missing_zones=("us-east1-b",))])
def test_plan_nothing_is_made_on_a_partial_answer(request_, limits, listing):
    observed = Observed(cluster=None, listing=listing)

    assert isinstance(plan(request_, observed, limits, now=request_.requested_at), AwaitAnswer)
    assert isinstance(plan(request_, observed, limits, now=request_.deadline_at), GiveUp)


@pytest.mark.parametrize(
    ("older", "gives_way"), [(1, False), (2, True), (3, True)], ids=["room", "one too many", "two too many"]
)
@pytest.mark.parametrize("objects", [None, EMPTY])
@pytest.mark.parametrize("missing_zones", [(), ("us-east1-b",)])
def test_plan_of_clusters_made_at_once_the_youngest_give_way(
    request_, limits, cluster, older, gives_way, objects, missing_zones
):
    own = cluster("RUNNING" if objects else "PROVISIONING", created_at=200.0)
    younger = others(cluster, 4, created_at=300.0)
    listing = ClusterListing(clusters=(own, *younger[older:], *others(cluster, older)), missing_zones=missing_zones)

    decided = plan(request_, Observed(cluster=own, listing=listing, objects=objects), limits, now=1.0)

    assert isinstance(decided, GiveUp) is gives_way
    if gives_way:
        assert (decided.error.code, decided.delete_cluster) == ("max-bursts", True)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"requested_at": -3601}, "message-age"),
        ({"requested_at": 301}, "message-age"),
        ({"hard_end_at": 86_401}, "max-lifetime"),
        ({"hard_end_at": 0}, "hard-end"),
        ({"hard_end_at": 86_400, "requested_at": 300}, None),
        ({"requested_at": -3600}, None),
    ],
)
def test_plan_nothing_is_made_outside_its_time(request_, limits, changes, code):
    now = request_.requested_at
    late = request_.model_copy(update={key: now + offset for key, offset in changes.items()})

    decided = plan(late, Observed(cluster=None, listing=NOBODY), limits, now=now)

    assert (decided.error.code if isinstance(decided, Refuse) else None) == code


def test_plan_late_duplicate_of_an_old_request_is_no_violation(request_, limits, cluster):
    old = request_.model_copy(update={"requested_at": request_.requested_at - 100_000})

    decided = plan(old, Observed(cluster=cluster("RUNNING"), objects=deployed(running=4)), limits, now=old.deadline_at)

    assert isinstance(decided, Ready)


def test_plan_deadline_before_the_stockout_timeout_counts_as_well(request_, limits, cluster):
    hurried = request_.model_copy(update={"deadline_at": request_.requested_at + 60})

    decided = plan(hurried, Observed(cluster=cluster("PROVISIONING")), limits, now=hurried.deadline_at)

    assert (decided.error.code, decided.error.error_class) == ("stockout", "capacity")


def test_plan_emptying_revision_that_overtook_the_first_waits_for_it_until_nothing_is_made_any_more(request_, limits):
    empty = request_.model_copy(update={"size": 0})
    observed = Observed(cluster=None, listing=NOBODY)

    assert isinstance(plan(empty, observed, limits, now=empty.deadline_at - 1), AwaitAnswer)
    assert isinstance(plan(empty, observed, limits, now=empty.deadline_at), Ignore)
