"""Faults that a test or a demonstration orders from the embedded kubelets: pods that do not start, and say why.

Here live what can be ordered and how Kubernetes words it; that a pod is held back is the operator's stand-in's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from overspill_local.faults.orders import FaultOrders

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFault:
    """A pod that does not start."""

    status: Mapping[str, Any] = field(default_factory=dict)
    """What its PodStatus says meanwhile; the containers' names are added."""
    event: tuple[str, str] | None = None
    """Reason and message of an event about it."""
    passes_after_s: float | None = None
    """When it starts after all; None: never."""


PodFaults: TypeAlias = FaultOrders[PodFault]
"""By the pod's name, such as `burst-0-1`."""


def image_pull(*, passes_after_s: float | None) -> PodFault:
    """An image that does not exist, or may not be pulled."""
    message = 'Back-off pulling image "embedded.invalid/app:1": ErrImagePull: not found'
    return PodFault(status=_waiting("ImagePullBackOff", message), passes_after_s=passes_after_s)


def slow_pull(*, passes_after_s: float | None) -> PodFault:
    """An image that takes its time."""
    return PodFault(event=("Pulling", 'Pulling image "embedded.invalid/app:1"'), passes_after_s=passes_after_s)


def unschedulable(*, passes_after_s: float | None) -> PodFault:
    """A pod that no node has room for."""
    message = "0/5 nodes are available: 1 node(s) had untolerated taint {overspill: burst}, 4 Insufficient memory."
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return PodFault(status={"conditions": [condition]}, passes_after_s=passes_after_s)


def mount_fails(*, passes_after_s: float | None) -> PodFault:
    """A volume that cannot be mounted: only an event tells."""
    message = 'MountVolume.SetUp failed for volume "volume-data" : rpc error: code = NotFound desc = no such bucket'
    return PodFault(event=("FailedMount", message), passes_after_s=passes_after_s)


def crash_loop(*, passes_after_s: float | None) -> PodFault:
    """A container that ends again and again: the pod's phase is Running all the while."""
    status = _waiting("CrashLoopBackOff", "back-off 5m0s restarting failed container")
    return PodFault(status={"phase": "Running", **status}, passes_after_s=passes_after_s)


def _waiting(reason: str, message: str) -> dict[str, Any]:
    return {"containerStatuses": [{"state": {"waiting": {"reason": reason, "message": message}}}]}
