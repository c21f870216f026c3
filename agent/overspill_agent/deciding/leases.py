"""When a burst's lease is renewed. Pure.

A lease is a burst's right to exist for a while longer. One that is not renewed lapses, and the cloud's side removes the
burst then, whatever became of this agent: a sweep ends the cluster, the dead-man inside it the MiniCluster. Only a
renewal that moves the lease forward is published, and none moves it past the burst's hard end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from overspill_agent.deciding.decisions import Code, Decision, DecisionKind
from overspill_shared.lifecycle import NOT_RUNNING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from overspill_agent.bursts import Burst
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.snapshot import Snapshot

RENEWALS_PER_LEASE: Final = 6
"""So many renewals fall into one lease: five may be lost or late, and it does not lapse."""


def decide_leases(snapshot: Snapshot, policy: Policy, now: float) -> Iterable[Decision]:
    """Give the renewals that are due."""
    for burst in snapshot.bursts:
        due = renewal_due(burst, policy)
        if due is not None and due <= now:
            yield _renewal(burst, now)


def renewal_due(burst: Burst, policy: Policy) -> float | None:
    """Give when (epoch seconds) the lease is to be renewed next; None if it is not to be any more.

    A burst that failed or is being torn down is not wanted; one whose request is not published has no lease yet.
    """
    if burst.state in NOT_RUNNING or burst.published_at is None:
        return None
    if burst.lease_expires_at is None:  # a record of a release without leases
        return burst.published_at
    if burst.lease_expires_at >= burst.hard_end_at:
        return None
    renewed_at = burst.lease_expires_at - policy.lease_s
    return renewed_at + policy.lease_s / (RENEWALS_PER_LEASE + 1)


def renewed_until(burst: Burst, policy: Policy, now: float) -> float:
    """Give the end (epoch seconds) of a lease that is renewed now."""
    return max(burst.lease_expires_at or 0.0, min(now + policy.lease_s, burst.hard_end_at))


def _renewal(burst: Burst, now: float) -> Decision:
    left_s = None if burst.lease_expires_at is None else burst.lease_expires_at - now
    reason = "its lease is not known" if left_s is None else f"its lease ends in {left_s:.0f} s"
    return Decision(
        kind=DecisionKind.RENEW_LEASE, code=Code.LEASE, reason=reason, burst_id=burst.burst_id, slot=burst.slot
    )
