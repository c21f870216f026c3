"""Bursts in a cluster that is there already: the real functions, told so by two settings."""

import pytest
from tests.integration.conftest import Lead

from overspill_local.cloud import EXISTING_CLUSTER
from overspill_shared import names

CONFIG_OF_OTHERS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": "default"}}
LOOK_ALIKE = names.cluster_name("ab" * 16)


@pytest.fixture(scope="module")
def cloud(start_cloud):
    with start_cloud(has_existing_cluster=True) as running:
        running.make_tap()
        yield running


@pytest.fixture
def store(cloud):
    """Give the existing cluster's objects."""
    return cloud.cloud.kubernetes_store(EXISTING_CLUSTER)


def snapshot(store, *, without):
    """Give the version of every object, but for those in, or called as, some namespaces."""
    objects = {}
    for resource in store.resources:
        for item in store.list_objects(resource):
            metadata = item["metadata"]
            if metadata["name"] not in without and metadata.get("namespace") not in without:
                key = (item["kind"], metadata.get("namespace"), metadata["name"])
                objects[key] = metadata["resourceVersion"]
    return objects


def test_burst_is_a_namespace_and_all_else_stays_as_it_is(cloud, store, request_here, teardown_of):
    store.create(CONFIG_OF_OTHERS)
    store.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": LOOK_ALIKE}})
    bursts = (request_here(), request_here())
    namespaces = {names.cluster_name(burst.burst_id) for burst in bursts}
    before = snapshot(store, without={*namespaces, "overspill-bursts"})
    assert len(before) > 10

    for burst in bursts:
        cloud.publish(burst)
    for burst in bursts:
        assert cloud.wait_for_kind(burst.burst_id, "ready")[-1] == "ready"
    assert cloud.clusters() == (), "no cluster is made at GKE"
    for burst in bursts:
        cloud.publish(teardown_of(burst))
        cloud.wait_for_kind(burst.burst_id, "removed")

    assert snapshot(store, without={*namespaces, "overspill-bursts"}) == before
    namespace = store.resources.find("", "v1", "namespaces")
    assert not namespaces & {item["metadata"]["name"] for item in store.list_objects(namespace)}


def test_late_duplicate_makes_nothing_anew(cloud, store, request_here, teardown_of):
    request = request_here()
    cloud.publish(request)
    cloud.wait_for_kind(request.burst_id, "ready")
    cloud.publish(teardown_of(request))
    cloud.wait_for_kind(request.burst_id, "removed")

    cloud.publish(request)
    other = request_here()
    cloud.publish(other)
    cloud.wait_for_kind(other.burst_id, "ready")

    assert store.find(store.resources.find("", "v1", "namespaces"), None, names.cluster_name(request.burst_id)) is None
    cloud.publish(teardown_of(other))
    cloud.wait_for_kind(other.burst_id, "removed")


def test_agent_bursts_into_an_existing_cluster_and_leaves_it_empty(start_cloud):
    with start_cloud(has_existing_cluster=True, create_s=0.5) as cloud:
        lead = Lead(cloud, "stand-in")
        lead.start_agent()

        jobid = lead.submit()

        lead.wait_for_state("GONE")
        assert cloud.call(lead.lead.job(jobid)).state == "COMPLETED"
        assert cloud.clusters() == ()
        namespaces = cloud.cloud.kubernetes_store(EXISTING_CLUSTER)
        kind = namespaces.resources.find("", "v1", "namespaces")
        assert not [item for item in namespaces.list_objects(kind) if names.is_cluster_name(item["metadata"]["name"])]
