"""What a burst may cost, and what the caps leave. Pure arithmetic; a `Budget` never leaves the turn that made it.

A burst reserves nodes x price x (its jobs' time limit + the time to create it + its idle time-out, but at least the
time that it may take to join, + the time to remove it). What is reserved, or more where more was spent (see `funding`),
counts until the burst is removed; then its real cost does.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from overspill_agent.deciding.policy import Policy

DAY_S: Final = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a burst that is gone has cost."""

    at: float
    usd: float


def cost_usd(nodes: int, price_usd_per_h: float | None, seconds: float) -> float:
    """Give what nodes cost; an unknown price counts as nothing.

    >>> cost_usd(4, 0.5, 1800)
    1.0
    """
    return nodes * (price_usd_per_h or 0.0) * seconds / 3600


class Budget:
    """What the caps leave, less with each reservation."""

    def __init__(self, policy: Policy, spent: Iterable[Spent], now: float) -> None:
        spent = tuple(spent)
        self._policy = policy
        self._reserved_usd = 0.0
        self._spent_usd = sum(one.usd for one in spent)
        self._day_usd = sum(one.usd for one in spent if one.at > now - DAY_S)

    def refusal(self, more_usd: float, *, burst_usd: float) -> str | None:
        """Say which cap a reservation would break; None if it may be made. `burst_usd` is its burst's, all in all."""
        caps = (
            ("burst", self._policy.cap_usd_per_burst, burst_usd, ""),
            ("day", self._policy.cap_usd_per_day, self._day_usd + self._reserved_usd + more_usd, self._day_usd),
            ("total", self._policy.cap_usd_total, self._spent_usd + self._reserved_usd + more_usd, self._spent_usd),
        )
        for name, cap, would_be, spent in caps:
            if cap is None or would_be <= cap + 1e-9:
                continue
            if name == "burst":
                return f"it would cost ${would_be:.2f}, and the cap for a burst is ${cap:.2f}"
            of = "in the last 24 hours" if name == "day" else "in all"
            return (
                f"it would cost ${more_usd:.2f}; with ${spent:.2f} spent {of} and ${self._reserved_usd:.2f} reserved"
                f" that is ${would_be:.2f}, and the cap {'for a day' if name == 'day' else 'in total'} is ${cap:.2f}"
            )
        return None

    @property
    def left_usd(self) -> float:
        """What the caps for a day and in total leave: less than nothing where they are broken; inf without any."""
        day, total = self._policy.cap_usd_per_day, self._policy.cap_usd_total
        left = (inf if day is None else day - self._day_usd, inf if total is None else total - self._spent_usd)
        return min(left) - self._reserved_usd

    def reserve(self, more_usd: float) -> None:
        """Count a reservation."""
        self._reserved_usd += more_usd


def sortable_price(price_usd_per_h: float | None) -> float:
    """Give a price to order by: what is not known comes last."""
    return inf if price_usd_per_h is None else price_usd_per_h
