"""The raw protobuf classes of google.container.v1 under short names.

Here live names only, no behaviour. Raw classes, not proto-plus wrappers: the handlers of grpc.aio serialise them
directly, and reading a field is six times as fast. In raw messages enum fields are plain integers.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from google.cloud.container_v1 import types

ClusterMessage: TypeAlias = Any
"""A google.container.v1.Cluster."""
NodePoolMessage: TypeAlias = Any
"""A google.container.v1.NodePool."""
OperationMessage: TypeAlias = Any
"""A google.container.v1.Operation."""
RequestMessage: TypeAlias = Any
"""Any request message of the ClusterManager service."""

Cluster = types.Cluster.pb()
Operation = types.Operation.pb()
ListClustersResponse = types.ListClustersResponse.pb()
ListOperationsResponse = types.ListOperationsResponse.pb()
ServerConfig = types.ServerConfig.pb()

ClusterStatus = types.Cluster.Status
ConditionCode = types.StatusCondition.Code
NodePoolStatus = types.NodePool.Status
OperationStatus = types.Operation.Status
ReleaseChannel = types.ReleaseChannel
OperationType = types.Operation.Type


def message_class(name: str) -> Any:
    """Give the raw class of a message of google.container.v1, e.g. `CreateClusterRequest`."""
    return getattr(types, name).pb()
