"""What the money that was decided on means for records and messages. Pure; the figures are `deciding.funding`'s."""

from __future__ import annotations

from typing import TYPE_CHECKING

from overspill_agent.deciding.funding import first_lease_s, fund, lease_limit
from overspill_agent.deciding.latency import removal_p90_s
from overspill_agent.deciding.leases import renewed_until
from overspill_shared.errors import ErrorClass
from overspill_shared.messages import EventError

if TYPE_CHECKING:
    from overspill_agent.bursts import Burst
    from overspill_agent.deciding.decisions import Decision
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.snapshot import Snapshot
    from overspill_shared.templates import Template


def with_more_reserved(burst: Burst, decision: Decision) -> Burst:
    """Give the record once more is reserved for a burst."""
    return burst.model_copy(update={"reserved_usd": (burst.reserved_usd or 0.0) + (decision.reserve_usd or 0.0)})


def money_used_up(decision: Decision) -> EventError:
    """Give the error of a burst that is not there yet when its money is used up."""
    return EventError.model_validate(
        {
            "class": ErrorClass.BOOT,
            "code": decision.code.value,
            "text": f"It did not come while its money lasted: {decision.reason}.",
            "remedy": "See why it takes so long (`overspill status`, the provision function's log), or raise the cap.",
        }
    )


def longest_first_lease_s(
    decision: Decision, snapshot: Snapshot, template: Template, policy: Policy, now: float
) -> float:
    """Give the most that the first lease of a decided burst may last."""
    zone = decision.zone or template.zones[0]
    removal_s = removal_p90_s(snapshot.history, template.name, zone, policy, now)
    return first_lease_s(decision.nodes or 0, template.price_usd_per_h, decision.reserve_usd, removal_s, policy)


def next_lease_end(burst: Burst, snapshot: Snapshot, policy: Policy, now: float) -> float:
    """Give the end (epoch seconds) of a lease that is renewed now."""
    limit = lease_limit(burst, fund(snapshot, policy, now).get(burst.burst_id), policy)
    return renewed_until(burst, policy, now, limit)
