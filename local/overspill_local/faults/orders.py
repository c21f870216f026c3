"""Orders for faults, of any server: what shall fail, which calls, how often or until when.

Here lives the queue that hands them out; what a fault is, and what it does to a call, is its server's business.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F")


@dataclass(slots=True, kw_only=True)
class Order(Generic[F]):
    """One fault that is ordered."""

    fault: F
    calls: str
    """Which calls it hits, as a shell pattern."""
    times: int | None
    """How many it still hits; None: every one until `ends_at`, or until it is cleared."""
    ends_at: float | None
    name: str


class FaultOrders(Generic[F]):
    """What is ordered and has not come to its end yet. The oldest order that fits a call hits it."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        """`now` gives seconds of any clock that only goes forward."""
        self._now = now
        self._orders: list[Order[F]] = []

    def order(
        self, fault: F, *, calls: str = "*", times: int | None = 1, for_s: float | None = None, name: str = ""
    ) -> None:
        """Let the next `times` calls that fit fail; all that come within `for_s` seconds where that is given."""
        self._orders.append(
            Order(
                fault=fault,
                calls=calls,
                times=None if for_s is not None else times,
                ends_at=None if for_s is None else self._now() + for_s,
                name=name,
            )
        )

    def take(self, call: str) -> F | None:
        """Give the fault that hits this call, if any, and count it."""
        for order in self.waiting():
            if fnmatchcase(call, order.calls):
                if order.times is not None:
                    order.times -= 1
                return order.fault
        return None

    def waiting(self) -> tuple[Order[F], ...]:
        """Give what is still to come, oldest first."""
        now = self._now()
        self._orders = [
            order for order in self._orders if order.times != 0 and (order.ends_at is None or now < order.ends_at)
        ]
        return tuple(self._orders)

    def seconds_left(self, order: Order[F]) -> float | None:
        """Give for how long an order still holds; None where time does not end it."""
        return None if order.ends_at is None else max(0.0, order.ends_at - self._now())

    def clear(self) -> None:
        """Forget all orders."""
        self._orders = []
