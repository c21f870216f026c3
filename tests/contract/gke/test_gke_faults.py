"""Each fault that can be ordered from GKE, as the adapter shows it: by class, in Google's words."""

from __future__ import annotations

import time

import pytest

from overspill_local.faults.book import FaultBook
from overspill_local.faults.orders import FaultOrders
from overspill_shared import names
from overspill_shared.adapters.gke import GkeClusters
from overspill_shared.clusters import BURST_POOL, ClusterSpec, ClusterStatus, NodePoolStatus, failure_of
from overspill_shared.errors import (
    AlreadyExists,
    Busy,
    CapacityUnavailable,
    CloudError,
    PermissionDenied,
    QuotaExceeded,
    TokenRefused,
    Unavailable,
)
from overspill_shared.templates import NodeShape

ZONE = "us-central1-a"
BURST = "0123456789abcdef" * 2
NAME = names.cluster_name(BURST)
DEADLINE_S = 10.0

SPEC = ClusterSpec(
    name=NAME,
    labels=names.cluster_labels(deployment="prod", lead="lead", burst=BURST, generation=1, expires_at=2e9),
    shape=NodeShape(machine_type="c2-standard-8", cores=4, memory_mib=32768, zones=(ZONE,)),
    node_count=4,
    max_node_count=8,
    starts_at=1.7e9,
    ends_at=1.7e9 + 3600,
)


@pytest.fixture
def clusters(gke):
    return GkeClusters(gke.client, "overspill-local")


@pytest.fixture
def faults(gke):
    return FaultBook(gke.server.faults, FaultOrders(), FaultOrders())


def wait_for_status(clusters, status):
    end = time.monotonic() + DEADLINE_S
    while (found := clusters.get(ZONE, NAME)) is None or found.status is not status:
        assert time.monotonic() < end, f"not {status}: {found}"
        time.sleep(0.01)
    return found


@pytest.mark.parametrize("after_s", [0, 0.05])
@pytest.mark.parametrize(
    ("name", "kind"), [("stockout", CapacityUnavailable), ("quota", QuotaExceeded), ("cluster-error", CloudError)]
)
def test_create_that_fails_leaves_a_cluster_in_error_that_says_why(clusters, faults, name, kind, after_s):
    faults.order(name, after_s=after_s)
    clusters.create(ZONE, SPEC)

    cluster = wait_for_status(clusters, ClusterStatus.ERROR)

    assert type(failure_of(cluster.complaints, NAME)) is kind
    assert type(failure_of(clusters.operations(ZONE, NAME)[-1].complaints, NAME)) is kind
    clusters.delete(ZONE, NAME)


def test_slow_create_is_provisioning_for_so_long_and_then_works(clusters, faults):
    faults.order("slow-create", after_s=0.3)
    clusters.create(ZONE, SPEC)

    assert clusters.get(ZONE, NAME).status is ClusterStatus.PROVISIONING
    wait_for_status(clusters, ClusterStatus.RUNNING)


def test_degraded_cluster_can_be_used_resized_and_deleted(clusters, faults):
    faults.order("cluster-degraded")
    clusters.create(ZONE, SPEC)

    cluster = wait_for_status(clusters, ClusterStatus.DEGRADED)

    assert cluster.endpoint
    assert "unhealthy" in cluster.complaints[0].text
    clusters.resize(ZONE, NAME, 2)
    wait_for_status(clusters, ClusterStatus.RUNNING)
    assert clusters.get(ZONE, NAME).pool(BURST_POOL).node_count == 2


def test_pool_without_nodes_complains_in_a_cluster_that_runs(clusters, faults):
    faults.order("pool-stockout")
    clusters.create(ZONE, SPEC)

    pool = wait_for_status(clusters, ClusterStatus.RUNNING).pool(BURST_POOL)

    end = time.monotonic() + DEADLINE_S
    while pool.status is not NodePoolStatus.ERROR and time.monotonic() < end:
        pool = clusters.get(ZONE, NAME).pool(BURST_POOL)
    assert pool.status is NodePoolStatus.ERROR
    assert isinstance(failure_of(pool.complaints, NAME), CapacityUnavailable)


def test_name_that_somebody_else_took_exists_already_and_is_not_ours(clusters, faults):
    faults.order("name-taken")

    with pytest.raises(AlreadyExists):
        clusters.create(ZONE, SPEC)

    foreign = wait_for_status(clusters, ClusterStatus.RUNNING)
    assert not names.is_ours(foreign.name, foreign.labels, deployment="prod")


def test_delete_that_fails_can_be_repeated(clusters, faults):
    clusters.create(ZONE, SPEC)
    wait_for_status(clusters, ClusterStatus.RUNNING)
    faults.order("delete-fails")

    clusters.delete(ZONE, NAME)
    wait_for_status(clusters, ClusterStatus.ERROR)
    clusters.delete(ZONE, NAME)


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("unavailable", Unavailable, "currently unavailable"),
        ("rate-limit", Unavailable, "requests per minute"),
        ("permission", PermissionDenied, 'Required "container.clusters.create" permission(s)'),
        ("token-refused", TokenRefused, "invalid authentication credentials"),
        ("quota-refused", QuotaExceeded, "Insufficient regional quota"),
    ],
)
def test_refused_create_makes_nothing_and_is_told_in_google_words(clusters, faults, name, kind, text):
    faults.order(name)

    with pytest.raises(kind) as caught:
        clusters.create(ZONE, SPEC)

    assert text in caught.value.text
    assert clusters.get(ZONE, NAME) is None
    clusters.create(ZONE, SPEC)


def test_busy_hits_what_would_change_a_cluster_and_nothing_else(clusters, faults):
    clusters.create(ZONE, SPEC)
    wait_for_status(clusters, ClusterStatus.RUNNING)
    faults.order("busy", times=2)

    assert clusters.get(ZONE, NAME)
    for change in (lambda: clusters.resize(ZONE, NAME, 2), lambda: clusters.delete(ZONE, NAME)):
        with pytest.raises(Busy, match="currently upgrading"):
            change()


def test_lost_answer_of_a_create_leaves_a_cluster_on_its_way(clusters, faults):
    faults.order("lost-answer")

    with pytest.raises(Unavailable):
        clusters.create(ZONE, SPEC)

    wait_for_status(clusters, ClusterStatus.RUNNING)
    with pytest.raises(AlreadyExists):
        clusters.create(ZONE, SPEC)


def test_missing_zone_hides_its_clusters_from_the_listing(clusters, faults):
    clusters.create(ZONE, SPEC)
    faults.order("missing-zone", zone=ZONE)

    listing = clusters.list()

    assert (listing.clusters, listing.missing_zones) == ((), (ZONE,))
