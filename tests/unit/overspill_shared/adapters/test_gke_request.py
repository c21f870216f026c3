"""The cluster as GKE takes it, whole: a change of any field shows as a difference in a committed file."""

import dataclasses
import json
from pathlib import Path

import pytest
from google.cloud import container_v1

from overspill_provision.cluster_spec import build_cluster_spec
from overspill_shared.adapters.gke_request import cluster_message
from overspill_shared.errors import ConfigError
from overspill_shared.gke_site import GkeSite, ReleaseChannel

GOLDEN = Path(__file__).with_name("golden")

CPU_COMPACT = {
    "name": "hpc",
    "machine_type": "c2-standard-60",
    "cores": 30,
    "memory_mib": 240 * 1024,
    "threads_per_core": 1,
    "compact_placement": True,
    "tier_1_network": True,
    "boot_disk_gib": 200,
    "boot_disk_type": "pd-ssd",
    "volumes": [{"name": "home", "mount_path": "/home", "nfs": {"server": "10.0.0.2", "path": "/vol1"}}],
}
GPU_SPOT = {
    "name": "gpu",
    "machine_type": "g2-standard-16",
    "cores": 8,
    "gpus": 1,
    "memory_mib": 64 * 1024,
    "spot": True,
    "image_streaming": True,
    "volumes": [{"name": "input", "mount_path": "/data/in", "gcs_bucket": "my-input", "read_only": True}],
}
OWN_NETWORK = GkeSite(
    node_service_account="overspill-nodes@my-project.iam.gserviceaccount.com",
    network="projects/host/global/networks/hpc",
    subnetwork="projects/host/regions/us-central1/subnetworks/hpc",
    pods_range="pods",
    services_range="services",
)


@pytest.fixture
def build(burst_request):
    def build(template, site=None, **changes):
        spec = build_cluster_spec(burst_request(template=template, **changes))
        return cluster_message(spec, "my-project", site or GkeSite())

    return build


@pytest.mark.parametrize(
    ("name", "template", "site"),
    [
        ("cpu-compact", CPU_COMPACT, OWN_NETWORK),
        ("gpu-spot", GPU_SPOT, GkeSite(release_channel=ReleaseChannel.REGULAR, are_nodes_private=False)),
    ],
)
def test_cluster_message_is_the_golden_one(build, golden, name, template, site):
    message = build(template, site, size=2)

    fields = container_v1.Cluster.to_dict(
        message, always_print_fields_with_no_presence=False, use_integers_for_enums=False
    )
    # Hashes of the request: they change with each field that a message gets.
    assert fields["name"] == f"overspill-{fields['resource_labels']['burst-id'][:12]}"
    fields["name"] = "overspill-<12 hex>"
    fields["resource_labels"] |= {"burst-id": "<32 hex>", "spec-hash": "<32 hex>"}
    golden(GOLDEN / f"{name}.json", json.dumps(fields, indent=2, sort_keys=True) + "\n")


def test_burst_pool_takes_brokers_only_and_may_shrink_to_none(build):
    system, burst = build(CPU_COMPACT, size=2).node_pools

    assert (burst.autoscaling.min_node_count, burst.autoscaling.max_node_count) == (0, 4)
    assert burst.initial_node_count == 2
    (taint,) = burst.config.taints
    assert (taint.key, taint.value, taint.effect.name) == ("overspill", "burst", "NO_SCHEDULE")
    assert (burst.config.labels["overspill/pool"], system.config.labels["overspill/pool"]) == ("burst", "system")
    assert not system.config.taints


def test_nodes_end_a_little_after_the_burst_and_nothing_is_upgraded_until_then(build):
    message = build(CPU_COMPACT, hard_end_at=1_760_000_000.0 + 3600)

    (exclusion,) = message.maintenance_policy.window.maintenance_exclusions.values()
    assert message.node_pools[1].config.max_run_duration.total_seconds() == 3600 + 1800
    assert (exclusion.end_time - exclusion.start_time).total_seconds() == 3600 + 1800


def test_maintenance_exclusion_is_no_longer_than_gke_takes(build):
    message = build(CPU_COMPACT, hard_end_at=1_760_000_000.0 + 30 * 24 * 3600)

    (exclusion,) = message.maintenance_policy.window.maintenance_exclusions.values()
    assert (exclusion.end_time - exclusion.start_time).days == 30


@pytest.mark.parametrize("channel", ReleaseChannel)
def test_nodes_are_left_alone_wherever_gke_allows_that(build, channel):
    message = build(CPU_COMPACT, GkeSite(release_channel=channel))

    is_kept = channel is not ReleaseChannel.NONE
    assert "release_channel" in message
    for pool in message.node_pools:
        assert (pool.management.auto_repair, pool.management.auto_upgrade) == (is_kept, is_kept)


def test_control_plane_is_reached_by_name_alone_unless_a_site_wants_an_address(build):
    by_name, both = (build(CPU_COMPACT, GkeSite(has_ip_endpoint=wanted)) for wanted in (False, True))

    assert by_name.control_plane_endpoints_config.dns_endpoint_config.allow_external_traffic
    assert "enabled" in by_name.control_plane_endpoints_config.ip_endpoints_config
    assert not by_name.control_plane_endpoints_config.ip_endpoints_config.enabled
    assert both.control_plane_endpoints_config.ip_endpoints_config.enabled


@pytest.mark.parametrize(
    ("template", "code"),
    [
        ({"machine_type": "n1-standard-8", "gpus": 2}, "accelerator-type"),
        ({"volumes": [{"name": "home", "mount_path": "/home", "claim": "hpc/home"}]}, "volume-claim"),
    ],
)
def test_template_that_gke_has_no_way_to_give_is_a_config_error(build, template, code):
    with pytest.raises(ConfigError) as caught:
        build(template)

    assert caught.value.code == code
    assert caught.value.remedy


def test_labels_are_those_of_the_spec(build, burst_request):
    spec = build_cluster_spec(burst_request())

    assert dict(cluster_message(spec, "p", GkeSite()).resource_labels) == spec.labels
    assert dict(cluster_message(dataclasses.replace(spec, labels={"a": "b"}), "p", GkeSite()).resource_labels) == {
        "a": "b"
    }
