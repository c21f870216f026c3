"""The embedded GKE's gRPC face: google.container.v1.ClusterManager on an insecure port.

Here lives the translation between calls and the control plane, and starting and stopping; no rule about clusters.
Calls that Overspill does not make answer UNIMPLEMENTED. ListClusters has no filter, as in GKE: choosing by label is
the client's work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
from google.rpc import error_details_pb2, status_pb2

from overspill_local.gke import protobufs, requests
from overspill_local.gke.control_plane import VERSION, ControlPlane, Delays

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from overspill_local.faults.gke import CallError, Faults
    from overspill_local.faults.orders import FaultOrders
    from overspill_local.gke.backend import ClusterBackend, ClusterEvent, EventCallback
    from overspill_local.gke.protobufs import (
        ClusterMessage,
        OperationMessage,
        RequestMessage,
    )

SERVICE: Final = "google.container.v1.ClusterManager"
_PERMISSIONS: Final = {
    "CreateCluster": "container.clusters.create",
    "DeleteCluster": "container.clusters.delete",
    "GetCluster": "container.clusters.get",
    "GetOperation": "container.operations.get",
    "GetServerConfig": "container.clusters.list",
    "ListClusters": "container.clusters.list",
    "ListOperations": "container.operations.list",
    "SetNodePoolSize": "container.clusters.update",
}
"""What each call needs (cloud.google.com/kubernetes-engine/docs/reference/api-permissions)."""
STOP_GRACE_S: Final = 0.2
"""How long calls in flight may go on once the server stops."""


def _ignore(_kind: ClusterEvent, _cluster_name: str, _detail: str) -> None:
    """Tell nobody."""


class GkeServer:
    """One embedded GKE: start it, point GKE_EMULATOR_HOST at its port, stop it."""

    def __init__(
        self,
        backend: ClusterBackend,
        *,
        create_s: float = 0.2,
        delete_s: float = 0.1,
        resize_s: float = 0.1,
        on_event: EventCallback = _ignore,
    ) -> None:
        """Prepare a server: the delays are seconds that operations take beyond what the backend needs.

        `on_event` gets a kind, a cluster name and a detail for people, in the server's event loop.
        """
        self._control_plane = ControlPlane(
            backend, Delays(create_s=create_s, delete_s=delete_s, resize_s=resize_s), on_event
        )
        self._server: Any = None

    @property
    def faults(self) -> Faults:
        """Where to order operations that fail and zones that do not answer."""
        return self._control_plane.faults

    def cluster_names(self) -> tuple[str, ...]:
        """Give the names of the clusters that exist, in whatever state."""
        return self._control_plane.names()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen, on a free port where port is 0; returns the port.

        Raises RuntimeError where the port is taken.
        """
        # Without so_reuseport=0 two servers would share a port and split the calls between them.
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, self._handlers()),))
        bound = server.add_insecure_port(f"{host}:{port}")
        await server.start()
        self._server = server
        return int(bound)

    async def stop(self, timeout_s: float = 10.0) -> None:
        """Stop listening, abandon operations, and take down every cluster that is still there.

        Raises TimeoutError where the backend does not come to an end in time.
        """
        if self._server is not None:
            await self._server.stop(STOP_GRACE_S)
            self._server = None
        await self._control_plane.close(timeout_s)

    def _handlers(self) -> dict[str, Any]:
        calls: dict[str, tuple[Callable[[RequestMessage], Any], str]] = {
            "CreateCluster": (self._create_cluster, "Operation"),
            "DeleteCluster": (self._delete_cluster, "Operation"),
            "GetCluster": (self._get_cluster, "Cluster"),
            "GetOperation": (self._get_operation, "Operation"),
            "GetServerConfig": (self._get_server_config, "ServerConfig"),
            "ListClusters": (self._list_clusters, "ListClustersResponse"),
            "ListOperations": (self._list_operations, "ListOperationsResponse"),
            "SetNodePoolSize": (self._set_node_pool_size, "Operation"),
        }
        return {
            name: grpc.unary_unary_rpc_method_handler(
                _answering(name, call, self.faults.calls),
                request_deserializer=protobufs.message_class(f"{name}Request").FromString,
                response_serializer=protobufs.message_class(response).SerializeToString,
            )
            for name, (call, response) in calls.items()
        }

    def _create_cluster(self, request: RequestMessage) -> OperationMessage:
        location = requests.parse_location(request.parent)
        requests.check_cluster(request.cluster, location.project)
        return self._control_plane.create(location, request.cluster)

    def _delete_cluster(self, request: RequestMessage) -> OperationMessage:
        return self._control_plane.delete(requests.parse_cluster_name(request.name))

    def _get_cluster(self, request: RequestMessage) -> ClusterMessage:
        return self._control_plane.get(requests.parse_cluster_name(request.name))

    def _list_clusters(self, request: RequestMessage) -> Any:
        clusters, missing_zones = self._control_plane.list(requests.parse_list_parent(request.parent))
        return protobufs.ListClustersResponse(clusters=clusters, missing_zones=missing_zones)

    def _get_operation(self, request: RequestMessage) -> OperationMessage:
        location, name = requests.parse_operation_name(request.name)
        operation = self._control_plane.operations.find(location, name)
        if operation is None:
            message = f"Not found: {location.path}/operations/{name}."
            raise requests.ApiError(grpc.StatusCode.NOT_FOUND, message)
        return operation

    def _list_operations(self, request: RequestMessage) -> Any:
        parent = requests.parse_list_parent(request.parent)
        missing_zones = self._control_plane.missing_zones(parent)
        operations = [o for o in self._control_plane.operations.list(parent) if o.zone not in missing_zones]
        return protobufs.ListOperationsResponse(operations=operations, missing_zones=missing_zones)

    def _set_node_pool_size(self, request: RequestMessage) -> OperationMessage:
        key, pool = requests.parse_node_pool_name(request.name)
        requests.check_node_count(request.node_count)
        return self._control_plane.resize(key, pool, request.node_count)

    def _get_server_config(self, request: RequestMessage) -> Any:
        requests.parse_location(request.name, field="name")
        return protobufs.ServerConfig(
            default_cluster_version=VERSION, valid_master_versions=[VERSION], valid_node_versions=[VERSION]
        )


def _answering(
    name: str, call: Callable[[RequestMessage], Any], faults: FaultOrders[CallError]
) -> Callable[[RequestMessage, Any], Awaitable[Any]]:
    """Make a grpc.aio handler of a method that returns a message or raises ApiError."""

    async def handle(request: RequestMessage, context: Any) -> Any:
        fault = faults.take(name)
        if fault is not None and not fault.is_done_first:
            return await _refuse(context, fault, name)
        try:
            answer = call(request)
        except requests.ApiError as error:
            return await context.abort(error.code, error.message)
        return answer if fault is None else await _refuse(context, fault, name)

    return handle


async def _refuse(context: Any, fault: CallError, name: str) -> Any:
    code, message = grpc.StatusCode[fault.code], fault.message.format(permission=_PERMISSIONS[name])
    details: tuple[tuple[str, bytes], ...] = ()
    if fault.reason:
        status = status_pb2.Status(code=code.value[0], message=message)
        status.details.add().Pack(error_details_pb2.ErrorInfo(reason=fault.reason, domain="googleapis.com"))
        details = (("grpc-status-details-bin", status.SerializeToString()),)
    return await context.abort(code, message, trailing_metadata=details)
