"""Faults that a test or a demonstration orders from the embedded GKE.

Here live what can be ordered and the queue that hands it out; what a fault does to a cluster is the control plane's.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

RESOURCE_EXHAUSTED: Final = 8
"""google.rpc.Code of a stock-out and of an exceeded quota."""


class FaultyCall(StrEnum):
    """Which call's operation shall fail."""

    CREATE = "create"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationFault:
    """One operation that is accepted, runs and ends in an error."""

    call: FaultyCall = FaultyCall.CREATE
    condition: str = "UNKNOWN"
    """A name of google.container.v1.StatusCondition.Code, e.g. GCE_STOCKOUT."""
    code: int = RESOURCE_EXHAUSTED
    """google.rpc.Code of Operation.error."""
    message: str
    after_s: float | None = None
    """How long the operation runs before it fails; None: as long as one that succeeds."""


def stockout(*, expected: int = 4, running: int = 0, after_s: float | None = None) -> OperationFault:
    """Order what GKE reports when a zone has no such nodes: seen after seconds, or after 35 minutes."""
    return OperationFault(
        condition="GCE_STOCKOUT",
        message=(
            f"Google Compute Engine: Not all instances running in IGM after 35m4s. Expected {expected}, running "
            f"{running}, transitioning {expected - running}. Current errors: [GCE_STOCKOUT]: Instance creation failed: "
            "The zone does not have enough resources available to fulfill the request."
        ),
        after_s=after_s,
    )


@dataclass(slots=True)
class Faults:
    """What is ordered and has not happened yet."""

    missing_zones: set[str] = field(default_factory=set)
    """Zones that do not answer a list over all locations: reported as missing, their clusters left out."""
    _operations: deque[OperationFault] = field(default_factory=deque)

    def add(self, fault: OperationFault) -> None:
        """Let the next call of the fault's kind fail; several faults are served in order."""
        self._operations.append(fault)

    def take(self, call: FaultyCall) -> OperationFault | None:
        """Take the oldest fault ordered for this call, if any."""
        for fault in self._operations:
            if fault.call is call:
                self._operations.remove(fault)
                return fault
        return None
