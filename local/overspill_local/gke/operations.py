"""Long-running operations: what GKE answers to every change, and what a client polls.

Here live the records and their life from RUNNING to DONE; what an operation does lives in control_plane.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from overspill_local.gke.protobufs import (
    ConditionCode,
    Operation,
    OperationMessage,
    OperationStatus,
    OperationType,
)

if TYPE_CHECKING:
    from overspill_local.gke.requests import ClusterKey, Location

API: Final = "https://container.googleapis.com/v1"

_VERB: Final = {
    OperationType.CREATE_CLUSTER: "creating",
    OperationType.DELETE_CLUSTER: "deleting",
    OperationType.SET_NODE_POOL_SIZE: "resizing",
}


def timestamp() -> str:
    """Give the time of day as GKE writes it: RFC 3339, UTC."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


class OperationLog:
    """Every operation since the server started, the finished ones too."""

    def __init__(self) -> None:
        self._operations: dict[tuple[Location, str], OperationMessage] = {}
        self._running: dict[ClusterKey, OperationMessage] = {}

    def start(self, kind: OperationType, key: ClusterKey) -> OperationMessage:
        """Record an operation that begins to run on a cluster."""
        name = f"operation-{time.time_ns() // 1_000_000}-{uuid.uuid4()}"
        base = f"{API}/{_numbered(key.location.path, key.location.project)}"
        operation = Operation(
            name=name,
            zone=key.location.name,
            location=key.location.name,
            operation_type=kind,
            status=OperationStatus.RUNNING,
            start_time=timestamp(),
            self_link=f"{base}/operations/{name}",
            target_link=f"{base}/clusters/{key.name}",
        )
        self._operations[key.location, name] = operation
        self._running[key] = operation
        return operation

    def finish(self, key: ClusterKey) -> None:
        """Mark the operation that runs on a cluster as done."""
        operation = self._running.pop(key)
        operation.status = OperationStatus.DONE
        operation.end_time = timestamp()

    def fail(self, key: ClusterKey, code: int, message: str, condition: str = "UNKNOWN") -> None:
        """Mark the operation that runs on a cluster as done with an error, in old and new fields alike."""
        operation = self._running[key]
        operation.error.code = code
        operation.error.message = message
        operation.status_message = message
        operation.cluster_conditions.add(code=ConditionCode[condition], message=message, canonical_code=code)
        self.finish(key)

    def find(self, location: Location, name: str) -> OperationMessage | None:
        """Give the operation of this name, or None."""
        return self._operations.get((location, name))

    def list(self, parent: Location) -> list[OperationMessage]:
        """Give the operations in a location, or in all of them, oldest first."""
        return [operation for (location, _), operation in self._operations.items() if parent.holds(location)]

    def obstacle(self, key: ClusterKey) -> str | None:
        """Say why a cluster cannot be changed now, in GKE's words; None where it can."""
        running = self._running.get(key)
        if running is None:
            return None
        return (
            f"Operation {running.name} is currently {_VERB[running.operation_type]} cluster {key.name}. "
            "Please wait and try again once it is done."
        )


def _numbered(path: str, project: str) -> str:
    """Write a path with a project number: links of operations have the number, those of clusters the id."""
    number = int(hashlib.sha256(project.encode()).hexdigest()[:9], 16)
    return path.replace(f"projects/{project}/", f"projects/{number}/", 1)
