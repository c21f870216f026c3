"""When a burst's lease is renewed. Pure.

A lease is a burst's right to exist for a while longer. One that is not renewed lapses, and the cloud's side removes the
burst then, whatever became of this agent: a sweep ends the cluster, the dead-man inside it the MiniCluster. Only a
renewal that moves the lease forward is published, and none moves it past the burst's hard end, nor past what it may
cost: an agent that dies lets no burst outlive its money.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from overspill_agent.deciding.decisions import Code, Decision, DecisionKind
from overspill_agent.deciding.funding import lease_limit
from overspill_shared.lifecycle import NOT_RUNNING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from overspill_agent.bursts import Burst
    from overspill_agent.deciding.funding import Funds
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.snapshot import Snapshot

RENEWALS_PER_LEASE: Final = 6
"""So many renewals fall into one lease: five may be lost or late, and it does not lapse."""

LEAST_S: Final = 0.5
"""A lease is not renewed for less."""


def decide_leases(snapshot: Snapshot, policy: Policy, now: float, *, money: Mapping[str, Funds]) -> Iterable[Decision]:
    """Give the renewals that are due; `money` is each live burst's, by its id."""
    for burst in snapshot.bursts:
        due = renewal_due(burst, policy, lease_limit(burst, money.get(burst.burst_id), policy))
        if due is not None and due <= now:
            yield _renewal(burst, now)


def renewal_due(burst: Burst, policy: Policy, limit: float) -> float | None:
    """Give when (epoch seconds) the lease is to be renewed next; None if it is not to be: it lasts until its limit.

    A burst that failed or is being torn down is not wanted; one whose request is not published has no lease yet.
    """
    if burst.state in NOT_RUNNING or burst.published_at is None:
        return None
    if burst.lease_expires_at is None:  # a record of a release without leases
        return burst.published_at
    if burst.lease_expires_at >= limit - LEAST_S:
        return None
    renewed_at = burst.lease_expires_at - policy.lease_s
    return renewed_at + policy.lease_s / (RENEWALS_PER_LEASE + 1)


def renewed_until(burst: Burst, policy: Policy, now: float, limit: float) -> float:
    """Give the end (epoch seconds) of a lease that is renewed now."""
    return max(burst.lease_expires_at or 0.0, min(now + policy.lease_s, limit))


def _renewal(burst: Burst, now: float) -> Decision:
    left_s = None if burst.lease_expires_at is None else burst.lease_expires_at - now
    reason = "its lease is not known" if left_s is None else f"its lease ends in {left_s:.0f} s"
    return Decision(
        kind=DecisionKind.RENEW_LEASE, code=Code.LEASE, reason=reason, burst_id=burst.burst_id, slot=burst.slot
    )
