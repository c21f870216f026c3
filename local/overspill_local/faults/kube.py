"""Faults that a test or a demonstration orders from an embedded Kubernetes API, as its clients meet them.

Here live what can be ordered and how Kubernetes words it; how a request is refused or cut off is the server's. They hit
clients outside of the cluster only: what plays the operator and the kubelets is spared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from overspill_local.faults.orders import FaultOrders

INSIDE_AGENT: Final = "overspill-local-inside"
"""The User-Agent of the parts that play the inside of a cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFault:
    """A request that is answered with an error, or not at all."""

    status: int = 0
    """HTTP's; 0: the connection is cut, with no answer."""
    reason: str = ""
    """metav1.StatusReason."""
    message: str = ""
    is_done_first: bool = False
    """The request does its work before."""


RequestFaults: TypeAlias = FaultOrders[RequestFault]
"""By method and path, such as `PATCH /api/v1/namespaces/x`."""
