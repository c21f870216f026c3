import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_shared import names
from overspill_shared.clusters import Cluster, ClusterListing, ClusterOperation, ClusterStatus, OperationKind
from overspill_shared.errors import RequestRefused
from overspill_shared.messages import TeardownReason
from overspill_shared.refuse import Refuse
from overspill_teardown.judging import End, Keep
from overspill_teardown.plan import (
    LOAD_BALANCER_PATIENCE_S,
    AwaitRemoval,
    AwaitServices,
    AwaitZones,
    Cancel,
    Delete,
    LoadBalancer,
    Observed,
    Removed,
    RemoveServices,
    check_request,
    of_burst,
    plan,
)

NOW = 1_760_000_000.0
DELETED = ClusterOperation(kind=OperationKind.DELETE, is_done=True)
DELETING = ClusterOperation(kind=OperationKind.DELETE, is_done=False)
CREATED = ClusterOperation(kind=OperationKind.CREATE, is_done=True)
CREATING = ClusterOperation(kind=OperationKind.CREATE, is_done=False)
KEEP = Keep(reason="its lease was renewed")
END = End(teardown_reason=TeardownReason.LEASE_LAPSED, reason="its lease lapsed")
UNASKED = LoadBalancer(service="web", deleted_at=None)
GOING = LoadBalancer(service="db", deleted_at=NOW - LOAD_BALANCER_PATIENCE_S + 1)
STUCK = LoadBalancer(service="old", deleted_at=NOW - LOAD_BALANCER_PATIENCE_S)


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
def test_plan_with_cluster_that_is_ours(site, teardown_request, status, step):
    decided = plan(teardown_request(), Observed(cluster=site.make(status)), now=NOW)

    assert type(decided) is step
    assert decided.reason


@pytest.mark.parametrize(
    ("operations", "missing_zones", "step", "was_there"),
    [
        ((), (), Removed, False),
        ((CREATED,), (), Removed, False),
        ((CREATED, DELETED), (), Removed, True),
        ((CREATED, DELETING), (), AwaitRemoval, None),
        ((CREATING,), (), AwaitRemoval, None),
        ((CREATED, DELETED), ("us-east1-b",), AwaitZones, None),
        ((), ("us-east1-b",), AwaitZones, None),
    ],
)
def test_plan_without_cluster(teardown_request, operations, missing_zones, step, was_there):
    observed = Observed(cluster=None, operations=operations, missing_zones=missing_zones)

    decided = plan(teardown_request(), observed, now=NOW)

    assert type(decided) is step
    assert getattr(decided, "was_there", None) is was_there
    assert all(zone in decided.reason for zone in missing_zones)


@pytest.mark.parametrize(
    ("reason", "verdict", "step"),
    [
        ("lease-lapsed", KEEP, Cancel),
        ("sweep", KEEP, Cancel),
        ("lease-lapsed", END, Delete),
        ("sweep", END, Delete),
        *((reason, KEEP, Delete) for reason in ("idle-timeout", "failed", "max-lifetime", "operator")),
    ],
)
def test_plan_reason_that_a_sweep_gave_must_still_hold(site, teardown_request, reason, verdict, step):
    observed = Observed(cluster=site.make(), verdict=verdict, load_balancers=(UNASKED,) if step is Cancel else ())

    assert type(plan(teardown_request(reason=reason), observed, now=NOW)) is step


@pytest.mark.parametrize(
    ("load_balancers", "step"),
    [
        ((UNASKED,), RemoveServices),
        ((UNASKED, GOING, STUCK), RemoveServices),
        ((GOING,), AwaitServices),
        ((GOING, STUCK), AwaitServices),
        ((STUCK,), Delete),
        ((), Delete),
    ],
)
def test_plan_load_balancers_go_first_within_patience(site, teardown_request, load_balancers, step):
    decided = plan(teardown_request(), Observed(cluster=site.make(), load_balancers=load_balancers), now=NOW)

    assert type(decided) is step
    assert getattr(decided, "services", ("web",)) == ("web",)


@pytest.mark.parametrize("status", list(ClusterStatus))
@pytest.mark.parametrize("label", ["overspill", "deployment", "lead", "burst-id"])
@pytest.mark.parametrize("value", [None, "other", "f" * 32])
def test_plan_cluster_that_is_not_ours_beyond_doubt_is_refused_in_any_state(
    site, teardown_request, status, label, value
):
    cluster = site.make(status, labels={label: value})

    decided = plan(teardown_request(), Observed(cluster=cluster, load_balancers=(UNASKED,)), now=NOW)

    assert isinstance(decided, Refuse)
    assert decided.error.code == "not-ours"


def test_plan_cluster_of_another_lead_is_refused(site, teardown_request):
    assert isinstance(plan(teardown_request(lead="other"), Observed(cluster=site.make()), now=NOW), Refuse)


def test_of_burst_gives_it_in_any_zone_and_nothing_that_looks_alike(site, teardown_request):
    here, there = site.make("STOPPING"), site.make(zone="europe-west4-a")
    others = (
        site.make(about={"generation": 1}),
        site.make(labels={"deployment": "staging"}),
        site.make(labels={"lead": "other"}),
        dataclasses.replace(here, name="overspill-0123456789ab"),
    )

    found = of_burst(teardown_request(), ClusterListing(clusters=(here, *others, there)))

    assert found == (there, here)


def test_check_request_of_another_deployment_is_refused(teardown_request):
    check_request(teardown_request(), deployment="prod")

    with pytest.raises(RequestRefused, match="deployment is prod, this function's is test"):
        check_request(teardown_request(), deployment="test")


LABELS = names.cluster_labels(deployment="prod", lead="lead", burst="a" * 32, generation=1, expires_at=1e9)
TIMES = st.none() | st.floats(NOW - 1000, NOW)


@st.composite
def clusters_like_ours(draw):
    """Give a cluster of the burst of `LABELS`, or one that differs from it in something."""
    labels = {
        **LABELS,
        **draw(st.dictionaries(st.sampled_from(sorted(LABELS)), st.sampled_from(["", "true", "other"]))),
    }
    name = draw(st.sampled_from([names.cluster_name("a" * 32), names.cluster_name("b" * 32)]))
    status = draw(st.sampled_from(list(ClusterStatus)))
    return Cluster(name=name, zone="us-central1-a", status=status, labels=labels, created_at=NOW)


observations = st.builds(
    Observed,
    cluster=st.none() | clusters_like_ours(),
    operations=st.lists(st.sampled_from([CREATED, CREATING, DELETED, DELETING]), max_size=3).map(tuple),
    missing_zones=st.lists(st.sampled_from(["us-east1-b", "us-east1-c"]), max_size=2).map(tuple),
    verdict=st.sampled_from([None, KEEP, END]),
    load_balancers=st.lists(st.builds(LoadBalancer, service=st.just("web"), deleted_at=TIMES), max_size=3).map(tuple),
)


@given(observed=observations, reason=st.sampled_from(list(TeardownReason)))
def test_plan_deletes_only_what_is_ours_and_ends_only_on_whole_answers(teardown_request, observed, reason):
    request = teardown_request(burst_id="a" * 32, reason=reason)

    step = plan(request, observed, now=NOW)

    cluster = observed.cluster
    if isinstance(step, Delete | RemoveServices):
        assert step.cluster is cluster
        assert cluster.name == names.cluster_name("a" * 32)
        assert {key: cluster.labels[key] for key in ("overspill", "deployment", "lead", "burst-id")} == {
            key: LABELS[key] for key in ("overspill", "deployment", "lead", "burst-id")
        }
        assert reason not in ("sweep", "lease-lapsed") or observed.verdict is not KEEP
    if isinstance(step, Removed):
        assert cluster is None
        assert not observed.missing_zones
        assert all(operation.is_done for operation in observed.operations)
    if isinstance(step, Cancel):
        assert reason in ("sweep", "lease-lapsed")
