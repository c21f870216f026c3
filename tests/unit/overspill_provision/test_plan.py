import dataclasses

import pytest

from overspill_provision.cluster_spec import build_cluster_spec
from overspill_provision.plan import (
    AwaitCluster,
    AwaitPods,
    BurstObjects,
    CreateCluster,
    Deploy,
    GiveUp,
    Ignore,
    Observed,
    Ready,
    Refuse,
    plan,
)
from overspill_shared.clusters import Cluster, ClusterOperation, ClusterStatus, Complaint, OperationKind
from overspill_shared.pods import Pod, PodPhase

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
    return BurstObjects(has_minicluster=True, pods=pods(**phases))


EMPTY = BurstObjects(has_minicluster=False)


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
        ((STOCKED_OUT,), False, GiveUp, "stockout"),
        ((STOCKED_OUT, DELETED), False, Ignore, None),
    ],
)
def test_plan_without_cluster(request_, operations, is_late, step, code):
    now = request_.deadline_at if is_late else request_.deadline_at - 1

    decided = plan(request_, Observed(cluster=None, operations=operations), now=now)

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
        ("DEGRADED", EMPTY, False, Deploy),
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
    ],
)
def test_plan_with_cluster(request_, cluster, status, objects, is_late, step):
    now = request_.deadline_at + (1 if is_late else -1)

    decided = plan(request_, Observed(cluster=cluster(status), objects=objects), now=now)

    assert type(decided) is step
    assert decided.reason


@pytest.mark.parametrize(
    ("observed", "is_late", "expected"),
    [
        (("STOPPING", None, ()), False, ("name-being-deleted", "internal", False)),
        (("ERROR", None, (STOCKED_OUT,)), False, ("stockout", "capacity", True)),
        (("ERROR", None, ()), False, ("cluster-error", "internal", True)),
        (("PROVISIONING", None, ()), True, ("deadline-passed", "capacity", True)),
        (("RUNNING", EMPTY, ()), True, ("deadline-passed", "internal", True)),
    ],
)
def test_plan_with_cluster_that_will_not_do(request_, cluster, observed, is_late, expected):
    status, objects, operations = observed
    now = request_.deadline_at + (1 if is_late else -1)

    decided = plan(request_, Observed(cluster=cluster(status), objects=objects, operations=operations), now=now)

    assert isinstance(decided, GiveUp)
    assert (decided.error.code, decided.error.error_class, decided.delete_cluster) == expected
    assert decided.error.remedy


def test_plan_cluster_in_error_quotes_its_own_conditions(request_, cluster):
    decided = plan(request_, Observed(cluster=cluster("ERROR", complaints=STOCKOUT)), now=request_.requested_at)

    assert (decided.error.code, decided.delete_cluster) == ("stockout", True)


@pytest.mark.parametrize("status", [status.value for status in ClusterStatus])
@pytest.mark.parametrize("label", ["overspill", "deployment", "lead", "burst-id"])
@pytest.mark.parametrize("value", [None, "other"])
def test_plan_cluster_that_is_not_ours_is_left_alone_in_any_state(request_, cluster, status, label, value):
    labels = dict(cluster("RUNNING").labels) | {label: value}
    labels = {key: text for key, text in labels.items() if text is not None}

    decided = plan(request_, Observed(cluster=cluster(status, labels=labels)), now=request_.deadline_at + 1)

    assert isinstance(decided, GiveUp)
    assert (decided.error.code, decided.error.error_class) == ("name-taken", "config")
    assert not decided.delete_cluster


@pytest.mark.parametrize(
    ("label", "step"),
    [("3", Ignore), ("1", Refuse), (None, Refuse), ("many", Refuse), ("2", Deploy)],
)
def test_plan_other_revision_than_the_deployed_one_changes_nothing(request_, cluster, label, step):
    labels = dict(cluster("RUNNING").labels) | {"revision": label}
    labels = {key: text for key, text in labels.items() if text is not None}

    decided = plan(request_, Observed(cluster=cluster("RUNNING", labels=labels), objects=EMPTY), now=1.0)

    assert type(decided) is step
    if step is Refuse:
        assert decided.error.code == "resize-unsupported"


def test_plan_never_deletes_where_a_minicluster_is(request_, cluster):
    for status in set(ClusterStatus) - {ClusterStatus.ERROR}:
        for objects in (deployed(), deployed(running=2), deployed(failed=4), deployed(succeeded=1, pending=3)):
            for now in (request_.requested_at, request_.deadline_at, request_.hard_end_at):
                decided = plan(request_, Observed(cluster=cluster(status), objects=objects), now=now)
                if status in ("RUNNING", "RECONCILING", "DEGRADED"):
                    assert not isinstance(decided, GiveUp)
