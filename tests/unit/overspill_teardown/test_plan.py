import pytest

from overspill_shared import names
from overspill_shared.clusters import Cluster, ClusterOperation, ClusterStatus, OperationKind
from overspill_shared.errors import RequestRefused
from overspill_teardown.plan import AwaitRemoval, Delete, Refuse, Removed, check_request, plan

DELETED = ClusterOperation(kind=OperationKind.DELETE, is_done=True)
DELETING = ClusterOperation(kind=OperationKind.DELETE, is_done=False)
CREATED = ClusterOperation(kind=OperationKind.CREATE, is_done=True)
CREATING = ClusterOperation(kind=OperationKind.CREATE, is_done=False)


def cluster_of(request, status, **labels):
    ours = names.cluster_labels(
        deployment=request.deployment,
        lead=request.lead,
        burst=request.burst_id,
        generation=request.generation,
        expires_at=1e9,
    )
    kept = {key: value for key, value in {**ours, **labels}.items() if value is not None}
    name = names.cluster_name(request.burst_id)
    return Cluster(name=name, zone=request.zone, status=status, labels=kept, created_at=request.generation)


@pytest.mark.parametrize(
    ("status", "step"),
    [
        (ClusterStatus.PROVISIONING, Delete),
        (ClusterStatus.RUNNING, Delete),
        (ClusterStatus.RECONCILING, Delete),
        (ClusterStatus.ERROR, Delete),
        (ClusterStatus.DEGRADED, Delete),
        (ClusterStatus.UNKNOWN, Delete),
        (ClusterStatus.STOPPING, AwaitRemoval),
    ],
)
def test_plan_with_cluster_that_is_ours(teardown_request, status, step):
    request = teardown_request()

    decided = plan(request, cluster_of(request, status), ())

    assert type(decided) is step
    assert decided.reason


@pytest.mark.parametrize(
    ("operations", "step", "was_there"),
    [
        ((), Removed, False),
        ((CREATED,), Removed, False),
        ((CREATED, DELETED), Removed, True),
        ((CREATED, DELETING), AwaitRemoval, None),
        ((CREATING,), AwaitRemoval, None),
    ],
)
def test_plan_without_cluster(teardown_request, operations, step, was_there):
    decided = plan(teardown_request(), None, operations)

    assert type(decided) is step
    assert getattr(decided, "was_there", None) is was_there


@pytest.mark.parametrize("status", list(ClusterStatus))
@pytest.mark.parametrize("label", ["overspill", "deployment", "lead", "burst-id"])
@pytest.mark.parametrize("value", [None, "other", "f" * 32])
def test_plan_cluster_that_is_not_ours_beyond_doubt_is_refused_in_any_state(teardown_request, status, label, value):
    request = teardown_request()

    decided = plan(request, cluster_of(request, status, **{label: value}), ())

    assert isinstance(decided, Refuse)
    assert decided.error.code == "not-ours"


def test_plan_cluster_of_another_lead_is_refused(teardown_request):
    cluster = cluster_of(teardown_request(), ClusterStatus.RUNNING)

    assert isinstance(plan(teardown_request(lead="other"), cluster, ()), Refuse)


def test_check_request_of_another_deployment_is_refused(teardown_request):
    check_request(teardown_request(), deployment="prod")

    with pytest.raises(RequestRefused, match="deployment is prod, this function's is test"):
        check_request(teardown_request(), deployment="test")
