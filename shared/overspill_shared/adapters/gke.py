"""Clusters over GKE's ClusterManager API (google.container.v1).

What GKE shows of a cluster is read here, and what its errors mean; what is asked of it stands in gke_request. When a
cluster is made or deleted is not decided here.
"""

from __future__ import annotations

import base64
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from google.api_core import exceptions as google_errors

from overspill_shared import errors, names
from overspill_shared.adapters.gke_request import cluster_message
from overspill_shared.clusters import (
    BURST_POOL,
    Cluster,
    ClusterListing,
    ClusterOperation,
    ClusterSpec,
    ClusterStatus,
    Complaint,
    NodePool,
    NodePoolStatus,
    OperationKind,
    failure_of,
)
from overspill_shared.gke_site import GkeSite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.cloud import container_v1

DEFAULT_SITE: Final = GkeSite()

_KINDS: Final = {"CREATE_CLUSTER": OperationKind.CREATE, "DELETE_CLUSTER": OperationKind.DELETE}
_ANY_LOCATION: Final = "-"
_OK: Final = 0
"""google.rpc.Code of what did not fail."""
_RATE_LIMIT: Final = "RATE_LIMIT_EXCEEDED"
"""google.rpc.ErrorInfo's reason of a quota that refills by itself, within a minute."""


class GkeClusters:
    """Implements ports.Clusters."""

    def __init__(
        self,
        client: container_v1.ClusterManagerClient,
        project: str,
        *,
        site: GkeSite = DEFAULT_SITE,
        timeout_s: float = 30,
    ) -> None:
        """`site` matters to whoever creates clusters; a call that takes longer than `timeout_s` is given up."""
        self._client = client
        self._project = project
        self._site = site
        # The library's own retries are off: who calls looks again anyway, within a budget that it knows.
        self._options: dict[str, Any] = {"timeout": timeout_s, "retry": None}

    def get(self, zone: str, name: str) -> Cluster | None:
        """Read one cluster."""
        path = self._path(zone, name)
        try:
            with _translated(path):
                return _cluster(self._client.get_cluster(name=path, **self._options))
        except errors.NotFound:
            return None

    def list(self) -> ClusterListing:
        """List the clusters of every zone; GKE has no filter, so ours are chosen here."""
        parent = self._parent(_ANY_LOCATION)
        with _translated(f"{parent}/clusters"):
            listed = self._client.list_clusters(parent=parent, **self._options)
        ours = (item for item in listed.clusters if item.resource_labels.get(names.LABEL_OURS) == "true")
        return ClusterListing(
            clusters=tuple(_cluster(item) for item in ours), missing_zones=tuple(listed.missing_zones)
        )

    def create(self, zone: str, spec: ClusterSpec) -> None:
        """Begin to create a cluster."""
        cluster = cluster_message(spec, self._project, self._site)
        with _translated(self._path(zone, spec.name)):
            self._client.create_cluster(parent=self._parent(zone), cluster=cluster, **self._options)

    def delete(self, zone: str, name: str) -> None:
        """Begin to delete a cluster."""
        path = self._path(zone, name)
        with _translated(path):
            self._client.delete_cluster(name=path, **self._options)

    def resize(self, zone: str, name: str, node_count: int) -> None:
        """Begin to resize the burst's node pool."""
        path = f"{self._path(zone, name)}/nodePools/{BURST_POOL}"
        with _translated(path):
            self._client.set_node_pool_size(request={"name": path, "node_count": node_count}, **self._options)

    def operations(self, zone: str, name: str) -> tuple[ClusterOperation, ...]:
        """List the zone's operations, and give those on the cluster."""
        parent = self._parent(zone)
        with _translated(f"{parent}/operations"):
            listed = self._client.list_operations(parent=parent, **self._options)
        if listed.missing_zones:
            raise errors.Unavailable(
                f"GKE has no answer of {', '.join(listed.missing_zones)} about operations on {name}.",
                remedy="It is tried again.",
            )
        # A link may name the project by its number and the zone as a zone: only its end is certain.
        wanted = f"/clusters/{name}"
        return tuple(_operation(item) for item in listed.operations if item.target_link.endswith(wanted))

    def _parent(self, zone: str) -> str:
        return f"projects/{self._project}/locations/{zone}"

    def _path(self, zone: str, name: str) -> str:
        return f"{self._parent(zone)}/clusters/{name}"


def _cluster(message: Any) -> Cluster:
    endpoint, ca_pem = _endpoint(message)
    return Cluster(
        name=message.name,
        zone=message.location,
        status=ClusterStatus(message.status.name),
        labels=dict(message.resource_labels),
        created_at=datetime.fromisoformat(message.create_time).timestamp(),
        pools=tuple(_pool(item) for item in message.node_pools),
        endpoint=endpoint,
        ca_pem=ca_pem,
        complaints=_complaints(message.conditions),
    )


def _endpoint(message: Any) -> tuple[str, bytes]:
    """Give where a cluster's Kubernetes API is reached, and who vouches for it: by name wherever it has one.

    The name is always there, but answers only where traffic from outside is allowed; public authorities vouch for it.
    """
    by_name = message.control_plane_endpoints_config.dns_endpoint_config
    if by_name.endpoint and by_name.allow_external_traffic:
        return by_name.endpoint, b""
    return message.endpoint, base64.b64decode(message.master_auth.cluster_ca_certificate)


def _pool(message: Any) -> NodePool:
    return NodePool(
        name=message.name,
        # Despite its name it follows SetNodePoolSize.
        node_count=message.initial_node_count,
        status=NodePoolStatus(message.status.name),
        complaints=_complaints(message.conditions),
    )


def _operation(message: Any) -> ClusterOperation:
    complaints = _complaints(message.cluster_conditions)
    if message.error.code != _OK:
        complaints += (Complaint(code="", text=message.error.message),)
    return ClusterOperation(
        kind=_KINDS.get(message.operation_type.name, OperationKind.OTHER),
        is_done=message.status.name == "DONE",
        complaints=complaints,
    )


def _complaints(conditions: Any) -> tuple[Complaint, ...]:
    return tuple(Complaint(code=item.code.name, text=item.message) for item in conditions)


@contextmanager
def _translated(path: str) -> Iterator[None]:
    """Raise Google's errors as ours; `path` is what the call was about."""
    try:
        yield
    except google_errors.GoogleAPICallError as exc:
        raise _error(exc, path) from exc
    except google_errors.RetryError as exc:
        raise errors.Unavailable(
            f"GKE did not answer about {path}: {type(exc).__name__}.", remedy="It is tried again."
        ) from exc


def _error(exc: google_errors.GoogleAPICallError, path: str) -> errors.CloudError:
    said = str(exc.message).rstrip(".")
    match exc:
        case google_errors.NotFound():
            return errors.NotFound(f"there is no {path}.")
        case google_errors.AlreadyExists():
            return errors.AlreadyExists(f"{path} exists already.")
        case google_errors.FailedPrecondition():
            return errors.Busy(f"{path} cannot be changed now: {said}.", remedy="It is tried again.")
        case google_errors.ResourceExhausted() | google_errors.PermissionDenied() if _is_used_up(exc, said):
            return _exhausted(said, path)
        case google_errors.PermissionDenied() | google_errors.Unauthenticated():
            return _refused(exc, said, path)
        case google_errors.MethodNotImplemented() | google_errors.DataLoss():
            pass  # server errors too, but such as stay
        case google_errors.ResourceExhausted() | google_errors.ServerError() | google_errors.Aborted():
            return errors.Unavailable(f"GKE could not answer about {path}: {said}.", remedy="It is tried again.")
        case google_errors.InvalidArgument():
            return errors.InvalidRequest(
                f"GKE cannot make {path} as asked: {said}.",
                remedy="Correct what is named: most often the template's machine_type, or its zones.",
            )
    return errors.CloudError(f"GKE failed on {path}: {said}.", code=f"gke-{type(exc).__name__}"[:100])


def _refused(exc: google_errors.GoogleAPICallError, said: str, path: str) -> errors.PermissionDenied:
    if isinstance(exc, google_errors.Unauthenticated):
        return errors.TokenRefused(
            f"GKE did not accept the token for {path}: {said}.",
            remedy="It is tried again with a fresh one; if this stays, look at the function's account.",
        )
    return errors.PermissionDenied(
        f"GKE refused {path}: {said}.", remedy="Give the function's account the right that is named."
    )


def _is_used_up(exc: google_errors.GoogleAPICallError, said: str) -> bool:
    """Tell what is used up for longer than a minute; GKE's own check of a region's quota comes as a 403."""
    if isinstance(exc, google_errors.ResourceExhausted):
        return bool(exc.reason != _RATE_LIMIT)
    return "Insufficient" in said and "quota" in said


def _exhausted(said: str, path: str) -> errors.CloudError:
    """Tell a stock-out from a quota: both may come as RESOURCE_EXHAUSTED, a quota often without its mark."""
    failure = failure_of((Complaint(code="", text=said),), path)
    if isinstance(failure, errors.CapacityUnavailable):
        return failure
    return failure_of((Complaint(code="QUOTA_EXCEEDED", text=said),), path)
