"""Faults that a test or a demonstration orders from the embedded GKE.

Here live what can be ordered and how GKE words it; what a fault does to a cluster is the control plane's, and how a
call is refused is the server's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from overspill_local.faults.orders import FaultOrders
from overspill_shared.clusters import BURST_POOL

RESOURCE_EXHAUSTED: Final = 8
"""google.rpc.Code of a stock-out and of an exceeded quota."""
INTERNAL: Final = 13


class FaultyCall(StrEnum):
    """Which call's operation shall go wrong."""

    CREATE = "create"
    DELETE = "delete"
    RESIZE = "resize"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationFault:
    """An operation that is accepted, runs and ends in an error; its cluster is in ERROR then."""

    call: FaultyCall = FaultyCall.CREATE
    condition: str = "UNKNOWN"
    """A name of google.container.v1.StatusCondition.Code, e.g. GCE_STOCKOUT."""
    code: int = RESOURCE_EXHAUSTED
    """google.rpc.Code of Operation.error."""
    message: str
    after_s: float | None = None
    """How long the operation runs before it fails; None: as long as one that succeeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowOperation:
    """An operation that takes this long, and then works."""

    call: FaultyCall = FaultyCall.CREATE
    takes_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Degraded:
    """A create that works, but whose cluster is DEGRADED for good."""

    condition: str = "UNKNOWN"
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenPool:
    """A create that works, but for one node pool: its nodes do not come."""

    pool: str
    condition: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NameTaken:
    """A create that comes too late: somebody else has just made a cluster of that name, without our labels."""


CreateFault: TypeAlias = OperationFault | SlowOperation | Degraded | BrokenPool | NameTaken


@dataclass(frozen=True, slots=True, kw_only=True)
class CallError:
    """A call that is answered with an error at once."""

    code: str
    """A name of grpc.StatusCode, e.g. UNAVAILABLE."""
    message: str
    """GKE's words; `{permission}` becomes the one that the call needs."""
    reason: str = ""
    """google.rpc.ErrorInfo's reason, where GKE sends one."""
    is_done_first: bool = False
    """The call does its work, and only its answer is lost: the server crashed in between."""


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


def quota_exceeded(*, after_s: float | None = None) -> OperationFault:
    """Order what GKE reports when instances cannot be made because a quota of Compute Engine is used up."""
    return OperationFault(
        condition="GCE_QUOTA_EXCEEDED",
        message=(
            "Google Compute Engine: Not all instances running in IGM after 18.1s. Expected 4, running 0, transitioning "
            "4. Current errors: [GCE_QUOTA_EXCEEDED]: Instance creation failed: Quota 'C2_CPUS' exceeded.  Limit: "
            "24.0 in region us-central1."
        ),
        after_s=after_s,
    )


def internal_error(*, call: FaultyCall = FaultyCall.CREATE, after_s: float | None = None) -> OperationFault:
    """Order an operation that fails for no reason that anybody could mend."""
    return OperationFault(call=call, code=INTERNAL, message="An internal error has occurred.", after_s=after_s)


def degraded() -> Degraded:
    """Order a cluster that works, with something lacking."""
    return Degraded(message="The control plane is running, but a component of it is unhealthy.")


def pool_stockout() -> BrokenPool:
    """Order a cluster whose burst pool gets no nodes, as one looks whose system pool came up."""
    failure = stockout()
    return BrokenPool(pool=BURST_POOL, condition=failure.condition, message=failure.message)


@dataclass(slots=True)
class Faults:
    """What is ordered and has not happened yet."""

    missing_zones: set[str] = field(default_factory=set)
    """Zones that do not answer a list over all locations: reported as missing, their clusters left out."""
    operations: FaultOrders[CreateFault] = field(default_factory=FaultOrders)
    """By the call that starts the operation (FaultyCall)."""
    calls: FaultOrders[CallError] = field(default_factory=FaultOrders)
    """By the method's name, such as CreateCluster."""

    def add(self, fault: CreateFault, *, times: int | None = 1, for_s: float | None = None, name: str = "") -> None:
        """Let the next call's operation go wrong; several faults are served in order."""
        call = getattr(fault, "call", FaultyCall.CREATE)
        self.operations.order(fault, calls=call.value, times=times, for_s=for_s, name=name)

    def clear(self) -> None:
        """Forget all of it."""
        self.missing_zones.clear()
        self.operations.clear()
        self.calls.clear()
