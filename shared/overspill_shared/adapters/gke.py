"""Clusters over GKE's ClusterManager API (google.container.v1).

What a cluster looks like on the wire stands here, and what GKE's errors mean; when one is made or deleted does not.
"""

from __future__ import annotations

import base64
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from google.api_core import exceptions as google_errors
from google.cloud import container_v1

from overspill_shared import errors
from overspill_shared.clusters import (
    NODE_POOL,
    Cluster,
    ClusterOperation,
    ClusterSpec,
    ClusterStatus,
    Complaint,
    OperationKind,
    failure_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_KINDS: Final = {"CREATE_CLUSTER": OperationKind.CREATE, "DELETE_CLUSTER": OperationKind.DELETE}
_OK: Final = 0
"""google.rpc.Code of what did not fail."""
_RATE_LIMIT: Final = "RATE_LIMIT_EXCEEDED"
"""google.rpc.ErrorInfo's reason of a quota that refills by itself, within a minute."""


class GkeClusters:
    """Implements ports.Clusters."""

    def __init__(self, client: container_v1.ClusterManagerClient, project: str, *, timeout_s: float = 30) -> None:
        self._client = client
        self._project = project
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

    def create(self, zone: str, spec: ClusterSpec) -> None:
        """Begin to create a cluster."""
        with _translated(self._path(zone, spec.name)):
            self._client.create_cluster(parent=self._parent(zone), cluster=_cluster_message(spec), **self._options)

    def delete(self, zone: str, name: str) -> None:
        """Begin to delete a cluster."""
        path = self._path(zone, name)
        with _translated(path):
            self._client.delete_cluster(name=path, **self._options)

    def operations(self, zone: str, name: str) -> tuple[ClusterOperation, ...]:
        """List the zone's operations, and give those on the cluster."""
        parent = self._parent(zone)
        with _translated(f"{parent}/operations"):
            listed = self._client.list_operations(parent=parent, **self._options)
        # A link may name the project by its number and the zone as a zone: only its end is certain.
        wanted = f"/clusters/{name}"
        return tuple(_operation(item) for item in listed.operations if item.target_link.endswith(wanted))

    def _parent(self, zone: str) -> str:
        return f"projects/{self._project}/locations/{zone}"

    def _path(self, zone: str, name: str) -> str:
        return f"{self._parent(zone)}/clusters/{name}"


def _cluster_message(spec: ClusterSpec) -> container_v1.Cluster:
    """Give the cluster as GKE takes it: one pool, of a fixed size, of the nodes that were asked for."""
    return container_v1.Cluster(
        name=spec.name,
        resource_labels=dict(spec.labels),
        node_pools=[
            container_v1.NodePool(
                name=NODE_POOL,
                initial_node_count=spec.node_count,
                config=container_v1.NodeConfig(machine_type=spec.machine_type, spot=spec.is_spot),
            )
        ],
    )


def _cluster(message: Any) -> Cluster:
    return Cluster(
        name=message.name,
        status=ClusterStatus(message.status.name),
        labels=dict(message.resource_labels),
        endpoint=message.endpoint,
        ca_pem=base64.b64decode(message.master_auth.cluster_ca_certificate),
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
        case google_errors.PermissionDenied() | google_errors.Unauthenticated():
            return errors.PermissionDenied(
                f"GKE refused {path}: {said}.", remedy="Give the function's account the right that is named."
            )
        case google_errors.ResourceExhausted() if exc.reason != _RATE_LIMIT:
            return _exhausted(said, path)
        case google_errors.MethodNotImplemented() | google_errors.DataLoss():
            pass  # server errors too, but such as stay
        case google_errors.ResourceExhausted() | google_errors.ServerError() | google_errors.Aborted():
            return errors.Unavailable(f"GKE could not answer about {path}: {said}.", remedy="It is tried again.")
        case google_errors.InvalidArgument():
            return errors.CloudError(
                f"GKE cannot make {path} as asked: {said}.",
                remedy="Correct what is named: most often the template's machine_type, or its zones.",
                code="invalid-argument",
            )
    return errors.CloudError(f"GKE failed on {path}: {said}.", code=f"gke-{type(exc).__name__}"[:100])


def _exhausted(said: str, path: str) -> errors.CloudError:
    """Tell a stock-out from a quota: both come as RESOURCE_EXHAUSTED, a quota often without its mark."""
    failure = failure_of((Complaint(code="", text=said),), path)
    if isinstance(failure, errors.CapacityUnavailable):
        return failure
    return failure_of((Complaint(code="QUOTA_EXCEEDED", text=said),), path)
