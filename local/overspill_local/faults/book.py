"""The faults of one embedded cloud: ordered by name from its servers, listed and cleared.

What a name means is the catalogue's; who may order is not asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from overspill_local.faults.catalogue import CATALOGUE
from overspill_local.faults.gke import CallError
from overspill_local.faults.kube import RequestFault
from overspill_local.faults.pods import PodFault
from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from overspill_local.faults.gke import Faults as GkeFaults
    from overspill_local.faults.kube import RequestFaults
    from overspill_local.faults.orders import FaultOrders, Order
    from overspill_local.faults.pods import PodFaults

MISSING_ZONE = "missing-zone"
"""Has no number of times: it is so until it is cleared."""

CONTROL_PATH = "/faults"
CONTROL_VARIABLE = "OVERSPILL_LOCAL_CONTROL"
"""HOST:PORT at which a running embedded cloud takes orders; `overspill-local up` prints it."""

Seconds = Annotated[float, Field(ge=0, le=24 * 3600)]


class FaultOrder(BaseModel):
    """What somebody orders."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    times: int = Field(default=1, ge=1, le=1_000_000, description="how many calls it hits")
    for_s: Seconds | None = Field(default=None, description="it hits every call for so long, instead")
    after_s: Seconds | None = Field(default=None, description="when, within a create, it happens")
    calls: str | None = Field(default=None, max_length=200, description="which calls it hits, as a shell pattern")
    zone: str | None = Field(default=None, max_length=63, description=f"of {MISSING_ZONE}: the one that is silent")


@dataclass(frozen=True, slots=True)
class FaultBook:
    """Orders faults from GKE, and from every cluster's Kubernetes API and pods. Safe to call from any thread."""

    gke: GkeFaults
    kubernetes: RequestFaults
    pods: PodFaults

    def order(self, name: str, **options: Any) -> str:
        """Order a fault of the catalogue by a FaultOrder's keys; gives what will happen, as a line for people.

        Raises ConfigError if there is no such fault, or it has no such option; pydantic's ValidationError where an
        option is out of range.
        """
        order = FaultOrder(name=name, **options)
        if order.name == MISSING_ZONE:
            return self._order_missing_zone(order)
        named = CATALOGUE.get(order.name)
        if named is None:
            raise ConfigError(
                f"there is no fault {order.name!r}.", remedy=f"There are: {', '.join((*CATALOGUE, MISSING_ZONE))}."
            )
        is_wrong = (order.after_s is not None and not named.takes_after, order.calls and not named.calls, order.zone)
        if any(is_wrong):
            raise ConfigError(
                f"{order.name} has no such option.", remedy=f"See overspill-local fault {order.name} --help."
            )
        fault, calls = named.build(order.after_s), order.calls or named.calls or "*"
        limits: dict[str, Any] = {"times": order.times, "for_s": order.for_s, "name": order.name}
        match fault:
            case CallError():
                self.gke.calls.order(fault, calls=calls, **limits)
            case RequestFault():
                self.kubernetes.order(fault, calls=calls, **limits)
            case PodFault():
                self.pods.order(fault, calls=calls, **limits)
            case _:
                self.gke.add(fault, **limits)
        return next(line for line in reversed(self.list()) if line.startswith(f"{order.name}: "))

    def list(self) -> tuple[str, ...]:
        """Give what is ordered and has not come to its end, as lines for people; what GKE does comes first."""
        zones = tuple(f"{MISSING_ZONE}: {zone}, until it is cleared" for zone in sorted(self.gke.missing_zones))
        return (
            zones + _lines(self.gke.operations) + _lines(self.gke.calls) + _lines(self.kubernetes) + _lines(self.pods)
        )

    def clear(self) -> None:
        """Forget all orders; what has begun goes on."""
        self.gke.clear()
        self.kubernetes.clear()
        self.pods.clear()

    def _order_missing_zone(self, order: FaultOrder) -> str:
        if not order.zone:
            raise ConfigError(f"{MISSING_ZONE} needs a zone.", remedy="For example --zone us-central1-a.")
        self.gke.missing_zones.add(order.zone)
        return f"{MISSING_ZONE}: {order.zone}, until it is cleared"


def _lines(orders: FaultOrders[Any]) -> tuple[str, ...]:
    return tuple(f"{order.name or type(order.fault).__name__}: {_when(orders, order)}" for order in orders.waiting())


def _when(orders: FaultOrders[Any], order: Order[Any]) -> str:
    what = "call" if order.calls == "*" else f"call that is {order.calls}"
    if (left := orders.seconds_left(order)) is not None:
        return f"every {what}, for {left:.1f} s"
    return f"the next {what}" if order.times == 1 else f"the next {order.times} calls ({order.calls})"
