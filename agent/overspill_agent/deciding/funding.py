"""How long the money of each live burst lasts, and what is reserved anew for one that goes on. Pure.

What goes on by itself (a job without a time limit, or later jobs that keep a burst busy) breaks no cap: a burst may
cost what is reserved for it, its removal included. Shortly before that is used up more is reserved, for `MORE_S`, where
the caps leave it; where they do not, the burst takes no new work, and ends while its money lasts. Where the caps leave
less than is reserved (one was lowered, or a removal takes its time) the oldest bursts get it first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from math import inf
from typing import TYPE_CHECKING, Final

from overspill_agent.deciding.latency import removal_p90_s
from overspill_agent.deciding.spending import Budget
from overspill_agent.paid_nodes import Meter
from overspill_shared.lifecycle import BurstState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_agent.bursts import Burst
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.snapshot import Snapshot

MORE_S: Final = 600
"""What is reserved anew lasts so long, or as long as the caps leave it."""
LEAST_MORE_S: Final = 60
"""Less than this is not reserved anew: the burst drains."""

_ENDING: Final = frozenset({BurstState.FAILED, BurstState.TEARING_DOWN})
"""The states in which a burst's nodes go whatever is decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Funds:
    """The money of one live burst, as one turn sees it; times are epoch seconds."""

    meter: Meter
    cost_usd: float
    """What it has cost so far."""
    usd: float
    """What it may cost in all."""
    counted_usd: float
    """What the caps count of it: what it may cost, or would cost if it was ended now where that is more."""
    removal_s: float
    """How long it still costs money once its brokers are told to leave."""
    until: float = inf
    """Its brokers are told to leave by then; inf where no cap counts it."""
    drain_at: float = inf
    """It takes no new work from then on."""
    more_usd: float | None = None
    """What is to be reserved anew, now; None where nothing is."""
    refusal: str = ""
    """Why nothing more can be."""

    def usd_if_left_at(self, at: float) -> float:
        """Give what it costs in all if its brokers are told to leave at a time."""
        return self.meter.usd_at(at + self.removal_s)

    def is_over(self, burst: Burst, now: float) -> bool:
        """Tell whether it is no capacity any more; one that is not there yet may be, until its money is used up."""
        return now >= (self.drain_at if burst.state in _THERE else self.until)

    def figures(self, now: float) -> str:
        """Say how long its money lasts, and why there is no more."""
        left_s = max(0.0, self.until - now)
        why = f"; for {MORE_S} s more {self.refusal}" if self.refusal else ""
        return f"it has cost ${self.cost_usd:.2f}, and what it may cost, ${self.usd:.2f}, lasts for {left_s:.0f} s{why}"


_THERE: Final = frozenset({BurstState.ACTIVE, BurstState.DRAINING})


def fund(snapshot: Snapshot, policy: Policy, now: float) -> Mapping[str, Funds]:
    """Give the funds of each live burst that has a price, by its id."""
    bursts = sorted(snapshot.live(), key=lambda burst: (burst.state not in _ENDING, burst.created_at, burst.burst_id))
    metered = [(burst, meter) for burst in bursts if (meter := _meter(snapshot, burst)) is not None]
    budget = Budget(policy, snapshot.spent, now)
    removal_s = cache(lambda template, zone: removal_p90_s(snapshot.history, template, zone, policy, now))
    found: dict[str, Funds] = {}
    for burst, meter in metered:
        found[burst.burst_id] = _reserved(burst, meter, budget, removal_s(burst.template, burst.zone), policy, now)
        budget.reserve(found[burst.burst_id].counted_usd)
    if not policy.is_capped:
        return found
    for burst, _ in metered:
        found[burst.burst_id] = _timed(_more(burst, found[burst.burst_id], budget, policy, now), policy, now)
    return found


def first_lease_s(
    nodes: int, price_usd_per_h: float | None, reserve_usd: float | None, removal_s: float, policy: Policy
) -> float:
    """Give the most that a new burst's first lease may last: its money's time.

    An agent that dies meanwhile renews no lease: what it asked for is not to outlast what was reserved, which is enough
    until it should have joined (see `renting`). `removal_s` is what the deletion takes after that.
    """
    if not policy.is_capped or not nodes or not price_usd_per_h or reserve_usd is None:
        return inf
    return reserve_usd * 3600 / (nodes * price_usd_per_h) - removal_s + policy.leave_timeout_s


def lease_limit(burst: Burst, funds: Funds | None, policy: Policy) -> float:
    """Give the time (epoch seconds) past which a burst's lease is not renewed: its brokers have left by then."""
    if funds is None:
        return burst.hard_end_at
    return min(burst.hard_end_at, funds.until + policy.leave_timeout_s)


def _meter(snapshot: Snapshot, burst: Burst) -> Meter | None:
    kind = snapshot.templates.get(burst.template)
    price = burst.price_usd_per_h if burst.price_usd_per_h is not None else kind and kind.price_usd_per_h
    return Meter(paid=burst.paid_nodes, price_usd_per_h=price) if price else None


def _reserved(burst: Burst, meter: Meter, budget: Budget, removal_s: float, policy: Policy, now: float) -> Funds:
    """Give what a burst may cost by what is reserved for it, as far as the caps still allow that."""
    usd = burst.reserved_usd or 0.0
    if burst.state not in _ENDING:
        usd = max(0.0, min(usd, budget.left_usd, _own_cap_usd(policy)))
    return Funds(
        meter=meter,
        cost_usd=meter.usd_at(now),
        usd=usd,
        counted_usd=max(usd, meter.usd_at(now + removal_s)),
        removal_s=removal_s,
    )


def _more(burst: Burst, funds: Funds, budget: Budget, policy: Policy, now: float) -> Funds:
    """Reserve more for a burst that goes on and is short of money, if the caps leave it."""
    timed = _timed(funds, policy, now)
    if now < timed.drain_at or timed.until >= burst.hard_end_at or burst.state not in _GOING_ON:
        return funds
    lead_s = _lead_s(policy)
    wanted = min(now + lead_s + MORE_S, burst.hard_end_at)
    wanted_usd = funds.usd_if_left_at(wanted)
    usd = min(wanted_usd, funds.counted_usd + budget.left_usd, _own_cap_usd(policy))
    if usd < funds.usd_if_left_at(min(now + lead_s + LEAST_MORE_S, wanted)):
        more = wanted_usd - funds.counted_usd
        return replace(funds, refusal=budget.refusal(more, burst_usd=wanted_usd) or "")
    budget.reserve(max(usd, funds.counted_usd) - funds.counted_usd)
    more_usd = usd - (burst.reserved_usd or 0.0)
    return replace(funds, usd=usd, counted_usd=max(usd, funds.counted_usd), more_usd=more_usd)


_GOING_ON: Final = frozenset({BurstState.REQUESTED, BurstState.PROVISIONING, BurstState.JOINING, BurstState.ACTIVE})


def _timed(funds: Funds, policy: Policy, now: float) -> Funds:
    until = funds.meter.time_of(funds.usd, now) - funds.removal_s
    return replace(funds, until=until, drain_at=until - _lead_s(policy))


def _own_cap_usd(policy: Policy) -> float:
    return inf if policy.cap_usd_per_burst is None else policy.cap_usd_per_burst


def _lead_s(policy: Policy) -> float:
    """Give how long before its money is used up a burst drains: new work that could not end is not let in.

    What is reserved for a job has the idle time-out beyond the job's own time, so that it is not cut short.
    """
    return min(policy.drain_before_end_s, policy.idle_timeout_s)
