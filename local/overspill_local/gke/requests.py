"""Reading requests: resource names, and the rules for the fields that Overspill sets.

Pure: values in, values out, `ApiError` where GKE would refuse. No state of any cluster lives here.

The words of the errors are GKE's own wherever they are known, because people and programs look for them.
Names are the current ones (`projects/P/locations/L/...`); the request fields that they replaced (`project_id`, `zone`,
`cluster_id`) are not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import grpc

from overspill_local.gke.protobufs import ReleaseChannel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_local.gke.protobufs import ClusterMessage, NodePoolMessage

ANY_LOCATION: Final = "-"
"""In a list's parent: every location of the project."""
MAX_LABELS: Final = 64
MIN_DISK_GB: Final = 10
MAX_EXCLUSION_S: Final = 30 * 24 * 3600
UNSPECIFIED: Final = ReleaseChannel.Channel.UNSPECIFIED
REGULAR: Final = ReleaseChannel.Channel.REGULAR

_CLUSTER_NAME: Final = r"(?:[a-z](?:[-a-z0-9]{0,38}[a-z0-9])?)"
_LABEL_KEY: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE: Final = re.compile(r"[a-z0-9_-]{0,63}")
_LOCATION: Final = re.compile(r"[a-z]+-[a-z]+[0-9]+(?P<zone>-[a-z])?")
_SEGMENT: Final = r"[^/]+"


class ApiError(Exception):
    """What a call answers instead of a result: a gRPC status code and GKE's message."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Location:
    """A zone or a region of a project; `ANY_LOCATION` only as the parent of a list."""

    project: str
    name: str

    @property
    def path(self) -> str:
        """The path in links and messages, where GKE still calls a zone a zone."""
        match = _LOCATION.fullmatch(self.name)
        collection = "zones" if match and match["zone"] else "locations"
        return f"projects/{self.project}/{collection}/{self.name}"

    def holds(self, other: Location) -> bool:
        """Whether a list with this parent shows what lies in the other location."""
        return self.project == other.project and self.name in {ANY_LOCATION, other.name}


@dataclass(frozen=True, slots=True)
class ClusterKey:
    """What identifies a cluster: its name is unique within project and location only."""

    location: Location
    name: str

    @property
    def path(self) -> str:
        """The path in links and messages."""
        return f"{self.location.path}/clusters/{self.name}"


def parse_location(parent: str, *, field: str = "parent") -> Location:
    """Read `projects/P/locations/L` where L is one zone or region.

    Raises ApiError INVALID_ARGUMENT naming the field.
    """
    location = parse_list_parent(parent, field=field)
    if not _LOCATION.fullmatch(location.name):
        raise _invalid(field, parent, "its location must be one zone or region, e.g. us-central1-a")
    return location


def parse_list_parent(parent: str, *, field: str = "parent") -> Location:
    """Read `projects/P/locations/L` or `projects/P/locations/-`.

    Raises ApiError INVALID_ARGUMENT naming the field.
    """
    match = re.fullmatch(rf"projects/({_SEGMENT})/locations/({_SEGMENT})", parent)
    if not match or not (match[2] == ANY_LOCATION or _LOCATION.fullmatch(match[2])):
        raise _invalid(field, parent, "it must read projects/PROJECT/locations/LOCATION")
    return Location(match[1], match[2])


def parse_cluster_name(name: str) -> ClusterKey:
    """Read `projects/P/locations/L/clusters/C`.

    Raises ApiError INVALID_ARGUMENT naming the field.
    """
    location, cluster = _split(name, "clusters")
    return ClusterKey(location, cluster)


def parse_operation_name(name: str) -> tuple[Location, str]:
    """Read `projects/P/locations/L/operations/O`.

    Raises ApiError INVALID_ARGUMENT naming the field.
    """
    return _split(name, "operations")


def parse_node_pool_name(name: str) -> tuple[ClusterKey, str]:
    """Read `projects/P/locations/L/clusters/C/nodePools/N`.

    Raises ApiError INVALID_ARGUMENT naming the field.
    """
    cluster, found, pool = name.partition("/nodePools/")
    if not found or not pool or "/" in pool:
        raise _invalid("name", name, "it must end in /clusters/CLUSTER/nodePools/POOL")
    return parse_cluster_name(cluster), pool


def check_cluster(cluster: ClusterMessage, project: str) -> None:
    """Refuse a cluster that GKE would refuse to create in a project.

    Raises ApiError INVALID_ARGUMENT naming the field. Sources: the documentation of Cluster.name and
    Cluster.node_pools in google.container.v1; GKE's answers to bad names and labels.
    """
    _check_cluster_name(cluster.name)
    _check_labels(cluster.resource_labels)
    _check_node_pools(cluster)
    _check_maintenance(cluster)
    _check_identity(cluster, project)


def check_node_count(count: int) -> None:
    """Refuse a negative node pool size. Raises ApiError INVALID_ARGUMENT."""
    if count < 0:
        raise _invalid("node_count", str(count), "it must not be negative")


def _split(name: str, collection: str) -> tuple[Location, str]:
    parent, found, last = name.partition(f"/{collection}/")
    if not found or not last or "/" in last:
        raise _invalid("name", name, f"it must read projects/PROJECT/locations/LOCATION/{collection}/ID")
    return parse_location(parent, field="name"), last


def _check_cluster_name(name: str) -> None:
    if not re.fullmatch(_CLUSTER_NAME, name):
        raise _invalid(
            "cluster.name",
            name,
            f"Must be a match of regex '{_CLUSTER_NAME}' (only lowercase alphanumerics and '-' allowed, must start "
            "with a letter and end with an alphanumeric, and must be no longer than 40 characters)",
        )


def _check_labels(labels: Mapping[str, str]) -> None:
    """Apply GCP's label rules, https://cloud.google.com/compute/docs/labeling-resources#requirements.

    Stricter than GKE in one thing: GKE also admits lower-case letters of other scripts.
    """
    if len(labels) > MAX_LABELS:
        raise _invalid("cluster.resource_labels", f"{len(labels)} labels", f"at most {MAX_LABELS} are allowed")
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key):
            raise _invalid_label("key", key, "It must start with a lowercase letter, be at most 63 characters long")
        if not _LABEL_VALUE.fullmatch(value):
            raise _invalid_label("value", value, "It must be at most 63 characters long")


def _check_node_pools(cluster: ClusterMessage) -> None:
    if cluster.node_pools and cluster.initial_node_count:
        raise _invalid("cluster.initial_node_count", str(cluster.initial_node_count), "not together with node_pools")
    if not cluster.node_pools and not cluster.autopilot.enabled and cluster.initial_node_count <= 0:
        raise ApiError(grpc.StatusCode.INVALID_ARGUMENT, "Cluster.initial_node_count must be greater than zero.")
    names = [pool.name for pool in cluster.node_pools]
    for name in names:
        if not re.fullmatch(_CLUSTER_NAME, name) or names.count(name) > 1:
            raise _invalid("cluster.node_pools.name", name, "it must be unique and a valid name")
    for pool in cluster.node_pools:
        _check_node_pool(pool)
        _check_management(pool, cluster.release_channel.channel if cluster.HasField("release_channel") else REGULAR)


def _check_node_pool(pool: NodePoolMessage) -> None:
    field, count = "cluster.node_pools.initial_node_count", pool.initial_node_count
    if count < 0:
        raise _invalid(field, str(count), "it must not be negative")
    limits = pool.autoscaling
    if limits.enabled and not limits.min_node_count <= count <= limits.max_node_count:
        rule = f"it must lie within the autoscaling limits, {limits.min_node_count} to {limits.max_node_count}"
        raise _invalid(field, str(count), rule)
    size = pool.config.disk_size_gb
    if 0 < size < MIN_DISK_GB:
        raise _invalid("cluster.node_pools.config.disk_size_gb", str(size), f"it must be at least {MIN_DISK_GB}")


def _check_management(pool: NodePoolMessage, channel: int) -> None:
    """In a release channel, which a cluster is in unless it says otherwise, GKE upgrades and repairs nodes."""
    if not pool.HasField("management") or channel == UNSPECIFIED:
        return
    if not (pool.management.auto_upgrade and pool.management.auto_repair):
        name = ReleaseChannel.Channel(channel).name
        message = f"Auto_upgrade and auto_repair cannot be false when release_channel {name} is set."
        raise ApiError(grpc.StatusCode.INVALID_ARGUMENT, message)


def _check_maintenance(cluster: ClusterMessage) -> None:
    """Apply the limits of exclusions: GKE takes one of the scope NO_UPGRADES for 30 days at most."""
    for name, window in cluster.maintenance_policy.window.maintenance_exclusions.items():
        length_s = window.end_time.seconds - window.start_time.seconds
        if not 0 < length_s <= MAX_EXCLUSION_S:
            field = f"cluster.maintenance_policy.window.maintenance_exclusions[{name}]"
            raise _invalid(field, f"{length_s} s", "an exclusion of all upgrades lasts 30 days at most")


def _check_identity(cluster: ClusterMessage, project: str) -> None:
    pool = cluster.workload_identity_config.workload_pool
    if pool and pool != f"{project}.svc.id.goog":
        raise _invalid("cluster.workload_identity_config.workload_pool", pool, "it must be PROJECT.svc.id.goog")


def _invalid(field: str, value: str, rule: str) -> ApiError:
    return ApiError(grpc.StatusCode.INVALID_ARGUMENT, f'Invalid value for field "{field}": "{value}". {rule}.')


def _invalid_label(part: str, text: str, rule: str) -> ApiError:
    return ApiError(
        grpc.StatusCode.INVALID_ARGUMENT,
        f"Invalid field 'cluster.resource_labels.{part}': \"{text}\". {rule} and only contain lowercase letters "
        "([a-z]), numeric characters ([0-9]), underscores (_) and dashes (-).",
    )
