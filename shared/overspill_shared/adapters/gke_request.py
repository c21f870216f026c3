"""A burst's cluster as GKE takes it: the google.container.v1 message, for HPC.

A small `system` pool holds what must outlive the burst's nodes (the operator, the dead-man, kube-system); the tainted
`burst` pool has exactly the template's nodes, and may shrink to none. Values in, a message out: nothing is called here,
and no decision about a burst is made.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from google.cloud import container_v1 as gke
from google.protobuf import duration_pb2

from overspill_shared.clusters import (
    BURST_POOL,
    BURST_TAINT,
    POOL_LABEL,
    SYSTEM_POOL,
    ClusterSpec,
)
from overspill_shared.errors import ConfigError
from overspill_shared.gke_site import ReleaseChannel

if TYPE_CHECKING:
    from overspill_shared.gke_site import GkeSite
    from overspill_shared.templates import NodeShape

NODE_LIFE_MARGIN_S: Final = 1800
"""Nodes end so long after the burst's hard end, if all else failed: never while a teardown is at work."""
BURST_MAX_PODS_PER_NODE: Final = 32
"""One broker and GKE's daemons; a node takes 64 addresses of the pods' range then, and not 256."""
MAX_EXCLUSION_S: Final = 30 * 24 * 3600
"""GKE's longest maintenance exclusion of the scope NO_UPGRADES."""
CLOUD_PLATFORM_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
"""What a node may do is said by its service account's roles, not by scopes."""


def cluster_message(spec: ClusterSpec, project: str, site: GkeSite) -> gke.Cluster:
    """Give the cluster as GKE takes it.

    Raises ConfigError if the template asks for what GKE has no way to give.
    """
    _check(spec.shape)
    return gke.Cluster(
        name=spec.name,
        resource_labels=dict(spec.labels),
        network=site.network,
        subnetwork=site.subnetwork,
        ip_allocation_policy=gke.IPAllocationPolicy(
            use_ip_aliases=True,
            cluster_secondary_range_name=site.pods_range,
            services_secondary_range_name=site.services_range,
        ),
        network_config=gke.NetworkConfig(default_enable_private_nodes=site.are_nodes_private),
        control_plane_endpoints_config=_endpoints(site),
        workload_identity_config=gke.WorkloadIdentityConfig(workload_pool=f"{project}.svc.id.goog"),
        shielded_nodes=gke.ShieldedNodes(enabled=True),
        release_channel=gke.ReleaseChannel(channel=_channel(site)),
        maintenance_policy=_no_maintenance(spec),
        addons_config=_addons(spec.shape),
        logging_config=gke.LoggingConfig(
            component_config=gke.LoggingComponentConfig(
                enable_components=[
                    gke.LoggingComponentConfig.Component.SYSTEM_COMPONENTS,
                    gke.LoggingComponentConfig.Component.WORKLOADS,
                ]
            )
        ),
        monitoring_config=gke.MonitoringConfig(
            component_config=gke.MonitoringComponentConfig(
                enable_components=[gke.MonitoringComponentConfig.Component.SYSTEM_COMPONENTS]
            ),
            # Its collectors would run beside every broker.
            managed_prometheus_config=gke.ManagedPrometheusConfig(enabled=False),
        ),
        node_pools=[_system_pool(site), _burst_pool(spec, site)],
    )


def _check(shape: NodeShape) -> None:
    if shape.gpus and not shape.accelerator:
        raise ConfigError(
            f"template: gpus is {shape.gpus}, but nothing says which: {shape.machine_type} comes with none.",
            remedy="Set the template's accelerator_type, such as nvidia-tesla-t4.",
            code="accelerator-type",
        )
    if claims := [volume.name for volume in shape.volumes if volume.claim]:
        raise ConfigError(
            f"template: volume {claims[0]} is an existing claim, and a cluster that is made for the burst has none.",
            remedy="Give the volume as gcs_bucket or nfs.",
            code="volume-claim",
        )


def _endpoints(site: GkeSite) -> gke.ControlPlaneEndpointsConfig:
    """A DNS name behind Google's IAM: no VPC connector and no list of networks is needed to reach it."""
    config = gke.ControlPlaneEndpointsConfig
    return config(
        dns_endpoint_config=config.DNSEndpointConfig(allow_external_traffic=True),
        ip_endpoints_config=config.IPEndpointsConfig(enabled=site.has_ip_endpoint),
    )


def _channel(site: GkeSite) -> gke.ReleaseChannel.Channel:
    """Said even where it is none: GKE takes silence for REGULAR."""
    if site.release_channel is ReleaseChannel.NONE:
        return gke.ReleaseChannel.Channel.UNSPECIFIED
    return gke.ReleaseChannel.Channel[site.release_channel.name]


def _no_maintenance(spec: ClusterSpec) -> gke.MaintenancePolicy:
    starts_at = spec.starts_at
    ends_at = min(spec.ends_at + NODE_LIFE_MARGIN_S, starts_at + MAX_EXCLUSION_S)
    exclusion = gke.TimeWindow(
        start_time=datetime.fromtimestamp(starts_at, UTC),
        end_time=datetime.fromtimestamp(ends_at, UTC),
        maintenance_exclusion_options=gke.MaintenanceExclusionOptions(
            scope=gke.MaintenanceExclusionOptions.Scope.NO_UPGRADES
        ),
    )
    return gke.MaintenancePolicy(window=gke.MaintenanceWindow(maintenance_exclusions={"burst": exclusion}))


def _addons(shape: NodeShape) -> gke.AddonsConfig:
    return gke.AddonsConfig(
        http_load_balancing=gke.HttpLoadBalancing(disabled=True),
        horizontal_pod_autoscaling=gke.HorizontalPodAutoscaling(disabled=True),
        gcs_fuse_csi_driver_config=gke.GcsFuseCsiDriverConfig(
            enabled=any(volume.gcs_bucket for volume in shape.volumes)
        ),
    )


def _system_pool(site: GkeSite) -> gke.NodePool:
    return gke.NodePool(
        name=SYSTEM_POOL,
        initial_node_count=1,
        config=gke.NodeConfig(
            machine_type=site.system_machine_type,
            labels={POOL_LABEL: SYSTEM_POOL},
            shielded_instance_config=_shielded(has_gpus=False),
            **_every_node(site),
        ),
        management=_management(site),
    )


def _burst_pool(spec: ClusterSpec, site: GkeSite) -> gke.NodePool:
    shape = spec.shape
    pool = gke.NodePool(
        name=BURST_POOL,
        initial_node_count=spec.node_count,
        autoscaling=gke.NodePoolAutoscaling(enabled=True, min_node_count=0, max_node_count=spec.max_node_count),
        max_pods_constraint=gke.MaxPodsConstraint(max_pods_per_node=BURST_MAX_PODS_PER_NODE),
        config=_burst_node(spec, site),
        management=_management(site),
    )
    if shape.compact_placement:
        pool.placement_policy = gke.NodePool.PlacementPolicy(type_=gke.NodePool.PlacementPolicy.Type.COMPACT)
    if shape.tier_1_network:
        performance = gke.NodeNetworkConfig.NetworkPerformanceConfig
        pool.network_config = gke.NodeNetworkConfig(
            network_performance_config=performance(total_egress_bandwidth_tier=performance.Tier.TIER_1)
        )
    return pool


def _burst_node(spec: ClusterSpec, site: GkeSite) -> gke.NodeConfig:
    shape = spec.shape
    taint = gke.NodeTaint(key=BURST_TAINT.key, value=BURST_TAINT.value, effect=gke.NodeTaint.Effect.NO_SCHEDULE)
    node = gke.NodeConfig(
        machine_type=shape.machine_type,
        spot=shape.spot,
        labels={POOL_LABEL: BURST_POOL},
        taints=[taint],
        gvnic=gke.VirtualNIC(enabled=shape.gvnic),
        gcfs_config=gke.GcfsConfig(enabled=shape.image_streaming),
        max_run_duration=duration_pb2.Duration(seconds=int(spec.ends_at - spec.starts_at) + NODE_LIFE_MARGIN_S),
        disk_size_gb=shape.boot_disk_gib or 0,
        disk_type=shape.boot_disk_type or "",
        shielded_instance_config=_shielded(has_gpus=bool(shape.gpus)),
        **_every_node(site),
    )
    if shape.threads_per_core:
        node.advanced_machine_features = gke.AdvancedMachineFeatures(threads_per_core=shape.threads_per_core)
    if shape.accelerator:
        driver = gke.GPUDriverInstallationConfig(
            gpu_driver_version=gke.GPUDriverInstallationConfig.GPUDriverVersion.DEFAULT
        )
        node.accelerators = [
            gke.AcceleratorConfig(
                accelerator_type=shape.accelerator,
                accelerator_count=shape.gpus,
                gpu_driver_installation_config=driver,
            )
        ]
    return node


def _every_node(site: GkeSite) -> dict[str, object]:
    return {
        "service_account": site.node_service_account,
        "oauth_scopes": [CLOUD_PLATFORM_SCOPE],
        "workload_metadata_config": gke.WorkloadMetadataConfig(mode=gke.WorkloadMetadataConfig.Mode.GKE_METADATA),
    }


def _shielded(*, has_gpus: bool) -> gke.ShieldedInstanceConfig:
    """Secure boot loads signed kernel modules only: GKE's default is without, for GPU drivers may be unsigned."""
    return gke.ShieldedInstanceConfig(enable_secure_boot=not has_gpus, enable_integrity_monitoring=True)


def _management(site: GkeSite) -> gke.NodeManagement:
    """No node is replaced under a job where GKE allows that: in a release channel it refuses these to be off."""
    is_managed = site.release_channel is not ReleaseChannel.NONE
    return gke.NodeManagement(auto_repair=is_managed, auto_upgrade=is_managed)
