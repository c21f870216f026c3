from __future__ import annotations

import base64

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import container_v1

from overspill_local.gke import FaultyCall, OperationFault, stockout
from overspill_shared.adapters.gcp_clients import cluster_manager_client

PARENT = "projects/demo/locations/us-central1-a"
OTHER_ZONE = "projects/demo/locations/us-central1-b"
CLUSTER = "overspill-0123456789ab"
NAME = f"{PARENT}/clusters/{CLUSTER}"
Status = container_v1.Cluster.Status


def test_create_cluster_done_gives_endpoint_and_certificate(gke):
    operation = gke.wait_done(gke.create())

    cluster = gke.client.get_cluster(name=NAME)
    assert operation.operation_type.name == "CREATE_CLUSTER"
    assert not operation.error.message
    assert cluster.status is Status.RUNNING
    assert cluster.endpoint == "127.0.0.1:6443"
    assert base64.b64decode(cluster.master_auth.cluster_ca_certificate).startswith(b"-----BEGIN")
    assert cluster.location == "us-central1-a"
    assert cluster.current_node_count == 4
    assert cluster.self_link.endswith(f"projects/demo/zones/us-central1-a/clusters/{CLUSTER}")
    assert gke.event_kinds() == ["cluster-provisioning", "cluster-running"]


def test_create_cluster_while_running_has_no_endpoint(slow_gke):
    operation = slow_gke.create(endpoint="10.0.0.1")

    assert operation.status.name == "RUNNING"
    cluster = slow_gke.client.get_cluster(name=NAME)
    assert cluster.status is Status.PROVISIONING
    assert cluster.endpoint == ""
    assert slow_gke.backend.up_names == []


@pytest.mark.parametrize(("enabled", "endpoint"), [(True, "127.0.0.1:6443"), (False, "")])
def test_create_cluster_has_an_address_only_where_one_is_wanted(gke, enabled, endpoint):
    gke.wait_done(gke.create(control_plane_endpoints_config={"ip_endpoints_config": {"enabled": enabled}}))

    cluster = gke.client.get_cluster(name=NAME)
    assert cluster.endpoint == endpoint
    assert cluster.control_plane_endpoints_config.dns_endpoint_config.endpoint == "gke-1.gke.example:443"


def test_create_cluster_with_initial_node_count_gets_default_pool(gke):
    gke.wait_done(gke.create(node_pools=[], initial_node_count=2, node_config={"machine_type": "c2-standard-8"}))

    (pool,) = gke.client.get_cluster(name=NAME).node_pools
    assert (pool.name, pool.initial_node_count) == ("default-pool", 2)
    assert pool.config.machine_type == "c2-standard-8"


def test_create_cluster_twice_already_exists_even_while_provisioning(slow_gke):
    slow_gke.create()

    with pytest.raises(exceptions.AlreadyExists, match=rf"Already exists: projects/demo/zones/.*{CLUSTER}"):
        slow_gke.create()


def test_create_cluster_same_name_in_other_zone_is_another_cluster(gke):
    gke.create()

    gke.create(parent=OTHER_ZONE)

    assert len(gke.client.list_clusters(parent="projects/demo/locations/-").clusters) == 2


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        pytest.param({"name": "1c"}, "cluster.name", id="name-starts-with-digit"),
        pytest.param({"name": "a" * 41}, "cluster.name", id="name-too-long"),
        pytest.param({"name": "a_b"}, "cluster.name", id="name-underscore"),
        pytest.param({"name": ""}, "cluster.name", id="name-empty"),
        pytest.param({"node_pools": []}, "Cluster.initial_node_count", id="no-nodes"),
        pytest.param({"initial_node_count": 1}, "cluster.initial_node_count", id="nodes-and-pools"),
        pytest.param({"node_pools": [{"name": "a"}, {"name": "a"}]}, "cluster.node_pools.name", id="twin-pools"),
        pytest.param(
            {"node_pools": [{"name": "a", "initial_node_count": -1}]},
            "cluster.node_pools.initial_node_count",
            id="negative-pool",
        ),
        pytest.param(
            {
                "node_pools": [
                    {"name": "a", "initial_node_count": 5, "autoscaling": {"enabled": True, "max_node_count": 4}}
                ]
            },
            "cluster.node_pools.initial_node_count",
            id="beyond-autoscaling",
        ),
        pytest.param(
            {"node_pools": [{"name": "a", "initial_node_count": 1, "config": {"disk_size_gb": 9}}]},
            "cluster.node_pools.config.disk_size_gb",
            id="small-disk",
        ),
        pytest.param(
            {"node_pools": [{"name": "a", "management": {"auto_repair": False}}]},
            "Auto_upgrade and auto_repair cannot be false when release_channel REGULAR is set",
            id="no-repair-in-a-channel",
        ),
        pytest.param(
            {"workload_identity_config": {"workload_pool": "other.svc.id.goog"}},
            "cluster.workload_identity_config.workload_pool",
            id="foreign-workload-pool",
        ),
        pytest.param(
            {
                "maintenance_policy": {
                    "window": {
                        "maintenance_exclusions": {
                            "x": {"start_time": "2026-01-01T00:00:00Z", "end_time": "2026-02-01T00:00:00Z"}
                        }
                    }
                }
            },
            "maintenance_exclusions",
            id="long-exclusion",
        ),
        pytest.param({"resource_labels": {"Key": "v"}}, "cluster.resource_labels.key", id="label-key-capital"),
        pytest.param({"resource_labels": {"1key": "v"}}, "cluster.resource_labels.key", id="label-key-digit"),
        pytest.param({"resource_labels": {"k" * 64: "v"}}, "cluster.resource_labels.key", id="label-key-long"),
        pytest.param({"resource_labels": {"k": "a.b"}}, "cluster.resource_labels.value", id="label-value-dot"),
        pytest.param({"resource_labels": {"k": "v" * 64}}, "cluster.resource_labels.value", id="label-value-long"),
        pytest.param({"resource_labels": {f"k{i}": "v" for i in range(65)}}, "cluster.resource_labels", id="65-labels"),
    ],
)
def test_create_cluster_bad_field_invalid_argument_names_it(gke, fields, field):
    with pytest.raises(exceptions.InvalidArgument, match=field):
        gke.create(**fields)

    assert gke.events == []


def test_create_cluster_labels_at_limits_accepted(gke):
    labels = {"k" * 63: "v" * 63, "a_-0": "", **{f"k{i}": "_-0" for i in range(62)}}

    gke.create(resource_labels=labels)

    assert gke.client.get_cluster(name=NAME).resource_labels == labels


@pytest.mark.parametrize("parent", ["projects/demo/locations/-", "projects/demo", "projects/demo/locations/moon"])
def test_create_cluster_bad_parent_invalid_argument(gke, parent):
    with pytest.raises(exceptions.InvalidArgument, match="parent"):
        gke.create(parent=parent)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.get_cluster(name=NAME),
        lambda client: client.delete_cluster(name=NAME),
        lambda client: client.get_operation(name=f"{PARENT}/operations/operation-1"),
        lambda client: client.set_node_pool_size(request={"name": f"{NAME}/nodePools/burst", "node_count": 1}),
    ],
    ids=["get", "delete", "operation", "resize"],
)
def test_call_of_unknown_name_not_found(gke, call):
    with pytest.raises(exceptions.NotFound, match="Not found: projects/demo/zones/us-central1-a/"):
        call(gke.client)


@pytest.mark.parametrize(
    "name", ["", "nonsense", f"{PARENT}/clusters/", f"{NAME}/more", "projects/p/locations/-/clusters/c"]
)
def test_get_cluster_bad_name_invalid_argument(gke, name):
    with pytest.raises(exceptions.InvalidArgument, match="name"):
        gke.client.get_cluster(name=name)


def test_delete_cluster_done_takes_backend_down_and_forgets_it(gke):
    gke.wait_done(gke.create())

    operation = gke.wait_done(gke.client.delete_cluster(name=NAME))

    assert operation.operation_type.name == "DELETE_CLUSTER"
    assert gke.backend.down_names == [CLUSTER]
    with pytest.raises(exceptions.NotFound):
        gke.client.get_cluster(name=NAME)
    assert gke.event_kinds()[2:] == ["cluster-stopping", "cluster-deleted"]


def test_delete_cluster_while_creating_failed_precondition(slow_gke):
    operation = slow_gke.create()

    with pytest.raises(exceptions.FailedPrecondition, match=f"{operation.name} is currently creating"):
        slow_gke.client.delete_cluster(name=NAME)


def test_delete_cluster_running_is_stopping_and_keeps_its_name(start_gke):
    gke = start_gke(create_s=0, delete_s=3600)
    gke.wait_done(gke.create())

    gke.client.delete_cluster(name=NAME)

    assert gke.client.get_cluster(name=NAME).status is Status.STOPPING
    with pytest.raises(exceptions.AlreadyExists):
        gke.create()
    with pytest.raises(exceptions.FailedPrecondition, match="currently deleting"):
        gke.client.delete_cluster(name=NAME)


def test_create_cluster_after_delete_works_again(gke):
    gke.wait_done(gke.create())
    gke.wait_done(gke.client.delete_cluster(name=NAME))

    gke.wait_done(gke.create())

    assert gke.client.get_cluster(name=NAME).status is Status.RUNNING


def test_stockout_ordered_ends_in_operation_error_and_cluster_error(gke):
    gke.server.faults.add(stockout(expected=4, running=1))

    operation = gke.wait_done(gke.create())

    cluster = gke.client.get_cluster(name=NAME)
    assert operation.error.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    assert "[GCE_STOCKOUT]" in operation.error.message
    assert operation.cluster_conditions[0].code.name == "GCE_STOCKOUT"
    assert cluster.status is Status.ERROR
    assert cluster.conditions[0].canonical_code == operation.error.code
    assert cluster.endpoint == ""
    assert gke.backend.up_names == []
    assert gke.events[-1] == ("cluster-error", CLUSTER, operation.error.message)


def test_stockout_ordered_hits_one_create_and_leaves_a_cluster_to_delete(gke):
    gke.server.faults.add(stockout())
    gke.wait_done(gke.create())

    gke.wait_done(gke.client.delete_cluster(name=NAME))
    gke.wait_done(gke.create())

    assert gke.client.get_cluster(name=NAME).status is Status.RUNNING


def test_fault_with_own_delay_fails_before_create_would_end(slow_gke):
    slow_gke.server.faults.add(stockout(after_s=0))

    operation = slow_gke.wait_done(slow_gke.create())

    assert operation.error.message


def test_delete_fault_ordered_leaves_cluster_in_error(gke):
    gke.server.faults.add(OperationFault(call=FaultyCall.DELETE, code=13, message="internal error"))
    gke.wait_done(gke.create())

    operation = gke.wait_done(gke.client.delete_cluster(name=NAME))

    assert operation.error.message == "internal error"
    assert gke.client.get_cluster(name=NAME).status is Status.ERROR
    assert gke.backend.down_names == []


def test_create_cluster_backend_fails_ends_in_error(gke):
    gke.backend.failure = OSError("no port left")

    operation = gke.wait_done(gke.create())

    assert "no port left" in operation.error.message
    assert gke.client.get_cluster(name=NAME).status is Status.ERROR


def test_list_clusters_one_location_leaves_out_others(gke):
    gke.create(resource_labels={"overspill": "true"})
    gke.create(name="elsewhere", parent=OTHER_ZONE)
    gke.create(name="not-ours", parent="projects/other/locations/us-central1-a")

    clusters = gke.client.list_clusters(parent=PARENT).clusters

    assert [(cluster.name, dict(cluster.resource_labels)) for cluster in clusters] == [(CLUSTER, {"overspill": "true"})]


def test_list_clusters_all_locations_leaves_out_other_projects(gke):
    gke.create()
    gke.create(name="elsewhere", parent="projects/demo/locations/europe-west4")
    gke.create(name="not-ours", parent="projects/other/locations/us-central1-a")

    answer = gke.client.list_clusters(parent="projects/demo/locations/-")

    assert {cluster.name for cluster in answer.clusters} == {CLUSTER, "elsewhere"}
    assert not answer.missing_zones


def test_list_clusters_missing_zone_reported_and_its_clusters_left_out(gke):
    gke.create()
    gke.create(name="elsewhere", parent=OTHER_ZONE)
    gke.server.faults.missing_zones.add("us-central1-a")

    answer = gke.client.list_clusters(parent="projects/demo/locations/-")

    assert [cluster.name for cluster in answer.clusters] == ["elsewhere"]
    assert list(answer.missing_zones) == ["us-central1-a"]


def test_list_operations_keeps_what_was_done_to_a_deleted_cluster(gke):
    gke.wait_done(gke.create())
    gke.wait_done(gke.client.delete_cluster(name=NAME))

    operations = gke.client.list_operations(parent=PARENT).operations

    assert [operation.operation_type.name for operation in operations] == ["CREATE_CLUSTER", "DELETE_CLUSTER"]
    assert all(operation.target_link.endswith(f"/zones/us-central1-a/clusters/{CLUSTER}") for operation in operations)
    assert all(operation.start_time <= operation.end_time for operation in operations)
    assert not gke.client.list_operations(parent=OTHER_ZONE).operations
    assert len(gke.client.list_operations(parent="projects/demo/locations/-").operations) == 2


def test_set_node_pool_size_changes_pool_and_node_count(gke):
    pools = [{"name": "system", "initial_node_count": 1}, {"name": "burst", "initial_node_count": 4}]
    gke.wait_done(gke.create(node_pools=pools))

    operation = gke.client.set_node_pool_size(request={"name": f"{NAME}/nodePools/burst", "node_count": 8})
    gke.wait_done(operation)

    cluster = gke.client.get_cluster(name=NAME)
    assert {pool.name: pool.initial_node_count for pool in cluster.node_pools} == {"system": 1, "burst": 8}
    assert cluster.current_node_count == 9
    assert gke.backend.sizes == [{"system": 1, "burst": 8}]
    assert cluster.status is Status.RUNNING


def test_set_node_pool_size_running_blocks_other_changes(start_gke):
    gke = start_gke(create_s=0, resize_s=3600)
    gke.wait_done(gke.create())
    request = {"name": f"{NAME}/nodePools/burst", "node_count": 8}

    gke.client.set_node_pool_size(request=request)

    assert gke.client.get_cluster(name=NAME).status is Status.RECONCILING
    with pytest.raises(exceptions.FailedPrecondition, match="currently resizing"):
        gke.client.set_node_pool_size(request=request)


@pytest.mark.parametrize(
    ("pool", "count", "error"),
    [("nobody", 1, exceptions.NotFound), ("burst", -1, exceptions.InvalidArgument)],
    ids=["unknown-pool", "negative"],
)
def test_set_node_pool_size_bad_request_refused(gke, pool, count, error):
    gke.wait_done(gke.create())

    with pytest.raises(error):
        gke.client.set_node_pool_size(request={"name": f"{NAME}/nodePools/{pool}", "node_count": count})


def test_set_node_pool_size_of_failed_cluster_failed_precondition(gke):
    gke.server.faults.add(stockout())
    gke.wait_done(gke.create())

    with pytest.raises(exceptions.FailedPrecondition, match="GCE_STOCKOUT"):
        gke.client.set_node_pool_size(request={"name": f"{NAME}/nodePools/burst", "node_count": 8})


def test_get_server_config_offers_the_version_that_clusters_get(gke):
    config = gke.client.get_server_config(name=PARENT)

    gke.wait_done(gke.create())
    assert gke.client.get_cluster(name=NAME).current_master_version == config.default_cluster_version
    assert config.default_cluster_version in config.valid_master_versions


def test_call_not_emulated_is_unimplemented(gke):
    with pytest.raises(exceptions.MethodNotImplemented):
        gke.client.list_node_pools(parent=NAME)


def test_stop_takes_clusters_down_and_frees_the_port(start_gke):
    gke = start_gke(create_s=0, delete_s=3600)
    gke.wait_done(gke.create())
    gke.client.delete_cluster(name=NAME)

    gke.stop_server()

    assert gke.backend.down_names == [CLUSTER]
    client = cluster_manager_client({"GKE_EMULATOR_HOST": f"127.0.0.1:{gke.port}"})
    with pytest.raises(exceptions.ServiceUnavailable):
        client.get_cluster(name=NAME, retry=None, timeout=5)
    client.transport.close()


def test_start_on_taken_port_fails(gke, start_gke):
    with pytest.raises(RuntimeError, match=str(gke.port)):
        start_gke(port=gke.port)
